using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Weights;
using static AnoPLe.Gpu.Tests.Weights.NamingSamples;

namespace AnoPLe.Gpu.Tests.Weights;

public sealed class ClipWeightsTests
{
    [Theory]
    [InlineData("openai", ClipNaming.OpenAi)]
    [InlineData("wrapped", ClipNaming.OpenAi)]
    [InlineData("text", ClipNaming.OpenClipText)]
    [InlineData("huggingface", ClipNaming.HuggingFace)]
    public void Every_naming_scheme_gives_the_same_model(string scheme, ClipNaming naming)
    {
        using TemporaryFolder folder = new();
        NamingSamples.Write(folder["m.safetensors"], Parts(scheme, Config), SafetensorsType.F32, Metadata);
        using ClipWeights expected = ClipWeights.Random(Config, 1), actual = ClipWeights.Load(folder["m.safetensors"]);
        Assert.Equal(Config, actual.Config);
        AssertSame(expected, actual);
        Assert.Equal(expected.Hash, actual.Hash);
        Assert.Equal(expected.LogitScale, actual.LogitScale);

        WeightsReport report = WeightsReport.Read(folder["m.safetensors"]);
        Assert.Equal(naming, report.Naming);
        Assert.Equal(Config, report.Config);
        Assert.Null(report.Problem);
        Assert.Empty(report.Unexpected);
        Assert.Equal(report.Tensors.Sum(tensor => tensor.ByteLength), report.Types.Single().Bytes);
    }

    [Theory]
    [InlineData(SafetensorsType.F16, 1f / 2048)]
    [InlineData(SafetensorsType.BF16, 1f / 256)]
    public void Half_precision_files_are_within_their_rounding(SafetensorsType type, float relative)
    {
        using TemporaryFolder folder = new();
        foreach (string scheme in (string[])["openai", "huggingface"])
        {
            NamingSamples.Write(folder["m.safetensors"], Parts(scheme, Config), type, Metadata);
            using ClipWeights expected = ClipWeights.Random(Config, 1), actual = ClipWeights.Load(folder["m.safetensors"]);
            foreach (ClipTensor tensor in expected.Tensors)
            {
                float[] e = expected.Floats(tensor.Name).ToArray(), a = actual.Floats(tensor.Name).ToArray();
                Assert.All(e.Zip(a), pair => Assert.InRange(pair.Second, pair.First - MathF.Abs(pair.First) * relative - 1e-7f, pair.First + MathF.Abs(pair.First) * relative + 1e-7f));
            }
            Assert.NotEqual(expected.Hash, actual.Hash);
        }
    }

    [Fact]
    public void Token_rows_are_those_of_the_whole_table_from_files_and_seeds()
    {
        using TemporaryFolder folder = new();
        NamingSamples.Write(folder["m.safetensors"], Parts("huggingface", Config), SafetensorsType.F32, Metadata);
        using ClipWeights file = ClipWeights.Load(folder["m.safetensors"]), random = ClipWeights.Random(Config, 1);
        float[] all = file.Floats(ClipTensors.TokenEmbedding).ToArray();
        foreach (ClipWeights weights in (ClipWeights[])[file, random])
        {
            float[] rows = new float[3 * 12];
            weights.TokenEmbeddingRows([30, 0, 7], rows);
            Assert.Equal([.. all[(30 * 12)..], .. all[..12], .. all[(7 * 12)..(8 * 12)]], rows);
            Assert.Throws<ArgumentException>(() => weights.TokenEmbeddingRows([31], new float[12]));
            Assert.Throws<ArgumentException>(() => weights.TokenEmbeddingRows([-1], new float[12]));
            Assert.Throws<ArgumentException>(() => weights.TokenEmbeddingRows([1], new float[13]));
        }
    }

    [Fact]
    public void Nothing_can_be_read_after_dispose()
    {
        using TemporaryFolder folder = new();
        NamingSamples.Write(folder["m.safetensors"], Parts("openai", Config));
        ClipWeights file = ClipWeights.Load(folder["m.safetensors"], Config), random = ClipWeights.Random(Config, 1);
        Assert.All((ClipWeights[])[file, random], weights =>
        {
            weights.Dispose();
            weights.Dispose();
            Assert.Throws<ObjectDisposedException>(() => weights.Floats(ClipTensors.LogitScale).Length);
            Assert.Throws<ObjectDisposedException>(() => weights.TokenEmbeddingRows([1], new float[12]));
        });
    }

