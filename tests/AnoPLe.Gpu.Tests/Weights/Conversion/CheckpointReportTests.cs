using AnoPLe.Gpu.Tests.Weights.Checkpoints;
using AnoPLe.Gpu.Weights;
using static AnoPLe.Gpu.Tests.Weights.NamingSamples;

namespace AnoPLe.Gpu.Tests.Weights.Conversion;

/// <summary>What is said about files that are not loaded as they are: reports and errors with the command that converts them.</summary>
public sealed class CheckpointReportTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("zip", "PyTorch zip", "in.pt", "in.safetensors")]
    [InlineData("legacy", "PyTorch legacy", "in.bin", "in.safetensors")]
    [InlineData("script", "TorchScript", "in.pt", "in.safetensors")]
    [InlineData("shards", "safetensors, 3 shards", "shards", "shards/model.safetensors")]
    public void Every_form_is_inspected_and_loading_it_names_the_command(string form, string format, string input, string output)
    {
        string source = TorchSamples.Write(folder, form, Parts("huggingface", Config));
        WeightsReport report = WeightsReport.Read(source, Config);
        Assert.Equal((format, ClipNaming.HuggingFace, Config), (report.Format, report.Naming, report.Config));
        Assert.Null(report.Problem);
        string command = $"anople weights convert {folder[input]} --out {Path.Combine([folder.Path, .. output.Split('/')])}";
        Assert.Equal(command, report.NextStep);
        Assert.InRange(report.FileBytes, report.Tensors.Sum(tensor => tensor.ByteLength), 1 << 20);
        Assert.EndsWith(command, Assert.ThrowsAny<Exception>(() => ClipWeights.Load(source)).Message, StringComparison.Ordinal);
        Assert.Empty(WeightsReport.NonFinite(source));
    }

    [Fact]
    public void An_index_is_told_from_safetensors()
    {
        TorchSamples.Write(folder, "shards", Parts("openai", Config));
        string index = Path.Combine(folder["shards"], "model.safetensors.index.json");
        Assert.EndsWith($"anople weights convert {index} --out {Path.Combine(folder["shards"], "model.safetensors")}",
            Assert.Throws<InvalidDataException>(() => ClipWeights.Load(index)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Paths_with_spaces_are_quoted_and_other_models_are_copied_raw()
    {
        PickleBuilder.Zip(folder["my model.pt"], PickleBuilder.Dict("blocks.0.attn.qkv.weight", value => value.Tensor(0, [4], [1])));
        WeightsReport report = WeightsReport.Read(folder["my model.pt"]);
        Assert.Contains("plain vision transformer", report.Problem, StringComparison.Ordinal);
        Assert.Equal($"anople weights convert \"{folder["my model.pt"]}\" --out \"{folder["my model.safetensors"]}\" --raw", report.NextStep);
    }

    [Fact]
    public void Values_that_are_no_numbers_are_listed()
    {
        List<Part> parts = Parts("openai", Config);
        parts.Single(part => part.Name == "visual.proj").Values[3] = float.PositiveInfinity;
        foreach (SafetensorsType type in (SafetensorsType[])[SafetensorsType.F32, SafetensorsType.F16, SafetensorsType.BF16, SafetensorsType.F64])
            Assert.Equal(["visual.proj"], WeightsReport.NonFinite(TorchSamples.Write(folder, "legacy", parts, type)));
    }
}
