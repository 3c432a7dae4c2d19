namespace AnoPLe.Gpu.Benchmarks.Ort;

/// <summary>One side of the comparison: the same images in, the same numbers out, both in the host's memory.</summary>
internal interface IEncoderSide : IDisposable
{
    /// <summary>Image features, [B, d], of the last run.</summary>
    float[] Features { get; }

    /// <summary>Patch tokens after ln_post, [B, g*g, C], of the last run; empty when not asked for.</summary>
    float[] PatchTokens { get; }

    /// <summary>Encodes the images given when this was made.</summary>
    void Run();
}
