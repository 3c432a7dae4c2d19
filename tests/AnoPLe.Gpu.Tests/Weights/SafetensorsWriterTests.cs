using System.Text;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Tests.Weights;

public sealed class SafetensorsWriterTests
{
    private static readonly SafetensorsDeclaration[] Declared =
    [
        new("bytes", SafetensorsType.U8, 3),
        new("half", SafetensorsType.F16, 2, 2),
        new("brain", SafetensorsType.BF16, 4),
        new("scalar", SafetensorsType.F32),
        new("none", SafetensorsType.F32, 0, 5),
        new("big", SafetensorsType.I64, 2),
        new("int", SafetensorsType.I32, 1),
    ];

    private static readonly Dictionary<string, string> Text = new() { ["b"] = "\"quoted\" ä", ["a"] = "" };

    [Fact]
    public void What_was_written_is_read_and_the_bytes_are_the_same_each_time()
    {
        using TemporaryFolder folder = new();
        Write(folder["a"]);
        Write(folder["b"]);
        byte[] bytes = File.ReadAllBytes(folder["a"]);
        Assert.Equal(bytes, File.ReadAllBytes(folder["b"]));
        Assert.Equal(2, Directory.GetFiles(folder.Path).Length);

        long header = BitConverter.ToInt64(bytes);
        Assert.Equal(0, header % 8);
        Assert.EndsWith("}", Encoding.UTF8.GetString(bytes, 8, (int)header).TrimEnd(' '), StringComparison.Ordinal);
        using SafetensorsFile file = SafetensorsFile.Open(folder["a"]);
        Assert.Equal(Text, file.Metadata);
        Assert.Equal([1, 2, 255], file.ReadBytes("bytes"));
        // 65504 is the largest half; 2049 lies between 2048 and 2050 and goes to the even one.
        Assert.Equal([1f, -0.5f, 65504f, 2048f], file.ReadFloats("half"));
        // 1 + 2^-8 lies between 1 and 1 + 2^-7; 1 + 3 * 2^-8 between 1 + 2^-7 and 1 + 2^-6.
        Assert.Equal([1f, 1f + 1f / 64, float.NaN, float.PositiveInfinity], file.ReadFloats("brain"));
        Assert.Equal([2.25f], file.ReadFloats("scalar"));
        Assert.Empty(file.ReadFloats("none"));
        Assert.Equal([long.MinValue, 9], file.ReadInt64s("big"));
        Assert.Equal([-7L], file.ReadInt64s("int"));
        Assert.All(file.Tensors, tensor => Assert.Equal(0, tensor.Bytes == 0 ? 0 : tensor.Offset % (tensor.Bytes / tensor.Count)));
    }

