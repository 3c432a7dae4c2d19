using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Two passes over a row that is in cache: mean, then variance around it; a third writes.</summary>
internal sealed unsafe class LayerNorm<V, O>(CpuBackend backend) : Ops.LayerNorm(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private readonly ForwardJob forward = new();

    /// <inheritdoc/>
    protected override void ForwardCore(Tensor y, Tensor x, Tensor weight, Tensor bias, Tensor? mean, Tensor? rstd)
    {
        forward.Y = y.Floats();
        forward.X = x.Floats();
        forward.Weight = weight.Floats();
        forward.Bias = bias.Floats();
        forward.Mean = mean.FloatsOrNull();
        forward.Rstd = rstd.FloatsOrNull();
        forward.SetRows(x.Rows, x.Width, backend.Threads);
        backend.Run(forward, y, x, weight, bias, mean, rstd);
    }

    /// <inheritdoc/>
    protected override void BackwardInputCore(Tensor dx, Tensor dy, Tensor x, Tensor weight, Tensor mean, Tensor rstd) => throw new NotSupportedException("not there yet");

    /// <inheritdoc/>
    protected override void BackwardParametersCore(Tensor dweight, Tensor dbias, Tensor dy, Tensor x, Tensor mean, Tensor rstd) => throw new NotSupportedException("not there yet");

    private sealed class ForwardJob : RowsJob
    {
        public float* Y, X, Weight, Bias, Mean, Rstd;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void Row(int row, int worker)
        {
            int C = Width, i;
            float* x = X + (nint)row * C, y = Y + (nint)row * C;
            float mean = Reduce<V, O>.Sum(x, C) / C;
            float rstd = 1f / MathF.Sqrt(Reduce<V, O>.SumOfSquares(x, C, mean) / C + Epsilon);
            V m = O.Broadcast(mean), r = O.Broadcast(rstd);
            for (i = 0; i <= C - O.N; i += O.N)
                O.Store(O.MultiplyAdd(O.Multiply(O.Subtract(O.Load(x + i), m), r), O.Load(Weight + i), O.Load(Bias + i)), y + i);
            for (; i < C; i++)
                y[i] = (x[i] - mean) * rstd * Weight[i] + Bias[i];
            if (Mean == null)
                return;
            Mean[row] = mean;
            Rstd[row] = rstd;
        }
    }
}
