using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>A row at a time, with the row's factor; backward, a sum of tensors.</summary>
internal sealed unsafe class LatentNoise<V, O>(CpuBackend backend) : Ops.LatentNoise(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private readonly ForwardJob forward = new();
    private readonly BackwardInputJob backwardInput = new();

    /// <inheritdoc/>
    protected override void ForwardCore(Tensor y, Tensor x, Tensor noise, Tensor? mask, float scale)
    {
        forward.Y = y.Floats();
        forward.X = x.Floats();
        forward.Noise = noise.Floats();
        forward.Mask = mask.FloatsOrNull();
        forward.Scale = scale;
        forward.SetRows(x.Rows, x.Width, backend.Threads);
        backend.Run(forward, y, x, noise, mask);
    }

    /// <inheritdoc/>
    protected override void BackwardInputCore(Tensor dx, Tensor dy)
    {
        backwardInput.Dx = dx.Floats();
        backwardInput.Dy = dy.Floats();
        backwardInput.SetElements(dx.Count, cost: 3, backend.Threads);
        backend.Run(backwardInput, dx, dy);
    }

    private sealed class ForwardJob : RowsJob
    {
        public float* Y, X, Noise, Mask;
        public float Scale;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void Row(int row, int worker)
        {
            int C = Width, i;
            float* x = X + (nint)row * C, y = Y + (nint)row * C, noise = Noise + (nint)row * C;
            float factor = Mask == null ? Scale : Scale * Mask[row];
            for (i = 0; i <= C - O.N; i += O.N)
                O.Store(O.MultiplyAdd(O.Broadcast(factor), O.Load(noise + i), O.Load(x + i)), y + i);
            for (; i < C; i++)
                y[i] = x[i] + factor * noise[i];
        }
    }

    private sealed class BackwardInputJob : ElementsJob
    {
        public float* Dx, Dy;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void Elements(nint start, nint count)
        {
            float* dx = Dx + start, dy = Dy + start;
            nint i = 0;
            for (; i <= count - O.N; i += O.N)
                O.Store(O.Add(O.Load(dx + i), O.Load(dy + i)), dx + i);
            for (; i < count; i++)
                dx[i] += dy[i];
        }
    }
}
