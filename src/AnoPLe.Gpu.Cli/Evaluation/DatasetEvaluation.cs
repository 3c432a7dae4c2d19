using AnoPLe.Gpu.Cli.Commands;
using AnoPLe.Gpu.Cli.Output;
using AnoPLe.Gpu.Datasets;

namespace AnoPLe.Gpu.Cli.Evaluation;

/// <summary>Evaluates every category of a dataset; after each one everything so far is handed over to be saved.</summary>
/// <param name="model">The model.</param>
/// <param name="dataset">The dataset.</param>
/// <param name="shots">Numbers of normal images to fit on.</param>
/// <param name="seeds">Seeds that draw them.</param>
/// <param name="heatMaps">Folder for panels, one subfolder per category; or null.</param>
/// <param name="save">Gets the report after every category, and the complete one at the end.</param>
internal sealed class DatasetEvaluation(LoadedModel model, Dataset dataset, IReadOnlyList<int> shots, IReadOnlyList<int> seeds, string? heatMaps,
    Action<EvalReport> save)
{
    /// <summary>Runs it.</summary>
    /// <param name="progress">Is told of every image.</param>
    /// <param name="problem">Is told of images that cannot be read.</param>
    /// <param name="cancellation">Stops between images; the finished categories have been saved.</param>
    /// <exception cref="CancelledException">Cancelled after at least one category was finished.</exception>
    public EvalReport Run(IProgress<WorkProgress> progress, Action<string> problem, CancellationToken cancellation)
    {
        List<EvalRun> runs = [];
        List<SkippedImage> skipped = [];
        try
        {
            foreach (var category in dataset.Categories)
            {
                // "." and ".." cannot occur: the name is that of a folder.
                string? panels = heatMaps is null ? null : OutputFiles.Folder(Path.Combine(heatMaps, category.Name));
                var evaluation = new CategoryEvaluation(model.Clip, category, broken =>
                {
                    problem($"{category.Name}/{broken.Name} is left out: {broken.Reason}");
                    skipped.Add(broken with { Name = $"{category.Name}/{broken.Name}" });
                });
                runs.AddRange(evaluation.Run(shots, seeds, panels, progress, cancellation));
                save(Report(runs, skipped, complete: runs.Count == dataset.Categories.Count * shots.Count * seeds.Count));
            }
        }
        catch (OperationCanceledException) when (runs.Count > 0)
        {
            int finished = runs.Select(run => run.Category).Distinct().Count();
            throw new CancelledException($"the results of {finished} of {dataset.Categories.Count} categories were finished and are kept (\"complete\": false).");
        }
        return Report(runs, skipped, complete: true);
    }

    private EvalReport Report(List<EvalRun> runs, List<SkippedImage> skipped, bool complete) => new(VersionAction.Version, dataset.Folder, dataset.Layout,
        model.ToJson(), complete, [.. runs], Statistics.Summarize(runs), [.. skipped]);
}
