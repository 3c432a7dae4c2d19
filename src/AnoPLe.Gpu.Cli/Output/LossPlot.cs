using System.Globalization;
using AnoPLe.Gpu.Cli.Evaluation;
using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Legends;
using OxyPlot.Series;

namespace AnoPLe.Gpu.Cli.Output;

/// <summary>
/// Draws how the losses of a training went, as an SVG file that every browser shows. Faint lines are single epochs, which jump with the
/// anomalies that were drawn; strong ones the mean of their surroundings. The scale is logarithmic, since the terms differ by orders.
/// </summary>
internal static class LossPlot
{
    // Enough for the width of a screen; keeps the file small after long trainings.
    private const int MaxPoints = 1000;

    // No-break spaces behind a legend's text: its box is measured for Arial, and a browser's substitute may be wider.
    private const string Room = "\u00A0\u00A0\u00A0\u00A0\u00A0\u00A0";

    // Told apart by colour-blind people too (Okabe and Ito, 2008).
    private static readonly (string Title, OxyColor Colour, Func<LossJson, double> Value)[] Curves =
    [
        ("total", OxyColors.Black, loss => loss.Total),
        ("dice", OxyColor.FromRgb(0x00, 0x72, 0xB2), loss => loss.Dice),
        ("focal", OxyColor.FromRgb(0xD5, 0x5E, 0x00), loss => loss.Focal),
        ("image", OxyColor.FromRgb(0x00, 0x9E, 0x73), loss => loss.Image),
        ("alignment", OxyColor.FromRgb(0xCC, 0x79, 0xA7), loss => loss.Alignment),
    ];

    /// <summary>Writes the file whole or not at all.</summary>
    /// <param name="path">Ends in .svg.</param>
    /// <param name="losses">Per epoch, in order. Values that are not positive numbers leave gaps.</param>
    /// <param name="stepsPerEpoch">Steps that visit every image once, at least 1: for the axis.</param>
    /// <exception cref="DirectoryNotFoundException">The folder does not exist.</exception>
    /// <exception cref="IOException">The file cannot be written; an earlier one of that name is untouched.</exception>
    internal static void Save(string path, IReadOnlyList<LossJson> losses, int stepsPerEpoch)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(stepsPerEpoch, 1);
        OutputFiles.RequireFolderOf(path);
        var plot = new PlotModel
        {
            Title = "Training losses", Background = OxyColors.White, PlotAreaBorderColor = OxyColors.Gray, Culture = CultureInfo.InvariantCulture,
            DefaultFont = "Arial, Helvetica, sans-serif", DefaultFontSize = 14, Padding = new(12, 12, 24, 12),
        };
        plot.Legends.Add(new Legend
        {
            LegendPlacement = LegendPlacement.Outside, LegendPosition = LegendPosition.RightTop, LegendLineSpacing = 6, LegendPadding = 12,
        });
        plot.Axes.Add(Styled(new LinearAxis { Position = AxisPosition.Bottom, Title = EpochTitle(stepsPerEpoch), MinimumPadding = 0, MaximumPadding = 0 }));
        plot.Axes.Add(Styled(new LogarithmicAxis { Position = AxisPosition.Left, Title = "loss" }));
        int stride = Math.Max(1, (losses.Count + MaxPoints - 1) / MaxPoints);
        int window = losses.Count / 40 / stride / 2;
        foreach (var (title, colour, value) in Curves)
        {
            double[] points = [.. losses.Select(value).Chunk(stride).Select(Mean)];
            plot.Series.Add(Line(points, stride, colour, null));
            double[] smooth = [.. points.Select((_, i) => Mean(points[Math.Max(0, i - window)..Math.Min(points.Length, i + window + 1)]))];
            plot.Series.Add(Line(smooth, stride, colour, title));
        }
        OutputFiles.WriteText(path, new SvgExporter { Width = 960, Height = 600 }.ExportToString(plot));
    }

    private static LineSeries Line(double[] values, int stride, OxyColor colour, string? title)
    {
        var line = new LineSeries
        {
            Title = title + Room, RenderInLegend = title is not null, StrokeThickness = title is null ? 1 : 2, Color = title is null ? OxyColor.FromAColor(70, colour) : colour,
        };
        // Epochs count from 1; a point of several epochs stands in their middle.
        line.Points.AddRange(values.Select((value, i) => new DataPoint(1 + (i + 0.5) * stride - 0.5, value)));
        return line;
    }

    private static Axis Styled(Axis axis)
    {
        axis.MajorGridlineStyle = LineStyle.Solid;
        axis.MajorGridlineColor = OxyColor.FromRgb(0xDD, 0xDD, 0xDD);
        axis.TicklineColor = OxyColors.Gray;
        return axis;
    }

    // Of what a logarithmic scale can show.
    private static double Mean(double[] values)
    {
        double[] shown = [.. values.Where(value => value > 0 && double.IsFinite(value))];
        return shown.Length == 0 ? double.NaN : shown.Average();
    }

    private static string EpochTitle(int stepsPerEpoch) =>
        stepsPerEpoch == 1 ? "epoch (one step each)" : string.Create(CultureInfo.InvariantCulture, $"epoch ({stepsPerEpoch} steps each)");
}
