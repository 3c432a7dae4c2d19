using System.Runtime.CompilerServices;
using ILGPU.Algorithms;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Sizes of maps before and after.</summary>
internal struct MapSizes
{
    /// <summary>Height and width of x, then of y.</summary>
    public int SmallHeight, SmallWidth, Height, Width;
}

/// <summary>
/// One thread per pixel of y, 32 x 2 to a group. Backward, one per cell of what is written: first the output lines that read an input line
/// are blended, then the columns that read a cell.
/// </summary>
internal sealed class BilinearUpsample(IlgpuBackend backend) : Ops.BilinearUpsample(backend)
{
    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View y, View x, MapSizes sizes);

    private Launch? forward, blendLines, gatherColumns;
    private MemoryBuffer1D<float, Stride1D.Dense>? blendedLines;

    protected override void ForwardCore(Tensor y, Tensor x)
    {
        MapSizes sizes = new() { SmallHeight = x.Shape[1], SmallWidth = x.Shape[2], Height = y.Shape[1], Width = y.Shape[2] };
        forward ??= backend.Load<Launch>(nameof(BilinearUpsample), ForwardKernel);
        forward(backend.Stream, PixelGroups.Config(y), y.View(backend), x.View(backend), sizes);
    }

    protected override void BackwardInputCore(Tensor dx, Tensor dy)
    {
        int N = dx.Shape[0];
        MapSizes sizes = new() { SmallHeight = dx.Shape[1], SmallWidth = dx.Shape[2], Height = dy.Shape[1], Width = dy.Shape[2] };
        var blended = backend.Scratch(ref blendedLines, "upsample blended lines", N * sizes.SmallHeight * sizes.Width);
        blendLines ??= backend.Load<Launch>(nameof(BilinearUpsample), BlendLinesKernel);
        gatherColumns ??= backend.Load<Launch>(nameof(BilinearUpsample), GatherColumnsKernel);
        blendLines(backend.Stream, PixelGroups.Config(N, sizes.SmallHeight, sizes.Width), blended, dy.View(backend), sizes);
        gatherColumns(backend.Stream, PixelGroups.Config(dx), dx.View(backend), blended, sizes);
    }

    [Kernel]
    private static void ForwardKernel(View y, View x, MapSizes s)
    {
        int column = Grid.IdxX * Group.DimX + Group.IdxX, line = Grid.IdxY * Group.DimY + Group.IdxY;
        if (column >= s.Width || line >= s.Height)
            return;
        float v = Source(line, s.SmallHeight, s.Height), u = Source(column, s.SmallWidth, s.Width);
        int i0 = XMath.Min((int)v, s.SmallHeight - 1), i1 = XMath.Min(i0 + 1, s.SmallHeight - 1);
        int j0 = XMath.Min((int)u, s.SmallWidth - 1), j1 = XMath.Min(j0 + 1, s.SmallWidth - 1);
        float fv = v - i0, fu = u - j0;
        int map = Grid.IdxZ * s.SmallHeight * s.SmallWidth;      // start of this map in x
        float top = (1f - fu) * x[map + i0 * s.SmallWidth + j0] + fu * x[map + i0 * s.SmallWidth + j1];
        float bottom = (1f - fu) * x[map + i1 * s.SmallWidth + j0] + fu * x[map + i1 * s.SmallWidth + j1];
        y[(Grid.IdxZ * s.Height + line) * s.Width + column] = (1f - fv) * top + fv * bottom;
    }

    // blended: (N, SmallHeight, Width).
    [Kernel]
    private static void BlendLinesKernel(View blended, View dy, MapSizes s)
    {
        int column = Grid.IdxX * Group.DimX + Group.IdxX, line = Grid.IdxY * Group.DimY + Group.IdxY;
        if (column >= s.Width || line >= s.SmallHeight)
            return;
        int map = Grid.IdxZ * s.Height * s.Width + column, end = EndOfReaders(line, s.SmallHeight, s.Height);      // top of the column in dy
        float sum = 0f;
        for (int i = FirstReader(line, s.SmallHeight, s.Height); i < end; i++)
            sum += Weight(i, line, s.SmallHeight, s.Height) * dy[map + i * s.Width];
        blended[(Grid.IdxZ * s.SmallHeight + line) * s.Width + column] = sum;
    }

    [Kernel]
    private static void GatherColumnsKernel(View dx, View blended, MapSizes s)
    {
        int column = Grid.IdxX * Group.DimX + Group.IdxX, line = Grid.IdxY * Group.DimY + Group.IdxY;
        if (column >= s.SmallWidth || line >= s.SmallHeight)
            return;
        int row = Grid.IdxZ * s.SmallHeight + line, end = EndOfReaders(column, s.SmallWidth, s.Width);
        float sum = 0f;
        for (int j = FirstReader(column, s.SmallWidth, s.Width); j < end; j++)
            sum += Weight(j, column, s.SmallWidth, s.Width) * blended[row * s.Width + j];
        dx[row * s.SmallWidth + column] += sum;
    }

    /// <summary>Where an output stands between the inputs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Source(int output, int inputs, int outputs) => XMath.Max((output + 0.5f) * inputs / outputs - 0.5f, 0f);

    /// <summary>How much of an input goes into an output: its first position, its second, at the edge both, or neither.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Weight(int output, int input, int inputs, int outputs)
    {
        float source = Source(output, inputs, outputs);
        int first = XMath.Min((int)source, inputs - 1);
        float f = source - first, weight = first == input ? 1f - f : 0f;
        return XMath.Min(first + 1, inputs - 1) == input ? weight + f : weight;
    }

    // Outputs whose source lies between the neighbours of an input, and one more on either side, because the bounds are rounded.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int FirstReader(int input, int inputs, int outputs) => XMath.Max((int)((input - 0.5f) * outputs / inputs - 0.5f) - 1, 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int EndOfReaders(int input, int inputs, int outputs) => XMath.Min((int)((input + 1.5f) * outputs / inputs - 0.5f) + 3, outputs);
}

/// <summary>The launch of the operations that give a pixel of a map to a thread.</summary>
internal static class PixelGroups
{
    /// <summary>Threads along a line and lines of a group.</summary>
    public const int Width = 32, Height = 2;

    /// <summary>One group per 32 x 2 pixels of every map.</summary>
    public static KernelConfig Config(Tensor maps) => Config(maps.Shape[0], maps.Shape[1], maps.Shape[2]);

    /// <summary>One group per 32 x 2 pixels of maps of this size.</summary>
    public static KernelConfig Config(int maps, int height, int width)
        => new(new Index3D(TileChoice.Tiles(Width, width), TileChoice.Tiles(Height, height), maps), new Index3D(Width, Height, 1));
}
