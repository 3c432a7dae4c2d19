using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Weights.Checkpoints;
using AnoPLe.Gpu.Weights.Conversion;

namespace AnoPLe.Gpu.Weights;

/// <summary>What a checkpoint of any form holds and whether it is a CLIP model: everything that `anople weights inspect` prints.</summary>
/// <param name="Path">The file, or the folder or index of several.</param>
/// <param name="Format">Its form: "safetensors", "PyTorch zip", "TorchScript" and so on, as <see cref="Checkpoint.Format"/>.</param>
/// <param name="FileBytes">Its size, with all shards.</param>
/// <param name="Metadata">The free text of its header, or the plain values beside the tensors.</param>
/// <param name="Tensors">All tensors under the file's own names, in the order of the file.</param>
/// <param name="Naming">The scheme of its names, or null when they are not CLIP's.</param>
/// <param name="Config">The model's configuration, or null when <see cref="Problem"/> says why it is none.</param>
/// <param name="Notes">What was assumed or ignored.</param>
/// <param name="Unexpected">Tensors that belong to no CLIP model; they are ignored.</param>
/// <param name="Problem">Why <see cref="ClipWeights.Load"/> and <see cref="ClipConverter.Convert"/> would refuse the tensors, or null.</param>
/// <param name="NextStep">The command that makes a safetensors file of it, or null for what is one already.</param>
public sealed record WeightsReport(
    string Path,
    string Format,
    long FileBytes,
    IReadOnlyDictionary<string, string> Metadata,
    IReadOnlyList<CheckpointTensor> Tensors,
    ClipNaming? Naming,
    ClipConfig? Config,
    IReadOnlyList<string> Notes,
    IReadOnlyList<string> Unexpected,
    string? Problem,
    string? NextStep)
{
    /// <summary>Elements of all tensors.</summary>
    public long Parameters => Tensors.Sum(tensor => tensor.Count);

    /// <summary>Element types in the file and the bytes of each, largest first.</summary>
    public IReadOnlyList<(SafetensorsType Type, long Bytes)> Types =>
        [.. Tensors.GroupBy(tensor => tensor.Type, (type, all) => (type, all.Sum(tensor => tensor.ByteLength))).OrderByDescending(pair => pair.Item2).ThenBy(pair => pair.type)];

    /// <summary>Reads what the file says about its tensors; values are not read.</summary>
    /// <param name="path">A checkpoint of any form and content.</param>
    /// <param name="expected">Judge it as <see cref="ClipWeights.Load"/> would with this configuration.</param>
    /// <exception cref="FileNotFoundException">No such file.</exception>
    /// <exception cref="DirectoryNotFoundException">No such folder.</exception>
    /// <exception cref="InvalidDataException">No checkpoint, or a damaged one. A sound one of another model is reported, not thrown.</exception>
    public static WeightsReport Read(string path, ClipConfig? expected = null)
    {
        using Checkpoint checkpoint = Checkpoint.Open(path);
        ClipNaming? naming = null;
        ClipConfig? config = null;
        List<string> notes = [];
        IReadOnlyList<string> unexpected = [];
        string? problem = null;
        try
        {
            ClipLayout layout = new(path, checkpoint.Metadata, checkpoint.Tensors);
            naming = layout.Naming;
            config = ClipWeightsFile.Check(layout, expected, notes);
            unexpected = layout.Unexpected(ClipTensors.All(config).Select(tensor => tensor.Name));
        }
        catch (InvalidDataException e)
        {
            problem = e.Message;
        }
        string? next = checkpoint is SafetensorsCheckpoint ? null : ConvertCommand.For(path, raw: problem is not null);
        return new WeightsReport(path, checkpoint.Format, CheckpointFiles.Of(checkpoint).Bytes, checkpoint.Metadata, checkpoint.Tensors, naming, config, notes,
            unexpected, problem, next);
    }

    /// <summary>Reads every value of a checkpoint and lists the tensors that hold NaN or an infinity.</summary>
    /// <param name="path">A checkpoint of any form.</param>
    /// <param name="progress">Gets the number of tensors that are done.</param>
    /// <param name="cancellationToken">Stops between tensors.</param>
    /// <exception cref="InvalidDataException">No checkpoint, a damaged one, or a tensor of more than 2^31-1 bytes.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static IReadOnlyList<string> NonFinite(string path, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        using Checkpoint checkpoint = Checkpoint.Open(path);
        return CheckpointBytes.NonFinite(checkpoint, progress, cancellationToken);
    }
}
