namespace AnoPLe.Gpu.Benchmarks.Ort;

/// <summary>One side of the comparison: the same images or texts in, the same numbers out, both in the host's memory.</summary>
internal interface IEncoderSide : IDisposable
{
    /// <summary>Image or text features, [B, d], of the last run.</summary>
    float[] Features { get; }

    /// <summary>Patch tokens after ln_post, [B, g*g, C], of the last run; empty when not asked for, and for texts.</summary>
    float[] PatchTokens { get; }

    /// <summary>Encodes what was given when this was made.</summary>
    void Run();
}
