using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Weights;
using AnoPLe.Gpu.Weights.Conversion;
using static AnoPLe.Gpu.Tests.Weights.NamingSamples;

namespace AnoPLe.Gpu.Tests.Weights.Conversion;

public sealed class ClipVerifierTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    private string Out => folder["out.safetensors"];

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(null, 0)]
    [InlineData(SafetensorsType.F16, 1.0 / 2048)]
    [InlineData(SafetensorsType.BF16, 1.0 / 256)]
    public void A_converted_file_is_sound_and_its_differences_are_those_of_rounding(SafetensorsType? type, double relative)
    {
        string source = TorchSamples.Write(folder, "zip", Parts("huggingface", Config));
        ClipConverter.Convert(source, Out, new() { Config = Config, Type = type, CheckVector = true });
        VerificationReport report = ClipVerifier.Verify(Out, new() { Against = source, Device = "cpu", Threads = 1 });
        Assert.Empty(report.Problems);
        Assert.Equal(Config, report.Config);
        Assert.Equal(report.RecordedSha256, report.DataSha256);
        Assert.True(report.Comparison!.Same);
        Assert.True(report.Comparison.SameFile);
        // The largest value is logit_scale's, 2.66.
        Assert.InRange(report.Comparison.MaxDifference, relative * 0.1, relative * 2.7);
        Assert.True(report.Check!.Passed);
        Assert.Equal(type is null, report.Check is { ImageDistance: 0, TextDistance: 0 });
        using ClipWeights weights = ClipWeights.Load(Out);
        Assert.Equal(weights.Hash, report.WeightsHash);
    }

    [Fact]
    public void One_changed_value_is_found_with_and_without_the_source()
    {
        string source = TorchSamples.Write(folder, "zip", Parts("openai", Config));
        ClipConverter.Convert(source, Out, new() { Config = Config, Type = SafetensorsType.F16 });
        Change(Out, "visual.proj", 2 * 11, bytes => bytes[0] ^= 1);
        VerificationReport alone = ClipVerifier.Verify(Out), compared = ClipVerifier.Verify(Out, new() { Against = source });
        Assert.Contains("its metadata records", Assert.Single(alone.Problems), StringComparison.Ordinal);
        Assert.NotEqual(alone.RecordedSha256, alone.DataSha256);
        Assert.Equal(2, compared.Problems.Count);
        Assert.Contains("'visual.proj': 1 elements are not those of", compared.Problems[1], StringComparison.Ordinal);
        TensorDifference wrong = Assert.Single(compared.Comparison!.Tensors, tensor => tensor.Wrong > 0);
        Assert.Equal(("visual.proj", 1L), (wrong.Name, wrong.Wrong));
    }

    [Fact]
    public void Nan_another_configuration_and_other_files_are_problems()
    {
        string source = TorchSamples.Write(folder, "zip", Parts("openai", Config));
        ClipConverter.Convert(source, Out, new() { Config = Config });
        File.WriteAllText(folder["out.json"], (Config with { Activation = Activation.Gelu }).ToJson());
        Assert.Contains("A JSON file beside it", Assert.Single(ClipVerifier.Verify(Out).Problems), StringComparison.Ordinal);
        File.Delete(folder["out.json"]);
        Change(Out, "ln_final.bias", 8, bytes => MemoryMarshal.Write(bytes, float.NaN));
        VerificationReport nan = ClipVerifier.Verify(Out, new() { Against = source, Device = "cpu" });
        Assert.Equal(["ln_final.bias"], nan.NonFinite);
        Assert.Contains(nan.Problems, problem => problem.Contains("'ln_final.bias' holds NaN", StringComparison.Ordinal));
        Assert.Contains(nan.Problems, problem => problem.Contains("'ln_final.bias': 1 elements", StringComparison.Ordinal));
        Assert.Null(nan.WeightsHash);
        Assert.Null(nan.Check);

        NamingSamples.Write(folder["foreign.safetensors"], [new Part("a", [1], [1])]);
        Assert.Contains("is no CLIP model", Assert.Single(ClipVerifier.Verify(folder["foreign.safetensors"]).Problems), StringComparison.Ordinal);
        Assert.Contains("anople weights convert", Assert.Throws<InvalidDataException>(() => ClipVerifier.Verify(source)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Files_that_were_not_converted_are_verified_as_far_as_they_go()
    {
        NamingSamples.Write(folder["m.safetensors"], Parts("huggingface", Config), metadata: Metadata);
        VerificationReport report = ClipVerifier.Verify(folder["m.safetensors"], new() { Against = TorchSamples.Write(folder, "script", Parts("openai", Config)) });
        Assert.Empty(report.Problems);
        Assert.True(report.Comparison!.Same);
        Assert.Null(report.Comparison.SameFile);
        Assert.Contains(report.Notes, note => note.Contains("records no SHA-256", StringComparison.Ordinal));
        Assert.Contains("no check vector", Assert.Single(ClipVerifier.Verify(folder["m.safetensors"], new() { Device = "cpu" }).Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void The_check_vector_tells_another_activation_and_other_weights_from_rounding()
    {
        string source = TorchSamples.Write(folder, "zip", Parts("openai", Config));
        ClipConverter.Convert(source, Out, new() { Config = Config, Type = SafetensorsType.F16, CheckVector = true });
        CheckVector own = CheckVector.Compute(ClipWeights.Load(Out), 1);
        foreach (var (other, least) in new[] { (CheckVector.Compute(ClipWeights.Load(Out, Config with { Activation = Activation.Gelu }), 1), 0.002), (CheckVector.Compute(ClipWeights.Random(Config, 2), 1), 0.5) })
        {
            var (image, text) = own.Distances(other);
            Assert.InRange(image, least, 2);
            Assert.InRange(text, least, 2);
        }
        // Swap the stored vector for that of other weights.
        using (SafetensorsFile file = SafetensorsFile.Open(Out))
        using (SafetensorsWriter writer = SafetensorsWriter.Create(folder["swapped.safetensors"], file.Tensors.Select(tensor => new SafetensorsDeclaration(tensor.Name, tensor.Type, tensor.Shape)),
            new Dictionary<string, string>(file.Metadata) { ["check"] = CheckVector.Compute(ClipWeights.Random(Config, 2), 0.01f).ToJson() }))
        {
            foreach (SafetensorsTensor tensor in file.Tensors)
                writer.WriteBytes(tensor.Name, file.ReadBytes(tensor.Name));
            writer.Commit();
        }
        VerificationReport report = ClipVerifier.Verify(folder["swapped.safetensors"], new() { Device = "cpu" });
        Assert.Contains("its features differ from the source's by", Assert.Single(report.Problems), StringComparison.Ordinal);
        Assert.False(report.Check!.Passed);
    }

    [Theory]
    [InlineData("nonsense", "damaged")]
    [InlineData("""{"Version":2,"Image":"","Text":"","Tolerance":1}""", "none of version 1")]
    [InlineData("""{"Version":1,"Image":"AAAAAA==","Text":"AAAAAA==","Tolerance":1}""", "with 7 values")]
    [InlineData("""{"Version":1,"Image":"?","Text":"","Tolerance":1}""", "damaged")]
    public void A_damaged_check_vector_is_named(string stored, string message) =>
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => CheckVector.Parse(stored, "file", 7)).Message, StringComparison.Ordinal);

    // Changes bytes of a tensor in place, as damage would.
    private static void Change(string path, string tensor, int offset, ChangeBytes change)
    {
        byte[] file = File.ReadAllBytes(path);
        int start = 8 + (int)MemoryMarshal.Read<ulong>(file);
        using JsonDocument header = JsonDocument.Parse(Encoding.UTF8.GetString(file, 8, start - 8));
        change(file.AsSpan(start + header.RootElement.GetProperty(tensor).GetProperty("data_offsets")[0].GetInt32() + offset));
        File.WriteAllBytes(path, file);
    }

    private delegate void ChangeBytes(Span<byte> bytes);
}
