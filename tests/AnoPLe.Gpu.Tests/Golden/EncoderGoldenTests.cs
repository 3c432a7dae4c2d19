using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Prompts;
using AnoPLe.Gpu.Scoring;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Tests.Golden;

/// <summary>Both towers, plain and with injected prompts, and the memory bank against an independent implementation, on every backend.</summary>
[Trait("Category", "Golden")]
[Collection(TestBackends.Collection)]
public sealed class EncoderGoldenTests
{
    public static TheoryData<string, string> CasesOnBackends => GoldenFolders.CasesOn(TestBackends.All);

    [Theory, MemberData(nameof(CasesOnBackends))]
    public void Vision_tower_matches(string folder, string backendName)
    {
        using var golden = new GoldenCase(folder);
        using var setup = new Setup(golden, backendName);
        int S = setup.Clip.Config.ImageSize;
        float[] images = golden.Images();
        int batch = setup.IsSimulator ? golden.Views : images.Length / (3 * S * S);
        var prompts = setup.VisionPrompts(view: null);
        using var a = setup.Clip.Vision.CreateActivations(new(batch) { PatchTokens = true, Taps = golden.MemoryLayers, ExtraTokens = prompts.ExtraTokens });
        setup.Backend.Write(a.Images, images.AsSpan(0, a.Images.Count));

        var seen = setup.Compare(observer => setup.Clip.Vision.Forward(a, prompts, observer));

        Assert.Contains("act/vis.cls", seen);
        Assert.Subset(seen, golden.Names("act/vis.patches", ""));
        Assert.Subset(seen, golden.Names("act/vis.L", ".out"));
        float[] z0 = setup.Backend.Download(a.ClassFeature!);
        golden.AssertNear("act/smp.z0", z0, golden.Floats("act/smp.z0").AsSpan(0, z0.Length));
        // Log-odds of abnormal: better conditioned than the probability, whose relative error is the log-odds' absolute one.
        float[] logits = setup.TextLogits(a.ClassFeature!, batch);
        golden.AssertNear("act/img.logit", logits, golden.Floats("act/img.logit").AsSpan(0, batch));
    }

    [Theory, MemberData(nameof(CasesOnBackends))]
    public void Text_tower_matches(string folder, string backendName)
    {
        using var golden = new GoldenCase(folder);
        using var setup = new Setup(golden, backendName);
        float[] features = [];
        var seen = setup.Compare(observer => features = setup.Clip.Text.Encode(setup.TextRows(), setup.TextPrompts(), observer));

        Assert.Contains("act/txt.features", seen);
        Assert.Subset(seen, golden.Names("act/txt.L", ".out"));
        golden.AssertNear("act/txt.w", setup.Unit(features, setup.Clip.Config.EmbedDim));
    }

    [Theory, MemberData(nameof(CasesOnBackends))]
    public void Memory_bank_maps_match(string folder, string backendName)
    {
        using var golden = new GoldenCase(folder);
        using var setup = new Setup(golden, backendName);
        int[] classes = [.. golden.Integers("in/test_class").Select(k => (int)k)];
        // The last images are unseen ones; the distances of the first, which are in the bank, are rounding noise on their own.
        int first = setup.IsSimulator ? classes.Length - 1 : 0, count = classes.Length - first;
        using var inference = new Inference(golden, setup, first, count);

        AssertPart("inf/z0", inference.ClassFeatures);
        var memory = Enumerable.Range(0, count).Select(i => inference.Memory(i, classes[first + i])).ToList();
        AssertPart("inf/mem_grid", [.. memory.SelectMany(m => m.Grid)]);
        AssertPart("inf/map_memory", [.. memory.SelectMany(m => m.Map)]);

        void AssertPart(string name, float[] actual) => golden.AssertNear(name, actual, golden.Floats(name).AsSpan(first * actual.Length / count));
    }

