using System.Globalization;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Decoder;
using AnoPLe.Gpu.Training;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Scoring;

/// <summary>
/// The trained part of a detector's file: tensors prompts.visual.LAYER (m, C), view.signal.0 (C), and the decoder's under their names;
/// metadata with options, steps, losses by epoch and the image temperature.
/// </summary>
internal static class TrainedStateFile
{
    private const string OptionsField = "training_options";
    private const string SignalName = "view.signal.0";

    /// <summary>Adds the trained part to what a file will hold.</summary>
    public static void Write(TrainedState trained, int C, Dictionary<string, string> metadata, List<(SafetensorsDeclaration Declaration, float[] Values)> tensors)
    {
        metadata[OptionsField] = TrainingJson.Text(trained.Options);
        metadata["training_steps"] = trained.Steps.ToString(CultureInfo.InvariantCulture);
        metadata["epoch_losses"] = TrainingJson.Text(trained.EpochLosses);
        metadata["image_temperature"] = trained.ImageTemperature.ToString("R", CultureInfo.InvariantCulture);
        for (int j = 0; j < trained.VisualPrompts.Count; j++)
            tensors.Add((new(PromptName(j), SafetensorsType.F32, trained.VisualPrompts[j].Length / C, C), trained.VisualPrompts[j]));
        if (trained.Signal is { } signal)
            tensors.Add((new(SignalName, SafetensorsType.F32, C), signal));
        int d = trained.Decoder["decoder.out.bias"].Length;
        foreach (var declaration in new DecoderShape(1, C, trained.Options.Hidden, d).Declare())
            tensors.Add((new(declaration.Name, SafetensorsType.F32, declaration.Shape), trained.Decoder[declaration.Name]));
    }

    /// <summary>The trained part of a file, or null when the detector was only fitted.</summary>
    public static TrainedState? Read(DetectorFileReader read, SafetensorsFile file, ClipModel clip)
    {
        if (!read.Has(OptionsField))
            return null;
        var config = clip.Config;
        var options = read.Parsed(OptionsField, TrainingJson.Options);
        try
        {
            options.Validate(config);
        }
        catch (ArgumentException e)
        {
            read.Check(false, $"has training options that do not fit this model: {e.Message.TrimEnd('.')}");
        }
        int depth = options.VisualPromptLength > 0 ? options.DepthFor(config) : 0, steps = read.Json("training_steps", DetectorJson.Default.Int32);
        read.Check(steps >= 0, $"has {steps} training steps, expected 0 or more");
        float temperature = read.Number("image_temperature", read.Text("image_temperature"));
        read.Check(temperature > 0, $"has an image temperature of {temperature}, expected a positive number");
        return new TrainedState
        {
            Options = options,
            VisualPrompts = [.. Enumerable.Range(0, depth).Select(j => read.Floats(file, PromptName(j), new(options.VisualPromptLength, config.VisionWidth)))],
            Signal = options.ViewMode == ViewMode.None ? null : read.Floats(file, SignalName, new(config.VisionWidth)),
            Decoder = new DecoderShape(config.Grid, config.VisionWidth, options.Hidden, config.EmbedDim).Declare()
                .ToDictionary(d => d.Name, d => read.Floats(file, d.Name, d.Shape)),
            ImageTemperature = temperature,
            EpochLosses = read.Parsed("epoch_losses", TrainingJson.Losses),
            Steps = steps,
        };
    }

    private static string PromptName(int layer) => $"prompts.visual.{layer}";
}
