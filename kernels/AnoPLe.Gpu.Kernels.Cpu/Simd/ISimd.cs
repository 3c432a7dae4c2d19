namespace AnoPLe.Gpu.Kernels.Cpu.Simd;

/// <summary>
/// Vector operations as a policy. V is the raw vector (so that locals of it live in registers), the implementing struct its operations;
/// kernels are generic over both and the JIT compiles them once per width, with every member below inlined to one instruction or a few.
/// </summary>
internal unsafe interface ISimd<V>
    where V : unmanaged
{
    /// <summary>Floats in one vector.</summary>
    static abstract int N { get; }

    /// <summary>32 vector registers: a 12 x 2 tile of sums fits. Otherwise 16, and 6 x 2 does.</summary>
    static abstract bool ManyRegisters { get; }

    /// <summary>The N floats at p, which need not be aligned.</summary>
    static abstract V Load(float* p);

    /// <summary>Of lanes that hold two bf16 each, the floats of the lower halves.</summary>
    static abstract V LowerHalves(V pairs);

    /// <summary>Of lanes that hold two bf16 each, the floats of the upper halves.</summary>
    static abstract V UpperHalves(V pairs);

    /// <summary>Stores N floats at p, which need not be aligned.</summary>
    static abstract void Store(V v, float* p);

    /// <summary>x in every lane.</summary>
    static abstract V Broadcast(float x);

    /// <summary>a·b + c, fused where the hardware can, else rounded twice.</summary>
    static abstract V MultiplyAdd(V a, V b, V c);

    static abstract V Add(V a, V b);

    static abstract V Subtract(V a, V b);

    static abstract V Multiply(V a, V b);

    static abstract V Divide(V a, V b);

    /// <summary>The larger; b where a comparison with NaN decides on x86, so pass the value that may be NaN second.</summary>
    static abstract V Max(V a, V b);

    /// <summary>The smaller; see <see cref="Max"/> for NaN.</summary>
    static abstract V Min(V a, V b);

    static abstract V Abs(V a);

    static abstract V Sqrt(V a);

    /// <summary>p·2^n for a whole n in [-126, 127]; magic is n + 1.5·2^23, so that its low bits are n.</summary>
    static abstract V ScaleByPowerOfTwo(V p, V n, V magic);

    /// <summary>Sum of the lanes.</summary>
    static abstract float Sum(V a);

    /// <summary>Largest lane.</summary>
    static abstract float MaxAcross(V a);
}
