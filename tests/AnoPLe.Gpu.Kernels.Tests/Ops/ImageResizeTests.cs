using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Resampling;
using AnoPLe.Gpu.Kernels.Tests.References;
using AnoPLe.Gpu.Kernels.Tests.Testing;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Ops;

/// <summary>All in integers: every backend must give the reference's bits.</summary>
public sealed class ImageResizeTests
{
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Whole_images_match_the_reference(string backend)
    {
        foreach (int S in new[] { 1, 2, 7, 16 })
            foreach (var (width, height) in new[] { (1, 1), (1, 9), (33, 1), (S, S), (S, 2 * S), (40, 23), (5, 64) })
                Verify(backend, S, Workbench.Odd, Whole(width, height, S));
    }

    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Parts_match_the_reference(string backend)
    {
        foreach (var (width, height, resizedWidth, resizedHeight, left, top) in new[]
                 { (30, 20, 12, 8, 2, 0), (20, 31, 8, 12, 0, 4), (11, 11, 16, 16, 8, 8), (64, 64, 9, 10, 0, 2), (8, 8, 8, 8, 0, 0) })
            Verify(backend, 8, Workbench.Aligned, new ImageSource(Pixels(width, height), width, height, resizedWidth, resizedHeight, left, top));
    }

    /// <summary>Taps and buffers are kept from image to image; none may be taken for another image's.</summary>
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Images_of_several_sizes_in_one_batch(string backend)
    {
        Verify(backend, 8, Workbench.Odd, Whole(20, 10, 8), Whole(20, 10, 8), Whole(10, 20, 8), Whole(50, 40, 8), Whole(3, 3, 8), Whole(20, 10, 8));
        Verify(backend, 9, Workbench.Odd, Whole(20, 10, 9)); // the size before, for another side
    }

    /// <summary>Extreme pixels overshoot: the sums leave 0 to 255 in both directions and must be cut there.</summary>
    [Theory, MemberData(nameof(TestBackends.All), MemberType = typeof(TestBackends))]
    public void Overshoot_is_cut(string backend)
    {
        byte[] checkers = [.. Enumerable.Range(0, 3 * 6 * 6).Select(i => (byte)(((i / 3 % 6) + (i / 18)) % 2 * 255))];
        Verify(backend, 17, Workbench.Aligned, new ImageSource(checkers, 6, 6, 17));
    }

    [Theory, Trait("Size", "Large"), MemberData(nameof(TestBackends.Fast), MemberType = typeof(TestBackends))]
    public void Camera_sizes_match_the_reference(string backend)
    {
        Verify(backend, 240, Workbench.Aligned, Whole(1024, 768, 240), Whole(333, 1025, 240));
        Verify(backend, 337, Workbench.Odd, Whole(700, 700, 337));
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        using FakeBackend backend = new(), other = new();
        var resize = backend.ImageResize;
        Tensor images = backend.Floats(1, 3, 8, 8), values = backend.Floats(3, 256);
        byte[] pixels = Pixels(4, 5);
        Refused.With(() => resize.Forward(backend.Floats(3, 8, 8), [new(pixels, 4, 5, 8)], values), "images", "4 axes");
        Refused.With(() => resize.Forward(backend.Floats(1, 3, 8, 9), [new(pixels, 4, 5, 8)], values), "images", "[1, 3, 8, 9]");
        Refused.With(() => resize.Forward(images, [], values), "images", "[1, 3, 8, 8]", "0 images");
        Refused.With(() => resize.Forward(images, [new(pixels, 4, 5, 8)], backend.Floats(256)), "values", "[3, 256]");
        Refused.With(() => resize.Forward(images, [new(pixels, 4, 5, 8)], other.Floats(3, 256)), "values", "another");
        Refused.With(() => resize.Forward(images, [new(pixels, 4, 4, 8)], values), "Image 0", "4 x 4", "60 bytes");
        Refused.With(() => resize.Forward(images, [new(default, 0, 4, 8)], values), "Image 0", "0 x 4");
        Refused.With(() => resize.Forward(images, [new(pixels, 4, 5, 7)], values), "Image 0", "8 x 8", "7 x 7");
        Refused.With(() => resize.Forward(images, [new(pixels, 4, 5, 12, 12, 5, 0)], values), "Image 0", "(5, 0)");
        Refused.With(() => resize.Forward(images, [new(pixels, 4, 5, 12, 12, 0, -1)], values), "Image 0", "(0, -1)");
        Assert.Equal(0, backend.Calls);
        resize.Forward(images, [new(pixels, 4, 5, 8)], values);
        Assert.Equal(1, backend.Calls);
    }

    private static ImageSource Whole(int width, int height, int S) => new(Pixels(width, height), width, height, S);

    private static byte[] Pixels(int width, int height)
    {
        var pixels = new byte[3 * width * height];
        new Random(width + 1000 * height).NextBytes(pixels);
        return pixels;
    }

    private static void Verify(string backend, int S, int offset, params ImageSource[] sources)
    {
        using var bench = new Workbench(backend, offset);
        float[] values = Numbers.Uniform(seed: S, 3 * 256);
        var images = bench.Output("images", sources.Length, 3, S, S);
        bench.Backend.ImageResize.Forward(images, sources, bench.Input("values", new(3, 256), values));
        string label = $"{backend} {string.Join(", ", sources.Select(s => $"{s.Width} x {s.Height}"))} to {S}";
        Close.VerifySame(label, bench.Read(images), [.. sources.SelectMany(source => ImageResizeReference.Forward(source, values, S))]);
    }
}
