using AnoPLe.Gpu.Tests.Weights.Checkpoints;
using AnoPLe.Gpu.Weights;
using AnoPLe.Gpu.Weights.Checkpoints;
using AnoPLe.Gpu.Weights.Conversion;

namespace AnoPLe.Gpu.Tests.Weights.Conversion;

public sealed class RawCopyTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    private string Out => folder["out.safetensors"];

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("dtypes.pt")]
    [InlineData("dtypes_legacy.pt")]
    [InlineData("views.pt")]
    [InlineData("training.pt")]
    [InlineData("script_half.pt")]
    [InlineData("sharded")]
    [InlineData("plain.safetensors")]
    public void Every_tensor_keeps_name_type_shape_and_bytes(string name)
    {
        string source = Repository.Path("tests", "Golden", "checkpoints", name);
        ConversionResult result = ClipConverter.CopyRaw(source, Out);
        using Checkpoint before = Checkpoint.Open(source), after = Checkpoint.Open(Out);
        Assert.Equal(before.Tensors.Select(tensor => tensor.ToString()).Order(StringComparer.Ordinal), after.Tensors.Select(tensor => tensor.ToString()).Order(StringComparer.Ordinal));
        byte[] a = [], b = [];
        foreach (CheckpointTensor tensor in before.Tensors)
            Assert.Equal(CheckpointBytes.Read(before, tensor, ref a), CheckpointBytes.Read(after, after.Tensors.Single(other => other.Name == tensor.Name), ref b));
        foreach (var (key, value) in before.Metadata.Where(pair => pair.Key is not "format"))
            Assert.Equal(value, after.Metadata[key]);
        Assert.Equal("raw", after.Metadata["conversion"]);
        Assert.Equal(before.Format, result.SourceFormat);
        Assert.Null(result.Config);
        VerificationReport report = ClipVerifier.Verify(Out, new() { Against = source });
        Assert.Empty(report.Problems);
        Assert.True(report.Raw);
        Assert.True(report.Comparison!.Same);
        Assert.True(report.Comparison.SameFile);
    }

    [Fact]
    public void Every_type_of_safetensors_is_copied()
    {
        SafetensorsType[] types = Enum.GetValues<SafetensorsType>();
        using (SafetensorsWriter writer = SafetensorsWriter.Create(folder["in"], types.Select(type => new SafetensorsDeclaration(type.ToString(), type, 4))))
        {
            foreach (SafetensorsType type in types)
                writer.WriteBytes(type.ToString(), [.. Enumerable.Range(1, 4 * type.Bits() / 8).Select(value => (byte)value)]);
            writer.Commit();
        }
        ClipConverter.CopyRaw(folder["in"], Out);
        Assert.True(ClipVerifier.Verify(Out, new() { Against = folder["in"] }).Comparison!.Same);
        using SafetensorsFile copy = SafetensorsFile.Open(Out);
        Assert.Equal([1, 2], copy.ReadBytes("F4"));
        Assert.Equal([1, 2, 3], copy.ReadBytes("F6_E2M3"));
        Assert.Equal(32, copy.ReadBytes("C64").Length);
    }

    [Fact]
    public void A_raw_copy_may_hold_any_values_and_differences_are_found()
    {
        byte[] pickle = PickleBuilder.Dict("w", value => value.Tensor(0, [4], [1]));
        PickleBuilder.Zip(folder["a.pt"], pickle, entries: ("m/data/0", [.. new[] { 1f, float.NaN, 3, 4 }.SelectMany(BitConverter.GetBytes)]));
        PickleBuilder.Zip(folder["b.pt"], pickle);
        PickleBuilder.Zip(folder["c.pt"], PickleBuilder.Dict("v", value => value.Tensor(0, [4], [1])));
        PickleBuilder.Zip(folder["d.pt"], PickleBuilder.Dict("w", value => value.Tensor(0, [2, 2], [2, 1])));
        ClipConverter.CopyRaw(folder["a.pt"], Out);
        VerificationReport sound = ClipVerifier.Verify(Out, new() { Against = folder["a.pt"] });
        Assert.Empty(sound.Problems);
        Assert.Equal(["w"], sound.NonFinite);
        VerificationReport other = ClipVerifier.Verify(Out, new() { Against = folder["b.pt"] });
        Assert.Contains("'w': 1 elements are not those of", Assert.Single(other.Problems), StringComparison.Ordinal);
        Assert.False(other.Comparison!.SameFile);
        Assert.Equal(2, ClipVerifier.Verify(Out, new() { Against = folder["c.pt"] }).Problems.Count);
        Assert.Contains("4 elements", Assert.Single(ClipVerifier.Verify(Out, new() { Against = folder["d.pt"] }).Problems), StringComparison.Ordinal);
    }
}
