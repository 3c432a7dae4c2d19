namespace AnoPLe.Gpu.Compute;

/// <summary>What the matrix products of linear layers compute in; everything else is fp32.</summary>
public enum MatrixPrecision
{
    /// <summary>32-bit floats.</summary>
    Fp32,

    /// <summary>Both factors rounded to bf16, sums in 32-bit floats: tensor cores.</summary>
    Bf16,
}
