using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Two reductions of a row: its length, and its product with the difference of the two text rows.</summary>
internal sealed unsafe class CosineLogits<V, O>(CpuBackend backend) : Ops.CosineLogits(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private readonly ForwardJob forward = new();
    private readonly BackwardInputJob backwardInput = new();
    private readonly UnitRowSumsJob unitRowSums = new(backend.CreateWorkspace(1));
    private readonly BackwardTextJob backwardText = new();

    /// <inheritdoc/>
    protected override void ForwardCore(Tensor logits, Tensor x, Tensor text, Tensor classes, float tau)
    {
        forward.Logits = logits.Floats();
        forward.X = x.Floats();
        forward.Text = text.Floats();
        forward.Classes = classes.Indices(text.Shape[0] / 2);
        forward.RowsPerSample = x.Rows / classes.Count;
        forward.Tau = tau;
        forward.SetRows(x.Rows, x.Width, backend.Threads);
        backend.Run(forward, logits, x, text, classes);
    }

    /// <inheritdoc/>
    protected override void BackwardInputCore(Tensor dx, Tensor dlogits, Tensor x, Tensor text, Tensor classes, float tau)
    {
        backwardInput.DX = dx.Floats();
        backwardInput.DLogits = dlogits.Floats();
        backwardInput.X = x.Floats();
        backwardInput.Text = text.Floats();
        backwardInput.Classes = classes.Indices(text.Shape[0] / 2);
        backwardInput.RowsPerSample = x.Rows / classes.Count;
        backwardInput.Tau = tau;
        backwardInput.SetRows(x.Rows, x.Width, backend.Threads);
        backend.Run(backwardInput, dx, dlogits, x, text, classes);
    }

    /// <inheritdoc/>
    protected override void BackwardTextCore(Tensor dtext, Tensor dlogits, Tensor x, Tensor classes, float tau)
    {
        unitRowSums.X = x.Floats();
        unitRowSums.DLogits = dlogits.Floats();
        unitRowSums.Tau = tau;
        unitRowSums.SetSizes(classes.Count, x.Rows / classes.Count, x.Width, backend.Threads);
        backwardText.DText = dtext.Floats();
        backwardText.Classes = classes.Indices(dtext.Shape[0] / 2);
        backwardText.Sums = unitRowSums.Sums;
        backwardText.SetSizes(dtext.Shape[0] / 2, classes.Count, unitRowSums.ChunksPerSample, x.Width);
        backend.Run(unitRowSums, dlogits, x);
        backend.Run(backwardText, dtext, classes);
    }

    private sealed class ForwardJob : RowsJob
    {
        public float* Logits, X, Text;
        public int* Classes;
        public int RowsPerSample;
        public float Tau;

        protected override void Row(int row, int worker)
        {
            int C = Width;
            float* x = X + (nint)row * C, normal = Text + 2 * (nint)Classes[row / RowsPerSample] * C, abnormal = normal + C;
            float length = MathF.Sqrt(Reduce<V, O>.SumOfSquares(x, C, centre: 0) + Ops.L2Normalize.Epsilon);
            Logits[row] = Tau * Reduce<V, O>.DotDifference(x, abnormal, normal, C) / length;
        }
    }

    /// <summary>dx += tau dlogit r (d - unit(x) (unit(x) . d)) with d = w_abnormal - w_normal and r = 1 / |x|.</summary>
    private sealed class BackwardInputJob : RowsJob
    {
        public float* DX, DLogits, X, Text;
        public int* Classes;
        public int RowsPerSample;
        public float Tau;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void Row(int row, int worker)
        {
            int C = Width, i;
            float* x = X + (nint)row * C, dx = DX + (nint)row * C;
            float* normal = Text + 2 * (nint)Classes[row / RowsPerSample] * C, abnormal = normal + C;
            float scale = 1f / MathF.Sqrt(Reduce<V, O>.SumOfSquares(x, C, centre: 0) + Ops.L2Normalize.Epsilon);
            float along = scale * (scale * Reduce<V, O>.DotDifference(x, abnormal, normal, C)), factor = Tau * DLogits[row] * scale;
            V a = O.Broadcast(-along), f = O.Broadcast(factor);
            for (i = 0; i <= C - O.N; i += O.N)
            {
                V across = O.MultiplyAdd(a, O.Load(x + i), O.Subtract(O.Load(abnormal + i), O.Load(normal + i)));
                O.Store(O.MultiplyAdd(f, across, O.Load(dx + i)), dx + i);
            }
            for (; i < C; i++)
                dx[i] += factor * (abnormal[i] - normal[i] - along * x[i]);
        }
    }

    /// <summary>Sums of tau dlogit unit(x) over chunks of rows.</summary>
    private sealed class UnitRowSumsJob(Workspace sums) : WeightedRowSumsJob<V, O>(sums)
    {
        public float* DLogits;
        public float Tau;

        protected override float Weight(int row, float* x)
            => Tau * DLogits[row] / MathF.Sqrt(Reduce<V, O>.SumOfSquares(x, C, centre: 0) + Ops.L2Normalize.Epsilon);
    }

    /// <summary>Adds up the chunks of a class's samples. A task is a strip of columns of one class.</summary>
    private sealed class BackwardTextJob : Job
    {
        private const int Strip = 128;

        public float* DText, Sums;
        public int* Classes;
        private int samples, chunksPerSample, C, strips;

        public void SetSizes(int classes, int sampleCount, int chunks, int width)
        {
            (samples, chunksPerSample, C) = (sampleCount, chunks, width);
            strips = (width + Strip - 1) / Strip;
            Tasks = classes * strips;
        }

        [SkipLocalsInit]
        public override void Run(int task, int worker)
        {
            int k = task / strips, column = task % strips * Strip, count = Math.Min(Strip, C - column);
            float* total = stackalloc float[Strip];
            new Span<float>(total, count).Clear();
            for (int n = 0; n < samples; n++)
                for (int chunk = 0; chunk < chunksPerSample && Classes[n] == k; chunk++)
                    AddRows<V, O>.Add(total, Sums + ((nint)n * chunksPerSample + chunk) * C + column, count);
            float* normal = DText + 2 * (nint)k * C + column;
            AddRows<V, O>.Scaled(normal, -1, total, count);
            AddRows<V, O>.Add(normal + C, total, count);
        }
    }
}
