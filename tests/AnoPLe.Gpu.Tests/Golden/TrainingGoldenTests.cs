using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Testing;
using AnoPLe.Gpu.Training;

namespace AnoPLe.Gpu.Tests.Golden;

/// <summary>
/// One training step of every case against an independent implementation: activations, losses, gradients of activations and of every
/// learnable tensor, and the parameters after one and five optimiser steps, on every backend but the simulator, which would take minutes.
/// </summary>
[Trait("Category", "Golden")]
[Collection(TestBackends.Collection)]
public sealed class TrainingGoldenTests
{
    public static TheoryData<string, string> CasesOnBackends => GoldenFolders.CasesOn(TestBackends.Fast);

    [Theory, MemberData(nameof(CasesOnBackends))]
    public void A_step_matches(string folder, string backendName)
    {
        using var golden = new GoldenCase(folder);
        var backend = TestBackends.Open(backendName);
        using var training = new GoldenTraining(golden, backend);
        List<string> failures = [];
        HashSet<string> seen = [];

        var losses = training.Step.Forward((name, value) => Compare("act/" + name, value));
        CompareLosses(golden, losses, golden.Doubles("loss/history").AsSpan(0, 5), failures);
        training.Step.Backward((name, value) => Compare("gact/" + name, value));
        foreach (string name in golden.Expected("grad/"))
            Near("grad/" + name, backend.Download(training.Model.Parameters.Gradient(name)));

        Assert.True(failures.Count == 0, $"{failures.Count} tensors differ:\n{string.Join("\n", failures)}");
        // The plain image tower of a mode without visual tokens shows its blocks and the pixel-anomalous group alone.
        string[] required = ["act/dec.D", "act/pix.logit_up", "act/img.logit", "act/smp.z0", "act/txt.features"];
        foreach (string name in required.Where(golden.Has))
            Assert.Contains(name, seen);

        void Compare(string key, Tensor value)
        {
            if (!golden.Has(key))
                return;
            seen.Add(key);
            Near(key, backend.Download(value), value.Shape);
        }

        void Near(string key, float[] actual, Shape? shape = null)
        {
            if (golden.Difference(key, actual, shape is { } s ? Part(golden, key, s) : golden.Floats(key)) is { } difference)
                failures.Add(difference);
        }
    }

    [Theory, MemberData(nameof(CasesOnBackends))]
    public void Five_steps_match(string folder, string backendName)
    {
        using var golden = new GoldenCase(folder);
        var backend = TestBackends.Open(backendName);
        using var training = new GoldenTraining(golden, backend);
        var (total, taken) = golden.Steps;
        double[] history = golden.Doubles("loss/history");
        List<string> failures = [];
        for (int step = 0; step < taken; step++)
        {
            CompareLosses(golden, training.Step.Forward(), history.AsSpan(5 * step, 5), failures);
            training.Step.Backward();
            training.Model.Parameters.Update(Trainer.Settings(training.Options, step, total), Trainer.CouplingRate(training.Options, step, total));
            foreach (string name in golden.Expected($"step{step + 1}/"))
                CompareStep($"step{step + 1}/{name}", backend.Download(training.Model.Parameters.Value(name)), name, step + 1);
        }
        Assert.True(failures.Count == 0, $"{failures.Count} tensors differ:\n{string.Join("\n", failures)}");

        // Adam divides by |g|: an element whose gradient is at rounding level may move by up to eta either way in every step, so that much
        // is allowed where the gradient is within the error that it may have itself.
        void CompareStep(string key, float[] actual, string name, int steps)
        {
            float[] want = golden.Floats(key), gradient = golden.Floats("grad/" + name);
            double eta = golden.Option(name.StartsWith("couple.", StringComparison.Ordinal) ? "lr_couple" : "lr"), noise = 100 * golden.Allowed("grad/" + name);
            for (int i = 0; i < want.Length; i++)
            {
                bool isNoise = Math.Abs(gradient[i]) < noise;
                double allowed = isNoise ? 2 * steps * eta : Math.Max(golden.Allowed(key), 0.02 * eta * steps), error = Math.Abs((double)actual[i] - want[i]);
                if (!(error <= allowed))
                {
                    failures.Add($"{key}[{i}]: error {error:g3}, allowed {allowed:g3}, its gradient was {gradient[i]:g3}");
                    return;
                }
            }
        }
    }

    private static void CompareLosses(GoldenCase golden, StepLosses losses, ReadOnlySpan<double> want, List<string> failures)
    {
        (string Name, double Value)[] parts =
            [("total", losses.Total), ("dice", losses.Dice), ("focal", losses.Focal), ("img", losses.Image), ("align", losses.Alignment)];
        double allowed = golden.Allowed("loss/history");
        for (int i = 0; i < parts.Length; i++)
            if (!(Math.Abs(parts[i].Value - want[i]) <= allowed))
                failures.Add($"loss/{parts[i].Name}: {parts[i].Value:g9}, expected {want[i]:g9}, allowed error {allowed:g3}");
    }

    // The text tower's rows are cut after the last end of text; a frozen vision tower encodes the last half of the samples alone.
    private static float[] Part(GoldenCase golden, string key, Shape shape)
    {
        float[] all = golden.Floats(key);
        int[] full = golden.Shape(key);
        if (all.Length == shape.Count)
            return all;
        if (full.Length == 3 && key.Contains("txt.", StringComparison.Ordinal))
            return [.. Enumerable.Range(0, full[0]).SelectMany(n => all[(n * full[1] * full[2])..][..(shape[1] * full[2])])];
        return all[^shape.Count..];
    }
}
