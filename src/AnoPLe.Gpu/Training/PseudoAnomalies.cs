using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Randomness;

namespace AnoPLe.Gpu.Training;

/// <summary>
/// Makes anomalies out of normal images, since training sees no others: in pixels, a texture shows through a Perlin mask (DRAEM, Zavrtanik
/// et al., ICCV 2021); in the model's latent space, noise is added to some patches (SimpleNet, Liu et al., CVPR 2023).
/// </summary>
/// <remarks>
/// Every number is a function of (seed, pass, image, view) and of what it is for, nothing else: not of the batch that the image is in, of
/// the number of threads, or of earlier calls. Only operations that IEEE 754 rounds exactly are used, so all platforms give the same bits.
/// Samples are spread over the processor's cores. After it has been made, a call allocates only what the runtime needs to start the loop
/// over cores, and nothing on one core. Serves one caller at a time.
/// </remarks>
public sealed class PseudoAnomalies
{
    // What a stream of random numbers is for. Stable: a new use gets a new number.
    private const int ForOrder = 0, ForPixelMask = 1, ForTexture = 2, ForBeta = 3, ForLatentMask = 4, ForLatentNoise = 5, ForClassNoise = 6;

    // A worker has scratch of its own, and more threads than this would wait for memory.
    private const int MaxWorkers = 16;

    private readonly IReadOnlyList<float[]> trainingViews;
    private readonly IReadOnlyList<int> classIndex;
    private readonly int views, imageSize, grid, visionWidth;
    private readonly ulong seed;
    private readonly TextureSource? userTextures;
    private readonly (float Low, float High) beta;
    private readonly Worker[] workers;
    private readonly Action<int> work;

    // The call that runs.
    private TrainingBatch? batch;
    private IReadOnlyList<int> indices = [];
    private int pass, taken;

    /// <summary>Keeps the images; every number that is drawn follows from the seed.</summary>
    /// <param name="trainingViews">Per image its [V, 3, S, S] views in [0, 1], see <see cref="TrainingViews"/>; kept, not copied.</param>
    /// <param name="classIndex">Per image the class it belongs to.</param>
    /// <param name="views">V.</param>
    /// <param name="imageSize">S.</param>
    /// <param name="grid">g, patches per side.</param>
    /// <param name="visionWidth">d_v.</param>
    /// <param name="seed">Another seed, other anomalies.</param>
    /// <param name="userTextures">Textures to show, or null to make them of the training views and of noise.</param>
    /// <param name="beta">Range of the texture's opacity, within [0, 1].</param>
    /// <exception cref="ArgumentException">No images, or sizes that do not fit together.</exception>
    public PseudoAnomalies(IReadOnlyList<float[]> trainingViews, IReadOnlyList<int> classIndex, int views, int imageSize, int grid, int visionWidth,
        ulong seed, TextureSource? userTextures, (float Low, float High) beta)
        : this(trainingViews, classIndex, views, imageSize, grid, visionWidth, seed, userTextures, beta, Environment.ProcessorCount)
    {
    }

    /// <summary>As the public one, with a number of threads.</summary>
    internal PseudoAnomalies(IReadOnlyList<float[]> trainingViews, IReadOnlyList<int> classIndex, int views, int imageSize, int grid, int visionWidth,
        ulong seed, TextureSource? userTextures, (float Low, float High) beta, int threads)
    {
        ArgumentNullException.ThrowIfNull(trainingViews);
        ArgumentNullException.ThrowIfNull(classIndex);
        Require.That(trainingViews.Count > 0 && classIndex.Count == trainingViews.Count,
            $"Pseudo-anomalies are made of one or more images with a class each, got {trainingViews.Count} images and {classIndex.Count} classes.");
        Require.That(views >= 1 && grid >= 1 && visionWidth >= 1 && imageSize >= grid && imageSize % grid == 0,
            $"Expected at least 1 view and channel and an image side that is a whole number of patches, got {views}, {visionWidth} and {imageSize} pixels for {grid} patches.");
        long count = views * 3L * imageSize * imageSize;
        for (int i = 0; i < trainingViews.Count; i++)
            Require.That(trainingViews[i].Length == count, $"Image {i} has {trainingViews[i].Length} numbers, expected {count}: {views} views of 3 x {imageSize} x {imageSize}.");
        Require.That(userTextures is null || userTextures.ImageSize == imageSize,
            $"The textures are {userTextures?.ImageSize} pixels wide, the views {imageSize}. Load them with the model's image size.");
        Require.That(beta.Low >= 0 && beta.Low <= beta.High && beta.High <= 1, $"The range of beta lies within 0 and 1, got {beta.Low} to {beta.High}.");
        (this.trainingViews, this.classIndex, this.views, this.imageSize, this.grid) = (trainingViews, classIndex, views, imageSize, grid);
        (this.visionWidth, this.seed, this.userTextures, this.beta) = (visionWidth, seed, userTextures, beta);
        workers = [.. Enumerable.Range(0, Math.Clamp(threads, 1, MaxWorkers)).Select(_ => new Worker(imageSize, grid, withBuffer: userTextures is not null))];
        work = Work;
    }

