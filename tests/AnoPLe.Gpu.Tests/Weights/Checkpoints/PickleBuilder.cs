using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using AnoPLe.Gpu.Weights.Checkpoints.Pickle;

namespace AnoPLe.Gpu.Tests.Weights.Checkpoints;

/// <summary>Writes pickles by hand, and the files around them.</summary>
internal sealed class PickleBuilder
{
    private readonly List<byte> bytes = [];

    /// <summary>What was written so far.</summary>
    public byte[] Bytes => [.. bytes];

    /// <summary>Instructions without operands.</summary>
    public PickleBuilder Op(params ReadOnlySpan<Opcode> codes)
    {
        foreach (Opcode code in codes)
            bytes.Add((byte)code);
        return this;
    }

    /// <summary>An instruction with an operand of one byte.</summary>
    public PickleBuilder With(Opcode code, byte operand)
    {
        bytes.Add((byte)code);
        bytes.Add(operand);
        return this;
    }

    public PickleBuilder Raw(params ReadOnlySpan<byte> raw)
    {
        bytes.AddRange(raw);
        return this;
    }

    public PickleBuilder Text(string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        return Op(Opcode.BinUnicode).Int32(utf8.Length).Raw(utf8);
    }

    public PickleBuilder Number(long value)
    {
        With(Opcode.Long1, 8);
        Span<byte> eight = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(eight, value);
        return Raw(eight);
    }

    public PickleBuilder Int32(int value)
    {
        Span<byte> four = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(four, value);
        return Raw(four);
    }

    public PickleBuilder Name(string module, string name) => Op(Opcode.Global).Raw(Encoding.UTF8.GetBytes($"{module}\n{name}\n"));

    /// <summary>A tuple of numbers.</summary>
    public PickleBuilder Numbers(params ReadOnlySpan<long> values)
    {
        Op(Opcode.Mark);
        foreach (long value in values)
            Number(value);
        return Op(Opcode.Tuple);
    }

    /// <summary>A storage; <paramref name="view"/> is the legacy format's part of one.</summary>
    public PickleBuilder Storage(string type, string key, long count, Action<PickleBuilder>? view = null)
    {
        Op(Opcode.Mark).Text("storage").Name(type == "Untyped" ? "torch.storage" : "torch", type + "Storage").Text(key).Text("cpu").Number(count);
        view?.Invoke(this);
        return Op(Opcode.Tuple, Opcode.BinPersId);
    }

    /// <summary>A tensor by _rebuild_tensor_v2.</summary>
    public PickleBuilder Tensor(long offset, long[] size, long[] stride, string type = "Float", string key = "0", long count = 4) =>
        Name("torch._utils", "_rebuild_tensor_v2").Op(Opcode.Mark).Storage(type, key, count).Number(offset).Numbers(size).Numbers(stride)
            .Op(Opcode.NewFalse, Opcode.None, Opcode.Tuple, Opcode.Reduce);

    /// <summary>{NAME: value} with the value that <paramref name="value"/> pushes, and STOP.</summary>
    public static byte[] Dict(string name, Action<PickleBuilder> value)
    {
        PickleBuilder builder = new PickleBuilder().With(Opcode.Proto, 2).Op(Opcode.EmptyDict).Text(name);
        value(builder);
        return builder.Op(Opcode.SetItem, Opcode.Stop).Bytes;
    }

    /// <summary>An archive as torch.save writes it, with one storage "0" of four floats 1 2 3 4 unless <paramref name="entries"/> replace it.</summary>
    public static void Zip(string path, byte[] pickle, bool script = false, bool deflate = false, params ReadOnlySpan<(string Name, byte[] Bytes)> entries)
    {
        using ZipArchive archive = new(File.Create(path), ZipArchiveMode.Create);
        Add("m/data.pkl", pickle);
        if (script)
            Add("m/constants.pkl", ")."u8.ToArray());
        if (entries.IsEmpty)
            Add("m/data/0", OneToFour);
        foreach (var (name, bytes) in entries)
            Add(name, bytes);

        void Add(string name, byte[] bytes)
        {
            using Stream stream = archive.CreateEntry(name, deflate ? CompressionLevel.SmallestSize : CompressionLevel.NoCompression).Open();
            stream.Write(bytes);
        }
    }

    /// <summary>A legacy file with storages in this order, each with its count of elements.</summary>
    public static void Legacy(string path, byte[] pickle, bool littleEndian = true, params ReadOnlySpan<(string Key, long Count, byte[] Bytes)> storages)
    {
        PickleBuilder file = new();
        file.With(Opcode.Proto, 2).With(Opcode.Long1, 10).Raw(0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19).Op(Opcode.Stop);
        file.With(Opcode.Proto, 2).Number(1001).Op(Opcode.Stop);
        file.Raw(Dict("little_endian", value => value.Op(littleEndian ? Opcode.NewTrue : Opcode.NewFalse)));
        file.Raw(pickle);
        file.With(Opcode.Proto, 2).Op(Opcode.EmptyList, Opcode.Mark);
        foreach (var (key, _, _) in storages)
            file.Text(key);
        file.Op(Opcode.Appends, Opcode.Stop);
        Span<byte> eight = stackalloc byte[8];
        foreach (var (_, count, bytes) in storages)
        {
            BinaryPrimitives.WriteInt64LittleEndian(eight, count);
            file.Raw(eight).Raw(bytes);
        }
        File.WriteAllBytes(path, file.Bytes);
    }

    /// <summary>The floats 1, 2, 3, 4.</summary>
    public static byte[] OneToFour => [.. new float[] { 1, 2, 3, 4 }.SelectMany(BitConverter.GetBytes)];
}
