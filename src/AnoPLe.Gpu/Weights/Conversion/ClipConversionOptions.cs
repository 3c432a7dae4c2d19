using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute.Ops;

namespace AnoPLe.Gpu.Weights.Conversion;

/// <summary>How <see cref="ClipConverter.Convert"/> writes a model. The defaults keep every value.</summary>
public sealed record ClipConversionOptions
{
    /// <summary>The model's configuration; its sizes must be those of the tensors. Null infers it, as weights/README.md says.</summary>
    public ClipConfig? Config { get; init; }

    /// <summary>Overrides the activation alone, which no tensor tells. Null leaves it to the configuration.</summary>
    public Activation? Activation { get; init; }

    /// <summary>F32, F16 or BF16 for all tensors. Null keeps the type of each; F64, and parts of different types, become F32.</summary>
    public SafetensorsType? Type { get; init; }

    /// <summary>
    /// Also computes features of a fixed image and a fixed text from the source's values on the processor and stores them, for
    /// <see cref="ClipVerifier.Verify"/> to compute again. It needs the memory of the whole model.
    /// </summary>
    public bool CheckVector { get; init; }
}
