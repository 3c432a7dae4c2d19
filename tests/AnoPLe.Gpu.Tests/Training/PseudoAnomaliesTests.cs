using AnoPLe.Gpu.Imaging;
using AnoPLe.Gpu.Randomness;
using AnoPLe.Gpu.Training;

namespace AnoPLe.Gpu.Tests.Training;

public sealed class PseudoAnomaliesTests
{
    private const int V = 5, S = 32, G = 4, Width = 16;
    private static readonly float[][] Images = [.. Enumerable.Range(0, 6).Select(i => Picture((ulong)i))];
    private static readonly int[] Classes = [0, 1, 0, 2, 1, 0];

    [Fact]
    public void Everything_is_in_its_range()
    {
        PseudoAnomalies anomalies = Make();
        TrainingBatch batch = new(6, V, S, G, Width);
        List<float> noise = [], betas = [];
        for (int pass = 0; pass < 10; pass++)
        {
            anomalies.Fill(batch, [0, 1, 2, 3, 4, 5], pass);
            Assert.All(batch.Textures, value => Assert.InRange(value, 0f, 1f));
            Assert.All(batch.PixelMask.Concat(batch.LatentMask), value => Assert.True(value is 0 or 1));
            Assert.All(batch.PixelMask.Chunk(S * S), mask => Assert.Contains(1f, mask));
            Assert.All(batch.LatentMask.Chunk(G * G), mask => Assert.Contains(1f, mask));
            betas.AddRange(batch.Beta);
            noise.AddRange(batch.LatentNoise);
            noise.AddRange(batch.ClassNoise);
        }
        Assert.InRange(betas.Min(), 0.2f, 0.25f);
        Assert.InRange(betas.Max(), 0.95f, 1f);
        Assert.InRange(noise.Average(), -0.02, 0.02);
        Assert.InRange(noise.Average(value => value * value), 0.97, 1.03);
    }

    [Fact]
    public void Views_and_classes_are_those_of_the_images()
    {
        TrainingBatch batch = Filled(Make(), [4, 1], 0);
        Assert.Equal([.. Images[4], .. Images[1]], batch.Pixels);
        Assert.Equal([1, 1], batch.ClassIndex);
    }

    [Fact]
    public void The_same_arguments_give_the_same_bits_whatever_else_is_in_the_batch()
    {
        TrainingBatch together = Filled(Make(), [3, 0, 5], 7);
        PseudoAnomalies other = Make(threads: 1);
        Filled(other, [1, 2], 3);
        TrainingBatch alone = Filled(other, [0], 7);
        Assert.Equal(Numbers(alone), Part(together, 1));
    }

    [Fact]
    public void Threads_do_not_matter()
    {
        TrainingBatch one = Filled(Make(threads: 1), [0, 1, 2, 3, 4, 5], 2), many = Filled(Make(threads: 7), [0, 1, 2, 3, 4, 5], 2);
        Assert.Equal(Numbers(one), Numbers(many));
    }

    [Fact]
    public void Another_seed_pass_image_or_view_gives_other_numbers()
    {
        // One picture for all, so that only the draws can differ.
        float[][] same = [Images[0], Images[0]];
        TrainingBatch a = Filled(Make(images: same), [0, 1], 0), seed = Filled(Make(images: same, seed: 1), [0, 1], 0), pass = Filled(Make(images: same), [0, 1], 1);
        foreach (Func<TrainingBatch, float[]> part in new Func<TrainingBatch, float[]>[] { b => b.Textures, b => b.PixelMask, b => b.LatentMask, b => b.Beta, b => b.LatentNoise, b => b.ClassNoise })
        {
            float[][] samples = [.. new[] { a, seed, pass }.SelectMany(batch => part(batch).Chunk(part(batch).Length / batch.Samples))];
            // Latent masks of 4 x 4 may well agree by chance.
            int distinct = samples.Select(sample => string.Join(' ', sample)).Distinct().Count();
            Assert.InRange(distinct, part(a).Length == a.LatentMask.Length ? 15 : 30, 30);
        }
    }

    [Fact]
    public void Has_the_same_bits_everywhere()
    {
        ulong sum = Numbers(Filled(Make(), [0, 1, 2], 5)).Aggregate(0UL, (sum, value) => CounterRandom.Mix(sum) ^ BitConverter.SingleToUInt32Bits(value));
        Assert.Equal(15101240922636694427UL, sum);
    }

    [Fact]
    public void Anomalies_change_the_picture()
    {
        TrainingBatch batch = Filled(Make(), [0, 1, 2, 3, 4, 5], 0);
        for (int n = 0; n < batch.Samples; n++)
        {
            float change = 0;
            for (int i = 0; i < 3 * S * S; i++)
                change += batch.PixelMask[n * S * S + i % (S * S)] * batch.Beta[n] * Math.Abs(batch.Textures[n * 3 * S * S + i] - batch.Pixels[n * 3 * S * S + i]);
            Assert.True(change > 0.05f, $"sample {n} changes by {change} in all");
        }
    }

    [Fact]
    public void Textures_come_from_the_users_folder_when_there_is_one()
    {
        // A plain texture stays plain under every change; its three values are the only ones possible.
        TextureSource plain = new([new(1, 1, [255, 128, 0])], S);
        TrainingBatch batch = Filled(Make(textures: plain), [0, 1, 2], 0);
        Assert.All(batch.Textures.Chunk(S * S), plane => Assert.Single(plane.Distinct()));
        Assert.True(batch.Textures.Distinct().Count() > 10);
    }

