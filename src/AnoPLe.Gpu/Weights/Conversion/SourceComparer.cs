using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Weights.Checkpoints;

namespace AnoPLe.Gpu.Weights.Conversion;

/// <summary>Compares the tensors of a file with those of the checkpoint that it was made of, one at a time.</summary>
internal sealed class SourceComparer(Checkpoint file, Checkpoint source, IProgress<WorkProgress>? progress, CancellationToken cancellation)
{
    private byte[] fileBytes = [], sourceBytes = [];

    /// <summary>Two models, tensor by canonical tensor: every value must be the source's, rounded to the file's type.</summary>
    /// <exception cref="InvalidDataException">The source is no model of this configuration.</exception>
    public IReadOnlyList<TensorDifference> Model(ClipConfig config)
    {
        using CheckpointWeights actual = CheckpointWeights.Of(file, config);
        Dictionary<string, SafetensorsType> types = actual.Tensors.ToDictionary(tensor => tensor.Name,
            tensor => actual.TypesOf(tensor.Name).ToArray() is [var only] ? only : SafetensorsType.F32, StringComparer.Ordinal);
        bool toOdd = types.Values.All(type => type is SafetensorsType.F16 or SafetensorsType.BF16);
        using CheckpointWeights expected = CheckpointWeights.Of(source, config, toOdd: toOdd);
        List<TensorDifference> differences = [];
        int largest = actual.Tensors.Max(tensor => tensor.Shape.Count);
        float[] a = new float[largest], e = new float[largest];
        foreach (ClipTensor tensor in actual.Tensors)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = tensor.Shape.Count;
            actual.Read(tensor, a.AsSpan(0, count));
            expected.Read(tensor, e.AsSpan(0, count));
            differences.Add(Values(tensor.Name, types[tensor.Name], a.AsSpan(0, count), e.AsSpan(0, count)));
            progress?.Report(new WorkProgress("comparing with the source", differences.Count, actual.Tensors.Count));
        }
        return differences;
    }

    /// <summary>Two sets of tensors: names, shapes, types and bytes must be the same.</summary>
    public (IReadOnlyList<TensorDifference> Differences, IReadOnlyList<string> Missing) Raw()
    {
        Dictionary<string, CheckpointTensor> originals = source.Tensors.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        List<TensorDifference> differences = [];
        List<string> missing = [];
        foreach (CheckpointTensor tensor in file.Tensors)
        {
            cancellation.ThrowIfCancellationRequested();
            if (originals.Remove(tensor.Name, out CheckpointTensor? original))
                differences.Add(Bytes(tensor, original));
            else
                missing.Add($"Tensor {ForeignFormat.Quote(tensor.Name)} is not in {source.Path}.");
            progress?.Report(new WorkProgress("comparing with the source", differences.Count, file.Tensors.Count));
        }
        missing.AddRange(source.Tensors.Where(tensor => originals.ContainsKey(tensor.Name)).Select(tensor => $"Tensor {ForeignFormat.Quote(tensor.Name)} is missing."));
        return (differences, missing);
    }

    private static TensorDifference Values(string name, SafetensorsType type, ReadOnlySpan<float> actual, ReadOnlySpan<float> expected)
    {
        double largest = 0;
        long wrong = 0;
        for (int i = 0; i < actual.Length; i++)
        {
            if (BitConverter.SingleToInt32Bits(actual[i]) != BitConverter.SingleToInt32Bits(ElementConversion.Rounded(type, expected[i])))
                wrong++;
            if (!actual[i].Equals(expected[i]))
                largest = Math.Max(largest, float.IsFinite(actual[i]) && float.IsFinite(expected[i]) ? Math.Abs((double)actual[i] - expected[i]) : double.PositiveInfinity);
        }
        return new TensorDifference(name, type, largest, wrong);
    }

    private TensorDifference Bytes(CheckpointTensor tensor, CheckpointTensor original)
    {
        if (tensor.Type != original.Type || !tensor.Shape.SequenceEqual(original.Shape))
            return new TensorDifference(tensor.Name, tensor.Type, double.NaN, Math.Max(tensor.Count, 1));
        ReadOnlySpan<byte> actual = CheckpointBytes.Read(file, tensor, ref fileBytes), expected = CheckpointBytes.Read(source, original, ref sourceBytes);
        if (actual.SequenceEqual(expected))
            return new TensorDifference(tensor.Name, tensor.Type, 0, 0);
        if (tensor.Type.IsFloat() && tensor.Count <= int.MaxValue)
        {
            float[] a = new float[tensor.Count], e = new float[tensor.Count];
            ElementConversion.ToFloats(tensor.Type, actual, a);
            ElementConversion.ToFloats(tensor.Type, expected, e);
            if (Values(tensor.Name, SafetensorsType.F32, a, e) is { Wrong: > 0 } difference)
                return difference with { Type = tensor.Type };
        }
        long wrong = 0, size = Math.Max(tensor.Type.Bits() / 8, 1);
        for (int at = 0; at < actual.Length; at += (int)size)
            wrong += actual.Slice(at, (int)size).SequenceEqual(expected.Slice(at, (int)size)) ? 0 : 1;
        return new TensorDifference(tensor.Name, tensor.Type, double.NaN, wrong);
    }
}
