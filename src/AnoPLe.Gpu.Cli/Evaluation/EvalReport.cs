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
/// <param name="Methods">What was compared, with all options of the trainings.</param>
/// <param name="Planned">Runs in all.</param>
/// <param name="Complete">Whether all of them are in it. Not so after cancellation, or when a training diverged.</param>
/// <param name="Runs">One per category, number of shots, method and seed.</param>
/// <param name="Summary">Mean and deviation over the seeds, per category, number of shots and method; then the mean over the categories.</param>
/// <param name="Skipped">Test images that could not be read.</param>
/// <param name="Failed">Runs without a result.</param>
internal sealed record EvalReport(string Version, string Data, DatasetLayout Layout, ModelJson Model, IReadOnlyList<EvalMethod> Methods, int Planned, bool Complete,
    IReadOnlyList<EvalRun> Runs, IReadOnlyList<EvalSummary> Summary, IReadOnlyList<SkippedImage> Skipped, IReadOnlyList<FailedRun> Failed)
{
    /// <summary>Name of the row that averages the categories.</summary>
    public const string Mean = "mean";
}

/// <summary>One detector on one category's test images.</summary>
/// <param name="Category">Class name.</param>
/// <param name="Method">Name of the method.</param>
/// <param name="Shots">Normal images it was made of.</param>
/// <param name="Seed">Which drew them and seeded the training.</param>
/// <param name="Fitted">Their names and hashes.</param>
/// <param name="Calibration">Threshold and where it comes from.</param>
/// <param name="Image">Metrics of image scores.</param>
/// <param name="TextAuroc">I-AUROC of the text score alone.</param>
/// <param name="Pixel">Metrics of maps against masks.</param>
/// <param name="Images">Score by score.</param>
/// <param name="Steps">Optimiser steps; 0 when nothing was trained.</param>
/// <param name="StepsPerEpoch">Of them, those of one pass over the images; 0 when nothing was trained.</param>
/// <param name="SecondsPerStep">NaN for fewer than two steps.</param>
/// <param name="EpochLosses">Mean losses of every epoch.</param>
internal sealed record EvalRun(string Category, string Method, int Shots, int Seed, IReadOnlyList<FittedImage> Fitted, Calibration Calibration,
    ImageMetrics Image, double TextAuroc, PixelMetricValues Pixel, IReadOnlyList<ScoredImage> Images, int Steps, int StepsPerEpoch, double SecondsPerStep,
    IReadOnlyList<LossJson> EpochLosses)
{
    /// <summary>The numbers of the table.</summary>
    public MetricRow Row => new(Image.Auroc, Pixel.Auroc, Pixel.Aupro, Pixel.AveragePrecision, Pixel.F1Max.Value, Image.AveragePrecision, Image.F1Max.Value);
}

/// <summary>A normal image that a detector was made of.</summary>
internal sealed record FittedImage(string Name, string Sha256);

/// <summary>The score of one test image.</summary>
internal sealed record ScoredImage(string Name, ImageLabel Label, string DefectType, float Score, Decision Decision, float TextScore);

/// <summary>A test image that was left out, and why.</summary>
internal sealed record SkippedImage(string Name, string Reason);

/// <summary>A run whose training did not end, and why.</summary>
internal sealed record FailedRun(string Category, string Method, int Shots, int Seed, string Reason);

/// <summary>Mean and sample standard deviation over the seeds; the deviation is NaN for a single seed.</summary>
internal sealed record EvalSummary(string Category, string Method, int Shots, int Seeds, MetricRow Mean, MetricRow Deviation);

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
