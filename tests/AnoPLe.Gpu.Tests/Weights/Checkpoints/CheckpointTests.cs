using AnoPLe.Gpu.Weights.Checkpoints;

namespace AnoPLe.Gpu.Tests.Weights.Checkpoints;

/// <summary>Which form a path has, what callers may do, and indices of shards.</summary>
public sealed class CheckpointTests : IDisposable
{
    private const string IndexName = "model.safetensors.index.json";
    private static readonly string Golden = Repository.Path("tests", "Golden", "checkpoints");

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    // Headers whose length, in its first bytes, looks like the beginning of a pickle or of JSON.
    [Theory, InlineData(0x280), InlineData(0x580), InlineData(0x7b), InlineData(0x207b), InlineData(0x0a7b)]
    public void Safetensors_are_told_by_content(int headerBytes)
    {
        byte[] header = [.. """{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"""u8];
        File.WriteAllBytes(folder["model.bin"],
            [.. BitConverter.GetBytes((long)headerBytes), .. header, .. Enumerable.Repeat((byte)' ', headerBytes - header.Length), .. BitConverter.GetBytes(1.5f)]);
        using Checkpoint checkpoint = Checkpoint.Open(folder["model.bin"]);
        Assert.Equal("safetensors", checkpoint.Format);
        byte[] bytes = new byte[4];
        checkpoint.Read(checkpoint.Tensors[0], bytes);
        Assert.Equal(1.5f, BitConverter.ToSingle(bytes));
    }

    [Fact]
    public void Extensions_say_nothing()
    {
        foreach (string name in (ReadOnlySpan<string>)["views.pt", "views_legacy.pt", "plain.safetensors", "script.pt"])
        {
            File.Copy(Path.Combine(Golden, name), folder["weights"], overwrite: true);
            using Checkpoint expected = Checkpoint.Open(Path.Combine(Golden, name)), actual = Checkpoint.Open(folder["weights"]);
            Assert.Equal(expected.Format, actual.Format);
            Assert.Equal(expected.Tensors.Select(tensor => tensor.ToString()), actual.Tensors.Select(tensor => tensor.ToString()));
        }
    }

