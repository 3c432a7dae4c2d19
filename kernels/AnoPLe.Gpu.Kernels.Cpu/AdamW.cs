using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>One pass over parameters, moments and gradients, a vector at a time.</summary>
internal sealed unsafe class AdamW<V, O>(CpuBackend backend) : Ops.AdamW(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private readonly UpdateJob update = new();

    /// <inheritdoc/>
    protected override void UpdateCore(Tensor parameters, Tensor firstMoment, Tensor secondMoment, Tensor gradients, in Ops.AdamWStep settings)
    {
        update.Parameters = parameters.Floats();
        update.First = firstMoment.Floats();
        update.Second = secondMoment.Floats();
        update.Gradients = gradients.Floats();
        update.Settings = settings;
        update.SetElements(parameters.Count, cost: 24, backend.Threads);
        backend.Run(update, parameters, firstMoment, secondMoment, gradients);
    }

    private sealed class UpdateJob : ElementsJob
    {
        public float* Parameters, First, Second, Gradients;
        public Ops.AdamWStep Settings;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void Elements(nint start, nint count)
        {
            float* theta = Parameters + start, m = First + start, v = Second + start, g = Gradients + start;
            V b1 = O.Broadcast((float)Settings.Beta1), b2 = O.Broadcast((float)Settings.Beta2);
            V c1 = O.Broadcast((float)(1 - Settings.Beta1)), c2 = O.Broadcast((float)(1 - Settings.Beta2));
            V shrink = O.Broadcast(Shrink(Settings)), step = O.Broadcast(-StepSize(Settings)), root = O.Broadcast(RootScale(Settings)), eps = O.Broadcast((float)Settings.Epsilon);
            for (nint i = 0; i < count; i += O.N)
            {
                V gradient = O.Load(g + i);
                V mean = O.MultiplyAdd(O.Load(m + i), b1, O.Multiply(gradient, c1));
                V square = O.MultiplyAdd(O.Load(v + i), b2, O.Multiply(O.Multiply(gradient, gradient), c2));
                V moved = O.MultiplyAdd(step, O.Divide(mean, O.MultiplyAdd(O.Sqrt(square), root, eps)), O.Multiply(O.Load(theta + i), shrink));
                nint lanes = count - i;
                Elementwise<V, O>.StoreAtMost(mean, m + i, lanes);
                Elementwise<V, O>.StoreAtMost(square, v + i, lanes);
                Elementwise<V, O>.StoreAtMost(moved, theta + i, lanes);
            }
        }
    }
}
