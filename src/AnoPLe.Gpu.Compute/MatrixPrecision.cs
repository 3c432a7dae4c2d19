namespace AnoPLe.Gpu.Compute;

/// <summary>What the matrix products of linear layers, and on GPUs those of attention, compute in; everything else is fp32.</summary>
public enum MatrixPrecision
{
    /// <summary>32-bit floats.</summary>
    Fp32,

    /// <summary>
    /// Factors rounded to bf16 (8 bits of mantissa), sums in 32-bit floats. On GPUs both factors: tensor cores. On the processor the weights alone, which then take half
    /// the memory.
    /// </summary>
    Bf16,

    /// <summary>Factors rounded to fp16 (11 bits of mantissa), sums in 32-bit floats: tensor cores. What exceeds 65504 becomes infinite.</summary>
    Fp16,

    /// <summary>
    /// Factors of linear layers rounded to tf32 (11 bits of mantissa, the exponent of fp32), sums in 32-bit floats: tensor cores. Attention stays in fp32. It is what PyTorch
    /// and cuBLAS mean by tf32.
    /// </summary>
    Tf32,
}
