namespace AnoPLe.Gpu.Weights.Conversion;

/// <summary>What <see cref="ClipVerifier.Verify"/> does beyond reading the file again.</summary>
public sealed record VerificationOptions
{
    /// <summary>A checkpoint in any form to compare with, value by value, or null.</summary>
    public string? Against { get; init; }

    /// <summary>A device as <see cref="Backends.Open"/> names it, on which the check vector is computed again; null for not.</summary>
    public string? Device { get; init; }

    /// <summary>Threads of the processor's device; 0 for all.</summary>
    public int Threads { get; init; }
}
