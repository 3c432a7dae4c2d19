using System.Globalization;
using System.Text.Json;
using AnoPLe.Gpu.Parameters;
using AnoPLe.Gpu.Scoring;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Training;

/// <summary>
/// The state of a training between two steps: safetensors with param/NAME, adam.m/NAME and adam.v/NAME, and metadata that identify the
/// training. Written under a temporary name and renamed, so that a cut-off write leaves the earlier checkpoint.
/// </summary>
internal static class CheckpointFile
{
    private const string Format = "anople-checkpoint";
    private const string Version = "1";
    private static readonly string[] Parts = ["param/", "adam.m/", "adam.v/"];

    /// <summary>Writes the state.</summary>
    public static void Save(string path, TrainingRun run, ParameterStore parameters)
    {
        var metadata = Identity(run);
        metadata["step"] = run.Step.ToString(CultureInfo.InvariantCulture);
        metadata["losses"] = TrainingJson.Text(run.History.ToArray());
        using var writer = SafetensorsWriter.Create(path, [.. Parts.SelectMany(part => parameters.Declarations.Select(declaration =>
            new SafetensorsDeclaration(part + declaration.Name, SafetensorsType.F32, declaration.Shape)))], metadata);
        foreach (string part in Parts)
            foreach (var declaration in parameters.Declarations)
                writer.Write(part + declaration.Name, parameters.Backend.Download(Tensor(parameters, part, declaration.Name)));
        writer.Commit();
    }

    /// <summary>Brings a training to the state of a file.</summary>
    /// <exception cref="InvalidDataException">Damaged, or of another training: other images, options or weights.</exception>
    public static void Load(string path, TrainingRun run, ParameterStore parameters)
    {
        using var file = SafetensorsFile.Open(path);
        var read = new DetectorFileReader(path, file.Metadata, "a checkpoint", "Delete it to train from the beginning");
        foreach (var (field, expected) in Identity(run))
            read.Check(read.Text(field) == expected, $"belongs to another training: its {field} is {Shorten(read.Text(field))}, this one's is {Shorten(expected)}. " +
                "Go on with the same options and images, or choose another checkpoint file");
        int step = read.Json("step", DetectorJson.Default.Int32);
        StepLosses[] losses = read.Parsed("losses", TrainingJson.Losses);
        read.Check(step >= 0 && step <= run.Steps && losses.Length == step, $"is at step {step} with {losses.Length} losses, expected 0 to {run.Steps} and as many");
        // Everything is read and checked before anything is changed.
        List<(Compute.Tensor Tensor, float[] Values)> values = [];
        foreach (string part in Parts)
            foreach (var declaration in parameters.Declarations)
                values.Add((Tensor(parameters, part, declaration.Name), read.Floats(file, part + declaration.Name, declaration.Shape)));
        foreach (var (tensor, floats) in values)
            parameters.Backend.Write(tensor, floats);
        foreach (var loss in losses)
            run.Add(loss);
    }

    private static Dictionary<string, string> Identity(TrainingRun run) => new()
    {
        ["format"] = Format,
        ["version"] = Version,
        ["weights_sha256"] = run.WeightsHash,
        ["class_names"] = JsonSerializer.Serialize(run.ClassNames),
        ["shots"] = JsonSerializer.Serialize(run.Shots),
        ["options"] = TrainingJson.Text(run.Options),
    };

    private static Compute.Tensor Tensor(ParameterStore parameters, string part, string name) => part switch
    {
        "param/" => parameters.Value(name),
        "adam.m/" => parameters.Moments(name).First,
        _ => parameters.Moments(name).Second,
    };

    private static string Shorten(string text) => text.Length <= 300 ? text : text[..300] + "...";
}
