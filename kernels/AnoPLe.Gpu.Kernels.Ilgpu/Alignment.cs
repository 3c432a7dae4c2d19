using System.Runtime.CompilerServices;
using ILGPU.Algorithms;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>
/// Cells are pooled in two stages, in chunks and then by one group per sample. With u = unit(z0) and w = unit(p), 1 - u . w is never taken as
/// a difference, which would lose all its digits as the features align, but as half of |u - w|^2 + (1 - |u|^2) + (1 - |w|^2).
/// </summary>
internal sealed class Alignment(IlgpuBackend backend) : Ops.Alignment(backend)
{
    private delegate void LaunchMasks(AcceleratorStream stream, KernelConfig config, View masks, View logits);

    private delegate void LaunchLoss(AcceleratorStream stream, KernelConfig config, View loss, View pooled, View mass, View z0, View weights, View sums, View masks,
        RowSumShape shape, float epsilon);

    private delegate void LaunchSample(AcceleratorStream stream, KernelConfig config, View dz0, View dpooled, View z0, View pooled, View mass, View weights,
        int d, float scale, int detach);

    private delegate void LaunchCells(AcceleratorStream stream, KernelConfig config, View dfeatures, View dlogits, View features, View logits, View pooled,
        View dpooled, int cells, int d);

    private LaunchMasks? mask;
    private WeightedRowSums.Launch? sumChunks;
    private LaunchLoss? lossOf;
    private LaunchSample? sampleBackward;
    private LaunchCells? cellsBackward;
    private MemoryBuffer1D<float, Stride1D.Dense>? cellMasks, chunkSums, pooledGradients;

    protected override void ForwardCore(Tensor loss, Tensor pooled, Tensor mass, Tensor z0, Tensor features, Tensor logits, Tensor weights, float epsilon)
    {
        int N = z0.Shape[0], d = z0.Width;
        var shape = WeightedRowSums.Shape(features.Rows / N, d);
        var masks = backend.Scratch(ref cellMasks, "alignment masks", features.Rows);
        var sums = backend.Scratch(ref chunkSums, "alignment sums of cells", N * shape.Chunks * d);
        mask ??= backend.Load<LaunchMasks>(nameof(Alignment), MasksKernel);
        mask(backend.Stream, (TileChoice.Tiles(RowGroup.Threads, features.Rows), RowGroup.Threads), masks, logits.View(backend));
        sumChunks ??= backend.Load<WeightedRowSums.Launch>(nameof(Alignment), WeightedRowSums.ChunksKernel);
        sumChunks(backend.Stream, WeightedRowSums.Config(N, shape), sums, masks, features.View(backend), shape);
        lossOf ??= backend.Load<LaunchLoss>(nameof(Alignment), LossKernel);
        lossOf(backend.Stream, (N, RowGroup.Threads), loss.View(backend), pooled.View(backend), mass.View(backend), z0.View(backend), weights.View(backend),
            sums, masks, shape, epsilon);
    }

    protected override void BackwardInputCore(Tensor dz0, Tensor dfeatures, Tensor dlogits, Tensor z0, Tensor features, Tensor logits, Tensor weights, Tensor pooled,
        Tensor mass, float scale, bool detach)
    {
        int N = z0.Shape[0], d = z0.Width;
        var dpooled = backend.Scratch(ref pooledGradients, "alignment gradients of pooled features", z0.Count);
        sampleBackward ??= backend.Load<LaunchSample>(nameof(Alignment), SampleBackwardKernel);
        sampleBackward(backend.Stream, (N, RowGroup.Threads), dz0.View(backend), dpooled, z0.View(backend), pooled.View(backend), mass.View(backend),
            weights.View(backend), d, scale, detach ? 1 : 0);
        if (detach)
            return;
        cellsBackward ??= backend.Load<LaunchCells>(nameof(Alignment), CellsBackwardKernel);
        cellsBackward(backend.Stream, (features.Rows, RowGroup.Threads), dfeatures.View(backend), dlogits.View(backend), features.View(backend),
            logits.View(backend), pooled.View(backend), dpooled, features.Rows / N, d);
    }

    // One thread per cell.
    [Kernel]
    private static void MasksKernel(View masks, View logits)
    {
        int cell = Grid.IdxX * RowGroup.Threads + Group.IdxX;
        if (cell < masks.IntLength)
            masks[cell] = Sigmoid(logits[cell]);
    }

