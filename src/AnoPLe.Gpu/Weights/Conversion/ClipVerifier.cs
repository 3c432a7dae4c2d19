using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Weights.Checkpoints;

namespace AnoPLe.Gpu.Weights.Conversion;

/// <summary>Reads weights files again and says whether they are what they should be.</summary>
public sealed class ClipVerifier
{
    private readonly string path;
    private readonly IProgress<WorkProgress>? progress;
    private readonly CancellationToken cancellation;
    private readonly List<string> notes = [];
    private readonly List<string> problems = [];

    private ClipVerifier(string path, IProgress<WorkProgress>? progress, CancellationToken cancellation)
    {
        this.path = path;
        this.progress = progress;
        this.cancellation = cancellation;
    }

    /// <summary>
    /// Checks structure, configuration, values and the recorded SHA-256 of a safetensors file, and on request its source and its check vector. What is
    /// wrong with the file is reported, not thrown.
    /// </summary>
    /// <param name="path">A safetensors file, converted here or not.</param>
    /// <param name="options">What else to check; null for nothing.</param>
    /// <param name="progress">Stages in thousandths or tensors.</param>
    /// <param name="cancellationToken">Stops between tensors.</param>
    /// <exception cref="FileNotFoundException">There is no such file or source.</exception>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="InvalidDataException">The file is no safetensors file or damaged in its structure, or the source is.</exception>
    /// <exception cref="DeviceException">The device is not there.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static VerificationReport Verify(string path, VerificationOptions? options = null, IProgress<WorkProgress>? progress = null,
        CancellationToken cancellationToken = default) =>
        new ClipVerifier(path, progress, cancellationToken).Run(options ?? new());

    private VerificationReport Run(VerificationOptions options)
    {
        using SafetensorsCheckpoint file = new(SafetensorsFile.Open(path));
        bool raw = file.Metadata.GetValueOrDefault(ConversionMetadata.Conversion) == ConversionMetadata.Raw;
        string? recorded = file.Metadata.GetValueOrDefault(DataSeal.Key);
        string actual = HashData(recorded);
        ClipConfig? config = CheckModel(raw, file.Metadata);
        IReadOnlyList<string> nonFinite = CheckpointBytes.NonFinite(file, progress, cancellation);
        foreach (string name in nonFinite)
            (raw ? notes : problems).Add($"Tensor {ForeignFormat.Quote(name)} holds NaN or an infinity.");
        bool sound = config is not null && nonFinite.Count == 0;
        SourceComparison? comparison = options.Against is { } source ? Compare(file, source, raw, config) : null;
        string? weightsHash = null;
        CheckResult? check = null;
        if (sound)
            using (ClipWeights weights = ClipWeights.Load(path))
            {
                progress?.Report(new WorkProgress("hashing the model", 0, 1));
                weightsHash = weights.Hash;
            }
        bool hasCheck = file.Metadata.TryGetValue(ConversionMetadata.Check, out string? stored);
        if (options.Device is { } device)
            check = CheckFeatures(device, options.Threads, sound, stored);
        return new VerificationReport(path, raw, config, file.Tensors.Count, actual, recorded, weightsHash, nonFinite, comparison, check, hasCheck, notes, problems);
    }

    private string HashData(string? recorded)
    {
        StageProgress stage = new("hashing the data", new FileInfo(path).Length, progress);
        string actual = DataSeal.Compute(path, stage.Report, cancellation);
        if (recorded is null)
            notes.Add("Its metadata records no SHA-256 of the data, so changed values show only against the source.");
        else if (recorded != actual)
            problems.Add($"Its data has SHA-256 {actual}, its metadata records {ForeignFormat.Quote(recorded)}: "
                + "it was changed or damaged after it was written. Convert or copy it again.");
        return actual;
    }

    // The configuration, or null when the file is no model that could be loaded.
    private ClipConfig? CheckModel(bool raw, IReadOnlyDictionary<string, string> metadata)
    {
        try
        {
            using ClipWeights weights = ClipWeights.Load(path);
            notes.AddRange(weights.Notes);
            if (!raw && metadata.TryGetValue(ConversionMetadata.Config, out string? json)
                && ClipConfig.Parse(json, $"{path}, metadata {ConversionMetadata.Config}") is var written && written != weights.Config)
                problems.Add($"It is read as {weights.Config}, but was written as {written}. A JSON file beside it says otherwise, or its metadata was changed.");
            return weights.Config;
        }
        catch (InvalidDataException e)
        {
            (raw ? notes : problems).Add(e.Message);
            return null;
        }
    }

    private SourceComparison Compare(Checkpoint file, string source, bool raw, ClipConfig? config)
    {
        using Checkpoint original = Checkpoint.Open(source);
        string hash = CheckpointFiles.Of(original).Hash(progress, cancellation);
        string? recorded = file.Metadata.GetValueOrDefault(ConversionMetadata.SourceHash);
        if (recorded is not null && recorded != hash)
            notes.Add($"{source} is another file than the one it was made of, by its SHA-256 {hash}.");
        SourceComparer comparer = new(file, original, progress, cancellation);
        bool tensorByTensor = raw || config is null;
        (IReadOnlyList<TensorDifference> tensors, IReadOnlyList<string> missing) = tensorByTensor ? comparer.Raw() : (comparer.Model(config!), []);
        foreach (TensorDifference tensor in tensors.Where(tensor => tensor.Wrong > 0).Take(10))
            problems.Add(FormattableString.Invariant(
                $"Tensor {ForeignFormat.Quote(tensor.Name)}: {tensor.Wrong} elements are not those of {source} as {tensor.Type}; largest difference {tensor.MaxDifference:G3}."));
        if (tensors.Count(tensor => tensor.Wrong > 0) is > 10 and var all)
            problems.Add($"{all - 10} more tensors differ from {source}.");
        foreach (string name in missing.Take(10))
            problems.Add(name);
        return new SourceComparison(source, hash, recorded is null ? null : recorded == hash, tensors, missing);
    }

    private CheckResult? CheckFeatures(string device, int threads, bool sound, string? stored)
    {
        if (!sound)
            return null;
        if (stored is null)
        {
            problems.Add("It holds no check vector to compute again. Convert the source with --check-vector.");
            return null;
        }
        progress?.Report(new WorkProgress("computing the check vector", 0, 1));
        ClipWeights weights = ClipWeights.Load(path);
        CheckVector expected;
        try
        {
            expected = CheckVector.Parse(stored, path, weights.Config.EmbedDim);
        }
        catch (InvalidDataException e)
        {
            weights.Dispose();
            problems.Add(e.Message);
            return null;
        }
        using Backend backend = Backends.Open(device, threads);
        (double image, double text) = expected.Distances(CheckVector.Compute(weights, backend, expected.Tolerance));
        CheckResult result = new(backend.Device.Id, image, text, expected.Tolerance);
        if (!result.Passed)
            problems.Add(FormattableString.Invariant(
                $"On {result.Device} its features differ from the source's by {image:G3} (image) and {text:G3} (text), expected at most {result.Tolerance:G3}. ")
                + "Either the values or the configuration are not the source's, or the device computes wrongly: --against and 'anople doctor' tell.");
        return result;
    }
}
