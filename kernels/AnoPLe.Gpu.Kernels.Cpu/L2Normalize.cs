using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Sum of squares of a row, then the row times its reciprocal root.</summary>
internal sealed unsafe class L2Normalize<V, O>(CpuBackend backend) : Ops.L2Normalize(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private readonly ForwardJob forward = new();
    private readonly BackwardInputJob backwardInput = new();

    /// <inheritdoc/>
    protected override void ForwardCore(Tensor y, Tensor x)
    {
        forward.Y = y.Floats();
        forward.X = x.Floats();
        forward.SetRows(x.Rows, x.Width, backend.Threads);
        backend.Run(forward, y, x);
    }

    /// <inheritdoc/>
    protected override void BackwardInputCore(Tensor dx, Tensor dy, Tensor x)
    {
        backwardInput.DX = dx.Floats();
        backwardInput.DY = dy.Floats();
        backwardInput.X = x.Floats();
        backwardInput.SetRows(x.Rows, x.Width, backend.Threads);
        backend.Run(backwardInput, dx, dy, x);
    }

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

    private sealed class BackwardInputJob : RowsJob
    {
        public float* DX, DY, X;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void Row(int row, int worker)
        {
            int C = Width, i;
            float* x = X + (nint)row * C, dy = DY + (nint)row * C, dx = DX + (nint)row * C;
            float scale = 1f / MathF.Sqrt(Reduce<V, O>.SumOfSquares(x, C, centre: 0) + Epsilon);
            float along = scale * (scale * Reduce<V, O>.Dot(x, dy, C)); // x times this is y (y . dy)
            V r = O.Broadcast(scale), a = O.Broadcast(-along);
            for (i = 0; i <= C - O.N; i += O.N)
                O.Store(O.MultiplyAdd(r, O.MultiplyAdd(a, O.Load(x + i), O.Load(dy + i)), O.Load(dx + i)), dx + i);
            for (; i < C; i++)
                dx[i] += scale * (dy[i] - along * x[i]);
        }
    }
}
