using AnoPLe.Gpu.Kernels.Ilgpu;
using ILGPU;
using ILGPU.Runtime;

namespace AnoPLe.Gpu.Benchmarks.Ceiling;

/// <summary>Products in registers and nothing else: what a device's arithmetic can do at best.</summary>
internal static class CeilingKernels
{
    /// <summary>Independent sums of a thread: as many as hide an instruction's latency.</summary>
    public const int Sums = 16, Fragments = 8;

    /// <summary>Multiply-adds on floats. Every sum approaches 2: no overflow, no denormals.</summary>
    [Kernel]
    public static void Floats(ArrayView<float> result, int steps)
    {
        float a = 0.5f, b = 1f, start = Group.IdxX * 1e-3f;
        F4 p = F4.Of(start, start + 1, start + 2, start + 3), q = F4.Of(start + 4, start + 5, start + 6, start + 7);
        F4 r = F4.Of(start + 8, start + 9, start + 10, start + 11), s = F4.Of(start + 12, start + 13, start + 14, start + 15);
        for (int i = 0; i < steps; i++)
        {
            p = F4.Of(p.X * a + b, p.Y * a + b, p.Z * a + b, p.W * a + b);
            q = F4.Of(q.X * a + b, q.Y * a + b, q.Z * a + b, q.W * a + b);
            r = F4.Of(r.X * a + b, r.Y * a + b, r.Z * a + b, r.W * a + b);
            s = F4.Of(s.X * a + b, s.Y * a + b, s.Z * a + b, s.W * a + b);
        }
        F4 sum = F4.Add(F4.Add(p, q), F4.Add(r, s));
        result[Grid.IdxX * Group.DimX + Group.IdxX] = sum.X + sum.Y + sum.Z + sum.W;
    }

    /// <summary>Products of fragments on tensor cores.</summary>
    [Kernel(typeof(Bf16), Tensor = true)]
    [Kernel(typeof(Fp16), Tensor = true)]
    [Kernel(typeof(Tf32), Tensor = true)]
    public static void Matrices<TFactor>(ArrayView<float> result, int steps)
        where TFactor : struct, IFactor
    {
        uint a = TFactor.Pack(Group.IdxX * 1e-3f, 1f), b = TFactor.Pack(1e-3f, 1e-3f);
        F4 c0 = default, c1 = default, c2 = default, c3 = default, c4 = default, c5 = default, c6 = default, c7 = default;
        for (int i = 0; i < steps; i++)
        {
            c0 = TFactor.MultiplyAdd(c0, a, a, a, a, b, b);
            c1 = TFactor.MultiplyAdd(c1, a, a, a, a, b, b);
            c2 = TFactor.MultiplyAdd(c2, a, a, a, a, b, b);
            c3 = TFactor.MultiplyAdd(c3, a, a, a, a, b, b);
            c4 = TFactor.MultiplyAdd(c4, a, a, a, a, b, b);
            c5 = TFactor.MultiplyAdd(c5, a, a, a, a, b, b);
            c6 = TFactor.MultiplyAdd(c6, a, a, a, a, b, b);
            c7 = TFactor.MultiplyAdd(c7, a, a, a, a, b, b);
        }
        F4 sum = F4.Add(F4.Add(F4.Add(c0, c1), F4.Add(c2, c3)), F4.Add(F4.Add(c4, c5), F4.Add(c6, c7)));
        result[Grid.IdxX * Group.DimX + Group.IdxX] = sum.X + sum.Y + sum.Z + sum.W;
    }
}