    [Theory, MemberData(nameof(CasesOnBackends))]
    public void Bank_rows_match(string folder, string backendName)
    {
        using var golden = new GoldenCase(folder);
        using var setup = new Setup(golden, backendName);
        if (setup.IsSimulator)
            Assert.Skip("The bank is the vision tower's taps, which the simulator proves on a smaller batch.");
        int S = setup.Clip.Config.ImageSize;
        long[] classIndex = golden.Integers("in/class_index");
        var prompts = setup.VisionPrompts(view: 0);
        using var a = setup.Clip.Vision.CreateActivations(
            new(1) { Taps = golden.MemoryLayers, ExtraTokens = prompts.ExtraTokens, ClassFeature = false });
        float[] images = golden.Images();
        for (int k = 0; k < golden.Classes; k++)
        {
            int[] shots = [.. Enumerable.Range(0, classIndex.Length).Where(b => classIndex[b] == k)];
            if (shots.Length == 0)
                shots = [.. Enumerable.Range(0, classIndex.Length)];
            var rows = golden.MemoryLayers.ToDictionary(l => l, _ => new List<float>());
            foreach (int shot in shots)
            {
                // Sample n = shot * V + view; view 0 is the whole image.
                setup.Backend.Write(a.Images, images.AsSpan(shot * golden.Views * 3 * S * S, 3 * S * S));
                setup.Clip.Vision.Forward(a, prompts);
                foreach (int layer in golden.MemoryLayers)
                    rows[layer].AddRange(setup.Unit(setup.Backend.Download(a.Tap(layer)), setup.Clip.Config.VisionWidth));
            }
            foreach (int layer in golden.MemoryLayers)
                golden.AssertNear($"inf/bank.{k}.{layer}", rows[layer].ToArray());
        }
    }

    /// <summary>A case's model on a backend, its prompts, and the comparison of observed activations.</summary>
    private sealed class Setup : IDisposable
    {
        private readonly GoldenCase golden;
        private readonly Arena arena;

        public Setup(GoldenCase golden, string backendName)
        {
            this.golden = golden;
            IsSimulator = backendName == "simulator";
            Backend = TestBackends.Open(backendName);
            Clip = ClipModel.Load(golden.Backbone, Backend);
            arena = new Arena(Backend);
            if (IsSimulator && Clip.Config.VisionTokens * Clip.Config.VisionWidth > 100 * 100)
                Assert.Skip("Too large for the simulator; PoCL or a GPU runs this case.");
        }

        public bool IsSimulator { get; }

        public Backend Backend { get; }

        public ClipModel Clip { get; }

        public int[][] TextRows()
        {
            int T = Clip.Config.ContextLength;
            return [.. golden.Integers("in/text_ids").Select(id => (int)id).Chunk(T)];
        }

        public PromptInjection TextPrompts() => new([.. Prompts("text")]);

        /// <summary>The case's visual prompts; the view token of one view, or of all when it is null.</summary>
        public PromptInjection VisionPrompts(int? view)
        {
            Tensor? tokens = null;
            int C = Clip.Config.VisionWidth;
            if (golden.ViewMode == "encoder")
            {
                float[] signal = golden.Initial("view.signal");
                tokens = view is { } one
                    ? Take("view.signal", new(1, C), signal.AsSpan(one * C, C))
                    : Take("view.signal", new(golden.Views, 1, C), signal);
            }
            return new([.. Prompts("visual")], tokens);
        }

        private IEnumerable<Tensor> Prompts(string tower)
        {
            for (int j = 0; j < golden.Depth && golden.Has($"act/prompts.{tower}.{j}"); j++)
            {
                int[] shape = golden.Shape($"act/prompts.{tower}.{j}");
                yield return Take($"prompts.{tower}.{j}", new(shape), golden.Floats($"act/prompts.{tower}.{j}"));
            }
        }

        private Tensor Take(string name, Shape shape, ReadOnlySpan<float> values)
        {
            var tensor = arena.Take(name, shape);
            Backend.Write(tensor, values);
            return tensor;
        }

        /// <summary>Runs a tower and compares every activation that the case has; returns the names compared.</summary>
        public HashSet<string> Compare(Action<ActivationObserver> run)
        {
            HashSet<string> seen = [];
            run((name, value) =>
            {
                string key = "act/" + name;
                if (golden.Has(key) && seen.Add(key))
                    golden.AssertNear(key, Backend.Download(value), Leading(key, value.Shape));
            });
            return seen;
        }

