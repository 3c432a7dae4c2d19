using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>
/// Cells are pooled in two stages, in chunks and then per sample. With u = unit(z0) and w = unit(p), 1 - u . w is never taken as a difference,
/// which would lose all its digits as the features align, but as half of |u - w|^2 + (1 - |u|^2) + (1 - |w|^2).
/// </summary>
internal sealed unsafe class Alignment<V, O>(CpuBackend backend) : Ops.Alignment(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private readonly PoolJob pool = new(backend.CreateWorkspace(1));
    private readonly LossJob loss = new();
    private readonly SampleBackwardJob sampleBackward = new();
    private readonly CellsBackwardJob cellsBackward = new();
    private readonly Workspace pooledGradients = backend.CreateWorkspace(1);

    /// <inheritdoc/>
    protected override void ForwardCore(Tensor loss, Tensor pooled, Tensor mass, Tensor z0, Tensor features, Tensor logits, Tensor weights, float epsilon)
    {
        int N = z0.Shape[0];
        pool.X = features.Floats();
        pool.Logits = logits.Floats();
        pool.SetSizes(N, features.Rows / N, z0.Width, backend.Threads);
        var job = this.loss;
        job.Loss = loss.Floats();
        job.Pooled = pooled.Floats();
        job.Mass = mass.Floats();
        job.Z0 = z0.Floats();
        job.Weights = weights.Floats();
        job.Sums = pool.Sums;
        job.Masses = pool.Masses;
        job.Chunks = pool.ChunksPerSample;
        job.Epsilon = epsilon;
        job.SetRows(N, z0.Width, backend.Threads);
        backend.Run(pool, features, logits);
        backend.Run(job, loss, pooled, mass, z0, weights);
    }

    /// <inheritdoc/>
    protected override void BackwardInputCore(Tensor dz0, Tensor dfeatures, Tensor dlogits, Tensor z0, Tensor features, Tensor logits, Tensor weights, Tensor pooled,
        Tensor mass, float scale, bool detach)
    {
        int N = z0.Shape[0];
        pooledGradients.Reserve(z0.Count);
        sampleBackward.DZ0 = dz0.Floats();
        sampleBackward.DPooled = detach ? null : pooledGradients.Of(0);
        sampleBackward.Z0 = z0.Floats();
        sampleBackward.Pooled = pooled.Floats();
        sampleBackward.Mass = mass.Floats();
        sampleBackward.Weights = weights.Floats();
        sampleBackward.Scale = scale;
        sampleBackward.SetRows(N, z0.Width, backend.Threads);
        backend.Run(sampleBackward, dz0, z0, pooled, mass, weights);
        if (detach)
            return;
        cellsBackward.DFeatures = dfeatures.Floats();
        cellsBackward.DLogits = dlogits.Floats();
        cellsBackward.Features = features.Floats();
        cellsBackward.Logits = logits.Floats();
        cellsBackward.Pooled = pooled.Floats();
        cellsBackward.DPooled = pooledGradients.Of(0);
        cellsBackward.CellsPerSample = features.Rows / N;
        cellsBackward.SetRows(features.Rows, z0.Width, backend.Threads);
        backend.Run(cellsBackward, dfeatures, dlogits, features, logits, pooled);
    }

    /// <summary>M and M (1 - M) of a logit; the exponential of -|r| cannot overflow, and neither factor is a difference.</summary>
    private static (float M, float Slope) Sigmoid(float r)
    {
        float e = MathF.Exp(-MathF.Abs(r)), larger = 1 / (1 + e), smaller = e * larger;
        return (r < 0 ? smaller : larger, smaller * larger);
    }

    /// <summary>The scales of both unit vectors, and 1 - unit(z) . unit(p).</summary>
    private static (float OfZ, float OfP, float OneMinusCosine) Compare(float* z, float* p, int n)
    {
        const float Epsilon = Ops.L2Normalize.Epsilon;
        float zz = Reduce<V, O>.SumOfSquares(z, n, centre: 0) + Epsilon, pp = Reduce<V, O>.SumOfSquares(p, n, centre: 0) + Epsilon;
        float ofZ = 1 / MathF.Sqrt(zz), ofP = 1 / MathF.Sqrt(pp);
        return (ofZ, ofP, 0.5f * (SquaredDistance(z, ofZ, p, ofP, n) + (Epsilon / zz + Epsilon / pp)));
    }

    /// <summary>Sum of (a x - b y)^2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float SquaredDistance(float* x, float a, float* y, float b, int n)
    {
        V sums = default;
        int i = 0;
        for (; i <= n - O.N; i += O.N)
        {
            V d = O.Subtract(O.Multiply(O.Load(x + i), O.Broadcast(a)), O.Multiply(O.Load(y + i), O.Broadcast(b)));
            sums = O.MultiplyAdd(d, d, sums);
        }
        float sum = O.Sum(sums);
        for (; i < n; i++)
        {
            float d = x[i] * a - y[i] * b;
            sum += d * d;
        }
        return sum;
    }

    /// <summary>Sums of M D over chunks of cells.</summary>
    private sealed class PoolJob(Workspace sums) : WeightedRowSumsJob<V, O>(sums)
    {
        public float* Logits;

        protected override float Weight(int row, float* x) => Sigmoid(Logits[row]).M;
    }

    /// <summary>Adds up a sample's chunks and compares.</summary>
    private sealed class LossJob : RowsJob
    {
        public float* Loss, Pooled, Mass, Z0, Weights, Sums, Masses;
        public int Chunks;
        public float Epsilon;

        protected override void Row(int n, int worker)
        {
            float* sums = Sums + (nint)n * Chunks * Width, p = Pooled + (nint)n * Width;
            float mass = 0;
            new Span<float>(p, Width).Clear();
            for (int chunk = 0; chunk < Chunks; chunk++)
            {
                AddRows<V, O>.Add(p, sums + (nint)chunk * Width, Width);
                mass += Masses[(nint)n * Chunks + chunk];
            }
            mass += Epsilon;
            for (int c = 0; c < Width; c++)
                p[c] /= mass;
            Mass[n] = mass;
            Loss[n] = Weights[n] * Compare(Z0 + (nint)n * Width, p, Width).OneMinusCosine;
        }
    }

    /// <summary>
    /// dz0 of a sample, and v = dp / mass. unit'(g) at x is r (g - unit(x) (unit(x) . g)); for g = unit(p) and u = unit(z0) that is
    /// r (unit(p) - u + u (1 - u . unit(p))).
    /// </summary>
    private sealed class SampleBackwardJob : RowsJob
    {
        public float* DZ0, DPooled, Z0, Pooled, Mass, Weights;
        public float Scale;

        protected override void Row(int n, int worker)
        {
            nint start = (nint)n * Width;
            float* z = Z0 + start, p = Pooled + start;
            var (ofZ, ofP, omc) = Compare(z, p, Width);
            float toZ = -Scale * Weights[n] * ofZ, toP = -Scale * Weights[n] * ofP / Mass[n];
            for (int c = 0; c < Width; c++)
            {
                float u = z[c] * ofZ, w = p[c] * ofP;
                DZ0[start + c] += toZ * (w - u + u * omc);
                if (DPooled != null)
                    DPooled[start + c] = toP * (u - w + w * omc);
            }
        }
    }

    /// <summary>dD += M v and dr += (D - p) . v M (1 - M) of one cell.</summary>
    private sealed class CellsBackwardJob : RowsJob
    {
        public float* DFeatures, DLogits, Features, Logits, Pooled, DPooled;
        public int CellsPerSample;

        protected override void Row(int cell, int worker)
        {
            nint start = (nint)cell * Width, sample = (nint)(cell / CellsPerSample) * Width;
            var (m, slope) = Sigmoid(Logits[cell]);
            DLogits[cell] += slope * Reduce<V, O>.DotDifference(DPooled + sample, Features + start, Pooled + sample, Width);
            AddRows<V, O>.Scaled(DFeatures + start, m, DPooled + sample, Width);
        }
    }
}
