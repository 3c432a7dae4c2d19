namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>
/// Refreshes packed weights from a tensor. A group has a square of 32 x 32 of the packed matrix; where the tensor lies the other way round the
/// square turns in shared memory, so that both sides are read and written along their rows. The padding keeps what it has: zeros, or nothing that rounding reads.
/// </summary>
internal sealed class Repack(IlgpuBackend backend)
{
    private const int Tile = 32, Threads = 8, Stride = Tile + 1; // one more than needed, against bank conflicts

    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View packed, View weight, int outFeatures, int inFeatures, int paddedColumns, int turned);

    private delegate void LaunchBias(AcceleratorStream stream, KernelConfig config, View packed, View bias, int count);

    private Launch? matrix;
    private LaunchBias? vector;

    /// <summary>packed[i, o] = W[o, i], and the bias behind it.</summary>
    public void Run(PackedWeights target, View values, Tensor weight, Tensor? bias, Ops.WeightLayout layout)
    {
        matrix ??= backend.Load<Launch>(nameof(Linear), MatrixKernel);
        matrix(backend.Stream, new(new Index2D(TileChoice.Tiles(Tile, target.OutFeatures), TileChoice.Tiles(Tile, target.InFeatures)), new Index2D(Tile, Threads / 4)),
            values, weight.View(backend), target.OutFeatures, target.InFeatures, target.PaddedColumns, layout == Ops.WeightLayout.OutIn ? 1 : 0);
        if (bias is null)
            return;
        vector ??= backend.Load<LaunchBias>(nameof(Linear), BiasKernel);
        vector(backend.Stream, ElementGroups.Config(backend, bias.Count), target.Bias.Cast<float>(), bias.View(backend), bias.Count);
    }

    // turned: the tensor is [out, in].
    [Kernel]
    private static void MatrixKernel(View packed, View weight, int outFeatures, int inFeatures, int paddedColumns, int turned)
    {
        var tile = SharedMemory.Allocate<float>(Tile * Stride);
        int o0 = Grid.IdxX * Tile, i0 = Grid.IdxY * Tile, x = Group.IdxX;
        for (int y = Group.IdxY; y < Tile; y += Threads / 4)
        {
            if (turned != 0 && o0 + y < outFeatures && i0 + x < inFeatures)
                tile[x * Stride + y] = weight[(o0 + y) * inFeatures + i0 + x];
            if (turned == 0 && i0 + y < inFeatures && o0 + x < outFeatures)
                tile[y * Stride + x] = weight[(i0 + y) * outFeatures + o0 + x];
        }
        Local.Barrier();
        for (int y = Group.IdxY; y < Tile; y += Threads / 4)
            if (i0 + y < inFeatures && o0 + x < outFeatures)
                packed[(i0 + y) * paddedColumns + o0 + x] = tile[y * Stride + x];
    }

    [Kernel]
    private static void BiasKernel(View packed, View bias, int count)
    {
        int i = ElementGroups.Element;
        if (i < count)
            packed[i] = bias[i];
    }
}
