using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Two reductions of a row: its length, and its product with the difference of the two text rows.</summary>
internal sealed unsafe class CosineLogits<V, O>(CpuBackend backend) : Ops.CosineLogits(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private readonly ForwardJob forward = new();

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
    protected override void BackwardInputCore(Tensor dx, Tensor dlogits, Tensor x, Tensor text, Tensor classes, float tau) => throw new NotSupportedException("not there yet");

    /// <inheritdoc/>
    protected override void BackwardTextCore(Tensor dtext, Tensor dlogits, Tensor x, Tensor classes, float tau) => throw new NotSupportedException("not there yet");

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
}
