using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>One pass over the four tensors: it is bound by their 28 bytes an element.</summary>
internal sealed unsafe class AdamW<V, O>(CpuBackend backend) : Ops.AdamW(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private const int Cost = 30; // as float operations of an element: mostly moving it

    private readonly UpdateJob update = new();

    /// <inheritdoc/>
    protected override void UpdateCore(Tensor parameters, Tensor firstMoment, Tensor secondMoment, Tensor gradients, in Ops.AdamWStep settings)
    {
        update.Parameters = parameters.Floats();
        update.First = firstMoment.Floats();
        update.Second = secondMoment.Floats();
        update.Gradients = gradients.Floats();
        update.Shrink = Shrink(settings);
        update.StepSize = StepSize(settings);
        update.RootScale = RootScale(settings);
        update.Epsilon = (float)settings.Epsilon;
        update.Beta1 = (float)settings.Beta1;
        update.Beta2 = (float)settings.Beta2;
        update.OneMinusBeta1 = (float)(1 - settings.Beta1);
        update.OneMinusBeta2 = (float)(1 - settings.Beta2);
        update.SetElements(parameters.Count, Cost, backend.Threads);
        backend.Run(update, parameters, firstMoment, secondMoment, gradients);
    }

    private sealed class UpdateJob : ElementsJob
    {
        public float* Parameters, First, Second, Gradients;
        public float Shrink, StepSize, RootScale, Epsilon, Beta1, Beta2, OneMinusBeta1, OneMinusBeta2;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void Elements(nint start, nint count)
        {
            float* p = Parameters + start, m = First + start, v = Second + start, g = Gradients + start;
            V shrink = O.Broadcast(Shrink), step = O.Broadcast(-StepSize), rootScale = O.Broadcast(RootScale), epsilon = O.Broadcast(Epsilon);
            V beta1 = O.Broadcast(Beta1), beta2 = O.Broadcast(Beta2), new1 = O.Broadcast(OneMinusBeta1), new2 = O.Broadcast(OneMinusBeta2);
            for (nint i = 0; i < count; i += O.N)
            {
                V gradient = O.Load(g + i);
                V first = O.MultiplyAdd(new1, gradient, O.Multiply(beta1, O.Load(m + i)));
                V second = O.MultiplyAdd(O.Multiply(new2, gradient), gradient, O.Multiply(beta2, O.Load(v + i)));
                V moved = O.Divide(O.Multiply(step, first), O.MultiplyAdd(O.Sqrt(second), rootScale, epsilon));
                V parameter = O.MultiplyAdd(O.Load(p + i), shrink, moved);
                Elementwise<V, O>.StoreAtMost(first, m + i, count - i);
                Elementwise<V, O>.StoreAtMost(second, v + i, count - i);
                Elementwise<V, O>.StoreAtMost(parameter, p + i, count - i);
            }
        }
    }
}
