using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Resampling;

namespace AnoPLe.Gpu.Benchmarks.Ops;

/// <summary>Camera images of 1024 x 1024 to 240 x 240; on a GPU the upload of the pixels is part of it. Bytes: pixels in, floats out.</summary>
public class ImageResizeBenchmark : OperationBenchmark
{
    private const int Side = 1024, S = 240;

    public override Work Work => new(Batch * (3.0 * Side * Side + 3.0 * sizeof(float) * S * S), "B");

    protected override Action Prepare()
    {
        Tensor images = Empty(Batch, 3, S, S), values = Filled(3, 256);
        var pixels = new byte[3 * Side * Side];
        new Random(1).NextBytes(pixels);
        ImageSource[] sources = [.. Enumerable.Repeat(new ImageSource(pixels, Side, Side, S), Batch)];
        return () => Backend.ImageResize.Forward(images, sources, values);
    }
}
