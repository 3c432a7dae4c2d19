using System.Text.Json;
using AnoPLe.Gpu.Weights.Checkpoints;

namespace AnoPLe.Gpu.Tests.Golden;

/// <summary>Files that PyTorch wrote give the values that PyTorch has: all element types, views, protocols, containers, TorchScript, shards.</summary>
[Trait("Category", "Golden")]
public sealed class CheckpointGoldenTests
{
    private static readonly string Folder = Repository.Path("tests", "Golden", "checkpoints");

    private static readonly JsonElement Expected = JsonSerializer.Deserialize<JsonElement>(File.ReadAllBytes(Path.Combine(Folder, "expected.json")));

    public static TheoryData<string> Names => [.. Expected.EnumerateObject().Select(file => file.Name)];

    [Theory, MemberData(nameof(Names))]
    public void Reads_what_PyTorch_wrote(string name)
    {
        using Checkpoint checkpoint = Checkpoint.Open(Path.Combine(Folder, name));
        Assert.Equal(Path.Combine(Folder, name), checkpoint.Path);
        Assert.Equal(Format(name), checkpoint.Format);
        CheckpointContent.AssertEqual(Expected.GetProperty(name).GetProperty("content"), checkpoint);
        if (Expected.GetProperty(name).GetProperty("metadata") is { ValueKind: JsonValueKind.Object } metadata)
            Assert.Equal(metadata.EnumerateObject().ToDictionary(entry => entry.Name, entry => entry.Value.GetString()!), checkpoint.Metadata);
    }

    [Theory, MemberData(nameof(Names))]
    public void Reads_tensors_in_any_order_and_again(string name)
    {
        using Checkpoint checkpoint = Checkpoint.Open(Path.Combine(Folder, name));
        double[][] forwards = [.. checkpoint.Tensors.Select(tensor => CheckpointContent.Values(checkpoint, tensor))];
        double[][] backwards = [.. checkpoint.Tensors.Reverse().Select(tensor => CheckpointContent.Values(checkpoint, tensor))];
        Assert.Equal(forwards, backwards.Reverse());
    }

    private static string Format(string name) =>
        name.StartsWith("sharded", StringComparison.Ordinal) ? "safetensors, 3 shards"
        : name.EndsWith(".safetensors", StringComparison.Ordinal) ? "safetensors"
        : name.StartsWith("script", StringComparison.Ordinal) || name.StartsWith("trace", StringComparison.Ordinal) ? "TorchScript"
        : name.Contains("legacy", StringComparison.Ordinal) ? "PyTorch legacy"
        : "PyTorch zip";
}
