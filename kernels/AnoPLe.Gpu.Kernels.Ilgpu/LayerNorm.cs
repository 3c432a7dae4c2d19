using System.Runtime.CompilerServices;
using ILGPU.Algorithms;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>
/// One group per row; mean first, then the variance around it, so that a large mean costs no digits. Gradients of the parameters are sums
/// over rows in two stages, see <see cref="ColumnSums"/>.
/// </summary>
internal sealed class LayerNorm(IlgpuBackend backend) : Ops.LayerNorm(backend)
{
    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View y, View x, View weight, View bias, View mean, View rstd, int C, int save);

    private delegate void LaunchRounded(AcceleratorStream stream, KernelConfig config, ArrayView<uint> y, View x, View weight, View bias, int C);

    private delegate void LaunchBackwardInput(AcceleratorStream stream, KernelConfig config, View dx, View dy, View x, View weight, View mean, View rstd, int C);

    private delegate void LaunchPartial(AcceleratorStream stream, KernelConfig config, View dweights, View dbiases, View dy, View x, View mean, View rstd,
        RowChunks cut);

    private readonly ColumnSums totals = new(backend);
    private Launch? forward;
    private LaunchRounded? rounded;
    private LaunchBackwardInput? backwardInput;
    private LaunchPartial? partialSums;
    private MemoryBuffer1D<float, Stride1D.Dense>? partialRows;

    protected override void ForwardCore(Tensor y, Tensor x, Tensor weight, Tensor bias, Tensor? mean, Tensor? rstd)
    {
        if (y.Type == ElementType.Half)
        {
            rounded ??= backend.Load<LaunchRounded>(nameof(LayerNorm), backend.MatrixPrecision == MatrixPrecision.Fp16 ? RoundedKernel<Fp16> : RoundedKernel<Bf16>);
            rounded(backend.Stream, (x.Rows, RowGroup.Threads), y.Pairs(backend), x.View(backend), weight.View(backend), bias.View(backend), x.Width);
            return;
        }
        forward ??= backend.Load<Launch>(nameof(LayerNorm), ForwardKernel);
        // Without mean and rstd the kernel still needs views to pass on; it does not write to them.
        forward(backend.Stream, (x.Rows, RowGroup.Threads), y.View(backend), x.View(backend), weight.View(backend), bias.View(backend),
            (mean ?? y).View(backend), (rstd ?? y).View(backend), x.Width, mean is null ? 0 : 1);
    }

    protected override void BackwardInputCore(Tensor dx, Tensor dy, Tensor x, Tensor weight, Tensor mean, Tensor rstd)
    {
        backwardInput ??= backend.Load<LaunchBackwardInput>(nameof(LayerNorm), BackwardInputKernel);
        backwardInput(backend.Stream, (x.Rows, RowGroup.Threads), dx.View(backend), dy.View(backend), x.View(backend), weight.View(backend),
            mean.View(backend), rstd.View(backend), x.Width);
    }

    protected override void BackwardParametersCore(Tensor dweight, Tensor dbias, Tensor dy, Tensor x, Tensor mean, Tensor rstd)
    {
        var cut = new RowChunks(x.Rows, x.Width);
        var partial = backend.Scratch(ref partialRows, "partial sums of a layer norm's gradient", 2 * cut.Floats);
        View dweights = partial.SubView(0, cut.Floats), dbiases = partial.SubView(cut.Floats, cut.Floats);
        partialSums ??= backend.Load<LaunchPartial>(nameof(LayerNorm), PartialKernel);
        partialSums(backend.Stream, cut.Config(1), dweights, dbiases, dy.View(backend), x.View(backend), mean.View(backend), rstd.View(backend), cut);
        totals.Add(dweight.View(backend), dweights, rows: 1, cut);
        totals.Add(dbias.View(backend), dbiases, rows: 1, cut);
    }

    [Kernel]
    private static void ForwardKernel(View y, View x, View weight, View bias, View mean, View rstd, int C, int save)
    {
        var sums = SharedMemory.Allocate<F4>(2 * RowGroup.Quads);
        var squares = sums.SubView(RowGroup.Quads);
        int row = Grid.IdxX, x0 = row * C;      // x0: start of x[row, :]
        float m = Mean(x, x0, C, sums), r = InverseDeviation(x, x0, C, squares, m);
        for (int c = Group.IdxX; c < C; c += RowGroup.Threads)
            y[x0 + c] = (x[x0 + c] - m) * r * weight[c] + bias[c];
        if (save != 0 && Group.IdxX == 0)
        {
            mean[row] = m;
            rstd[row] = r;
        }
    }

    // y in pairs: a thread has two neighbours.
    [Kernel(typeof(Bf16))]
    [Kernel(typeof(Fp16))]
    private static void RoundedKernel<THalf>(ArrayView<uint> y, View x, View weight, View bias, int C)
        where THalf : struct, IHalf
    {
        var sums = SharedMemory.Allocate<F4>(2 * RowGroup.Quads);
        int x0 = Grid.IdxX * C;
        float m = Mean(x, x0, C, sums), r = InverseDeviation(x, x0, C, sums.SubView(RowGroup.Quads), m);
        for (int c = 2 * Group.IdxX; c < C; c += 2 * RowGroup.Threads)
            y[(x0 + c) >> 1] = THalf.Pack((x[x0 + c] - m) * r * weight[c] + bias[c], (x[x0 + c + 1] - m) * r * weight[c + 1] + bias[c + 1]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Mean(View x, int x0, int C, ArrayView<F4> shared)
    {
        float sum = 0f;
        for (int c = Group.IdxX; c < C; c += RowGroup.Threads)
            sum += x[x0 + c];
        return RowGroup.Sum(shared, sum) / C;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float InverseDeviation(View x, int x0, int C, ArrayView<F4> shared, float mean)
    {
        float square = 0f;
        for (int c = Group.IdxX; c < C; c += RowGroup.Threads)
        {
            float d = x[x0 + c] - mean;
            square += d * d;
        }
        return 1f / XMath.Sqrt(RowGroup.Sum(shared, square) / C + Epsilon);
    }

    [Kernel]
    private static void BackwardInputKernel(View dx, View dy, View x, View weight, View mean, View rstd, int C)
    {
        var sums = SharedMemory.Allocate<F4>(2 * RowGroup.Quads);
        var products = sums.SubView(RowGroup.Quads);
        int row = Grid.IdxX, x0 = row * C;      // x0: start of x[row, :]
        float m = mean[row], r = rstd[row], sum = 0f, product = 0f;      // sums of e and of e xh
        for (int c = Group.IdxX; c < C; c += RowGroup.Threads)
        {
            float e = dy[x0 + c] * weight[c];
            sum += e;
            product += e * ((x[x0 + c] - m) * r);
        }
        sum = RowGroup.Sum(sums, sum) / C;
        product = RowGroup.Sum(products, product) / C;
        for (int c = Group.IdxX; c < C; c += RowGroup.Threads)
            dx[x0 + c] += r * (dy[x0 + c] * weight[c] - sum - (x[x0 + c] - m) * r * product);
    }

    // A thread has one column of a chunk of rows. Four rows at a time, so that their loads do not wait for each other.
    [Kernel]
    private static void PartialKernel(View dweights, View dbiases, View dy, View x, View mean, View rstd, RowChunks cut)
    {
        int C = cut.Columns, c = Grid.IdxX * RowGroup.Threads + Group.IdxX, row = Grid.IdxY * cut.ChunkRows;
        int end = XMath.Min(cut.Rows, row + cut.ChunkRows);
        if (c >= C)
            return;
        float dw = 0f, db = 0f;
        for (; row <= end - 4; row += 4)
        {
            int at = row * C + c;
            float d0 = dy[at], d1 = dy[at + C], d2 = dy[at + 2 * C], d3 = dy[at + 3 * C];
            float x0 = x[at], x1 = x[at + C], x2 = x[at + 2 * C], x3 = x[at + 3 * C];
            dw += d0 * ((x0 - mean[row]) * rstd[row]);
            dw += d1 * ((x1 - mean[row + 1]) * rstd[row + 1]);
            dw += d2 * ((x2 - mean[row + 2]) * rstd[row + 2]);
            dw += d3 * ((x3 - mean[row + 3]) * rstd[row + 3]);
            db += (d0 + d1) + (d2 + d3);
        }
        for (; row < end; row++)
        {
            float d = dy[row * C + c];
            dw += d * ((x[row * C + c] - mean[row]) * rstd[row]);
            db += d;
        }
        dweights[Grid.IdxY * C + c] = dw;
        dbiases[Grid.IdxY * C + c] = db;
    }
}
