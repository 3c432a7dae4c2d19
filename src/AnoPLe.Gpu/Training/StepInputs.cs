using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Training;

/// <summary>
/// A batch on the device, as the losses and the vision tower read it. Sample n = b V + v of every group; groups in the order normal,
/// pixel-anomalous, latent-anomalous.
/// </summary>
internal sealed class StepInputs
{
    private readonly AnopleModel model;
    private readonly Backend backend;
    private readonly int B, V, S, g;
    private readonly float[] images, masks;
    private readonly int[] classes;

    /// <summary>Takes memory from an arena and writes what is the same in every step.</summary>
    public StepInputs(Arena arena, AnopleModel model, int images)
    {
        this.model = model;
        backend = model.Backend;
        var config = model.Clip.Config;
        (B, V, S, g) = (images, model.Options.Views, config.ImageSize, config.Grid);
        int N = B * V, C = config.VisionWidth;
        Masks = arena.Take("in.masks", new(3 * N, S, S));
        LatentMask = arena.Take("in.lat_mask", new(N, g * g));
        PatchNoise = arena.Take("in.lat_noise", new(N, g * g, C));
        ClassNoise = arena.Take("in.cls_noise", new(N, C));
        Labels = arena.Take("in.labels", new(3 * N));
        Weights = arena.Take("in.weights", new(3 * N));
        Classes = arena.Take("in.class_index", new(3 * N), ElementType.I32);
        float latent = model.Options.LatentGlobalWeight;
        backend.Write(Labels, [.. Enumerable.Repeat(0f, N), .. Enumerable.Repeat(1f, 2 * N)]);
        backend.Write(Weights, [.. Enumerable.Repeat(1f, 2 * N), .. Enumerable.Repeat(latent, N)]);
        WeightSum = N * (2 + (double)latent);
        this.images = new float[2 * N * 3 * S * S];
        masks = new float[3 * N * S * S];
        classes = new int[3 * N];
    }

    /// <summary>Y, (3N, S, S): nothing, the pixel masks, the latent masks with every cell repeated over its patch.</summary>
    public Tensor Masks { get; }

    /// <summary>(N, g*g).</summary>
    public Tensor LatentMask { get; }

    /// <summary>(N, g*g, d_v), standard normal.</summary>
    public Tensor PatchNoise { get; }

    /// <summary>(N, d_v), standard normal.</summary>
    public Tensor ClassNoise { get; }

    /// <summary>0 for normal samples, 1 for both kinds of anomalous ones, (3N).</summary>
    public Tensor Labels { get; }

    /// <summary>s, (3N): 1 for groups 1 and 2, w_latent_global for group 3.</summary>
    public Tensor Weights { get; }

    /// <summary>Sum of <see cref="Weights"/>.</summary>
    public double WeightSum { get; }

    /// <summary>k, (3N).</summary>
    public Tensor Classes { get; }

    /// <summary>Writes everything but the images.</summary>
    /// <exception cref="ArgumentException">The batch was made for other sizes.</exception>
    public void Load(TrainingBatch batch)
    {
        Require.That(batch.Images == B && batch.Views == V && batch.ImageSize == S && batch.Grid == g,
            $"The batch holds {batch.Images} images of {batch.Views} views, the step was made for {B} of {V} at {S} x {S}.");
        int pixels = B * V * S * S;
        batch.PixelMask.CopyTo(masks, pixels);
        RepeatCells(batch.LatentMask, masks.AsSpan(2 * pixels));
        backend.Write(Masks, masks);
        backend.Write(LatentMask, batch.LatentMask);
        backend.Write(PatchNoise, batch.LatentNoise);
        backend.Write(ClassNoise, batch.ClassNoise);
        for (int n = 0; n < classes.Length; n++)
            classes[n] = batch.ClassIndex[n % (B * V) / V];
        backend.Write(Classes, classes);
    }

    /// <summary>Writes the normalised views of group 1, if wanted, and of group 2: x' = x + mask * beta * (texture - x) in [0, 1].</summary>
    public void WriteImages(Tensor target, TrainingBatch batch, bool withNormal)
    {
        int group = B * V * 3 * S * S;
        var destination = withNormal ? images : images.AsSpan(0, group);
        if (withNormal)
            WriteNormal(batch, destination[..group]);
        WritePixelAnomalous(batch, destination[^group..]);
        backend.Write(target, destination);
    }

    /// <summary>Writes the normalised views of one image.</summary>
    public void WriteView(Tensor target, TrainingBatch batch, int b)
    {
        int one = V * 3 * S * S;
        var destination = images.AsSpan(0, one);
        Preprocessing.NormalizePlanes(batch.Pixels.AsSpan(b * one, one), S * S, destination);
        backend.Write(target, destination);
    }

    private void WriteNormal(TrainingBatch batch, Span<float> destination) => Preprocessing.NormalizePlanes(batch.Pixels, S * S, destination);

    private void WritePixelAnomalous(TrainingBatch batch, Span<float> destination)
    {
        int plane = S * S;
        for (int n = 0; n < B * V; n++)
        {
            var mask = batch.PixelMask.AsSpan(n * plane, plane);
            float beta = batch.Beta[n];
            for (int c = 0; c < 3; c++)
            {
                int at = (3 * n + c) * plane;
                ReadOnlySpan<float> x = batch.Pixels.AsSpan(at, plane), texture = batch.Textures.AsSpan(at, plane);
                var y = destination.Slice(at, plane);
                for (int i = 0; i < plane; i++)
                    y[i] = x[i] + mask[i] * beta * (texture[i] - x[i]);
            }
        }
        Preprocessing.NormalizePlanes(destination, plane, destination);
    }

    private void RepeatCells(float[] cells, Span<float> pixels)
    {
        int patch = S / g;
        for (int i = 0; i < pixels.Length; i++)
        {
            int n = i / (S * S), y = i / S % S / patch, x = i % S / patch;
            pixels[i] = cells[(n * g + y) * g + x];
        }
    }
}