    [Fact]
    public void Missing_tensors_are_listed_by_both_names()
    {
        using TemporaryFolder folder = new();
        List<Part> parts = Parts("huggingface", Config);
        parts.RemoveAll(part => part.Name.EndsWith("layers.1.self_attn.k_proj.bias", StringComparison.Ordinal) || part.Name.EndsWith("layers.1.mlp.fc1.weight", StringComparison.Ordinal));
        string message = LoadError(folder, parts);
        Assert.Contains("4 of CLIP's tensors are missing", message, StringComparison.Ordinal);
        Assert.Contains("'visual.transformer.resblocks.1.attn.in_proj_bias' (as vision_model.encoder.layers.1.self_attn.q_proj.bias, ", message, StringComparison.Ordinal);
        Assert.Contains("'transformer.resblocks.1.mlp.c_fc.weight'", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("visual.conv1.weight")]
    [InlineData("visual.positional_embedding")]
    [InlineData("positional_embedding")]
    [InlineData("logit_scale")]
    [InlineData("visual.ln_pre.bias")]
    public void Any_missing_tensor_is_named(string name)
    {
        using TemporaryFolder folder = new();
        List<Part> parts = Parts("openai", Config);
        Assert.Equal(1, parts.RemoveAll(part => part.Name == name));
        Assert.Contains(name == "visual.conv1.weight" ? "is no CLIP model" : $"'{name}'", LoadError(folder, parts), StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_block_in_the_middle_is_missing_and_not_fewer_layers()
    {
        using TemporaryFolder folder = new();
        List<Part> parts = Parts("openai", Config);
        parts.RemoveAll(part => part.Name.StartsWith("transformer.resblocks.1.", StringComparison.Ordinal));
        string message = LoadError(folder, parts);
        Assert.Contains("12 of CLIP's tensors are missing: 'transformer.resblocks.1.ln_1.weight'", message, StringComparison.Ordinal);
        Assert.Contains("and 4 more", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("visual.transformer.resblocks.1.mlp.c_fc.weight", new long[] { 20, 80 }, "shape [20, 80], expected [80, 20]")]
    [InlineData("visual.ln_post.weight", new long[] { 20, 1 }, "shape [20, 1], expected [20]")]
    [InlineData("logit_scale", new long[] { 1, 1 }, "shape [1, 1], expected []")]
    [InlineData("text_projection", new long[] { 7, 12 }, "shape [7, 12], expected [12, 7]")]
    [InlineData("visual.positional_embedding", new long[] { 20, 10 }, "has 20 rows, expected g * g + 1")]
    [InlineData("visual.proj", new long[] { 140 }, "shape [140], expected 2 axes")]
    [InlineData("visual.conv1.weight", new long[] { 20, 3, 4, 16 }, "shape [20, 3, 4, 16], expected [20, 3, 4, 4]")]
    public void A_wrong_shape_is_named(string name, long[] shape, string expected)
    {
        using TemporaryFolder folder = new();
        List<Part> parts = Parts("openai", Config);
        int index = parts.FindIndex(part => part.Name == name);
        parts[index] = parts[index] with { Shape = shape };
        string message = LoadError(folder, parts);
        Assert.Contains($"'{name}'", message, StringComparison.Ordinal);
        Assert.Contains(expected, message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_image_size_in_the_metadata_must_be_that_of_the_tensors()
    {
        using TemporaryFolder folder = new();
        Assert.Contains("image_size 32", LoadError(folder, Parts("openai", Config), new() { ["image_size"] = "32" }), StringComparison.Ordinal);
        Assert.Contains("image_size '-24'", LoadError(folder, Parts("openai", Config), new() { ["image_size"] = "-24" }), StringComparison.Ordinal);
        Assert.Contains("act 'relu'", LoadError(folder, Parts("openai", Config), new() { ["act"] = "relu" }), StringComparison.Ordinal);
        Assert.Contains("7 heads", LoadError(folder, Parts("openai", Config), new() { ["act"] = "gelu", ["v_heads"] = "7", ["t_heads"] = "3" }), StringComparison.Ordinal);
    }

    [Fact]
    public void Integers_and_nan_are_no_weights()
    {
        using TemporaryFolder folder = new();
        List<Part> parts = Parts("openai", Config);
        string path = folder["m.safetensors"];
        using (SafetensorsWriter writer = SafetensorsWriter.Create(path, parts.Select(part =>
            new SafetensorsDeclaration(part.Name, part.Name == "visual.proj" ? SafetensorsType.I32 : SafetensorsType.F32, part.Shape))))
        {
            foreach (Part part in parts)
                if (part.Name == "visual.proj")
                    writer.Write(part.Name, part.Values.Select(value => (int)value).ToArray());
                else
                    writer.Write(part.Name, part.Values);
            writer.Commit();
        }
        Assert.Contains("'visual.proj' is I32", Assert.Throws<InvalidDataException>(() => ClipWeights.Load(path, Config)).Message, StringComparison.Ordinal);

        foreach (float bad in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
            foreach (int at in (int[])[0, 5, 20 * 7 - 1])
            {
                List<Part> damaged = Parts("openai", Config);
                damaged.Single(part => part.Name == "visual.proj").Values[at] = bad;
                NamingSamples.Write(path, damaged);
                using ClipWeights weights = ClipWeights.Load(path, Config);
                Assert.Contains("'visual.proj' holds NaN", Assert.Throws<InvalidDataException>(() => weights.Floats("visual.proj").Length).Message, StringComparison.Ordinal);
                Assert.Equal(20 * 9 + 20, weights.Floats("visual.positional_embedding").Length);
            }
    }

    [Fact]
    public void The_expected_configuration_is_compared_and_decides_what_no_shape_tells()
    {
        using TemporaryFolder folder = new();
        string path = folder["m.safetensors"];
        NamingSamples.Write(path, Parts("openai", Config));
        ClipConfig other = Config with { Activation = Activation.Gelu, VisionHeads = 10, TextHeads = 2 };
        using (ClipWeights weights = ClipWeights.Load(path, other))
            Assert.Equal(other, weights.Config);
        string message = Assert.Throws<InvalidDataException>(() => ClipWeights.Load(path, ClipConfig.Known["vit-b-32"])).Message;
        Assert.Contains("image size 24, expected 224; patch size 8, expected 32", message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => ClipWeights.Load(path, Config with { VisionHeads = 3 }));
    }

    [Fact]
    public void Json_beside_the_file_beats_metadata_which_beats_the_folders_json()
    {
        using TemporaryFolder folder = new();
        string path = folder["m.safetensors"];
        File.WriteAllText(folder["config.json"], """{"seed":1,"clip":{"image_size":99}}""");
        File.WriteAllText(folder["open_clip_config.json"], "{\"model_cfg\":" + (Config with { VisionHeads = 10, VisionWidth = 20, Activation = Activation.Gelu }).ToJson() + "}");
        NamingSamples.Write(path, Parts("openai", Config));
        Assert.Equal((10, Activation.Gelu), HeadsAndActivation(path));
        NamingSamples.Write(path, Parts("openai", Config), metadata: Metadata);
        Assert.Equal((5, Activation.QuickGelu), HeadsAndActivation(path));
        File.WriteAllText(folder["m.json"], (Config with { VisionHeads = 4 }).ToJson());
        Assert.Equal((4, Activation.QuickGelu), HeadsAndActivation(path));
        File.WriteAllText(folder["m.json"], (Config with { VisionLayers = 3 }).ToJson());
        Assert.Contains("vision layers 2, expected 3", Assert.Throws<InvalidDataException>(() => ClipWeights.Load(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_any_statement_heads_are_64_wide_and_the_activation_is_noted_as_assumed()
    {
        using TemporaryFolder folder = new();
        NamingSamples.Write(folder["m.safetensors"], Parts("wrapped", Config));
        File.WriteAllText(folder["config.json"], ClipConfig.Known["tiny"].ToJson());
        using ClipWeights weights = ClipWeights.Load(folder["m.safetensors"]);
        Assert.Equal(Config with { VisionHeads = 1, TextHeads = 1, Activation = Activation.Gelu }, weights.Config);
        Assert.Contains(weights.Notes, note => note.Contains("assumed GELU", StringComparison.Ordinal));
        Assert.Contains(weights.Notes, note => note.Contains("other sizes", StringComparison.Ordinal));
    }

    [Fact]
    public void Unknown_tensors_are_ignored_and_listed()
    {
        using TemporaryFolder folder = new();
        NamingSamples.Write(folder["m.safetensors"], [.. Parts("openai", Config), new Part("extra.weight", [2], [1, 2])], metadata: Metadata);
        using ClipWeights weights = ClipWeights.Load(folder["m.safetensors"]);
        Assert.Contains(weights.Notes, note => note.Contains("Ignored 1 tensors that CLIP does not have: extra.weight", StringComparison.Ordinal));
        Assert.Equal(["extra.weight"], WeightsReport.Read(folder["m.safetensors"]).Unexpected);
    }

    [Theory]
    [InlineData("ResNet image tower", "visual.conv1.weight", "visual.layer1.0.conv1.weight", "transformer.resblocks.0.ln_1.weight", "token_embedding.weight")]
    [InlineData("SigLIP", "vision_model.embeddings.patch_embedding.weight", "vision_model.head.probe", "text_model.head.weight", "logit_bias")]
    [InlineData("timm image tower", "visual.trunk.blocks.0.attn.qkv.weight", "text.token_embedding.weight")]
    [InlineData("plain vision transformer", "cls_token", "patch_embed.proj.weight", "blocks.0.attn.qkv.weight")]
    [InlineData("image tower of a CLIP alone", "vision_model.embeddings.class_embedding", "vision_model.encoder.layers.0.layer_norm1.weight")]
    [InlineData("text tower of a CLIP alone", "text_model.embeddings.token_embedding.weight")]
    [InlineData("trained prompts", "prompt.text.0", "prompt.visual.0", "memory.bank")]
    [InlineData("a language model", "model.layers.0.self_attn.q_proj.weight", "lm_head.weight")]
    [InlineData("its tensors begin with 'a'", "b", "a")]
    public void Other_architectures_are_named(string word, params string[] names)
    {
        using TemporaryFolder folder = new();
        string message = LoadError(folder, [.. names.Select(name => new Part(name, [1], [1f]))]);
        Assert.Contains(word, message, StringComparison.Ordinal);
        Assert.Contains("Expected CLIP with a vision transformer", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_without_tensors_says_so()
    {
        using TemporaryFolder folder = new();
        Assert.Contains("holds no tensors", LoadError(folder, []), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("vit-b-32", SafetensorsType.F16)]
    [InlineData("vit-b-16", SafetensorsType.F32)]
    [InlineData("vit-b-16-plus-240", SafetensorsType.F32)]
    [InlineData("vit-l-14", SafetensorsType.F16)]
    [InlineData("vit-l-14-336", SafetensorsType.F32)]
    public void Published_models_are_recognised_by_their_shapes(string name, SafetensorsType type)
    {
        // Header only: the data is a hole in a sparse file, up to 1.7 GB that take no room.
        using TemporaryFolder folder = new();
        string path = folder["m.safetensors"];
        ClipConfig config = ClipConfig.Known[name];
        SafetensorsWriter writer = SafetensorsWriter.Create(path, ClipTensors.All(config).Select(t => new SafetensorsDeclaration(t.Name, type, t.Shape)), null,
            (_, bytes) => Sparse(path, bytes));
        try
        {
            using ClipWeights weights = ClipWeights.Load(path);
            Assert.Equal(config, weights.Config);
            Assert.Equal(config.VisionTokens * config.VisionWidth, weights.Floats(ClipTensors.VisualPositions).Length);
            float[] row = new float[config.TextWidth];
            weights.TokenEmbeddingRows([49407], row);
            Assert.Equal(new float[config.TextWidth], row);
        }
        finally
        {
            writer.Dispose();
        }
    }

    private static FileStream Sparse(string path, long bytes)
    {
        // Unbuffered and shared, so that the header is there while the writer is still open.
        FileStream stream = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        stream.SetLength(bytes);
        return stream;
    }

    private static (int, Activation) HeadsAndActivation(string path)
    {
        using ClipWeights weights = ClipWeights.Load(path);
        return (weights.Config.VisionHeads, weights.Config.Activation);
    }

    private static string LoadError(TemporaryFolder folder, List<Part> parts, Dictionary<string, string>? metadata = null)
    {
        string path = folder["m.safetensors"];
        NamingSamples.Write(path, parts, metadata: metadata);
        string message = Assert.Throws<InvalidDataException>(() => ClipWeights.Load(path)).Message;
        Assert.StartsWith(path + ":", message, StringComparison.Ordinal);
        Assert.Equal(message, WeightsReport.Read(path).Problem);
        return message;
    }

    private static void AssertSame(ClipWeights expected, ClipWeights actual)
    {
        Assert.Equal(expected.Tensors, actual.Tensors);
        foreach (ClipTensor tensor in expected.Tensors)
            Assert.Equal(expected.Floats(tensor.Name).ToArray(), actual.Floats(tensor.Name).ToArray());
    }
}
