using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using AnoPLe.Gpu.Tests.Weights.Checkpoints;
using AnoPLe.Gpu.Weights;
using AnoPLe.Gpu.Weights.Checkpoints.Pickle;
using static AnoPLe.Gpu.Tests.Weights.NamingSamples;

namespace AnoPLe.Gpu.Tests.Weights.Conversion;

/// <summary>Small models in the forms of PyTorch's files and as shards, with pickles written by hand.</summary>
internal static class TorchSamples
{
    /// <summary>Every form of a checkpoint.</summary>
    public static readonly string[] Forms = ["safetensors", "zip", "legacy", "training", "script", "shards"];

    /// <summary>Writes parts in a form, and returns the path to open.</summary>
    public static string Write(TemporaryFolder folder, string form, IReadOnlyList<Part> parts, SafetensorsType type = SafetensorsType.F32, string? run = null)
    {
        switch (form)
        {
            case "safetensors":
                WriteSafetensors(folder["in.safetensors"], parts, type);
                return folder["in.safetensors"];
            case "shards":
                return Shards(folder, parts, type);
            case "legacy":
                PickleBuilder.Legacy(folder["in.bin"], StateDict(parts, type, run: null, training: false), true, [.. parts.Select((part, i) =>
                    (i.ToString(CultureInfo.InvariantCulture), (long)part.Values.Length, Bytes(part, type)))]);
                return folder["in.bin"];
            default:
                byte[] pickle = form == "script" ? Script(parts, type) : StateDict(parts, type, run, form == "training");
                PickleBuilder.Zip(folder["in.pt"], pickle, form == "script", deflate: false, [.. parts.Select((part, i) =>
                    (string.Create(CultureInfo.InvariantCulture, $"m/data/{i}"), Bytes(part, type)))]);
                return folder["in.pt"];
        }
    }

    // F64 can be written as bytes alone.
    private static void WriteSafetensors(string path, IReadOnlyList<Part> parts, SafetensorsType type)
    {
        using SafetensorsWriter writer = SafetensorsWriter.Create(path, parts.Select(part => new SafetensorsDeclaration(part.Name, type, part.Shape)));
        foreach (Part part in parts)
            writer.WriteBytes(part.Name, Bytes(part, type));
        writer.Commit();
    }

    private static string Shards(TemporaryFolder folder, IReadOnlyList<Part> parts, SafetensorsType type)
    {
        Dictionary<string, string> map = [];
        Directory.CreateDirectory(folder["shards"]);
        foreach (var (shard, number) in parts.Chunk(parts.Count / 3 + 1).Select((shard, i) => (shard, i + 1)))
        {
            string name = string.Create(CultureInfo.InvariantCulture, $"model-{number}.safetensors");
            WriteSafetensors(Path.Combine(folder["shards"], name), shard, type);
            foreach (Part part in shard)
                map.Add(part.Name, name);
        }
        File.WriteAllText(Path.Combine(folder["shards"], "model.safetensors.index.json"), JsonSerializer.Serialize(new { metadata = new { total_size = 1 }, weight_map = map }));
        return folder["shards"];
    }

    private static byte[] StateDict(IReadOnlyList<Part> parts, SafetensorsType type, string? run, bool training)
    {
        PickleBuilder pickle = new PickleBuilder().With(Opcode.Proto, 2).Op(Opcode.EmptyDict);
        if (training)
        {
            pickle.Text("epoch").Number(3).Op(Opcode.SetItem);
            if (run is not null)
                pickle.Text("name").Text(run).Op(Opcode.SetItem);
            pickle.Text("state_dict").Op(Opcode.EmptyDict);
        }
        for (int i = 0; i < parts.Count; i++)
            Tensor(pickle.Text(parts[i].Name), parts[i], i, type).Op(Opcode.SetItem);
        if (training)
            pickle.Op(Opcode.SetItem);
        return pickle.Op(Opcode.Stop).Bytes;
    }

    // A module per level of the names, as torch.jit.save writes them.
    private static byte[] Script(IReadOnlyList<Part> parts, SafetensorsType type)
    {
        PickleBuilder pickle = new PickleBuilder().With(Opcode.Proto, 2);
        Module([.. parts.Select((part, i) => (part.Name.Split('.'), i))], 0);
        return pickle.Op(Opcode.Stop).Bytes;

        void Module(IReadOnlyList<(string[] Name, int Index)> below, int level)
        {
            pickle.Name("__torch__", "M").Op(Opcode.EmptyTuple, Opcode.NewObj, Opcode.EmptyDict);
            foreach (var group in below.GroupBy(part => part.Name[level]))
            {
                pickle.Text(group.Key);
                if (group.First() is var first && first.Name.Length == level + 1)
                    Tensor(pickle, parts[first.Index], first.Index, type);
                else
                    Module([.. group], level + 1);
                pickle.Op(Opcode.SetItem);
            }
            pickle.Op(Opcode.Build);
        }
    }

    private static PickleBuilder Tensor(PickleBuilder pickle, Part part, int index, SafetensorsType type)
    {
        long[] stride = new long[part.Shape.Length];
        for (int axis = stride.Length - 1, step = 1; axis >= 0; step *= (int)part.Shape[axis--])
            stride[axis] = step;
        string storage = type switch { SafetensorsType.F16 => "Half", SafetensorsType.BF16 => "BFloat16", SafetensorsType.F64 => "Double", _ => "Float" };
        return pickle.Tensor(0, part.Shape, stride, storage, index.ToString(CultureInfo.InvariantCulture), part.Values.Length);
    }

    private static byte[] Bytes(Part part, SafetensorsType type)
    {
        if (type == SafetensorsType.F64)
            return MemoryMarshal.AsBytes<double>(part.Values.Select(value => (double)value).ToArray()).ToArray();
        byte[] bytes = new byte[part.Values.Length * (type == SafetensorsType.F32 ? 4 : 2)];
        ElementConversion.FromFloats(type, part.Values, bytes);
        return bytes;
    }
}
