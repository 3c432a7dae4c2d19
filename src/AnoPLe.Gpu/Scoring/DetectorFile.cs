using System.Globalization;
using System.Text.Json;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Scoring;

/// <summary>
/// A detector's file: safetensors with tensors bank.CLASS.LAYER (M, C) and text.CLASS (2, d), of a trained one also what
/// <see cref="TrainedStateFile"/> says, and metadata. Nothing in it is executed, and it is validated whole before a detector is made of it.
/// </summary>
internal static class DetectorFile
{
    private const string Format = "anople-detector";
    private const int Version = 2;
    private const int MostClasses = 10_000;

    // What Preprocessing does to an image; a file made with anything else would not fit.
    private const string PreprocessingName = "pillow-bicubic whole-image clip-mean-std";

    /// <summary>Writes the file under a temporary name and renames it.</summary>
    public static void Save(string path, DetectorState state)
    {
        var metadata = new Dictionary<string, string>
        {
            ["format"] = Format,
            ["version"] = Version.ToString(CultureInfo.InvariantCulture),
            ["class_names"] = JsonSerializer.Serialize(state.Classes.Select(c => c.Name)),
            ["weights_sha256"] = state.WeightsHash,
            ["memory_layers"] = JsonSerializer.Serialize(state.Layers),
            ["smooth_sigma"] = Text(state.SmoothSigma),
            ["thresholds"] = JsonSerializer.Serialize(state.Classes.Select(c => Text(c.Calibration.Threshold))),
            ["threshold_sources"] = JsonSerializer.Serialize(state.Classes.Select(c => c.Calibration.Source)),
            ["normal_scores"] = JsonSerializer.Serialize(state.Classes.Select(c => c.Calibration.NormalScores)),
            ["shots"] = JsonSerializer.Serialize(state.Classes.Select(c => c.Shots)),
            ["preprocessing"] = PreprocessingName,
        };
        int C = state.VisionWidth, K = state.Classes.Count, d = state.TextFeatures.Length / (2 * K);
        List<(SafetensorsDeclaration Declaration, float[] Values)> tensors = [];
        for (int k = 0; k < K; k++)
        {
            tensors.Add((new($"text.{k}", SafetensorsType.F32, 2, d), state.TextFeatures[(2 * k * d)..(2 * (k + 1) * d)]));
            for (int l = 0; l < state.Layers.Count; l++)
            {
                float[] rows = state.Classes[k].BankRows[l];
                tensors.Add((new(BankName(k, state.Layers[l]), SafetensorsType.F32, rows.Length / C, C), rows));
            }
        }
        if (state.Trained is { } trained)
            TrainedStateFile.Write(trained, C, metadata, tensors);
        using var writer = SafetensorsWriter.Create(path, [.. tensors.Select(t => t.Declaration)], metadata);
        foreach (var (declaration, values) in tensors)
            writer.Write(declaration.Name, values);
        writer.Commit();
    }

    /// <summary>Reads and checks a file against the model it is to run with.</summary>
    /// <param name="path">The file.</param>
    /// <param name="clip">The model.</param>
    /// <param name="waitForHash">False to leave <see cref="CheckWeights"/> to the caller, while the hash of the weights is still being computed.</param>
    public static DetectorState Load(string path, ClipModel clip, bool waitForHash)
    {
        using var file = SafetensorsFile.Open(path);
        var read = new DetectorFileReader(path, file.Metadata, "a detector", "Fit or train the detector again");
        read.Check(read.Text("format") == Format, $"is not a detector (its format is '{read.Text("format")}', expected '{Format}')");
        int version = read.Json("version", DetectorJson.Default.Int32);
        read.Check(version == Version, $"has format version {version}, this program reads {Version}: update it, or make the detector again");
        string hash = read.Text("weights_sha256");
        if (waitForHash)
            CheckWeights(path, hash, clip);
        try
        {
            return Read(read, file, hash, clip);
        }
        catch (InvalidDataException) when (!waitForHash)
        {
            // A file for other weights may well not fit; that they are others is the better message.
            CheckWeights(path, hash, clip);
            throw;
        }
    }

    /// <summary>Checks that a detector's weights are those of the model. Waits until their hash is known.</summary>
    /// <exception cref="InvalidDataException">They are others.</exception>
    public static void CheckWeights(string path, string hash, ClipModel clip)
    {
        if (hash != clip.WeightsHash)
            throw new InvalidDataException(
                $"{path} was made with other CLIP weights (SHA-256 {hash}, the loaded ones have {clip.WeightsHash}): load those weights, or make the detector again.");
    }

    private static DetectorState Read(DetectorFileReader read, SafetensorsFile file, string hash, ClipModel clip)
    {
        read.Check(read.Text("preprocessing") == PreprocessingName,
            $"was made with another preprocessing ('{read.Text("preprocessing")}', this program does '{PreprocessingName}'): make the detector again");
        var trained = TrainedStateFile.Read(read, file, clip);
        int[] layers = read.Json("memory_layers", DetectorJson.Default.Int32Array);
        read.Check((layers.Length > 0 || trained is { Options.UseMemoryBank: false }) && layers.All(l => l >= 1 && l <= clip.Config.VisionLayers)
            && layers.SequenceEqual(layers.Distinct().Order()),
            $"has memory layers [{string.Join(", ", layers)}], expected ascending blocks of 1 to {clip.Config.VisionLayers}");
        string[] names = read.Json("class_names", DetectorJson.Default.StringArray);
        read.Check(names.Length is >= 1 and <= MostClasses && names.Distinct().Count() == names.Length, $"has {names.Length} classes, expected 1 to {MostClasses} different ones");
        return new DetectorState
        {
            WeightsHash = hash,
            Layers = layers,
            VisionWidth = clip.Config.VisionWidth,
            TextFeatures = [.. names.SelectMany((_, k) => read.Rows(file, $"text.{k}", clip.Config.EmbedDim, rows: 2))],
            SmoothSigma = read.SmoothSigma(),
            Classes = ReadClasses(read, file, names, layers, clip.Config.VisionWidth),
            Trained = trained,
        };
    }

    private static ClassState[] ReadClasses(DetectorFileReader read, SafetensorsFile file, string[] names, int[] layers, int C)
    {
        string[] thresholds = read.Json("thresholds", DetectorJson.Default.StringArray), sources = read.Json("threshold_sources", DetectorJson.Default.StringArray);
        float[][] scores = read.Json("normal_scores", DetectorJson.Default.SingleArrayArray);
        Shot[][] shots = read.Json("shots", DetectorJson.Default.ShotArrayArray);
        read.Check(thresholds.Length == names.Length && sources.Length == names.Length && scores.Length == names.Length && shots.Length == names.Length,
            $"has {names.Length} classes, {thresholds.Length} thresholds, {sources.Length} sources, {scores.Length} lists of scores and {shots.Length} of shots, expected as many of each");
        return [.. names.Select((name, k) => new ClassState(name, [.. layers.Select(layer => read.Rows(file, BankName(k, layer), C))],
            new(read.Number("thresholds", thresholds[k]), sources[k], scores[k]), shots[k]))];
    }

    private static string BankName(int k, int layer) => $"bank.{k}.{layer}";

    private static string Text(float value) => value.ToString("R", CultureInfo.InvariantCulture);
}
