using AnoPLe.Gpu.Prompts;
using AnoPLe.Gpu.Tests.Scoring;
using AnoPLe.Gpu.Training;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Tests.Training;

public sealed class TraceTests(DetectorFixture fixture) : IClassFixture<DetectorFixture>, IDisposable
{
    private readonly TemporaryFolder folder = new();

    [Fact]
    public void A_step_is_written_under_the_names_of_the_method()
    {
        string path = Path.Combine(folder.Path, "trace.safetensors");
        TrainingTrace.Write(path, fixture.Clip, [ClassImages.Of("part", DetectorFixture.Shots(1))], TrainerTests.Quick, gradients: true);
        using var file = SafetensorsFile.Open(path);
        foreach (string name in new[]
                 {
                     "in/views", "in/pix_mask", "in/text_ids", "param/prompt.text.0", "param/decoder.out.weight", "act/in.images", "act/prompts.visual.1", "act/vis.embed",
                     "act/vis.L0.ln_1", "act/vis.L0.attn", "act/vis.L1.fc", "act/vis.L2.mlp", "act/vis.patches", "act/txt.L0.heads", "act/txt.w", "act/smp.z0", "act/dec.in",
                     "act/dec.D", "act/pix.logit_up", "act/pix.prob", "act/img.logit", "act/align.s", "loss/total", "gact/vis.L0.in", "gact/txt.features", "gact/dec.in",
                     "grad/couple.t2v.0.weight", "grad/view.signal",
                 })
            Assert.True(file.Contains(name), $"The trace has no '{name}'.");
        Assert.All(file.Tensors.Where(t => t.Type == SafetensorsType.F32), t => Assert.All(file.ReadFloats(t.Name), v => Assert.True(float.IsFinite(v), t.Name)));
        Assert.Equal(file.Find("act/vis.L0.fc").Shape, file.Find("gact/vis.L0.fc").Shape);
        Assert.NotEqual(0, file.ReadFloats("grad/prompt.text.0").Max(Math.Abs));
    }

    [Fact]
    public void Without_gradients_there_are_none_and_a_checkpoint_gives_its_parameters()
    {
        ClassImages[] classes = [ClassImages.Of("part", DetectorFixture.Shots(2))];
        var options = TrainerTests.Quick with { Mode = PromptMode.TextToVisual };
        string fresh = Path.Combine(folder.Path, "fresh.safetensors"), after = Path.Combine(folder.Path, "after.safetensors"), checkpoint = Path.Combine(folder.Path, "t.checkpoint");
        AnomalyDetector.Train(fixture.Clip, classes, options, checkpoint: new(checkpoint)).Dispose();
        TrainingTrace.Write(fresh, fixture.Clip, classes, options, gradients: false);
        TrainingTrace.Write(after, fixture.Clip, classes, options, gradients: false, checkpoint);
        using SafetensorsFile a = SafetensorsFile.Open(fresh), b = SafetensorsFile.Open(after), saved = SafetensorsFile.Open(checkpoint);
        Assert.DoesNotContain(a.Tensors, t => t.Name.StartsWith("grad/", StringComparison.Ordinal) || t.Name.StartsWith("gact/", StringComparison.Ordinal));
        Assert.Equal(saved.ReadFloats("param/prompt.text.1"), b.ReadFloats("param/prompt.text.1"));
        Assert.NotEqual(a.ReadFloats("param/prompt.text.1"), b.ReadFloats("param/prompt.text.1"));
        Assert.Throws<FileNotFoundException>(() => TrainingTrace.Write(after, fixture.Clip, classes, options, false, Path.Combine(folder.Path, "none")));
        Assert.Equal(3, Directory.GetFiles(folder.Path).Length);
    }

    [Fact]
    public void A_detector_shows_what_it_computes_of_an_image()
    {
        using var detector = AnomalyDetector.Train(fixture.Clip, "part", DetectorFixture.Shots(2), TrainerTests.Quick);
        var image = DetectorFixture.Defective(20, 40, 8);
        string path = Path.Combine(folder.Path, "score.safetensors");
        detector.Trace(image, path);
        using var file = SafetensorsFile.Open(path);
        var result = detector.Score(image);
        Assert.Equal(result.Map.Values.ToArray(), file.ReadFloats("inf/map"));
        Assert.Equal(result.Score, file.ReadFloats("inf/score")[0]);
        Assert.True(file.Contains("act/vis.L2.out") && file.Contains("act/dec.D") && file.Contains("inf/mem_grid"));
    }

    public void Dispose() => folder.Dispose();
}
