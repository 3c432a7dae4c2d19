using System.Runtime.CompilerServices;
using ILGPU.Algorithms;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>What a step multiplies with.</summary>
internal struct AdamWFactors
{
    /// <summary>As the contract computes them.</summary>
    public float Shrink, StepSize, RootScale;

    /// <summary>Settings; the last two are 1 - beta, taken in double.</summary>
    public float Epsilon, Beta1, Beta2, New1, New2;
}

/// <summary>One pass, four elements a thread, moved 16 bytes at a time where the tensors' alignment allows; the remaining elements have a thread each.</summary>
internal sealed class AdamW(IlgpuBackend backend) : Ops.AdamW(backend)
{
    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View p, View m, View v, View g, ArrayView<F4> p4, ArrayView<F4> m4, ArrayView<F4> v4,
        ArrayView<F4> g4, int quads, int count, AdamWFactors factors);

    private Launch? update;

    protected override void UpdateCore(Tensor parameters, Tensor firstMoment, Tensor secondMoment, Tensor gradients, in Ops.AdamWStep settings)
    {
        int count = parameters.Count;
        var p4 = parameters.Quads(backend, 4, out bool vectorP);
        var m4 = firstMoment.Quads(backend, 4, out bool vectorM);
        var v4 = secondMoment.Quads(backend, 4, out bool vectorV);
        var g4 = gradients.Quads(backend, 4, out bool vectorG);
        int quads = vectorP && vectorM && vectorV && vectorG ? count / 4 : 0, threads = quads + (count - 4 * quads);
        AdamWFactors factors = new()
        {
            Shrink = Shrink(settings),
            StepSize = StepSize(settings),
            RootScale = RootScale(settings),
            Epsilon = (float)settings.Epsilon,
            Beta1 = (float)settings.Beta1,
            Beta2 = (float)settings.Beta2,
            New1 = (float)(1 - settings.Beta1),
            New2 = (float)(1 - settings.Beta2),
        };
        update ??= backend.Load<Launch>(nameof(AdamW), UpdateKernel);
        update(backend.Stream, ElementGroups.Config(backend, threads), parameters.View(backend), firstMoment.View(backend),
            secondMoment.View(backend), gradients.View(backend), p4, m4, v4, g4, quads, count, factors);
    }

    // The parameter is stored first: it needs both moments, so neither can be read again after it was overwritten.
    [Kernel]
    private static void UpdateKernel(View p, View m, View v, View g, ArrayView<F4> p4, ArrayView<F4> m4, ArrayView<F4> v4, ArrayView<F4> g4, int quads, int count,
        AdamWFactors f)
    {
        int thread = ElementGroups.Element, i = thread + 3 * quads;      // i: 4 quads elements are before the first single one
        if (thread < quads)
        {
            F4 parameter = p4[thread], gradient = g4[thread], first = First(m4[thread], gradient, f), second = Second(v4[thread], gradient, f);
            p4[thread] = F4.Of(Moved(parameter.X, first.X, second.X, f), Moved(parameter.Y, first.Y, second.Y, f), Moved(parameter.Z, first.Z, second.Z, f),
                Moved(parameter.W, first.W, second.W, f));
            m4[thread] = first;
            v4[thread] = second;
        }
        else if (i < count)
        {
            float gradient = g[i], first = First(m[i], gradient, f), second = Second(v[i], gradient, f);
            p[i] = Moved(p[i], first, second, f);
            m[i] = first;
            v[i] = second;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float First(float m, float g, AdamWFactors f) => f.Beta1 * m + f.New1 * g;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static F4 First(F4 m, F4 g, AdamWFactors f) => F4.Of(First(m.X, g.X, f), First(m.Y, g.Y, f), First(m.Z, g.Z, f), First(m.W, g.W, f));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Second(float v, float g, AdamWFactors f) => f.Beta2 * v + f.New2 * g * g;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static F4 Second(F4 v, F4 g, AdamWFactors f) => F4.Of(Second(v.X, g.X, f), Second(v.Y, g.Y, f), Second(v.Z, g.Z, f), Second(v.W, g.W, f));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Moved(float p, float m, float v, AdamWFactors f) => p * f.Shrink - f.StepSize * m / (XMath.Sqrt(v) * f.RootScale + f.Epsilon);
}
