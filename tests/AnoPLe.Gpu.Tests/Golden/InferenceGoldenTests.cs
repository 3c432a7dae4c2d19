using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Scoring;
using AnoPLe.Gpu.Testing;
using AnoPLe.Gpu.Training;

namespace AnoPLe.Gpu.Tests.Golden;

/// <summary>Maps and scores of every case's test images, with the initial parameters folded in, against an independent implementation.</summary>
[Trait("Category", "Golden")]
[Collection(TestBackends.Collection)]
public sealed class InferenceGoldenTests
{
    public static TheoryData<string, string> CasesOnBackends => GoldenFolders.CasesOn(TestBackends.Fast);

    [Theory, MemberData(nameof(CasesOnBackends))]
    public void Maps_and_scores_match(string folder, string backendName)
    {
        using var golden = new GoldenCase(folder);
        var backend = TestBackends.Open(backendName);
        using var training = new GoldenTraining(golden, backend);
        var config = training.Clip.Config;
        var (text, state) = Trainer.Fold(training.Model, [], steps: 0);
        golden.AssertNear("inf/w", text);
        using var model = new InferenceModel(training.Clip, golden.MemoryLayers, text, training.Options.SmoothSigma, state);
        using var pass = new ScoringPass(model, batch: 1);
        MemoryBank[] banks = [.. Enumerable.Range(0, golden.Classes).Select(k => new MemoryBank(backend, k, golden.MemoryLayers,
            [.. golden.MemoryLayers.Select(l => golden.Floats($"inf/bank.{k}.{l}"))], config.VisionWidth))];
        Dictionary<string, List<float>> results = new() { ["z0"] = [], ["pix_logit"] = [], ["map_decoder"] = [], ["mem_grid"] = [], ["map_memory"] = [],
            ["map"] = [], ["p_abnormal"] = [], ["score"] = [] };
        int pixels = 3 * config.ImageSize * config.ImageSize;
        float[] views = golden.Floats("in/test_views");
        long[] classes = golden.Integers("in/test_class");
        var normalized = new float[pixels];
        for (int i = 0; i < classes.Length; i++)
        {
            Preprocessing.NormalizePlanes(views.AsSpan(i * pixels, pixels), pixels / 3, normalized);
            backend.Write(pass.Images, normalized);
            pass.EncodeInput();
            var scores = pass.Score(banks[classes[i]], (int)classes[i]);
            results["z0"].AddRange(backend.Download(pass.ClassFeature));
            results["pix_logit"].AddRange(backend.Download(pass.PixelLogits!));
            results["map_decoder"].AddRange(backend.Download(pass.DecoderMap!).Select(a => 1 / (1 + MathF.Exp(-a))));
            results["mem_grid"].AddRange(backend.Download(pass.MemoryGrid));
            results["map_memory"].AddRange(backend.Download(pass.MemoryMap));
            results["map"].AddRange(scores.Maps);
            results["p_abnormal"].AddRange(scores.TextScores);
            results["score"].AddRange(scores.Scores);
        }
        foreach (var bank in banks)
            bank.Dispose();
        string?[] failures = [.. results.Select(r => golden.Difference("inf/" + r.Key, r.Value.ToArray(), golden.Floats("inf/" + r.Key))).Where(f => f is not null)];
        Assert.True(failures.Length == 0, string.Join("\n", failures));
    }
}