    /// <summary>The order in which a pass visits the images.</summary>
    /// <param name="pass">Counts passes.</param>
    /// <returns>Every index once.</returns>
    public int[] Order(int pass)
    {
        var order = new int[trainingViews.Count];
        Order(pass, order);
        return order;
    }

    /// <summary>As <see cref="Order(int)"/>, into memory of as many indices as there are images.</summary>
    internal void Order(int pass, Span<int> order)
    {
        CounterRandom random = new(CounterRandom.Key(seed, pass), ForOrder);
        for (int i = 0; i < order.Length; i++)
            order[i] = i;
        for (int i = order.Length - 1; i > 0; i--)   // Fisher and Yates
        {
            int j = random.Below(i + 1);
            (order[i], order[j]) = (order[j], order[i]);
        }
    }

    /// <summary>Fills a batch: views, anomalies, noise and classes of these images, drawn for this pass.</summary>
    /// <param name="batch">Overwritten whole.</param>
    /// <param name="imageIndices">As many as the batch has images. An image that comes twice gets the same anomalies twice.</param>
    /// <param name="pass">Counts passes over the images: each has anomalies of its own.</param>
    /// <exception cref="ArgumentException">A batch of other sizes, another number of indices, or an index without image.</exception>
    public void Fill(TrainingBatch batch, IReadOnlyList<int> imageIndices, int pass)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ArgumentNullException.ThrowIfNull(imageIndices);
        Require.That(batch.Views == views && batch.ImageSize == imageSize && batch.Grid == grid && batch.Width == visionWidth,
            $"The batch is for {batch.Views} views of {batch.ImageSize} pixels, {batch.Grid} patches a side, width {batch.Width}; expected {views}, {imageSize}, {grid}, {visionWidth}.");
        Require.That(imageIndices.Count == batch.Images, $"{imageIndices.Count} images for a batch of {batch.Images}.");
        for (int b = 0; b < batch.Images; b++)
        {
            int image = imageIndices[b];
            Require.That((uint)image < (uint)trainingViews.Count, $"There is no image {image}, expected 0 to {trainingViews.Count - 1}.");
            batch.ClassIndex[b] = classIndex[image];
        }
        (this.batch, indices, this.pass, taken) = (batch, imageIndices, pass, -1);
        int used = Math.Min(workers.Length, batch.Samples);
        if (used == 1)
            Work(0);
        else
            Parallel.For(0, used, work);
        (this.batch, indices) = (null, []);
    }

    private void Work(int worker)
    {
        for (int n = Interlocked.Increment(ref taken); n < batch!.Samples; n = Interlocked.Increment(ref taken))
            FillSample(batch, n, indices[n / views], n % views, workers[worker]);
    }

    private void FillSample(TrainingBatch batch, int n, int image, int view, Worker worker)
    {
        ulong key = CounterRandom.Key(seed, pass, image, view);
        int picture = 3 * imageSize * imageSize;
        trainingViews[image].AsSpan(view * picture, picture).CopyTo(Part(batch.Pixels, n, picture));
        CounterRandom random = new(key, ForPixelMask);
        worker.PixelMask.Draw(Part(batch.PixelMask, n, imageSize * imageSize), ref random);
        random = new(key, ForTexture);
        DrawTexture(Part(batch.Textures, n, picture), worker, ref random);
        random = new(key, ForBeta);
        batch.Beta[n] = Math.Min((float)random.Real(beta.Low, beta.High), beta.High);
        random = new(key, ForLatentMask);
        worker.LatentMask.Draw(Part(batch.LatentMask, n, grid * grid), ref random);
        CounterNormal.Fill(new CounterRandom(key, ForLatentNoise).Next(), 0, 1, Part(batch.LatentNoise, n, grid * grid * visionWidth));
        CounterNormal.Fill(new CounterRandom(key, ForClassNoise).Next(), 0, 1, Part(batch.ClassNoise, n, visionWidth));
    }

    private void DrawTexture(Span<float> texture, Worker worker, ref CounterRandom random)
    {
        if (userTextures is not null)
        {
            userTextures.Read(random.Below(userTextures.Count), worker.Buffer);
            TextureAugmentation.Draw(imageSize, ref random).Apply(worker.Buffer, texture, imageSize);
        }
        else if (random.Below(2) == 0)
        {
            float[] source = trainingViews[random.Below(trainingViews.Count)];
            ReadOnlySpan<float> view = source.AsSpan(random.Below(views) * texture.Length, texture.Length);
            TextureAugmentation.Draw(imageSize, ref random).Apply(view, texture, imageSize);
        }
        else
        {
            ProceduralTexture.Draw(texture, imageSize, worker.Perlin, ref random);
        }
    }

    private static Span<float> Part(float[] array, int n, int length) => array.AsSpan(n * length, length);

    /// <summary>What one thread needs to itself.</summary>
    private sealed class Worker(int imageSize, int grid, bool withBuffer)
    {
        public PerlinMask PixelMask { get; } = PerlinMask.OverPixels(imageSize, grid);

        public PerlinMask LatentMask { get; } = PerlinMask.OverPatches(grid);

        public PerlinNoise Perlin { get; } = new(ProceduralTexture.MaxCells);

        public float[] Buffer { get; } = withBuffer ? new float[3 * imageSize * imageSize] : [];
    }
}
