namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Two stages: up to 1024 groups stride over x, 16 bytes at a time where its alignment allows; then one group sums theirs.</summary>
internal sealed class SquaredNorm(IlgpuBackend backend) : Ops.SquaredNorm(backend)
{
    private const int MaxGroups = 1024;

    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View sums, View x, ArrayView<F4> x4, int quads, int count, int threads);

    private delegate void LaunchTotal(AcceleratorStream stream, KernelConfig config, View result, View sums, int groups);

    private Launch? sumGroups;
    private LaunchTotal? total;
    private MemoryBuffer1D<float, Stride1D.Dense>? groupSums;

    protected override void ForwardCore(Tensor result, Tensor x)
    {
        int groups = Math.Min(MaxGroups, SampleChunks.PerSample(x.Count));
        var x4 = x.Quads(backend, 4, out bool vector);
        var sums = backend.Scratch(ref groupSums, "squared norm of groups", MaxGroups);
        sumGroups ??= backend.Load<Launch>(nameof(SquaredNorm), SumsKernel);
        sumGroups(backend.Stream, (groups, RowGroup.Threads), sums, x.View(backend), x4, vector ? x.Count / 4 : 0, x.Count, groups * RowGroup.Threads);
        total ??= backend.Load<LaunchTotal>(nameof(SquaredNorm), TotalKernel);
        total(backend.Stream, (1, RowGroup.Threads), result.View(backend), sums, groups);
    }

    // threads: of all groups. The first 4 quads elements are read as quads.
    [Kernel]
    private static void SumsKernel(View sums, View x, ArrayView<F4> x4, int quads, int count, int threads)
    {
        var shared = SharedMemory.Allocate<F4>(RowGroup.Quads);
        int thread = Grid.IdxX * RowGroup.Threads + Group.IdxX;
        F4 squares = default;
        for (int i = thread; i < quads; i += threads)
        {
            F4 v = x4[i];
            squares = F4.Add(squares, F4.Of(v.X * v.X, v.Y * v.Y, v.Z * v.Z, v.W * v.W));
        }
        float rest = 0f;
        for (int i = 4 * quads + thread; i < count; i += threads)
            rest += x[i] * x[i];
        float sum = RowGroup.Sum(shared, (squares.X + squares.Y) + (squares.Z + squares.W) + rest);
        if (Group.IdxX == 0)
            sums[Grid.IdxX] = sum;
    }

    [Kernel]
    private static void TotalKernel(View result, View sums, int groups)
    {
        var shared = SharedMemory.Allocate<F4>(RowGroup.Quads);
        float sum = SampleChunks.Total(shared, sums, 0, groups);
        if (Group.IdxX == 0)
            result[0] = sum;
    }
}
