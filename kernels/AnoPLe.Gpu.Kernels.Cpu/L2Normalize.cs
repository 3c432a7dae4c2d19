using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Sum of squares of a row, then the row times its reciprocal root.</summary>
internal sealed unsafe class L2Normalize<V, O>(CpuBackend backend) : Ops.L2Normalize(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private readonly ForwardJob forward = new();

    /// <inheritdoc/>
    protected override void ForwardCore(Tensor y, Tensor x)
    {
        forward.Y = y.Floats();
        forward.X = x.Floats();
        forward.SetRows(x.Rows, x.Width, backend.Threads);
        backend.Run(forward, y, x);
    }

    /// <inheritdoc/>
    protected override void BackwardInputCore(Tensor dx, Tensor dy, Tensor x) => throw new NotSupportedException("not there yet");

    private sealed class ForwardJob : RowsJob
    {
        public float* Y, X;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void Row(int row, int worker)
        {
            int C = Width, i;
            float* x = X + (nint)row * C, y = Y + (nint)row * C;
            float scale = 1f / MathF.Sqrt(Reduce<V, O>.SumOfSquares(x, C, centre: 0) + Epsilon);
            for (i = 0; i <= C - O.N; i += O.N)
                O.Store(O.Multiply(O.Load(x + i), O.Broadcast(scale)), y + i);
            for (; i < C; i++)
                y[i] = x[i] * scale;
        }
    }
}
