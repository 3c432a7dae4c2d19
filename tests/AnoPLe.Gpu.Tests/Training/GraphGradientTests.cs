using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Kernels.Cpu;
using AnoPLe.Gpu.Tests.Scoring;
using AnoPLe.Gpu.Training;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Tests.Training;

/// <summary>
/// The whole graph of every variant against differences of its own loss: along the gradient of each parameter the loss must change as its
/// norm says. Operations and golden cases prove the parts; this proves that each variant wires them completely.
/// </summary>
public sealed class GraphGradientTests
{
    /// <summary>A detached loss does not change as its gradients say: that is what detaching means.</summary>
    public static TheoryData<string> Attached => [.. TrainerTests.Variants.Where(variant => !variant.Value.DetachAlignment).Select(variant => variant.Key)];

    [Theory, MemberData(nameof(Attached))]
    public void The_loss_changes_as_the_gradients_say(string variant)
    {
        using var backend = new CpuBackend(threads: 2);
        using var clip = ClipModel.Create(ClipWeights.Random(ClipConfig.Find("tiny"), 1), backend);
        var options = TrainerTests.Variants[variant];
        using var trainer = new Trainer(clip, options, [ClassImages.Of("part", DetectorFixture.Shots(2))],
            Gpu.Scoring.ClassNames.TokenRows(["part"], options.TextPromptLength, clip.Config), threads: 1);
        var (_, step) = trainer.PrepareStep();
        var parameters = trainer.Model.Parameters;
        step.Forward();
        step.Backward();
        var gradients = parameters.Declarations.ToDictionary(d => d.Name, d => backend.Download(parameters.Gradient(d.Name)));
        List<string> wrong = [];
        foreach (var (name, gradient) in gradients)
        {
            double norm = Math.Sqrt(gradient.Sum(g => (double)g * g));
            float[] values = backend.Download(parameters.Value(name));
            // A step that changes the loss by some thousandths, but the parameter by no more than a hundredth: norms make the loss curve strongly.
            double length = Math.Min(0.005 / Math.Max(norm, 1e-9), 0.01 * Math.Sqrt(values.Sum(v => (double)v * v)) + 0.001);
            double numeric = (Loss(length) - Loss(-length)) / (2 * length);
            backend.Write(parameters.Value(name), values);
            // The loss is a float of some units: its rounding limits what a difference can show.
            if (!(Math.Abs(numeric - norm) <= 0.05 * norm + 4e-6 / length))
                wrong.Add($"{name}: norm {norm:g4}, the loss says {numeric:g4}");

            double Loss(double along)
            {
                backend.Write(parameters.Value(name), [.. values.Select((v, i) => (float)(v + along * gradient[i] / Math.Max(norm, 1e-30)))]);
                return step.Forward().Total;
            }
        }
        Assert.True(wrong.Count == 0, $"{variant}:\n{string.Join("\n", wrong)}");
        Assert.All(gradients, pair => Assert.True(pair.Value.Any(g => g != 0), $"{pair.Key} has no gradient."));
    }
}
