using AnoPLe.Gpu.Clip;

namespace AnoPLe.Gpu.Weights;

/// <summary>What a safetensors file holds and whether it is a CLIP model: everything that `anople weights inspect` prints.</summary>
/// <param name="Path">The file.</param>
/// <param name="FileBytes">Its size.</param>
/// <param name="Metadata">The free text of its header.</param>
/// <param name="Tensors">All tensors under the file's own names, in the order of their bytes.</param>
/// <param name="Naming">The scheme of its names, or null when they are not CLIP's.</param>
/// <param name="Config">The model's configuration, or null when <see cref="Problem"/> says why it is none.</param>
/// <param name="Notes">What was assumed or ignored.</param>
/// <param name="Unexpected">Tensors that belong to no CLIP model; they are ignored.</param>
/// <param name="Problem">Why <see cref="ClipWeights.Load"/> would refuse the file, or null.</param>
public sealed record WeightsReport(
    string Path,
    long FileBytes,
    IReadOnlyDictionary<string, string> Metadata,
    IReadOnlyList<SafetensorsTensor> Tensors,
    ClipNaming? Naming,
    ClipConfig? Config,
    IReadOnlyList<string> Notes,
    IReadOnlyList<string> Unexpected,
    string? Problem)
{
    /// <summary>Elements of all tensors.</summary>
    public long Parameters => Tensors.Sum(tensor => tensor.Count);

    /// <summary>Element types in the file and the bytes of each, largest first.</summary>
    public IReadOnlyList<(SafetensorsType Type, long Bytes)> Types =>
        [.. Tensors.GroupBy(tensor => tensor.Type, (type, all) => (type, all.Sum(tensor => tensor.Bytes))).OrderByDescending(pair => pair.Item2).ThenBy(pair => pair.type)];

    /// <summary>Reads the header of a file; values are not read.</summary>
    /// <param name="path">A safetensors file of any content.</param>
    /// <param name="expected">Judge it as <see cref="ClipWeights.Load"/> would with this configuration.</param>
    /// <exception cref="FileNotFoundException">No such file.</exception>
    /// <exception cref="DirectoryNotFoundException">No such folder.</exception>
    /// <exception cref="InvalidDataException">No safetensors file, or a damaged one. A sound file of another model is reported, not thrown.</exception>
    public static WeightsReport Read(string path, ClipConfig? expected = null)
    {
        using SafetensorsFile raw = SafetensorsFile.Open(path);
        ClipNaming? naming = null;
        ClipConfig? config = null;
        List<string> notes = [];
        IReadOnlyList<string> unexpected = [];
        string? problem = null;
        try
        {
            ClipFile file = new(raw);
            naming = file.Naming;
            config = ClipWeightsFile.Check(file, expected, notes);
            unexpected = file.Unexpected(ClipTensors.All(config).Select(tensor => tensor.Name));
        }
        catch (InvalidDataException e)
        {
            problem = e.Message;
        }
        return new WeightsReport(path, raw.FileBytes, raw.Metadata, raw.Tensors, naming, config, notes, unexpected, problem);
    }
}
