using System.Security.Cryptography;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Weights;
using AnoPLe.Gpu.Weights.Conversion;
using static AnoPLe.Gpu.Tests.Weights.NamingSamples;

namespace AnoPLe.Gpu.Tests.Weights.Conversion;

public sealed class ClipConverterTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    private string Out => folder["out.safetensors"];

    public static TheoryData<string, string> FormsAndSchemes()
    {
        TheoryData<string, string> all = [];
        foreach (string form in TorchSamples.Forms)
            foreach (string scheme in (string[])["openai", "wrapped", "text", "huggingface"])
                all.Add(form, scheme);
        return all;
    }

    public void Dispose() => folder.Dispose();

    [Theory, MemberData(nameof(FormsAndSchemes))]
    public void Every_form_and_naming_scheme_gives_the_same_model(string form, string scheme)
    {
        string source = TorchSamples.Write(folder, form, Parts(scheme, Config));
        ConversionResult result = ClipConverter.Convert(source, Out, new() { Config = Config });
        using ClipWeights expected = ClipWeights.Random(Config, 1), actual = ClipWeights.Load(Out);
        Assert.Equal(expected.Hash, actual.Hash);
        Assert.Equal(Config, actual.Config);
        Assert.Equal(Config, result.Config);
        Assert.False(result.Rounded);
        Assert.Equal([SafetensorsType.F32], result.Types);
        Assert.Equal(actual.Tensors.Count, result.Tensors);
        Assert.Equal(new FileInfo(Out).Length, result.Bytes);
        using SafetensorsFile file = SafetensorsFile.Open(Out);
        Assert.Equal(expected.Tensors.Select(tensor => tensor.Name).Order(StringComparer.Ordinal), file.Tensors.Select(tensor => tensor.Name).Order(StringComparer.Ordinal));
        Assert.Equal(result.DataSha256, file.Metadata["data_sha256"]);
        byte[] bytes = File.ReadAllBytes(Out);
        Assert.Equal(result.DataSha256, Convert.ToHexStringLower(SHA256.HashData(bytes.AsSpan(8 + (int)BitConverter.ToInt64(bytes)))));
        Assert.Empty(ClipVerifier.Verify(Out, new() { Against = source }).Problems);
    }

    [Theory]
    [InlineData(SafetensorsType.F32, null, SafetensorsType.F32)]
    [InlineData(SafetensorsType.F16, null, SafetensorsType.F16)]
    [InlineData(SafetensorsType.BF16, null, SafetensorsType.BF16)]
    [InlineData(SafetensorsType.F64, null, SafetensorsType.F32)]
    [InlineData(SafetensorsType.F16, SafetensorsType.F32, SafetensorsType.F32)]
    [InlineData(SafetensorsType.F64, SafetensorsType.F16, SafetensorsType.F16)]
    [InlineData(SafetensorsType.F32, SafetensorsType.BF16, SafetensorsType.BF16)]
    public void Types_are_kept_or_as_asked_and_values_are_rounded_once(SafetensorsType from, SafetensorsType? asked, SafetensorsType to)
    {
        foreach (string form in (string[])["safetensors", "zip", "script"])
        {
            string source = TorchSamples.Write(folder, form, Parts("huggingface", Config), from);
            ConversionResult result = ClipConverter.Convert(source, Out, new() { Config = Config, Type = asked });
            Assert.Equal([to], result.Types);
            Assert.Equal(from == SafetensorsType.F64 || (to != from && to != SafetensorsType.F32), result.Rounded);
            using ClipWeights original = ClipWeights.Random(Config, 1), actual = ClipWeights.Load(Out);
            foreach (ClipTensor tensor in original.Tensors)
                Assert.Equal([.. original.Floats(tensor.Name).ToArray().Select(value => Round(to, Round(from, value)))], actual.Floats(tensor.Name).ToArray());
            Assert.Empty(ClipVerifier.Verify(Out, new() { Against = source }).Problems);
        }
    }

    [Fact]
    public void F64_is_rounded_to_half_precision_once()
    {
        // Just above the middle between two F16 (and, below, two BF16): by way of F32 it would become the middle and go to the even one.
        double half = 1 + 1.0 / 2048 + Math.ScaleB(1, -40), brain = 1 + 1.0 / 256 + Math.ScaleB(1, -40);
        Assert.Equal(1f + 1f / 1024, (float)(Half)half);
        Assert.Equal(1f, (float)(Half)(float)half);
        List<Part> parts = Parts("openai", Config);
        foreach (var (type, value, expected) in new[] { (SafetensorsType.F16, half, 1f + 1f / 1024), (SafetensorsType.BF16, brain, 1f + 1f / 128), (SafetensorsType.F16, -half, -1f - 1f / 1024) })
        {
            using (SafetensorsWriter writer = SafetensorsWriter.Create(folder["in"], parts.Select(part => new SafetensorsDeclaration(part.Name, SafetensorsType.F64, part.Shape))))
            {
                foreach (Part part in parts)
                    writer.WriteBytes(part.Name, [.. part.Values.SelectMany(v => BitConverter.GetBytes(part.Name == "ln_final.weight" ? value : v))]);
                writer.Commit();
            }
            ClipConverter.Convert(folder["in"], Out, new() { Config = Config, Type = type });
            using ClipWeights weights = ClipWeights.Load(Out);
            Assert.All(weights.Floats("ln_final.weight").ToArray(), actual => Assert.Equal(expected, actual));
            Assert.Empty(ClipVerifier.Verify(Out, new() { Against = folder["in"] }).Problems);
        }
    }

    [Fact]
    public void Tensors_of_several_types_keep_each_its_own()
    {
        // As OpenAI's archives: matrices in half precision, the rest not. k of one block differs from q and v, which no half type holds together.
        List<Part> parts = Parts("huggingface", Config);
        using (SafetensorsWriter writer = SafetensorsWriter.Create(folder["in"], parts.Select(part => new SafetensorsDeclaration(part.Name, Type(part), part.Shape))))
        {
            foreach (Part part in parts)
                writer.Write(part.Name, part.Values);
            writer.Commit();
        }
        ClipConverter.Convert(folder["in"], Out, new() { Config = Config });
        using ClipWeights before = ClipWeights.Load(folder["in"], Config), after = ClipWeights.Load(Out);
        Assert.Equal(before.Hash, after.Hash);
        using SafetensorsFile file = SafetensorsFile.Open(Out);
        Assert.Equal(SafetensorsType.F32, file.Find("visual.transformer.resblocks.0.attn.in_proj_weight").Type);
        Assert.Equal(SafetensorsType.F16, file.Find("visual.transformer.resblocks.1.attn.in_proj_weight").Type);
        Assert.Equal(SafetensorsType.F32, file.Find("ln_final.weight").Type);

        static SafetensorsType Type(Part part) => part.Shape.Length < 2 ? SafetensorsType.F32
            : part.Name.StartsWith("vision_model.encoder.layers.0.self_attn.k_proj", StringComparison.Ordinal) ? SafetensorsType.BF16 : SafetensorsType.F16;
    }

    [Fact]
    public void The_same_source_and_options_give_the_same_bytes_and_the_features_are_equal()
    {
        string source = TorchSamples.Write(folder, "script", Parts("text", Config));
        ClipConversionOptions options = new() { Config = Config, CheckVector = true };
        ClipConverter.Convert(source, Out, options);
        ClipConverter.Convert(source, folder["again.safetensors"], options);
        Assert.Equal(File.ReadAllBytes(Out), File.ReadAllBytes(folder["again.safetensors"]));
        float[] expected = CheckVector.Compute(ClipWeights.Random(Config, 1), 1).Image, actual = CheckVector.Compute(ClipWeights.Load(Out), 1).Image;
        Assert.Equal(expected, actual);
    }

    [Fact]
    public void The_metadata_says_what_and_where_from()
    {
        string source = TorchSamples.Write(folder, "training", Parts("wrapped", Config));
        ConversionResult result = ClipConverter.Convert(source, Out, new() { Config = Config with { Activation = Activation.Gelu }, Activation = Activation.QuickGelu });
        using SafetensorsFile file = SafetensorsFile.Open(Out);
        Assert.Equal(("quick_gelu", "5", "3", "24"), (file.Metadata["act"], file.Metadata["v_heads"], file.Metadata["t_heads"], file.Metadata["image_size"]));
        Assert.Equal(Config, ClipConfig.Parse(file.Metadata["clip_config"]));
        Assert.Equal(("in.pt", "PyTorch zip", "OpenAi"), (file.Metadata["source"], file.Metadata["source_format"], file.Metadata["source_naming"]));
        string hash = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(source)));
        Assert.Equal(hash, file.Metadata["source_sha256"]);
        Assert.Equal(hash, result.SourceSha256);
        Assert.Matches(@"^anople weights convert \d+\.\d+\.\d+", file.Metadata["generator"]);
        Assert.Contains(result.Notes, note => note.Contains("QuickGELU, because it was asked for", StringComparison.Ordinal));
    }

    [Fact]
    public void The_hash_of_shards_is_that_of_a_list_of_hashes()
    {
        string source = TorchSamples.Write(folder, "shards", Parts("huggingface", Config));
        string[] names = ["model.safetensors.index.json", "model-1.safetensors", "model-2.safetensors", "model-3.safetensors"];
        string list = string.Concat(names.Select(name => $"{Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(source, name))))}  {name}\n"));
        string expected = Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(list)));
        Assert.Equal(expected, ClipConverter.Convert(source, Out, new() { Config = Config }).SourceSha256);
        Assert.Equal(expected, ClipConverter.Convert(Path.Combine(source, names[0]), Out, new() { Config = Config }).SourceSha256);
    }

    [Fact]
    public void The_activation_comes_from_the_first_that_tells()
    {
        // A folder's JSON, OpenAI's facts, a training run's name, nothing.
        ClipConfig plain = Config with { VisionHeads = 1, TextHeads = 1 };
        Assert.Equal(plain, Converted("script", Parts("openai", Config)));
        Assert.Equal(plain, Converted("training", Parts("wrapped", Config), run: "2023_01_01-00_00_00-model_ViT-B-32-quickgelu-lr_0.001-b_64"));
        Assert.Equal(plain with { Activation = Activation.Gelu }, Converted("training", Parts("wrapped", Config), run: "2023_01_01-00_00_00-model_ViT-B-32-lr_0.001-b_64"));
        Assert.Equal(plain with { Activation = Activation.Gelu }, Converted("zip", Parts("wrapped", Config)));
        File.WriteAllText(folder["open_clip_config.json"], (Config with { Activation = Activation.Gelu }).ToJson());
        Assert.Equal(Config with { Activation = Activation.Gelu }, Converted("script", Parts("openai", Config)));
        Assert.Equal(Config, ClipConverter.Convert(folder["in.pt"], Out, new() { Activation = Activation.QuickGelu }).Config);
        File.WriteAllText(Path.Combine(Directory.CreateDirectory(folder["shards"]).FullName, "config.json"), (Config with { VisionHeads = 10 }).ToJson());
        Assert.Equal(Config with { VisionHeads = 10 }, Converted("shards", Parts("wrapped", Config)));

        ClipConfig? Converted(string form, List<Part> parts, string? run = null) => ClipConverter.Convert(TorchSamples.Write(folder, form, parts, run: run), Out).Config;
    }

    [Theory]
    [InlineData(SafetensorsType.F16, 65520f, "3 values beyond F16's range, up to 65520; F16 ends at 65504. Write BF16 or F32")]
    [InlineData(SafetensorsType.F16, -1e6f, "up to 1E+06")]
    [InlineData(SafetensorsType.BF16, 3.4e38f, "3 values beyond BF16's range, up to 3.4E+38; Write F32")]
    [InlineData(SafetensorsType.F16, float.NaN, "holds NaN or an infinity")]
    [InlineData(SafetensorsType.F32, float.NegativeInfinity, "holds NaN or an infinity")]
    public void Values_that_the_type_cannot_hold_are_errors_that_name_the_tensor(SafetensorsType type, float value, string message)
    {
        List<Part> parts = Parts("openai", Config);
        parts.Single(part => part.Name == "visual.proj").Values.AsSpan(7, 3).Fill(value);
        string source = TorchSamples.Write(folder, "zip", parts);
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => ClipConverter.Convert(source, Out, new() { Config = Config, Type = type }));
        Assert.StartsWith(source + ": tensor 'visual.proj' holds", error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Equal([source], Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void The_largest_values_of_a_type_are_kept()
    {
        List<Part> parts = Parts("openai", Config);
        parts.Single(part => part.Name == "visual.proj").Values[7] = 65519.99f;
        ClipConverter.Convert(TorchSamples.Write(folder, "zip", parts), Out, new() { Config = Config, Type = SafetensorsType.F16 });
        using ClipWeights weights = ClipWeights.Load(Out);
        Assert.Equal(65504f, weights.Floats("visual.proj")[7]);
    }

    [Fact]
    public void What_is_no_whole_model_is_refused_and_leaves_nothing()
    {
        List<Part> parts = Parts("huggingface", Config);
        string source = TorchSamples.Write(folder, "zip", parts[..^4]);
        Assert.Contains("CLIP's tensors are missing", Assert.Throws<InvalidDataException>(() => ClipConverter.Convert(source, Out)).Message, StringComparison.Ordinal);
        parts[0] = parts[0] with { Shape = [parts[0].Values.Length, 1] };
        TorchSamples.Write(folder, "zip", parts);
        Assert.Contains("[20, 1], expected", Assert.Throws<InvalidDataException>(() => ClipConverter.Convert(source, Out)).Message, StringComparison.Ordinal);
        TorchSamples.Write(folder, "zip", Parts("huggingface", Config));
        Assert.Contains("contradict the expected configuration",
            Assert.Throws<InvalidDataException>(() => ClipConverter.Convert(source, Out, new() { Config = ClipConfig.Known["tiny"] })).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => ClipConverter.Convert(source, Out, new() { Type = SafetensorsType.F64 }));
        Assert.Throws<DirectoryNotFoundException>(() => ClipConverter.Convert(source, Path.Combine(folder["none"], "out"), new() { Config = Config }));
        Assert.Throws<FileNotFoundException>(() => ClipConverter.Convert(folder["none.pt"], Out));
        Assert.Equal([source], Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void The_source_is_not_overwritten()
    {
        string source = TorchSamples.Write(folder, "zip", Parts("openai", Config)), shards = TorchSamples.Write(folder, "shards", Parts("openai", Config));
        byte[] before = File.ReadAllBytes(source);
        Refused(source, source);
        Refused(source, Path.Combine(folder.Path, ".", "in.pt"));
        Refused(shards, Path.Combine(shards, "model-2.safetensors"));
        if (!OperatingSystem.IsWindows())
        {
            File.CreateSymbolicLink(folder["link.pt"], source);
            Refused(folder["link.pt"], source);
            Refused(source, folder["link.pt"]);
        }
        Assert.Equal(before, File.ReadAllBytes(source));

        void Refused(string from, string to)
        {
            Assert.Contains("is the source itself", Assert.Throws<ArgumentException>(() => ClipConverter.Convert(from, to, new() { Config = Config })).Message, StringComparison.Ordinal);
            Assert.Contains("is the source itself", Assert.Throws<ArgumentException>(() => ClipConverter.CopyRaw(from, to)).Message, StringComparison.Ordinal);
        }
    }

    [Theory, InlineData("hashing the source"), InlineData("converting tensors"), InlineData("copying tensors")]
    public void Cancelled_it_leaves_nothing(string stage)
    {
        string source = TorchSamples.Write(folder, "zip", Parts("openai", Config));
        using CancellationTokenSource cancellation = new();
        CancelIn progress = new(stage, cancellation);
        Assert.Throws<OperationCanceledException>(() => stage == "copying tensors" ? ClipConverter.CopyRaw(source, Out, progress, cancellation.Token)
            : ClipConverter.Convert(source, Out, new() { Config = Config }, progress, cancellation.Token));
        Assert.Equal([source], Directory.GetFiles(folder.Path));
    }

    private static float Round(SafetensorsType type, float value) => type switch
    {
        SafetensorsType.F16 => (float)(Half)value,
        // 8 significant bits: a multiple of 2^(exponent - 7). Math.Round goes to even.
        SafetensorsType.BF16 => value == 0 ? value : (float)(Math.Round(value / Math.ScaleB(1, Math.ILogB(value) - 7)) * Math.ScaleB(1, Math.ILogB(value) - 7)),
        _ => value,
    };

    private sealed class CancelIn(string stage, CancellationTokenSource cancellation) : IProgress<WorkProgress>
    {
        public void Report(WorkProgress value)
        {
            if (value.Stage == stage)
                cancellation.Cancel();
        }
    }
}
