using AnoPLe.Gpu.Cli.Commands;
using AnoPLe.Gpu.Cli.Output;
using AnoPLe.Gpu.Datasets;
using AnoPLe.Gpu.Training;

namespace AnoPLe.Gpu.Cli.Evaluation;

/// <summary>What to evaluate: every method with every number of shots and every seed.</summary>
/// <param name="Methods">Ways to make a detector.</param>
/// <param name="Shots">Numbers of normal images.</param>
/// <param name="Seeds">Seeds that draw them.</param>
/// <param name="HeatMaps">Folder for panels, one subfolder per category; or null.</param>
internal sealed record EvalPlan(IReadOnlyList<EvalMethod> Methods, IReadOnlyList<int> Shots, IReadOnlyList<int> Seeds, string? HeatMaps)
{
    /// <summary>Runs per category.</summary>
    public int Runs => Methods.Count * Shots.Count * Seeds.Count;

    /// <summary>The method whose panels are written: the first that is trained, else the first.</summary>
    public EvalMethod Shown => Methods.FirstOrDefault(method => method.Training is not null) ?? Methods[0];
}

/// <summary>Evaluates every category of a dataset; everything so far is handed over to be saved after each category and each training.</summary>
/// <param name="model">The model.</param>
/// <param name="dataset">The dataset.</param>
/// <param name="plan">What to evaluate.</param>
/// <param name="save">Gets the report as it grows.</param>
internal sealed class DatasetEvaluation(LoadedModel model, Dataset dataset, EvalPlan plan, Action<EvalReport> save)
{
    private readonly List<EvalRun> runs = [];
    private readonly List<SkippedImage> skipped = [];
    private readonly List<FailedRun> failed = [];

    /// <summary>Runs it. Cancelled after at least one run, it returns what there is: a report that is not complete.</summary>
    /// <param name="progress">Is told of every image and training step.</param>
    /// <param name="problem">Is told of images that cannot be read and of trainings that diverged.</param>
    /// <param name="cancellation">Stops between images and steps.</param>
    /// <exception cref="InvalidDataException">A category has too few normal images, or none to score.</exception>
    /// <exception cref="OperationCanceledException">Cancelled before the first run was finished.</exception>
    public EvalReport Run(IProgress<WorkProgress> progress, Action<string> problem, CancellationToken cancellation)
    {
        foreach (var category in dataset.Categories)
            CategoryEvaluation.Require(category, plan.Shots.Max());
        try
        {
            foreach (var category in dataset.Categories)
            {
                Run(category, progress, problem, cancellation);
                save(Report());
            }
        }
        catch (OperationCanceledException) when (runs.Count > 0)
        {
            save(Report());
        }
        return Report();
    }

    private void Run(DatasetCategory category, IProgress<WorkProgress> progress, Action<string> problem, CancellationToken cancellation)
    {
        // "." and ".." cannot occur: the name is that of a folder.
        string? panels = plan.HeatMaps is null ? null : OutputFiles.Folder(Path.Combine(plan.HeatMaps, category.Name));
        var images = TestImages.All(category.Test, model.Clip.Preprocessing, Broken, new StepClock().Before(progress, $"{category.Name}: "), cancellation);
        var evaluation = new CategoryEvaluation(model.Clip, category, images);
        int number = runs.Count + failed.Count;
        foreach (int shots in plan.Shots)
            foreach (var method in plan.Methods)
                foreach (int seed in plan.Seeds)
                {
                    bool shown = method == plan.Shown && shots == plan.Shots.Max() && seed == plan.Seeds[0];
                    string prefix = $"{category.Name}, {method.Name}, {shots} {(shots == 1 ? "shot" : "shots")}, seed {seed} (run {++number} of {Planned}): ";
                    try
                    {
                        runs.Add(evaluation.Run(method, shots, seed, shown ? panels : null, progress, prefix, cancellation));
                    }
                    catch (TrainingDivergedException e)
                    {
                        problem(prefix + e.Message);
                        failed.Add(new(category.Name, method.Name, shots, seed, e.Message));
                    }
                    // A training takes minutes or hours; without one all runs of a category take seconds.
                    if (method.Training is not null)
                        save(Report());
                }

        void Broken(SkippedImage broken)
        {
            problem($"{category.Name}/{broken.Name} is left out: {broken.Reason}");
            skipped.Add(broken with { Name = $"{category.Name}/{broken.Name}" });
        }
    }

    private int Planned => dataset.Categories.Count * plan.Runs;

    private EvalReport Report() => new(VersionAction.Version, dataset.Folder, dataset.Layout, model.ToJson(), plan.Methods, Planned,
        runs.Count == Planned, [.. runs], Statistics.Summarize(runs), [.. skipped], [.. failed]);
}
