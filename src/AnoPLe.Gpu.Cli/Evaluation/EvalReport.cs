using AnoPLe.Gpu.Cli.Commands;
using AnoPLe.Gpu.Datasets;
using AnoPLe.Gpu.Metrics;
using AnoPLe.Gpu.Scoring;

namespace AnoPLe.Gpu.Cli.Evaluation;

/// <summary>All of an evaluation: what results.json holds and --json prints. Undefined numbers are NaN here and null there.</summary>
/// <param name="Version">Of the program.</param>
/// <param name="Data">The dataset's folder.</param>
/// <param name="Layout">Its layout.</param>
/// <param name="Model">Weights and device.</param>
/// <param name="Complete">False when cancelled: only the runs that were finished are in it.</param>
/// <param name="Runs">One per category, number of shots and seed.</param>
/// <param name="Summary">Mean and deviation over the seeds, per category and number of shots; then the mean over the categories.</param>
/// <param name="Skipped">Test images that could not be read.</param>
internal sealed record EvalReport(string Version, string Data, DatasetLayout Layout, ModelJson Model, bool Complete,
    IReadOnlyList<EvalRun> Runs, IReadOnlyList<EvalSummary> Summary, IReadOnlyList<SkippedImage> Skipped)
{
    /// <summary>Name of the row that averages the categories.</summary>
    public const string Mean = "mean";
}

/// <summary>One detector on one category's test images.</summary>
/// <param name="Category">Class name.</param>
/// <param name="Shots">Normal images fitted on.</param>
/// <param name="Seed">Which drew them.</param>
/// <param name="Fitted">Their names and hashes.</param>
/// <param name="Calibration">Threshold and where it comes from.</param>
/// <param name="Image">Metrics of image scores.</param>
/// <param name="TextAuroc">I-AUROC of the zero-shot text score alone.</param>
/// <param name="Pixel">Metrics of maps against masks.</param>
/// <param name="Images">Score by score.</param>
internal sealed record EvalRun(string Category, int Shots, int Seed, IReadOnlyList<FittedImage> Fitted, Calibration Calibration,
    ImageMetrics Image, double TextAuroc, PixelMetricValues Pixel, IReadOnlyList<ScoredImage> Images)
{
    /// <summary>The five numbers of the table.</summary>
    public MetricRow Row => new(Image.Auroc, Pixel.Auroc, Pixel.Aupro, Pixel.AveragePrecision, Pixel.F1Max.Value, Image.AveragePrecision, Image.F1Max.Value);
}

/// <summary>A normal image that was fitted on.</summary>
internal sealed record FittedImage(string Name, string Sha256);

/// <summary>The score of one test image.</summary>
internal sealed record ScoredImage(string Name, ImageLabel Label, string DefectType, float Score, Decision Decision, float TextScore);

/// <summary>A test image that was left out, and why.</summary>
internal sealed record SkippedImage(string Name, string Reason);

/// <summary>Mean and sample standard deviation over the seeds; the deviation is NaN for a single seed.</summary>
internal sealed record EvalSummary(string Category, int Shots, int Seeds, MetricRow Mean, MetricRow Deviation);

/// <summary>The metrics that are compared between runs: of images (I) and of pixels (P).</summary>
internal sealed record MetricRow(double ImageAuroc, double PixelAuroc, double Aupro, double PixelAp, double PixelF1Max, double ImageAp, double ImageF1Max)
{
    /// <summary>In the order of the table: I-AUROC, P-AUROC, AUPRO, P-AP, P-F1-max, then I-AP and I-F1-max.</summary>
    public static MetricRow Of(IReadOnlyList<MetricRow> rows, Func<IReadOnlyList<double>, double> reduce)
    {
        double One(Func<MetricRow, double> pick) => reduce([.. rows.Select(pick)]);
        return new(One(r => r.ImageAuroc), One(r => r.PixelAuroc), One(r => r.Aupro), One(r => r.PixelAp), One(r => r.PixelF1Max),
            One(r => r.ImageAp), One(r => r.ImageF1Max));
    }
}
