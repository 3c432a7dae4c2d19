using System.Text.Json.Nodes;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Weights.Checkpoints;

namespace AnoPLe.Gpu.Weights.Conversion;

/// <summary>
/// Makes safetensors files of checkpoints in every form that <see cref="Checkpoint.Open"/> reads. A file is written under a temporary name,
/// flushed and renamed, one tensor in memory at a time; whatever fails leaves nothing, and an existing file as it was.
/// </summary>
public static class ClipConverter
{
    private const int Piece = 1 << 20;

    /// <summary>
    /// Writes a CLIP model under canonical names, after checking that it is a whole one. The metadata records the configuration, the source and the
    /// SHA-256 of the data. Unless values are rounded, <see cref="ClipWeights.Hash"/> is that of the source. The same source and options give the same bytes.
    /// </summary>
    /// <param name="source">A checkpoint: a file, an index of shards, or a folder with one.</param>
    /// <param name="path">The safetensors file to write; replaced if it exists.</param>
    /// <param name="options">Configuration and element type; null for the defaults.</param>
    /// <param name="progress">Stages in thousandths.</param>
    /// <param name="cancellationToken">Stops between pieces; nothing stays.</param>
    /// <exception cref="ArgumentException">A type that is none of the three, a configuration that is not valid, or a source that would be replaced.</exception>
    /// <exception cref="FileNotFoundException">There is no such source.</exception>
    /// <exception cref="DirectoryNotFoundException">A folder does not exist.</exception>
    /// <exception cref="InvalidDataException">A damaged source, no CLIP model, NaN or infinities, or values beyond the range of the type.</exception>
    /// <exception cref="IOException">The disk is full or failed.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static ConversionResult Convert(string source, string path, ClipConversionOptions? options = null, IProgress<WorkProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        options ??= new();
        Require.That(options.Type is null or SafetensorsType.F32 or SafetensorsType.F16 or SafetensorsType.BF16,
            $"Weights are written as F32, F16 or BF16, got {options.Type}.");
        using Checkpoint checkpoint = Checkpoint.Open(source);
        CheckpointFiles files = CheckTarget(checkpoint, path);
        bool toOdd = options.Type is SafetensorsType.F16 or SafetensorsType.BF16;
        using CheckpointWeights weights = CheckpointWeights.Of(checkpoint, options.Config, options.Activation, toOdd);
        List<SafetensorsDeclaration> tensors = [.. weights.Tensors.Select(tensor => new SafetensorsDeclaration(tensor.Name, options.Type ?? Kept(weights, tensor), tensor.Shape))];