    [Fact]
    public void Without_a_commit_nothing_stays_and_an_old_file_is_kept()
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder["a"], "old");
        using (SafetensorsWriter writer = SafetensorsWriter.Create(folder["a"], Declared))
        {
            writer.Write("scalar", [1f]);
            Assert.Contains("'big' has 0 of 16", Assert.Throws<InvalidOperationException>(writer.Commit).Message, StringComparison.Ordinal);
        }
        Assert.Equal("old", File.ReadAllText(folder["a"]));
        Assert.Equal([folder["a"]], Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void A_commit_replaces_an_old_file()
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder["a"], "old");
        Write(folder["a"]);
        Assert.Equal(2.25f, Read(folder["a"], "scalar"));
        Assert.Single(Directory.GetFiles(folder.Path));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(700)]
    [InlineData(100_000)]
    public void A_full_disk_says_so_and_leaves_nothing(int room)
    {
        using TemporaryFolder folder = new();
        string path = folder["a.safetensors"];
        File.WriteAllText(path, "old");
        SafetensorsDeclaration[] large = [new("w", SafetensorsType.F32, 1 << 16), new("v", SafetensorsType.F16, 1 << 16)];
        IOException error = Assert.Throws<IOException>(() =>
        {
            using SafetensorsWriter writer = SafetensorsWriter.Create(path, large, null, (temporary, _) => new SmallDisk(temporary, room));
            writer.Write("w", new float[1 << 16]);
            writer.Write("v", new float[1 << 16]);
            writer.Commit();
        });
        Assert.StartsWith(path + ": could not be written (No space left", error.Message, StringComparison.Ordinal);
        Assert.Contains("Free disk space", error.Message, StringComparison.Ordinal);
        Assert.Equal([path], Directory.GetFiles(folder.Path));
        Assert.Equal("old", File.ReadAllText(path));
    }

    [Fact]
    public void A_disk_that_fills_at_the_last_flush_leaves_nothing()
    {
        using TemporaryFolder folder = new();
        IOException error = Assert.Throws<IOException>(() =>
        {
            using SafetensorsWriter writer = SafetensorsWriter.Create(folder["a"], [new("w", SafetensorsType.U8, 1)], null,
                (temporary, _) => new SmallDisk(temporary, int.MaxValue, failOnFlush: true));
            writer.Write("w", (ReadOnlySpan<byte>)[1]);
            writer.Commit();
        });
        Assert.Contains("No space left", error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void A_file_larger_than_the_disk_is_refused_before_it_is_written()
    {
        using TemporaryFolder folder = new();
        // Beyond what a file can hold anywhere: a little more than the disk's room would be taken for a moment, from tests beside this one, too.
        Assert.Throws<IOException>(() => SafetensorsWriter.Create(folder["a"], [new("w", SafetensorsType.U8, 1L << 58)]));
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Wrong_calls_are_refused()
    {
        using TemporaryFolder folder = new();
        Assert.Throws<DirectoryNotFoundException>(() => SafetensorsWriter.Create(Path.Combine(folder["none"], "a"), Declared));
        Assert.Throws<IOException>(() => SafetensorsWriter.Create(folder.Path, Declared));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Create(folder["a"], [.. Declared, Declared[0]]));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Create(folder["a"], [new("__metadata__", SafetensorsType.F32, 1)]));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Create(folder["a"], [new("w", SafetensorsType.F4, 3)]));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Create(folder["a"], [new("w", SafetensorsType.F32, -1)]));
        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Create(folder["a"], [new("w", SafetensorsType.F32, 1L << 40, 1L << 40)]));
        using SafetensorsWriter writer = SafetensorsWriter.Create(folder["a"], Declared);
        Assert.Throws<ArgumentException>(() => writer.Write("unknown", [1f]));
        Assert.Throws<ArgumentException>(() => writer.Write("big", [1f]));
        Assert.Throws<ArgumentException>(() => writer.Write("scalar", [1f, 2f]));
    }

    private static void Write(string path)
    {
        using SafetensorsWriter writer = SafetensorsWriter.Create(path, Declared, Text);
        writer.Write("bytes", (ReadOnlySpan<byte>)[1, 2]);
        writer.Write("half", [1f, -0.5f, 65504f, 2049f]);
        writer.Write("brain", [1f + 1f / 256, 1f + 3f / 256, float.NaN, float.MaxValue]);
        writer.Write("scalar", [2.25f]);
        writer.Write("big", [long.MinValue, 9L]);
        writer.Write("int", [-7]);
        writer.Write("bytes", (ReadOnlySpan<byte>)[255]);
        writer.Commit();
    }

    private static float Read(string path, string name)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        return file.ReadFloats(name)[0];
    }

    /// <summary>A file that holds only so many bytes.</summary>
    private sealed class SmallDisk(string path, int room, bool failOnFlush = false) : MemoryStream
    {
        private readonly FileStream file = File.Create(path);

        // The overload for spans ends here too.
        public override void Write(byte[] buffer, int offset, int count)
        {
            if (Position + count > room)
                throw new IOException("No space left on device.");
            base.Write(buffer, offset, count);
        }

        public override void Flush()
        {
            if (failOnFlush)
                throw new IOException("No space left on device.");
        }

        protected override void Dispose(bool disposing)
        {
            file.Dispose();
            base.Dispose(disposing);
        }
    }
}