        // The expected tensor may have more samples (a smaller batch was run) or more tokens (rows are cut after the last end of text).
        private float[] Leading(string key, Shape shape)
        {
            float[] all = golden.Floats(key);
            int[] full = golden.Shape(key);
            if (full.Length < 3)
                return all[..shape.Count];
            int tokens = full[1], C = full[2];
            var part = new float[shape.Count];
            for (int n = 0; n < shape[0]; n++)
                all.AsSpan(n * tokens * C, shape[1] * C).CopyTo(part.AsSpan(n * shape[1] * C));
            return part;
        }

        /// <summary>Log-odds of the tower's samples, n = image * V + view in two groups, against the case's text features.</summary>
        public float[] TextLogits(Tensor z0, int samples)
        {
            long[] classIndex = golden.Integers("in/class_index");
            int[] classes = [.. Enumerable.Range(0, samples).Select(n => (int)classIndex[n / golden.Views % classIndex.Length])];
            using var text = Backend.Upload("w", new(2 * golden.Classes, Clip.Config.EmbedDim), golden.Floats("inf/w"));
            using var index = Backend.Upload("classes", new(samples), classes);
            using var logits = Backend.Allocate("logits", new(samples));
            Backend.CosineLogits.Forward(logits, z0, text, index, golden.ImageTemperature ?? Clip.ImageTemperature);
            return Backend.Download(logits);
        }

        /// <summary>Rows to unit length on the backend.</summary>
        public float[] Unit(float[] rows, int width)
        {
            using var x = Backend.Upload("rows", new(rows.Length / width, width), rows);
            Backend.L2Normalize.Forward(x, x);
            return Backend.Download(x);
        }

        public void Dispose()
        {
            arena.Dispose();
            Clip.Dispose();
        }
    }

    /// <summary>Some test images of a case through the tower, bank look-up and text score; banks and text features are the case's.</summary>
    private sealed class Inference : IDisposable
    {
        private readonly GoldenCase golden;
        private readonly Setup setup;
        private readonly VisionActivations a;

        public Inference(GoldenCase golden, Setup setup, int first, int count)
        {
            this.golden = golden;
            this.setup = setup;
            var prompts = setup.VisionPrompts(view: 0);
            a = setup.Clip.Vision.CreateActivations(new(count) { Taps = golden.MemoryLayers, ExtraTokens = prompts.ExtraTokens });
            int S = setup.Clip.Config.ImageSize;
            float[] pixels = golden.Floats("in/test_views")[(first * 3 * S * S)..];
            setup.Backend.Write(a.Images, Normalize(pixels, S));
            setup.Clip.Vision.Forward(a, prompts);
            ClassFeatures = setup.Backend.Download(a.ClassFeature!);
        }

        public float[] ClassFeatures { get; }

        public (float[] Grid, float[] Map) Memory(int image, int k)
        {
            int S = setup.Clip.Config.ImageSize, g = setup.Clip.Config.Grid, C = setup.Clip.Config.VisionWidth;
            var backend = setup.Backend;
            float[][] rows = [.. golden.MemoryLayers.Select(l => golden.Floats($"inf/bank.{k}.{l}"))];
            using var bank = new MemoryBank(backend, k, golden.MemoryLayers, rows, C);
            Tensor[] features = [.. golden.MemoryLayers.Select(l =>
                backend.Upload($"f.{l}", new(g * g, C), setup.Unit(backend.Download(a.Tap(l))[(image * g * g * C)..((image + 1) * g * g * C)], C)))];
            using var grid = backend.Allocate("grid", new(1, g, g));
            using var map = backend.Allocate("map", new(1, S, S));
            bank.Distance(grid, features);
            backend.BilinearUpsample.Forward(map, grid);
            foreach (var feature in features)
                feature.Dispose();
            return (backend.Download(grid), backend.Download(map));
        }

        private static float[] Normalize(float[] pixels, int S)
        {
            ReadOnlySpan<float> mean = Preprocessing.Mean, std = Preprocessing.Std;
            var result = new float[pixels.Length];
            for (int i = 0; i < pixels.Length; i++)
            {
                int c = i / (S * S) % 3;
                result[i] = (pixels[i] - mean[c]) / std[c];
            }
            return result;
        }

        public void Dispose() => a.Dispose();
    }
}
