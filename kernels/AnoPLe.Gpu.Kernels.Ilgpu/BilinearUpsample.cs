using ILGPU.Algorithms;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Sizes of maps before and after.</summary>
internal struct MapSizes
{
    /// <summary>Height and width of x, then of y.</summary>
    public int SmallHeight, SmallWidth, Height, Width;
}

/// <summary>One thread per pixel of y, 32 x 2 to a group.</summary>
internal sealed class BilinearUpsample(IlgpuBackend backend) : Ops.BilinearUpsample(backend)
{
    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View y, View x, MapSizes sizes);

    private Launch? forward;

    protected override void ForwardCore(Tensor y, Tensor x)
    {
        MapSizes sizes = new() { SmallHeight = x.Shape[1], SmallWidth = x.Shape[2], Height = y.Shape[1], Width = y.Shape[2] };
        forward ??= backend.Load<Launch>(nameof(BilinearUpsample), ForwardKernel);
        forward(backend.Stream, PixelGroups.Config(y), y.View(backend), x.View(backend), sizes);
    }

    protected override void BackwardInputCore(Tensor dx, Tensor dy) => throw new NotSupportedException("not there yet");

    [Kernel]
    private static void ForwardKernel(View y, View x, MapSizes s)
    {
        int column = Grid.IdxX * Group.DimX + Group.IdxX, line = Grid.IdxY * Group.DimY + Group.IdxY;
        if (column >= s.Width || line >= s.Height)
            return;
        float v = XMath.Max((line + 0.5f) * s.SmallHeight / s.Height - 0.5f, 0f), u = XMath.Max((column + 0.5f) * s.SmallWidth / s.Width - 0.5f, 0f);
        int i0 = XMath.Min((int)v, s.SmallHeight - 1), i1 = XMath.Min(i0 + 1, s.SmallHeight - 1);
        int j0 = XMath.Min((int)u, s.SmallWidth - 1), j1 = XMath.Min(j0 + 1, s.SmallWidth - 1);
        float fv = v - i0, fu = u - j0;
        int map = Grid.IdxZ * s.SmallHeight * s.SmallWidth;      // start of this map in x
        float top = (1f - fu) * x[map + i0 * s.SmallWidth + j0] + fu * x[map + i0 * s.SmallWidth + j1];
        float bottom = (1f - fu) * x[map + i1 * s.SmallWidth + j0] + fu * x[map + i1 * s.SmallWidth + j1];
        y[(Grid.IdxZ * s.Height + line) * s.Width + column] = (1f - fv) * top + fv * bottom;
    }
}

/// <summary>The launch of the operations that give a pixel of a map to a thread.</summary>
internal static class PixelGroups
{
    /// <summary>Threads along a line and lines of a group.</summary>
    public const int Width = 32, Height = 2;

    /// <summary>One group per 32 x 2 pixels of every map.</summary>
    public static KernelConfig Config(Tensor maps)
        => new(new Index3D(TileChoice.Tiles(Width, maps.Shape[2]), TileChoice.Tiles(Height, maps.Shape[1]), maps.Shape[0]),
            new Index3D(Width, Height, 1));
}