    [Fact]
    public void Missing_paths_throw_what_files_throw()
    {
        Assert.Throws<FileNotFoundException>(() => Checkpoint.Open(folder["missing.pt"]));
        Assert.Throws<DirectoryNotFoundException>(() => Checkpoint.Open(folder["missing/missing.pt"]));
        Assert.Throws<ArgumentException>(() => Checkpoint.Open(""));
        Assert.Contains("is a folder without a *.safetensors.index.json", Assert.Throws<FileNotFoundException>(() => Checkpoint.Open(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "too short")]
    [InlineData("PK\u0003\u0004", "begins like a ZIP archive but its directory is damaged")]
    [InlineData("version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer")]
    [InlineData("<!DOCTYPE html><html></html>", "a web page")]
    [InlineData("some text that is no model", "declares a header")]
    [InlineData("{ \"weight_map\": 1 }", "its 'weight_map' is no object")]
    public void Other_files_are_named(string text, string why)
    {
        folder.Write("file", text);
        Refused(folder["file"], folder["file"], why);
    }

    [Fact]
    public void Two_indices_in_a_folder_are_refused()
    {
        folder.With("a.safetensors.index.json", "b.safetensors.index.json");
        Refused(folder.Path, folder.Path, "a.safetensors.index.json, b.safetensors.index.json. Name the one to read");
    }

    [Theory]
    [InlineData("""{"weight_map": {"w": "../x.safetensors"}}""", "Expected the plain name of a file beside the index")]
    [InlineData("""{"weight_map": {"w": "/etc/passwd"}}""", "Expected the plain name of a file beside the index")]
    [InlineData("""{"weight_map": {"w": "a\\b"}}""", "Expected the plain name of a file beside the index")]
    [InlineData("""{"weight_map": {"w": "C:x"}}""", "Expected the plain name of a file beside the index")]
    [InlineData("""{"weight_map": {"w": ".."}}""", "Expected the plain name of a file beside the index")]
    [InlineData("""{"weight_map": {"w": ""}}""", "Expected the plain name of a file beside the index")]
    [InlineData("""{"weight_map": {"w": "a\u0000b"}}""", "Expected the plain name of a file beside the index")]
    [InlineData("""{"weight_map": {"w": 3}}""", "has no file name for 'w'")]
    [InlineData("""{"weight_map": {}}""", "has no tensors under 'weight_map'")]
    [InlineData("""{"weight_map": {"w": "missing.safetensors"}}""", "the shard 'missing.safetensors' is missing")]
    [InlineData("""{"weight_map": {"a.weight": "1.safetensors", "a.weight": "2.safetensors"}}""", "puts 'a.weight' into '1.safetensors' and again into '2.safetensors'")]
    [InlineData("""{"weight_map": {"a.weight": "1.safetensors", "a.ids": "2.safetensors"}}""", "puts 'a.ids' into '2.safetensors', but '1.safetensors' has it")]
    [InlineData("""{"weight_map": {"a.weight": "1.safetensors"}}""", "'1.safetensors' has 'a.ids', which the index does not list")]
    [InlineData("""{"weight_map": {"a.weight": "1.safetensors", "a.ids": "1.safetensors", "b": "1.safetensors"}}""", "puts 'b' into '1.safetensors', which does not have it")]
    [InlineData("""{"weight_map": {"w": "1.safetensors"}, "weight_map": {}}""", "has 'weight_map' twice")]
    [InlineData("""{"weight_map": {"w": "1.safetensors"}""", "is broken JSON")]
    public void Indices_that_lie_are_refused(string index, string why)
    {
        File.Copy(Path.Combine(Golden, "plain.safetensors"), folder["1.safetensors"]);
        File.Copy(Path.Combine(Golden, "plain.safetensors"), folder["2.safetensors"]);
        folder.Write(IndexName, index);
        Refused(folder[IndexName], folder[IndexName], why);
        Refused(folder.Path, folder[IndexName], why);
    }

    [Fact]
    public void A_tensor_in_two_shards_is_refused()
    {
        Directory.CreateDirectory(folder["x"]);
        foreach (string file in Directory.GetFiles(Path.Combine(Golden, "sharded")))
            File.Copy(file, folder["x/" + Path.GetFileName(file)]);
        // The second shard repeats the first.
        File.Copy(folder["x/model-00001-of-00003.safetensors"], folder["x/model-00002-of-00003.safetensors"], overwrite: true);
        Refused(folder["x"], folder["x/" + IndexName], "'a.weight' is in 'model-00001-of-00003.safetensors' and in 'model-00002-of-00003.safetensors'");
    }

    [Theory, InlineData("views.pt"), InlineData("views_legacy.pt"), InlineData("script.pt"), InlineData("plain.safetensors"), InlineData("sharded")]
    public void Reading_checks_what_it_is_given(string name)
    {
        Checkpoint checkpoint = Checkpoint.Open(Path.Combine(Golden, name)), other = Checkpoint.Open(Path.Combine(Golden, name));
        CheckpointTensor tensor = checkpoint.Tensors[0];
        Assert.Throws<ArgumentException>(() => checkpoint.Read(tensor, new byte[tensor.ByteLength + 1]));
        Assert.Throws<ArgumentException>(() => checkpoint.Read(tensor, []));
        Assert.Throws<ArgumentException>(() => checkpoint.Read(other.Tensors[0], new byte[tensor.ByteLength]));
        checkpoint.Read(tensor, new byte[tensor.ByteLength]);
        other.Dispose();
        checkpoint.Dispose();
        checkpoint.Dispose();
        Assert.Throws<ObjectDisposedException>(() => checkpoint.Read(tensor, new byte[tensor.ByteLength]));
    }

    [Fact]
    public void Closing_lets_go_of_the_file()
    {
        foreach (string name in (ReadOnlySpan<string>)["views.pt", "views_legacy.pt", "plain.safetensors"])
        {
            File.Copy(Path.Combine(Golden, name), folder["weights"], overwrite: true);
            using (Checkpoint checkpoint = Checkpoint.Open(folder["weights"]))
                checkpoint.Read(checkpoint.Tensors[0], new byte[checkpoint.Tensors[0].ByteLength]);
            // Fails while anything in this process still reads it.
            using FileStream exclusive = new(folder["weights"], FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            Assert.True(exclusive.Length > 0);
        }
    }

    private static void Refused(string path, string named, string why)
    {
        var error = Assert.Throws<InvalidDataException>(() => Checkpoint.Open(path));
        Assert.Contains(why, error.Message, StringComparison.Ordinal);
        Assert.StartsWith(named, error.Message, StringComparison.Ordinal);
    }
}
