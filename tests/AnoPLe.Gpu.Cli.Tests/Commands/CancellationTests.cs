using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using AnoPLe.Gpu.Cli.Commands;
using AnoPLe.Gpu.Cli.Evaluation;
using AnoPLe.Gpu.Cli.Output;
using AnoPLe.Gpu.Cli.Tests.Testing;
using AnoPLe.Gpu.Datasets;

namespace AnoPLe.Gpu.Cli.Tests.Commands;

public sealed class CancellationTests(SmallData data)
{
    [Fact]
    public async Task A_cancelled_command_ends_with_1_one_line_and_no_file()
    {
        using var folder = new TempFolder();
        using var cancellation = new CancellationTokenSource();
        using var stderr = new CancelAfterModel(cancellation);
        var result = await Anople.Run(stderr, cancellation.Token, "fit", "--weights", data.Weights, "--class", "fabric", "--out", folder["d"], data.Category());
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("cancelled: nothing was kept.", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
        Assert.Empty(folder.Files());
    }

    [Fact]
    public async Task Scores_that_were_printed_stand()
    {
        using var cancellation = new CancellationTokenSource();
        using var stderr = new CancelAfterModel(cancellation);
        var result = await Anople.Run(stderr, cancellation.Token, "score", data.Detector, data.Category("test"), "--weights", data.Weights);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("cancelled: 0 of 6 images were scored", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Finished_categories_of_an_evaluation_are_kept()
    {
        using var cancellation = new CancellationTokenSource();
        using var model = CommonOptions.OpenModel(SmallData.Random, "cpu", 1);
        Dataset dataset = Dataset.Open(data.Dataset);
        List<EvalReport> saved = [];
        var evaluation = new DatasetEvaluation(model, dataset, [1], [0], heatMaps: null, saved.Add);
        var e = Assert.Throws<CancelledException>(() => evaluation.Run(new CancelAt(dataset.Categories[1].Name, cancellation), _ => { }, cancellation.Token));
        Assert.Contains("1 of 4 categories", e.Message, StringComparison.Ordinal);
        EvalReport report = Assert.Single(saved);
        Assert.False(report.Complete);
        Assert.Equal(dataset.Categories[0].Name, Assert.Single(report.Runs).Category);
        Assert.False(JsonDocument.Parse(ResultJson.Text(report)).RootElement.GetProperty("complete").GetBoolean());
    }

    [Fact]
    public async Task Ctrl_C_reaches_the_command()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("Windows has no signal that one process can send to another without sharing its console.");
        using var folder = new TempFolder();
        // Far more work than the test waits for.
        using var process = Anople.Start(folder.Root, "eval", data.Dataset, "--weights", "random:nano:0", "--shots", "4", "--seeds", "1000");
        string first = await process.StandardError.ReadLineAsync(TestContext.Current.CancellationToken) ?? "";
        Assert.StartsWith("Model:", first, StringComparison.Ordinal);
        Task<string> rest = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        using (var kill = Process.Start("kill", ["-INT", process.Id.ToString(CultureInfo.InvariantCulture)]))
            await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(1, process.ExitCode);
        Assert.Contains("cancelled:", await rest, StringComparison.Ordinal);
    }

    /// <summary>Stands for a user who presses Ctrl-C when the model is loaded.</summary>
    private sealed class CancelAfterModel(CancellationTokenSource cancellation) : StringWriter(CultureInfo.InvariantCulture)
    {
        public override void WriteLine(string? value)
        {
            base.WriteLine(value);
            if (value?.StartsWith("Model:", StringComparison.Ordinal) == true)
                cancellation.Cancel();
        }
    }

    private sealed class CancelAt(string category, CancellationTokenSource cancellation) : IProgress<WorkProgress>
    {
        public void Report(WorkProgress value)
        {
            if (value.Stage.StartsWith(category, StringComparison.Ordinal))
                cancellation.Cancel();
        }
    }
}
