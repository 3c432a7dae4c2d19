using System.Globalization;
using AnoPLe.Gpu.Imaging;
using AnoPLe.Gpu.Scoring;

namespace AnoPLe.Gpu.Cli.Evaluation;

/// <summary>
/// Writes panels (image, mask, map, overlay) of many images with one fixed colour scale: from half of the detector's threshold to one and a
/// half times it, so that colours compare between images. The middle of the scale is where an image becomes anomalous; for a trained
/// detector it is where it does if the text score says as much.
/// </summary>
internal sealed class HeatMapFolder
{
    private readonly string folder;
    private readonly HeatMap heatMap;
    private readonly Calibration calibration;
    private readonly bool trained;
    private readonly HashSet<string> used = new(StringComparer.OrdinalIgnoreCase);

    /// <param name="folder">Must exist.</param>
    /// <param name="calibration">The threshold.</param>
    /// <param name="trained">Whether the detector was trained: its score also weighs the text score.</param>
    public HeatMapFolder(string folder, Calibration calibration, bool trained)
    {
        this.folder = folder;
        this.calibration = calibration;
        this.trained = trained;
        heatMap = Scale(calibration);
    }

    /// <summary>The scale in words, for instance "colours from 0.063 (dark) to 0.19 (bright), anomalous above 0.126, the middle".</summary>
    public string Legend => LegendOf(calibration, trained);

    /// <summary>The scale in words.</summary>
    public static string LegendOf(Calibration calibration, bool trained)
    {
        HeatMap scale = Scale(calibration);
        string middle = trained ? " (the score, not the map alone)" : calibration.Threshold > 0 ? ", the middle" : "";
        return string.Create(CultureInfo.InvariantCulture,
            $"colours from {scale.Minimum:G3} (dark) to {scale.Maximum:G3} (bright), anomalous above {calibration.Threshold:G3}{middle}");
    }

    // Maps lie between 0 and 1; a threshold that was set to 0 or below gives no scale.
    private static HeatMap Scale(Calibration calibration) =>
        calibration.Threshold > 0 ? new(0.5f * calibration.Threshold, 1.5f * calibration.Threshold) : new(0, 1);

    /// <summary>Writes the panel of one image and returns its path.</summary>
    /// <param name="name">Name below the category: "test/crack/003.png" becomes "crack_003.png".</param>
    /// <param name="image">The image.</param>
    /// <param name="mask">Ground truth, or null.</param>
    /// <param name="map">Its map.</param>
    public string Write(string name, RgbImage image, Mask? mask, AnomalyMap map)
    {
        string path = Path.Combine(folder, Unique(name) + ".png");
        heatMap.Panel(image, mask, map.Values, map.Width, map.Height).SavePng(path);
        return path;
    }

    private string Unique(string name)
    {
        string stem = Path.ChangeExtension(name.StartsWith("test/", StringComparison.Ordinal) ? name["test/".Length..] : name, null);
        string flat = string.Join('_', stem.Split(['/', '\\', ':'], StringSplitOptions.RemoveEmptyEntries));
        string unique = flat;
        for (int n = 2; !used.Add(unique); n++)
            unique = $"{flat}-{n}";
        return unique;
    }
}
