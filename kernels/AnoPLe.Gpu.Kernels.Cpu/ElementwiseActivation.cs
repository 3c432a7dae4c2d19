using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>A vector at a time; the functions themselves are in <see cref="Elementwise{V, O}"/>.</summary>
internal sealed unsafe class ElementwiseActivation<V, O>(CpuBackend backend) : Ops.ElementwiseActivation(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private const int Cost = 40; // float operations of an element, about the same for both functions and their derivatives

    private readonly ActivationJob geluForward = new ForwardJob<Gelu>(), quickGeluForward = new ForwardJob<QuickGelu>();
    private readonly ActivationJob geluBackward = new BackwardInputJob<Gelu>(), quickGeluBackward = new BackwardInputJob<QuickGelu>();

    private interface IFunction
    {
        static abstract V Value(V x);

        static abstract V Slope(V x);
    }

    /// <inheritdoc/>
    protected override void ForwardCore(Tensor y, Tensor x, Ops.Activation activation)
    {
        var job = activation == Ops.Activation.Gelu ? geluForward : quickGeluForward;
        job.Y = y.Floats();
        job.X = x.Floats();
        job.SetElements(x.Count, Cost, backend.Threads);
        backend.Run(job, y, x);
    }

    /// <inheritdoc/>
    protected override void BackwardInputCore(Tensor dx, Tensor dy, Tensor x, Ops.Activation activation)
    {
        var job = activation == Ops.Activation.Gelu ? geluBackward : quickGeluBackward;
        job.Y = dx.Floats();
        job.Dy = dy.Floats();
        job.X = x.Floats();
        job.SetElements(x.Count, Cost, backend.Threads);
        backend.Run(job, dx, dy, x);
    }

    private readonly struct Gelu : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Value(V x) => Elementwise<V, O>.Gelu(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Slope(V x) => Elementwise<V, O>.GeluSlope(x);
    }

    private readonly struct QuickGelu : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Value(V x) => Elementwise<V, O>.QuickGelu(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Slope(V x) => Elementwise<V, O>.QuickGeluSlope(x);
    }

    /// <summary>Y is what is written: y, or dx.</summary>
    private abstract class ActivationJob : ElementsJob
    {
        public float* Y, X, Dy;
    }

    private sealed class ForwardJob<F> : ActivationJob
        where F : struct, IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void Elements(nint start, nint count)
        {
            float* x = X + start, y = Y + start;
            nint i = 0;
            for (; i <= count - O.N; i += O.N)
                O.Store(F.Value(O.Load(x + i)), y + i);
            if (i < count)
                Elementwise<V, O>.StoreFirst(F.Value(O.Load(x + i)), y + i, (int)(count - i));
        }
    }

    private sealed class BackwardInputJob<F> : ActivationJob
        where F : struct, IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void Elements(nint start, nint count)
        {
            float* x = X + start, dy = Dy + start, dx = Y + start;
            nint i = 0;
            for (; i <= count - O.N; i += O.N)
                O.Store(O.Multiply(O.Load(dy + i), F.Slope(O.Load(x + i))), dx + i);
            if (i < count)
                Elementwise<V, O>.StoreFirst(O.Multiply(O.Load(dy + i), F.Slope(O.Load(x + i))), dx + i, (int)(count - i));
        }
    }
}
