using System.Globalization;
using System.Text.Json;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Scoring;

/// <summary>
/// A detector's file: safetensors with tensors bank.0.LAYER (M, C) and text.0 (2, d), and metadata. Nothing in it is executed, and it is
/// validated whole before a detector is made of it.
/// </summary>
internal static class DetectorFile
{
    private const string Format = "anople-detector";
    private const int Version = 1;

    // What Preprocessing does to an image; a file made with anything else would not fit.
    private const string PreprocessingName = "pillow-bicubic whole-image clip-mean-std";

    /// <summary>Writes the file under a temporary name and renames it.</summary>
    public static void Save(string path, DetectorState state)
    {
        var metadata = new Dictionary<string, string>
        {
            ["format"] = Format,
            ["version"] = Version.ToString(CultureInfo.InvariantCulture),
            ["class_names"] = JsonSerializer.Serialize(new[] { state.ClassName }),
            ["weights_sha256"] = state.WeightsHash,
            ["memory_layers"] = JsonSerializer.Serialize(state.Layers),
            ["smooth_sigma"] = Text(state.SmoothSigma),
            ["threshold"] = Text(state.Calibration.Threshold),
            ["threshold_source"] = state.Calibration.Source,
            ["normal_scores"] = JsonSerializer.Serialize(state.Calibration.NormalScores),
            ["shots"] = JsonSerializer.Serialize(state.Shots),
            ["preprocessing"] = PreprocessingName,
        };
        int C = state.VisionWidth, d = state.TextFeatures.Length / 2;
        List<SafetensorsDeclaration> tensors = [new("text.0", SafetensorsType.F32, 2, d)];
        for (int l = 0; l < state.Layers.Count; l++)
            tensors.Add(new(BankName(state.Layers[l]), SafetensorsType.F32, state.BankRows[l].Length / C, C));
        using var writer = SafetensorsWriter.Create(path, tensors, metadata);
        writer.Write("text.0", state.TextFeatures);
        for (int l = 0; l < state.Layers.Count; l++)
            writer.Write(BankName(state.Layers[l]), state.BankRows[l]);
        writer.Commit();
    }

    /// <summary>Reads and checks a file against the model it is to run with.</summary>
    public static DetectorState Load(string path, ClipModel clip)
    {
        using var file = SafetensorsFile.Open(path);
        var read = new DetectorFileReader(path, file.Metadata);
        read.Check(read.Text("format") == Format, $"is not a detector (its format is '{read.Text("format")}', expected '{Format}')");
        int version = read.Json<int>("version");
        read.Check(version == Version, $"has format version {version}, this program reads {Version}: update it, or fit the detector again");
        string hash = read.Text("weights_sha256");
        read.Check(hash == clip.WeightsHash,
            $"was made with other CLIP weights (SHA-256 {hash}, the loaded ones have {clip.WeightsHash}): load those weights, or fit the detector again");
        read.Check(read.Text("preprocessing") == PreprocessingName,
            $"was made with another preprocessing ('{read.Text("preprocessing")}', this program does '{PreprocessingName}'): fit the detector again");
        int C = clip.Config.VisionWidth, d = clip.Config.EmbedDim;
        int[] layers = read.Json<int[]>("memory_layers");
        read.Check(layers.Length > 0 && layers.All(l => l >= 1 && l <= clip.Config.VisionLayers) && layers.SequenceEqual(layers.Distinct().Order()),
            $"has memory layers [{string.Join(", ", layers)}], expected ascending blocks of 1 to {clip.Config.VisionLayers}");
        string[] names = read.Json<string[]>("class_names");
        read.Check(names.Length == 1, $"has {names.Length} classes, expected 1");
        return new DetectorState
        {
            ClassName = names[0],
            WeightsHash = hash,
            Layers = layers,
            BankRows = [.. layers.Select(layer => read.Rows(file, BankName(layer), C))],
            VisionWidth = C,
            TextFeatures = read.Rows(file, "text.0", d, rows: 2),
            SmoothSigma = read.SmoothSigma(),
            Calibration = new(read.Number("threshold"), read.Text("threshold_source"), read.Json<float[]>("normal_scores")),
            Shots = read.Json<Shot[]>("shots"),
        };
    }

    private static string BankName(int layer) => $"bank.0.{layer}";

    private static string Text(float value) => value.ToString("R", CultureInfo.InvariantCulture);
}
