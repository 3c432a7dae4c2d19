using System.Buffers;
using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Compute.Resampling;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>
/// The pixels of an image go to the device as bytes, a quarter of what they would be as floats. Columns, then rows; one thread per pixel
/// with its three channels. The stream keeps images in order, so that all share the same memory for bytes.
/// </summary>
internal sealed class ImageResize(IlgpuBackend backend) : Ops.ImageResize(backend)
{
    private delegate void ColumnsLaunch(AcceleratorStream stream, KernelConfig config, ArrayView<byte> middle, ArrayView<byte> source, ArrayView<int> taps, ResizeSizes sizes);

    private delegate void RowsLaunch(AcceleratorStream stream, KernelConfig config, View planes, ArrayView<byte> middle, ArrayView<int> taps, View values, ResizeSizes sizes);

    private readonly List<MemoryHandle> pinned = [];
    private ColumnsLaunch? columns;
    private RowsLaunch? rows;
    private MemoryBuffer1D<float, Stride1D.Dense>? source, middle, columnTaps, rowTaps;
    private (int Width, int Height, int ResizedWidth, int ResizedHeight, int Left, int Top, int S) prepared;
    private ResizeSizes sizes;

    protected override void ForwardCore(Tensor images, IReadOnlyList<ImageSource> sources, Tensor values)
    {
        columns ??= backend.Load<ColumnsLaunch>(nameof(ImageResize), ColumnsKernel);
        rows ??= backend.Load<RowsLaunch>(nameof(ImageResize), RowsKernel);
        try
        {
            for (int b = 0; b < sources.Count; b++)
                Enqueue(images.View(backend).SubView(b * 3 * images.Width * images.Width), sources[b], images.Width, values);
            backend.Synchronize(); // until then copies may read the pinned pixels
        }
        finally
        {
            foreach (var handle in pinned)
                handle.Dispose();
            pinned.Clear();
        }
    }

    private void Enqueue(View planes, in ImageSource image, int S, Tensor values)
    {
        Prepare(image, S);
        var bytes = Scratch(ref source, "pixels", image.Pixels.Length);
        pinned.Add(image.Pixels.Pin());
        bytes.CopyFromCPU(backend.Stream, image.Pixels.Span);
        var between = Scratch(ref middle, "resized rows", 3L * S * sizes.Rows);
        columns!(backend.Stream, ElementGroups.Config(backend, S * sizes.Rows), between, bytes, ((View)columnTaps!.View).Cast<int>(), sizes);
        rows!(backend.Stream, ElementGroups.Config(backend, S * S), planes, between, ((View)rowTaps!.View).Cast<int>(), values.View(backend), sizes);
    }

    /// <summary>Taps stay on the device from image to image, because most have one size.</summary>
    private void Prepare(in ImageSource image, int S)
    {
        var wanted = (image.Width, image.Height, image.ResizedWidth, image.ResizedHeight, image.Left, image.Top, S);
        if (wanted == prepared)
            return;
        var vertical = new BicubicTaps(image.Height, image.ResizedHeight, image.Top, S);
        Upload(ref columnTaps, "column taps", new BicubicTaps(image.Width, image.ResizedWidth, image.Left, S));
        Upload(ref rowTaps, "row taps", vertical);
        sizes = new ResizeSizes { S = S, Width = image.Width, FirstRow = vertical.First(0), Rows = vertical.End - vertical.First(0) };
        prepared = wanted;
    }

    /// <summary>[first S][count S][weights MaxCount x S]: neighbouring outputs read neighbouring weights.</summary>
    private void Upload(ref MemoryBuffer1D<float, Stride1D.Dense>? buffer, string name, BicubicTaps taps)
    {
        int S = taps.Outputs;
        var packed = new int[(2 + taps.MaxCount) * S];
        for (int i = 0; i < S; i++)
        {
            var weights = taps.Weights(i);
            packed[i] = taps.First(i);
            packed[S + i] = weights.Length;
            for (int k = 0; k < weights.Length; k++)
                packed[(2 + k) * S + i] = weights[k];
        }
        backend.Scratch(ref buffer, name, packed.Length).Cast<int>().SubView(0, packed.Length).CopyFromCPU(backend.Stream, packed);
        backend.Synchronize();
    }

    private ArrayView<byte> Scratch(ref MemoryBuffer1D<float, Stride1D.Dense>? buffer, string name, long bytes) =>
        backend.Scratch(ref buffer, name, checked((int)((bytes + sizeof(float) - 1) / sizeof(float)))).Cast<byte>().SubView(0, bytes);

    [Kernel]
    private static void ColumnsKernel(ArrayView<byte> middle, ArrayView<byte> source, ArrayView<int> taps, ResizeSizes sizes)
    {
        int i = ElementGroups.Element, y = i / sizes.S, x = i - y * sizes.S;
        if (y >= sizes.Rows)
            return;
        int pixel = 3 * ((sizes.FirstRow + y) * sizes.Width + taps[x]), end = (2 + taps[sizes.S + x]) * sizes.S;
        int r = BicubicTaps.Half, g = r, b = r;
        for (int k = 2 * sizes.S + x; k < end; k += sizes.S, pixel += 3)
        {
            int weight = taps[k];
            r += weight * source[pixel];
            g += weight * source[pixel + 1];
            b += weight * source[pixel + 2];
        }
        middle[3 * i] = (byte)Round(r);
        middle[3 * i + 1] = (byte)Round(g);
        middle[3 * i + 2] = (byte)Round(b);
    }

    [Kernel]
    private static void RowsKernel(View planes, ArrayView<byte> middle, ArrayView<int> taps, View values, ResizeSizes sizes)
    {
        int i = ElementGroups.Element, y = i / sizes.S, x = i - y * sizes.S;
        if (y >= sizes.S)
            return;
        int pixel = 3 * ((taps[y] - sizes.FirstRow) * sizes.S + x), end = (2 + taps[sizes.S + y]) * sizes.S;
        int r = BicubicTaps.Half, g = r, b = r;
        for (int k = 2 * sizes.S + y; k < end; k += sizes.S, pixel += 3 * sizes.S)
        {
            int weight = taps[k];
            r += weight * middle[pixel];
            g += weight * middle[pixel + 1];
            b += weight * middle[pixel + 2];
        }
        int plane = sizes.S * sizes.S;
        planes[i] = values[Round(r)];
        planes[plane + i] = values[256 + Round(g)];
        planes[2 * plane + i] = values[512 + Round(b)];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Round(int sum) => IntrinsicMath.Max(0, IntrinsicMath.Min(255, sum >> BicubicTaps.FractionBits));
}

/// <summary>What both kernels know of an image.</summary>
internal struct ResizeSizes
{
    /// <summary>Side of the result.</summary>
    public int S;

    /// <summary>Columns of the source.</summary>
    public int Width;

    /// <summary>The first source row that is needed, and how many from there.</summary>
    public int FirstRow, Rows;
}
