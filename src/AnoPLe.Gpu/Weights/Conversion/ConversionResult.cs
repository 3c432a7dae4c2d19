using AnoPLe.Gpu.Clip;

namespace AnoPLe.Gpu.Weights.Conversion;

/// <summary>What <see cref="ClipConverter"/> read and wrote.</summary>
/// <param name="Path">The file that was written.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="SourceFormat">Form of the source, such as "safetensors", "PyTorch zip" or "TorchScript".</param>
/// <param name="SourceSha256">
/// SHA-256 of the source in lower-case hex. Of an index with shards: of the text that sha256sum prints for the index and the shards in ordinal order,
/// names without folders.
/// </param>
/// <param name="Naming">Scheme of the source's names; null for a raw copy.</param>
/// <param name="Config">The model; null for a raw copy.</param>
/// <param name="Tensors">Number of tensors in the file.</param>
/// <param name="Parameters">Number of their elements.</param>
/// <param name="Types">Element types in the file, the one of most bytes first.</param>
/// <param name="Rounded">Whether values may have been rounded: to F16, to BF16, or from F64.</param>
/// <param name="DataSha256">SHA-256 of the file's data, which its metadata also holds.</param>
/// <param name="Notes">Where activation and heads came from, and what was ignored.</param>
public sealed record ConversionResult(string Path, long Bytes, string SourceFormat, string SourceSha256, ClipNaming? Naming, ClipConfig? Config, int Tensors,
    long Parameters, IReadOnlyList<SafetensorsType> Types, bool Rounded, string DataSha256, IReadOnlyList<string> Notes);
