using System.Buffers.Binary;
using System.Text;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Tests.Weights;

public sealed class SafetensorsFileTests
{
    private const string Valid = """{"w":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}""";

    /// <summary>Headers over 16 bytes of data that must be refused, and a word of the message.</summary>
    public static TheoryData<string, string> BadHeaders => new()
    {
        { """ {"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", "begin with '{'" },
        { """{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}{}""", "broken JSON" },
        { """{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},}""", "broken JSON" },
        { """{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16],"x":1}}""", "unknown field 'x'" },
        { """{"w":{"dtype":"F32","dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", "'dtype' twice" },
        { """{"w":{"dtype":"F32","shape":[4],"shape":[4],"data_offsets":[0,16]}}""", "'shape' twice" },
        { """{"w":{"dtype":"f32","shape":[4],"data_offsets":[0,16]}}""", "unknown dtype 'f32'" },
        { """{"w":{"dtype":"17","shape":[4],"data_offsets":[0,16]}}""", "unknown dtype '17'" },
        { """{"w":{"dtype":"F16, F32","shape":[4],"data_offsets":[0,16]}}""", "unknown dtype" },
        { """{"w":{"dtype":7,"shape":[4],"data_offsets":[0,16]}}""", "the number 7 as 'dtype'" },
        { """{"w":{"dtype":null,"shape":[4],"data_offsets":[0,16]}}""", "null as 'dtype'" },
        { """{"w":{"dtype":"F32","shape":4,"data_offsets":[0,16]}}""", "the number 4 as 'shape'" },
        { """{"w":{"dtype":"F32","shape":[4.0],"data_offsets":[0,16]}}""", "4.0 in 'shape'" },
        { """{"w":{"dtype":"F32","shape":[4e0],"data_offsets":[0,16]}}""", "4e0 in 'shape'" },
        { """{"w":{"dtype":"F32","shape":[true],"data_offsets":[0,16]}}""", "true in 'shape'" },
        { """{"w":{"dtype":"F32","shape":[[4]],"data_offsets":[0,16]}}""", "a list in 'shape'" },
        { """{"w":{"dtype":"F32","shape":[4],"data_offsets":[-0,16]}}""", "-0 in 'data_offsets'" },
        { """{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16,16]}}""", "[begin, end]" },
        { """{"w":{"dtype":"F32","shape":[4],"data_offsets":[]}}""", "[begin, end]" },
        { """{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,99999999999999999999]}}""", "99999999999999999999" },
        { """{"w":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,16]}}""", "exceeds 64 bits" },
        { """{"w":{"dtype":"F32","shape":[2305843009213693951],"data_offsets":[0,16]}}""", "exceeds 64 bits" },
        { """{"w":{"dtype":"U8","shape":[9223372036854775807],"data_offsets":[0,9223372036854775807]}}""", "exceeds 64 bits" },
        { """{"w":{"dtype":"U8","shape":[1000000000000000000],"data_offsets":[0,1000000000000000000]}}""", "cut off" },
        { """{"w":{"dtype":"U8","shape":[16],"data_offsets":[9223372036854775791,9223372036854775807]}}""", "of which the file has 16" },
        { """{"w":{"dtype":"F4","shape":[3],"data_offsets":[0,16]}}""", "16 bytes of data" },
        { """{"w":{"dtype":"F6_E2M3","shape":[1],"data_offsets":[0,1]},"v":{"dtype":"U8","shape":[15],"data_offsets":[1,16]}}""", "1 bytes of data" },
        { """{"w":[1]}""", "described by a list" },
        { """{"w":null}""", "described by null" },
        { """{"w":{}}""", "no 'dtype'" },
        { """{"\ud800":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", "broken JSON" },
        { """{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"\u0077":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}""", "'w' twice" },
        { """{"__metadata__":[],"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", "is a list" },
        { """{"__metadata__":null,"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", "is null" },
        { """{"__metadata__":{"a":{}},"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", "an object under 'a'" },
        { """{"__metadata__":{"a":"1","a":"2"},"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", "'a' twice" },
        { """{"__metadata__":{},"__metadata__":{},"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", "'__metadata__' twice" },
        { """{"a":{"dtype":"U8","shape":[16],"data_offsets":[0,16]},"b":{"dtype":"U8","shape":[0],"data_offsets":[8,8]}}""", "inside the tensor before it" },
        { """{"a":{"dtype":"U8","shape":[8],"data_offsets":[8,16]}}""", "to no tensor" },
        { "{}", "the tensors use 0" },
        { """{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]} /* why */}""", "broken JSON" },
        { """{'w':{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", "broken JSON" },
        { "{\"w\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}\0\0\0", "broken JSON" },
    };

    [Theory, MemberData(nameof(BadHeaders))]
    public void Refuses_a_bad_header(string json, string word)
    {
        using TemporaryFolder folder = new();
        string path = Write(folder, json, new byte[16]);
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => SafetensorsFile.Open(path));
        Assert.StartsWith(path + ":", error.Message, StringComparison.Ordinal);
        Assert.Contains(word, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("PK\u0003\u0004and the rest of an archive", "PyTorch")]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull")]
    [InlineData("<!DOCTYPE html><html>not found</html>", "web page")]
    [InlineData("GGUF\u0003\0\0\0\u0001\0\0\0", "GGUF")]
    public void Names_other_formats(string content, string word)
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder["x"], content);
        Assert.Contains(word, Assert.Throws<InvalidDataException>(() => SafetensorsFile.Open(folder["x"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pickle_is_named_and_not_run()
    {
        using TemporaryFolder folder = new();
        File.WriteAllBytes(folder["x.pt"], [0x80, 2, .. "cos\nsystem\n(S'touch evil'\ntR."u8]);
        Assert.Contains("PyTorch", Assert.Throws<InvalidDataException>(() => SafetensorsFile.Open(folder["x.pt"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_header_whose_length_looks_like_another_format_is_read()
    {
        // 0x10280 bytes begin with 80 02, as a pickle does.
        using TemporaryFolder folder = new();
        using SafetensorsFile file = SafetensorsFile.Open(Write(folder, Valid.PadRight(0x10280), new byte[16]));
        Assert.Equal([0f, 0f, 0f, 0f], file.ReadFloats("w"));
    }

    [Fact]
    public void Missing_files_are_named()
    {
        using TemporaryFolder folder = new();
        Assert.Throws<FileNotFoundException>(() => SafetensorsFile.Open(folder["none"]));
        Assert.Throws<DirectoryNotFoundException>(() => SafetensorsFile.Open(Path.Combine(folder["none"], "file")));
        Assert.Throws<FileNotFoundException>(() => SafetensorsFile.Open(folder.Path));
    }

    [Fact]
    public void Reads_every_number_type()
    {
        using TemporaryFolder folder = new();
        byte[] data = new byte[62];
        BinaryPrimitives.WriteDoubleLittleEndian(data, 0.1);
        BinaryPrimitives.WriteInt64LittleEndian(data.AsSpan(8), long.MinValue);
        BinaryPrimitives.WriteInt32LittleEndian(data.AsSpan(16), -5);
        BinaryPrimitives.WriteUInt32LittleEndian(data.AsSpan(20), uint.MaxValue);
        BinaryPrimitives.WriteInt16LittleEndian(data.AsSpan(24), -6);
        BinaryPrimitives.WriteUInt16LittleEndian(data.AsSpan(26), 65535);
        data[28] = 0xFF;
        data[29] = 0xFF;
        BinaryPrimitives.WriteUInt64LittleEndian(data.AsSpan(30), ulong.MaxValue);
        // An F32 at an odd multiple of two, and the smallest half.
        BinaryPrimitives.WriteSingleLittleEndian(data.AsSpan(38), 3.5f);
        BinaryPrimitives.WriteUInt16LittleEndian(data.AsSpan(42), 1);
        string json = "{" + string.Join(",", new (string, string, int, int)[]
        {
            ("d", "F64", 0, 8), ("l", "I64", 8, 16), ("i", "I32", 16, 20), ("u", "U32", 20, 24), ("s", "I16", 24, 26), ("t", "U16", 26, 28),
            ("b", "I8", 28, 29), ("c", "U8", 29, 30), ("q", "U64", 30, 38), ("f", "F32", 38, 42), ("h", "F16", 42, 44), ("z", "C64", 44, 52),
            ("e5", "F8_E5M2", 52, 53), ("e4", "F8_E4M3", 53, 54), ("e8", "F8_E8M0", 54, 55), ("n4", "F8_E4M3FNUZ", 55, 56), ("n5", "F8_E5M2FNUZ", 56, 57),
            ("o", "BOOL", 57, 58),
        }.Select(t => $"\"{t.Item1}\":{{\"dtype\":\"{t.Item2}\",\"shape\":[1],\"data_offsets\":[{t.Item3},{t.Item4}]}}"))
            + ",\"x\":{\"dtype\":\"F4\",\"shape\":[2],\"data_offsets\":[58,59]},\"y\":{\"dtype\":\"F6_E3M2\",\"shape\":[4],\"data_offsets\":[59,62]}}";
        using SafetensorsFile file = SafetensorsFile.Open(Write(folder, json, data));
        Assert.Equal(20, file.Tensors.Count);
        Assert.Equal([0.1f], file.ReadFloats("d"));
        Assert.Equal([3.5f], file.ReadFloats("f"));
        Assert.Equal([MathF.Pow(2, -24)], file.ReadFloats("h"));
        Assert.Equal([long.MinValue, -5, uint.MaxValue, -6, 65535, -1, 255, 0],
            new[] { "l", "i", "u", "s", "t", "b", "c", "o" }.SelectMany(name => file.ReadInt64s(name)));
        Assert.Equal(Enumerable.Repeat((byte)0xFF, 8), file.ReadBytes("q"));
        Assert.Contains("U64", Assert.Throws<InvalidDataException>(() => file.ReadInt64s("q")).Message, StringComparison.Ordinal);
        Assert.Contains("expected F32", Assert.Throws<InvalidDataException>(() => file.ReadFloats("e4")).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidDataException>(() => file.ReadFloats("none"));
    }

    [Fact]
    public void Every_half_and_every_bfloat16_is_read_exactly()
    {
        using TemporaryFolder folder = new();
        byte[] data = [.. Enumerable.Range(0, 65536).SelectMany(bits => BitConverter.GetBytes((ushort)bits))];
        const string Json = """{"h":{"dtype":"F16","shape":[65536],"data_offsets":[0,131072]},"b":{"dtype":"BF16","shape":[65536],"data_offsets":[131072,262144]}}""";
        using SafetensorsFile file = SafetensorsFile.Open(Write(folder, Json, [.. data, .. data]));
        float[] halves = file.ReadFloats("h"), brains = file.ReadFloats("b"), tail = new float[13];
        for (int bits = 0; bits < 65536; bits++)
        {
            float expected = (float)BitConverter.UInt16BitsToHalf((ushort)bits);
            Assert.True(float.IsNaN(expected) ? float.IsNaN(halves[bits]) : BitConverter.SingleToInt32Bits(expected) == BitConverter.SingleToInt32Bits(halves[bits]), $"half {bits:x4}");
            Assert.Equal(bits << 16, BitConverter.SingleToInt32Bits(brains[bits]));
        }
        file.ReadFloats("h", 1000, tail);
        Assert.Equal(halves[1000..1013], tail);
    }

    [Fact]
    public void Maps_aligned_floats_and_refuses_after_dispose()
    {
        using TemporaryFolder folder = new();
        byte[] data = new byte[16];
        BinaryPrimitives.WriteSingleLittleEndian(data.AsSpan(12), 7f);
        // The JSON is padded so that the data begins at a multiple of 4.
        SafetensorsFile file = SafetensorsFile.Open(Write(folder, Valid.PadRight((Valid.Length + 3) / 4 * 4), data));
        Assert.True(file.TryMapFloats("w", out ReadOnlyMemory<float> mapped));
        Assert.Equal([0f, 0f, 0f, 7f], mapped.ToArray());
        file.Dispose();
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => mapped.Span[0]);
        Assert.Throws<ObjectDisposedException>(() => file.TryMapFloats("w", out _));
        Assert.Throws<ObjectDisposedException>(() => file.ReadFloats("w"));
        Assert.Throws<ObjectDisposedException>(() => file.ReadBytes("w"));
        File.Delete(file.Path);
    }

    [Fact]
    public void Unaligned_floats_are_copied()
    {
        using TemporaryFolder folder = new();
        string json = Valid.PadRight((Valid.Length + 3) / 4 * 4 + 1);
        using SafetensorsFile file = SafetensorsFile.Open(Write(folder, json, [0, 0, 0x80, 0x3F, .. new byte[12]]));
        Assert.False(file.TryMapFloats("w", out _));
        Assert.Equal([1f, 0f, 0f, 0f], file.ReadFloats("w"));
    }

    [Fact]
    public void Reads_a_part_and_checks_the_range()
    {
        using TemporaryFolder folder = new();
        using SafetensorsFile file = SafetensorsFile.Open(Write(folder, Valid, [.. new byte[8], 0, 0, 0x80, 0x3F, 0, 0, 0, 0x40]));
        float[] part = new float[2];
        file.ReadFloats("w", 2, part);
        Assert.Equal([1f, 2f], part);
        Assert.Throws<ArgumentException>(() => file.ReadFloats("w", 3, part));
        Assert.Throws<ArgumentException>(() => file.ReadFloats("w", -1, part));
        Assert.Throws<ArgumentException>(() => file.ReadFloats("w", long.MaxValue, part));
        Assert.Throws<ArgumentException>(() => file.ReadFloats("w", part));
    }

    [Fact]
    public void An_empty_file_of_no_tensors_is_read()
    {
        using TemporaryFolder folder = new();
        using SafetensorsFile file = SafetensorsFile.Open(Write(folder, """{"__metadata__":{"a":"ä€😀"}}""", []));
        Assert.Empty(file.Tensors);
        Assert.Equal("ä€😀", file.Metadata["a"]);
    }

    [Fact]
    public void Hundreds_of_megabytes_are_declared_and_not_allocated()
    {
        using TemporaryFolder folder = new();
        // 300 MB of a file without data blocks, header of 90 MB of zeros.
        using (FileStream sparse = File.Create(folder["sparse"]))
        {
            sparse.Write(BitConverter.GetBytes(100_000_001L));
            sparse.SetLength(300_000_000);
        }
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("100000001", Assert.Throws<InvalidDataException>(() => SafetensorsFile.Open(folder["sparse"])).Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    /// <summary>Random damage to a valid file: either it is refused with one kind of exception, or every tensor can be read.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Random_damage_never_does_worse_than_an_error(int seed)
    {
        Random random = new(seed);
        using TemporaryFolder folder = new();
        const string Json = """{"__metadata__":{"format":"pt","k":"v"},"w":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"h":{"dtype":"F16","shape":[3],"data_offsets":[16,22]},"e":{"dtype":"I64","shape":[0,3],"data_offsets":[22,22]}}""";
        byte[] valid = File.ReadAllBytes(Write(folder, Json, new byte[22]));
        string path = folder["damaged"];
        int read = 0;
        for (int round = 0; round < 600; round++)
        {
            byte[] damaged = Damage(valid, random);
            File.WriteAllBytes(path, damaged);
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                using SafetensorsFile file = SafetensorsFile.Open(path);
                Assert.Equal(damaged.Length - 8 - BitConverter.ToInt64(damaged), file.Tensors.Sum(tensor => tensor.Bytes));
                foreach (SafetensorsTensor tensor in file.Tensors)
                    Assert.Equal(tensor.Bytes, file.ReadBytes(tensor.Name).Length);
                read++;
            }
            catch (InvalidDataException e)
            {
                Assert.StartsWith(path + ":", e.Message, StringComparison.Ordinal);
            }
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 18);
        }
        Assert.InRange(read, 1, 599);
    }

    private static byte[] Damage(byte[] valid, Random random)
    {
        List<byte> bytes = [.. valid];
        for (int times = random.Next(1, 4); times > 0 && bytes.Count > 8; times--)
        {
            int at = random.Next(3) == 0 ? random.Next(8) : random.Next(bytes.Count);
            switch (random.Next(6))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)"0123456789{}[]\",:-.eE\\\0\xff"[random.Next(24)];
                    break;
                case 2:
                    bytes.RemoveAt(at);
                    break;
                case 3:
                    bytes.Insert(at, (byte)random.Next(256));
                    break;
                case 4:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                default:
                    int length = random.Next(1, Math.Min(40, bytes.Count - at) + 1);
                    bytes.InsertRange(random.Next(bytes.Count), bytes.GetRange(at, length));
                    break;
            }
        }
        return [.. bytes];
    }

    private static string Write(TemporaryFolder folder, string json, byte[] data)
    {
        byte[] header = Encoding.UTF8.GetBytes(json);
        string path = folder["file.safetensors"];
        File.WriteAllBytes(path, [.. BitConverter.GetBytes((long)header.Length), .. header, .. data]);
        return path;
    }
}
