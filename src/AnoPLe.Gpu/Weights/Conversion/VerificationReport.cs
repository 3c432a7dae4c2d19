using AnoPLe.Gpu.Clip;

namespace AnoPLe.Gpu.Weights.Conversion;

/// <summary>What <see cref="ClipVerifier.Verify"/> found.</summary>
/// <param name="Path">The file.</param>
/// <param name="Raw">Whether it is a raw copy: then it need not be a CLIP model, and may hold any values.</param>
/// <param name="Config">The model that it is, or null.</param>
/// <param name="Tensors">Number of tensors.</param>
/// <param name="DataSha256">SHA-256 of its data.</param>
/// <param name="RecordedSha256">What its metadata says, or null when it says nothing.</param>
/// <param name="WeightsHash"><see cref="ClipWeights.Hash"/>, or null when it is no sound model.</param>
/// <param name="NonFinite">Tensors that hold NaN or an infinity.</param>
/// <param name="Comparison">The comparison with a source, or null when none was given.</param>
/// <param name="Check">The features computed again, or null when no device was given.</param>
/// <param name="HasCheckVector">Whether features could be computed again.</param>
/// <param name="Notes">What was assumed or ignored.</param>
/// <param name="Problems">Everything that is wrong, a sentence each; empty for a sound file.</param>
public sealed record VerificationReport(string Path, bool Raw, ClipConfig? Config, int Tensors, string DataSha256, string? RecordedSha256, string? WeightsHash,
    IReadOnlyList<string> NonFinite, SourceComparison? Comparison, CheckResult? Check, bool HasCheckVector, IReadOnlyList<string> Notes, IReadOnlyList<string> Problems);

/// <summary>A file against its source, value by value.</summary>
/// <param name="Source">The source.</param>
/// <param name="Sha256">Its SHA-256.</param>
/// <param name="SameFile">Whether that is the SHA-256 which the file's metadata records; null when it records none.</param>
/// <param name="Tensors">One entry per tensor that was compared, in the order of the file.</param>
/// <param name="Missing">Tensors of the source that the file lacks, and the other way round; only for raw copies.</param>
public sealed record SourceComparison(string Source, string Sha256, bool? SameFile, IReadOnlyList<TensorDifference> Tensors, IReadOnlyList<string> Missing)
{
    /// <summary>Largest absolute difference of a value from the source's.</summary>
    public double MaxDifference => Tensors.Select(tensor => tensor.MaxDifference).DefaultIfEmpty().Max();

    /// <summary>Whether every value is the source's, rounded to the file's type.</summary>
    public bool Same => Missing.Count == 0 && Tensors.All(tensor => tensor.Wrong == 0);
}

/// <summary>One tensor of a file against its source.</summary>
/// <param name="Name">Its name in the file, or the canonical name of a CLIP model's.</param>
/// <param name="Type">Type in the file.</param>
/// <param name="MaxDifference">Largest absolute difference of values, rounding included; infinite where one is no number, NaN for types without values.</param>
/// <param name="Wrong">Elements that are not the source's value rounded to the type, to nearest, ties to even; all of them where type or shape differ.</param>
public sealed record TensorDifference(string Name, SafetensorsType Type, double MaxDifference, long Wrong);

/// <summary>Features that a device computed, against those that the converter computed from the source on the processor.</summary>
/// <param name="Device">Id of the device.</param>
/// <param name="ImageDistance">Distance of the image's unit vectors, 0 to 2.</param>
/// <param name="TextDistance">Distance of the text's unit vectors, 0 to 2.</param>
/// <param name="Tolerance">What is allowed: 0.001 for exact values, more for values rounded to F16 or BF16.</param>
public sealed record CheckResult(string Device, double ImageDistance, double TextDistance, double Tolerance)
{
    /// <summary>Whether both distances are within the tolerance.</summary>
    public bool Passed => ImageDistance <= Tolerance && TextDistance <= Tolerance;
}
