using AnoPLe.Gpu.Cli.Output;

namespace AnoPLe.Gpu.Cli.Evaluation;

/// <summary>
/// The folder of an evaluation: results.json, results.csv and losses/CATEGORY_SHOTS_SEED.svg per training, with the method's name where
/// there are several trained ones. Without a folder nothing is written.
/// </summary>
/// <param name="folder">An existing folder, or null.</param>
internal sealed class ResultFolder(string? folder)
{
    private int drawn;

    /// <summary>What went wrong in the last <see cref="Save"/>, or null: hours of evaluation must not be lost to a full disk, the table is still printed.</summary>
    public string? Problem { get; private set; }

    /// <summary>Writes the report as it is now, and the losses of what is new in it.</summary>
    public void Save(EvalReport report)
    {
        if (folder is null)
            return;
        try
        {
            Problem = null;
            OutputFiles.WriteText(Path.Combine(folder, "results.csv"), EvalTables.Csv(report.Runs));
            OutputFiles.WriteText(Path.Combine(folder, "results.json"), ResultJson.Text(report) + "\n");
            for (; drawn < report.Runs.Count; drawn++)
                DrawLosses(report, report.Runs[drawn]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Problem = e.Message;
        }
    }

    private void DrawLosses(EvalReport report, EvalRun run)
    {
        if (run.EpochLosses.Count == 0)
            return;
        bool several = report.Methods.Count(method => method.Training is not null) > 1;
        string name = $"{run.Category}_{run.Shots}_{run.Seed}{(several ? "_" + run.Method.Replace(' ', '-') : "")}.svg";
        LossPlot.Save(Path.Combine(OutputFiles.Folder(Path.Combine(folder!, "losses")), name), run.EpochLosses, run.StepsPerEpoch);
    }
}
