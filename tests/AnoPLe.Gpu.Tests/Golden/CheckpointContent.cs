using System.Runtime.InteropServices;
using System.Text.Json;
using AnoPLe.Gpu.Weights;
using AnoPLe.Gpu.Weights.Checkpoints;

namespace AnoPLe.Gpu.Tests.Golden;

/// <summary>Compares a checkpoint with the values that a golden file lists: {NAME: {dtype, shape, values}}, or {NAME: [values]} for safetensors.</summary>
internal static class CheckpointContent
{
    private static readonly Dictionary<string, SafetensorsType> Types = new()
    {
        ["float32"] = SafetensorsType.F32,
        ["float16"] = SafetensorsType.F16,
        ["bfloat16"] = SafetensorsType.BF16,
        ["float64"] = SafetensorsType.F64,
        ["int64"] = SafetensorsType.I64,
        ["int32"] = SafetensorsType.I32,
        ["int16"] = SafetensorsType.I16,
        ["int8"] = SafetensorsType.I8,
        ["uint8"] = SafetensorsType.U8,
        ["bool"] = SafetensorsType.BOOL,
    };

    public static void AssertEqual(JsonElement content, Checkpoint checkpoint)
    {
        bool described = content.EnumerateObject().First().Value.ValueKind == JsonValueKind.Object;
        // PyTorch files keep the order of the dict, safetensors that of the bytes.
        IEnumerable<string> expectedNames = content.EnumerateObject().Select(tensor => tensor.Name), names = checkpoint.Tensors.Select(tensor => tensor.Name);
        Assert.Equal(described ? expectedNames : expectedNames.Order(StringComparer.Ordinal), described ? names : names.Order(StringComparer.Ordinal));
        foreach (CheckpointTensor tensor in checkpoint.Tensors)
        {
            JsonElement expected = content.GetProperty(tensor.Name);
            if (described)
            {
                Assert.Equal(Types[expected.GetProperty("dtype").GetString()!], tensor.Type);
                Assert.Equal(expected.GetProperty("shape").EnumerateArray().Select(axis => axis.GetInt64()), tensor.Shape);
                expected = expected.GetProperty("values");
            }
            Assert.Equal(expected.EnumerateArray().Select(value => value.GetDouble()), Values(checkpoint, tensor));
        }
    }

    /// <summary>All elements, row-major.</summary>
    public static double[] Values(Checkpoint checkpoint, CheckpointTensor tensor)
    {
        byte[] bytes = new byte[tensor.ByteLength];
        checkpoint.Read(tensor, bytes);
        return tensor.Type switch
        {
            SafetensorsType.F32 => Of<float>(bytes, value => value),
            SafetensorsType.F16 => Of<Half>(bytes, value => (double)value),
            SafetensorsType.BF16 => Of<ushort>(bytes, value => BitConverter.UInt32BitsToSingle((uint)value << 16)),
            SafetensorsType.F64 => Of<double>(bytes, value => value),
            SafetensorsType.I64 => Of<long>(bytes, value => value),
            SafetensorsType.I32 => Of<int>(bytes, value => value),
            SafetensorsType.I16 => Of<short>(bytes, value => value),
            SafetensorsType.I8 => Of<sbyte>(bytes, value => value),
            SafetensorsType.U8 or SafetensorsType.BOOL => Of<byte>(bytes, value => value),
            _ => throw new ArgumentException($"{tensor} is not read here."),
        };
    }

    private static double[] Of<T>(byte[] bytes, Func<T, double> value)
        where T : unmanaged => [.. MemoryMarshal.Cast<byte, T>(bytes).ToArray().Select(value)];
}