    // One group per sample; sums: (N, chunks, d), masks: (N, cells).
    [Kernel]
    private static void LossKernel(View loss, View pooled, View mass, View z0, View weights, View sums, View masks, RowSumShape shape, float epsilon)
    {
        var shared = SharedMemory.Allocate<F4>(4 * RowGroup.Quads);
        int n = Grid.IdxX, start = n * shape.C;      // start of z0[n, :] and pooled[n, :]
        float masked = 0f;
        for (int i = Group.IdxX; i < shape.Rows; i += RowGroup.Threads)
            masked += masks[n * shape.Rows + i];
        float total = RowGroup.Sum(shared.SubView(3 * RowGroup.Quads), masked) + epsilon;
        for (int c = Group.IdxX; c < shape.C; c += RowGroup.Threads)
        {
            float sum = 0f;
            for (int chunk = n * shape.Chunks; chunk < (n + 1) * shape.Chunks; chunk++)
                sum += sums[chunk * shape.C + c];
            pooled[start + c] = sum / total;
        }
        var compared = Compare(shared, z0, pooled, start, shape.C);
        if (Group.IdxX == 0)
        {
            mass[n] = total;
            loss[n] = weights[n] * compared.OneMinusCosine;
        }
    }

    // One group per sample: dz0, and v = dp / mass. unit'(g) at x is r (g - unit(x) (unit(x) . g)); for g = unit(p) and u = unit(z0) that is
    // r (unit(p) - u + u (1 - u . unit(p))).
    [Kernel]
    private static void SampleBackwardKernel(View dz0, View dpooled, View z0, View pooled, View mass, View weights, int d, float scale, int detach)
    {
        var shared = SharedMemory.Allocate<F4>(3 * RowGroup.Quads);
        int n = Grid.IdxX, start = n * d;
        var compared = Compare(shared, z0, pooled, start, d);
        float factor = -scale * weights[n], toZ = factor * compared.OfZ, toP = factor * compared.OfP / mass[n];
        for (int c = start + Group.IdxX; c < start + d; c += RowGroup.Threads)
        {
            float u = z0[c] * compared.OfZ, w = pooled[c] * compared.OfP;
            dz0[c] += toZ * (w - u + u * compared.OneMinusCosine);
            if (detach == 0)
                dpooled[c] = toP * (u - w + w * compared.OneMinusCosine);
        }
    }

    // One group per cell: dD += M v and dr += (D - p) . v M (1 - M).
    [Kernel]
    private static void CellsBackwardKernel(View dfeatures, View dlogits, View features, View logits, View pooled, View dpooled, int cells, int d)
    {
        var dots = SharedMemory.Allocate<F4>(RowGroup.Quads);
        int cell = Grid.IdxX, start = cell * d, sample = cell / cells * d;      // starts of features[cell, :] and pooled[n, :]
        float m = Sigmoid(logits[cell]), dot = 0f;
        for (int c = Group.IdxX; c < d; c += RowGroup.Threads)
        {
            float v = dpooled[sample + c];
            dot += v * (features[start + c] - pooled[sample + c]);
            dfeatures[start + c] += m * v;
        }
        float total = RowGroup.Sum(dots, dot);
        if (Group.IdxX == 0)
            dlogits[cell] += total * m * Sigmoid(-logits[cell]);      // 1 - M is the sigmoid of -r, without a difference
    }

    /// <summary>What <see cref="Compare"/> finds.</summary>
    private struct Comparison
    {
        /// <summary>Scales of the two unit vectors; 1 - unit(z) . unit(p).</summary>
        public float OfZ, OfP, OneMinusCosine;
    }

    /// <summary>Compares z[start ..] with p[start ..], d long, by the whole group. Shared memory of three sums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Comparison Compare(ArrayView<F4> shared, View z, View p, int start, int d)
    {
        float zSquare = 0f, pSquare = 0f, distance = 0f;
        for (int c = start + Group.IdxX; c < start + d; c += RowGroup.Threads)
        {
            zSquare += z[c] * z[c];
            pSquare += p[c] * p[c];
        }
        float zz = RowGroup.Sum(shared, zSquare) + Ops.L2Normalize.Epsilon, pp = RowGroup.Sum(shared.SubView(RowGroup.Quads), pSquare) + Ops.L2Normalize.Epsilon;
        Comparison compared;
        compared.OfZ = 1f / XMath.Sqrt(zz);
        compared.OfP = 1f / XMath.Sqrt(pp);
        for (int c = start + Group.IdxX; c < start + d; c += RowGroup.Threads)
        {
            float difference = z[c] * compared.OfZ - p[c] * compared.OfP;
            distance += difference * difference;
        }
        distance = RowGroup.Sum(shared.SubView(2 * RowGroup.Quads), distance);
        compared.OneMinusCosine = 0.5f * (distance + (Ops.L2Normalize.Epsilon / zz + Ops.L2Normalize.Epsilon / pp));
        return compared;
    }

    /// <summary>1 / (1 + exp(-r)); the exponential of -|r| cannot overflow.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Sigmoid(float r)
    {
        float e = XMath.Exp(-XMath.Abs(r)), larger = 1f / (1f + e);
        return r < 0f ? e * larger : larger;
    }
}
