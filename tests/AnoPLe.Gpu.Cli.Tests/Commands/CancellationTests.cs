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
    public void Finished_runs_of_an_evaluation_are_kept()
    {
        using var cancellation = new CancellationTokenSource();
        using var model = CommonOptions.OpenModel(SmallData.Random, "cpu", 1);
        Dataset dataset = Dataset.Open(data.Dataset);
        List<EvalReport> saved = [];
        var evaluation = new DatasetEvaluation(model, dataset, new([EvalMethod.Fit], [1], [0, 1], HeatMaps: null), saved.Add);
        EvalReport report = evaluation.Run(new CancelAt("(run 4 of 8)", cancellation), _ => { }, cancellation.Token);
        Assert.False(report.Complete);
        Assert.Equal(8, report.Planned);
        // The first category whole, one of the two runs of the second one.
        Assert.Equal([(dataset.Categories[0].Name, 0), (dataset.Categories[0].Name, 1), (dataset.Categories[1].Name, 0)], report.Runs.Select(run => (run.Category, run.Seed)));
        Assert.Equal(ResultJson.Text(report), ResultJson.Text(saved[^1]));
        Assert.False(JsonDocument.Parse(ResultJson.Text(report)).RootElement.GetProperty("complete").GetBoolean());

        using var stderr = new StringWriter();
        Assert.Equal(1, EvalCommand.Finish(new Terminal(TextWriter.Null, stderr, json: true), report, unsaved: null));
        Assert.Contains("cancelled: 3 of 8 runs were finished", stderr.ToString(), StringComparison.Ordinal);
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

    /// <summary>Stands for a user who presses Ctrl-C when a stage begins.</summary>
    private sealed class CancelAt(string part, CancellationTokenSource cancellation) : IProgress<WorkProgress>
    {
        public void Report(WorkProgress value)
        {
            if (value.Stage.Contains(part, StringComparison.Ordinal))
                cancellation.Cancel();
        }
    }
}