    [Fact]
    public void Half_of_the_textures_are_views_without_a_folder()
    {
        // White views: a texture made of one is plain, one of noise is not.
        float[] white = new float[V * 3 * S * S];
        white.AsSpan().Fill(1);
        PseudoAnomalies anomalies = Make(images: [white]);
        TrainingBatch batch = new(1, V, S, G, Width);
        int plain = 0;
        for (int pass = 0; pass < 100; pass++)
        {
            anomalies.Fill(batch, [0], pass);
            plain += batch.Textures.Chunk(3 * S * S).Count(texture => texture.Distinct().Count() == 1);
        }
        Assert.InRange(plain, 200, 300);
    }

    [Fact]
    public void Every_pass_visits_every_image_once_in_an_order_of_its_own()
    {
        PseudoAnomalies anomalies = Make();
        int[][] orders = [.. Enumerable.Range(0, 50).Select(anomalies.Order)];
        Assert.All(orders, order => Assert.Equal([0, 1, 2, 3, 4, 5], order.Order()));
        Assert.True(orders.Select(order => string.Join(' ', order)).Distinct().Count() > 40);
        Assert.Equal(Make().Order(3), anomalies.Order(3));
        Assert.NotEqual(orders.SelectMany(order => order), Enumerable.Range(0, 50).SelectMany(Make(seed: 1).Order));
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(4, 16 << 10)]   // the runtime's loop over cores
    public void Calls_allocate_nothing_of_their_own(int threads, long allowed)
    {
        PseudoAnomalies anomalies = Make(threads: threads, textures: null);
        TrainingBatch batch = new(2, V, S, G, Width);
        int[] indices = [0, 3];
        for (int pass = 0; pass < 3; pass++)
            anomalies.Fill(batch, indices, pass);
        long before = GC.GetAllocatedBytesForCurrentThread();
        anomalies.Fill(batch, indices, 100);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, allowed);
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        Assert.Throws<ArgumentException>(() => Make(images: []));
        Assert.Throws<ArgumentException>(() => Make(images: [new float[7]]));
        Assert.Throws<ArgumentException>(() => Make(textures: new([new(1, 1, new byte[3])], S + 1)));
        Assert.Throws<ArgumentException>(() => new PseudoAnomalies(Images, Classes, V, S, G, Width, 0, null, (0.5f, 0.4f)));
        Assert.Throws<ArgumentException>(() => new PseudoAnomalies(Images, Classes, V, S, G, Width, 0, null, (0.5f, float.NaN)));
        Assert.Throws<ArgumentException>(() => new PseudoAnomalies(Images, [0], V, S, G, Width, 0, null, (0, 1)));
        Assert.Throws<ArgumentException>(() => Make().Fill(new(1, V, S, G, Width + 1), [0], 0));
        Assert.Throws<ArgumentException>(() => Make().Fill(new(2, V, S, G, Width), [0], 0));
        Assert.Throws<ArgumentException>(() => Make().Fill(new(1, V, S, G, Width), [6], 0));
        Assert.Throws<ArgumentException>(() => new TrainingBatch(1, 1, 30, 4, 8));
        Assert.Throws<ArgumentException>(() => new TrainingBatch(0, 1, 32, 4, 8));
        Assert.Throws<ArgumentException>(() => new TrainingBatch(100_000, 5, 240, 15, 896));
    }

    [Fact]
    public void Contact_sheet_shows_a_row_per_sample()
    {
        TrainingBatch batch = Filled(Make(), [0, 1], 0);
        RgbImage sheet = ContactSheet.Draw(batch);
        Assert.Equal((5 * S + 4 * 4, 10 * S + 9 * 4), (sheet.Width, sheet.Height));
        const int Last = 9 * (S + 4);   // top of the last sample's row
        for (int y = 0; y < S; y++)
            for (int x = 0; x < S; x++)
            {
                byte mask = sheet.Row(Last + y)[3 * (2 * (S + 4) + x)];
                Assert.Equal(255 * batch.PixelMask[(9 * S + y) * S + x], mask);
                Assert.Equal(255 * batch.LatentMask[(9 * G + y / (S / G)) * G + x / (S / G)], sheet.Row(Last + y)[3 * (4 * (S + 4) + x)]);
                if (mask == 0)
                    Assert.Equal(sheet.Row(Last + y)[(3 * x)..(3 * x + 3)], sheet.Row(Last + y).Slice(3 * (3 * (S + 4) + x), 3));
            }
        Assert.All(Enumerable.Range(0, 5 * (S + 4) - 4), x => Assert.Equal(255, sheet.Row(S)[3 * x]));   // the gap
    }

    private static PseudoAnomalies Make(ulong seed = 0, float[][]? images = null, TextureSource? textures = null, int threads = 3) =>
        new(images ?? Images, images is null ? Classes : new int[images.Length], V, S, G, Width, seed, textures, (0.2f, 1f), threads);

    private static TrainingBatch Filled(PseudoAnomalies anomalies, int[] indices, int pass)
    {
        TrainingBatch batch = new(indices.Length, V, S, G, Width);
        anomalies.Fill(batch, indices, pass);
        return batch;
    }

    private static float[] Numbers(TrainingBatch batch) =>
        [.. Enumerable.Range(0, batch.Images).SelectMany(b => Part(batch, b))];

    // Everything of one image.
    private static float[] Part(TrainingBatch batch, int b) =>
        [.. new[] { batch.Pixels, batch.Textures, batch.PixelMask, batch.LatentMask, batch.Beta, batch.LatentNoise, batch.ClassNoise }
            .SelectMany(array => array.Skip(b * (array.Length / batch.Images)).Take(array.Length / batch.Images))];

    private static float[] Picture(ulong stream)
    {
        CounterRandom random = new(8, stream);
        float[] views = new float[V * 3 * S * S];
        foreach (ref float value in views.AsSpan())
            value = random.Below(256) / 255f;
        return views;
    }
}