        Dictionary<string, string> metadata = ClipMetadata.Of(weights.Config, ConversionMetadata.Name);
        metadata.Add(ConversionMetadata.Conversion, ConversionMetadata.Clip);
        metadata.Add(ConversionMetadata.Config, JsonNode.Parse(weights.Config.ToJson())!.ToJsonString());
        metadata.Add(ConversionMetadata.SourceNaming, weights.Naming.ToString());
        AddSource(metadata, checkpoint, files.Hash(progress, cancellationToken));
        SafetensorsType[] roundedTo = [.. tensors.Where(tensor => weights.TypesOf(tensor.Name).Any(type => Rounds(type, tensor.Type))).Select(tensor => tensor.Type).Distinct()];
        if (options.CheckVector)
        {
            progress?.Report(new WorkProgress("computing the check vector", 0, 1));
            using CheckpointWeights again = CheckpointWeights.Of(checkpoint, weights.Config);
            metadata.Add(ConversionMetadata.Check, CheckVector.Compute(again, CheckVector.ToleranceFor(roundedTo)).ToJson());
        }
        cancellationToken.ThrowIfCancellationRequested();
        using (SafetensorsWriter writer = SafetensorsWriter.CreateSealed(path, tensors, metadata))
        {
            Write(weights, writer, tensors, progress, cancellationToken);
            writer.Commit();
        }
        return Result(path, checkpoint, metadata, weights.Notes, weights.Naming, weights.Config, roundedTo.Length > 0);
    }

    /// <summary>Writes every tensor of a checkpoint with its name, type and values, whatever model it is. The metadata of the source is kept, and records the source.</summary>
    /// <param name="source">A checkpoint: a file, an index of shards, or a folder with one.</param>
    /// <param name="path">The safetensors file to write; replaced if it exists.</param>
    /// <param name="progress">Stages in thousandths.</param>
    /// <param name="cancellationToken">Stops between tensors; nothing stays.</param>
    /// <exception cref="ArgumentException">The source would be replaced.</exception>
    /// <exception cref="InvalidDataException">A damaged source, or a tensor of more than 2^31-1 bytes.</exception>
    /// <inheritdoc cref="Convert" path="/exception[not(@cref='T:System.ArgumentException' or @cref='T:System.IO.InvalidDataException')]"/>
    public static ConversionResult CopyRaw(string source, string path, IProgress<WorkProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        using Checkpoint checkpoint = Checkpoint.Open(source);
        CheckpointFiles files = CheckTarget(checkpoint, path);
        Dictionary<string, string> metadata = new(checkpoint.Metadata)
        {
            ["format"] = "pt",
            [ConversionMetadata.Generator] = ConversionMetadata.Name,
            [ConversionMetadata.Conversion] = ConversionMetadata.Raw,
        };
        AddSource(metadata, checkpoint, files.Hash(progress, cancellationToken));
        Dictionary<string, CheckpointTensor> byName = checkpoint.Tensors.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        StageProgress stage = new("copying tensors", checkpoint.Tensors.Sum(tensor => tensor.ByteLength), progress);
        SafetensorsDeclaration[] tensors = [.. checkpoint.Tensors.Select(tensor => new SafetensorsDeclaration(tensor.Name, tensor.Type, tensor.Shape))];
        using (SafetensorsWriter writer = SafetensorsWriter.CreateSealed(path, tensors, metadata))
        {
            long done = 0;
            byte[] buffer = [];
            foreach (string name in writer.Order)
            {
                cancellationToken.ThrowIfCancellationRequested();
                writer.WriteBytes(name, CheckpointBytes.Read(checkpoint, byName[name], ref buffer));
                stage.Report(done += byName[name].ByteLength);
            }
            writer.Commit();
        }
        return Result(path, checkpoint, metadata, [], null, null, rounded: false);
    }

    private static void Write(CheckpointWeights weights, SafetensorsWriter writer, IReadOnlyList<SafetensorsDeclaration> tensors, IProgress<WorkProgress>? progress,
        CancellationToken cancellation)
    {
        Dictionary<string, SafetensorsType> types = tensors.ToDictionary(tensor => tensor.Name, tensor => tensor.Type, StringComparer.Ordinal);
        Dictionary<string, ClipTensor> byName = weights.Tensors.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        StageProgress stage = new("converting tensors", weights.Tensors.Sum(tensor => (long)tensor.Shape.Count), progress);
        float[] buffer = new float[weights.Tensors.Max(tensor => tensor.Shape.Count)];
        long done = 0;
        foreach (string name in writer.Order)
        {
            cancellation.ThrowIfCancellationRequested();
            Span<float> values = buffer.AsSpan(0, byName[name].Shape.Count);
            weights.Read(byName[name], values);
            CheckRange(weights, name, types[name], values);
            for (int start = 0; start < values.Length; start += Piece)
            {
                cancellation.ThrowIfCancellationRequested();
                ReadOnlySpan<float> piece = values[start..Math.Min(start + Piece, values.Length)];
                writer.Write(name, piece);
                stage.Report(done += piece.Length);
            }
        }
    }

    private static void CheckRange(CheckpointWeights weights, string name, SafetensorsType type, ReadOnlySpan<float> values)
    {
        float overflow = ElementConversion.Overflow(type), largest = 0;
        int count = 0;
        foreach (float value in values)
            if (!(MathF.Abs(value) < overflow))
            {
                count++;
                largest = MathF.Max(largest, MathF.Abs(value));
            }
        // NaN and infinities are an error for every type, and have one message.
        if (!float.IsFinite(largest))
            _ = weights.Floats(name);
        if (count > 0)
            throw new InvalidDataException(FormattableString.Invariant($"{weights.Source}: tensor '{name}' holds {count} values beyond {type}'s range, up to {largest:G6}; ")
                + (type == SafetensorsType.F16 ? "F16 ends at 65504. Write BF16 or F32 (--type bf16, --type f32)." : "Write F32 (--type f32)."));
    }

    // The type that holds all parts: theirs, where it is one that is written and the same for all.
    private static SafetensorsType Kept(CheckpointWeights weights, ClipTensor tensor) =>
        weights.TypesOf(tensor.Name).ToArray() is [(SafetensorsType.F16 or SafetensorsType.BF16) and var only] ? only : SafetensorsType.F32;

    private static bool Rounds(SafetensorsType from, SafetensorsType to) => from != to && (to != SafetensorsType.F32 || from == SafetensorsType.F64);

    private static void AddSource(Dictionary<string, string> metadata, Checkpoint checkpoint, string hash)
    {
        metadata[ConversionMetadata.Source] = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(checkpoint.Path)));
        metadata[ConversionMetadata.SourceHash] = hash;
        metadata[ConversionMetadata.SourceFormat] = checkpoint.Format;
    }

    private static CheckpointFiles CheckTarget(Checkpoint checkpoint, string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        SafetensorsWriter.CheckTarget(path);
        CheckpointFiles files = CheckpointFiles.Of(checkpoint);
        Require.That(!files.Contains(path), $"{path} is the source itself, which is not overwritten. Write to another file.");
        return files;
    }

    private static ConversionResult Result(string path, Checkpoint checkpoint, Dictionary<string, string> metadata, IReadOnlyList<string> notes, ClipNaming? naming,
        ClipConfig? config, bool rounded)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        SafetensorsType[] types = [.. file.Tensors.GroupBy(tensor => tensor.Type).OrderByDescending(group => group.Sum(tensor => tensor.Bytes)).Select(group => group.Key)];
        return new ConversionResult(path, file.FileBytes, checkpoint.Format, metadata[ConversionMetadata.SourceHash], naming, config, file.Tensors.Count,
            file.Tensors.Sum(tensor => tensor.Count), types, rounded, file.Metadata[DataSeal.Key], notes);
    }
}
