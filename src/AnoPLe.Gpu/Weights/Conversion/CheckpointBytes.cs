using System.Runtime.InteropServices;
using AnoPLe.Gpu.Weights.Checkpoints;

namespace AnoPLe.Gpu.Weights.Conversion;

/// <summary>Tensors of checkpoints as bytes.</summary>
internal static class CheckpointBytes
{
    /// <summary>A tensor's bytes, in a buffer that grows with the largest tensor and is used again for the next one.</summary>
    /// <exception cref="InvalidDataException">More than one array holds, or damaged.</exception>
    public static Span<byte> Read(Checkpoint checkpoint, CheckpointTensor tensor, ref byte[] buffer)
    {
        int length = Length(checkpoint, tensor);
        if (buffer.Length < length)
            buffer = GC.AllocateUninitializedArray<byte>(length);
        checkpoint.Read(tensor, buffer.AsSpan(0, length));
        return buffer.AsSpan(0, length);
    }

    /// <summary>Number of a tensor's bytes.</summary>
    /// <exception cref="InvalidDataException">More than one array holds.</exception>
    public static int Length(Checkpoint checkpoint, CheckpointTensor tensor) => tensor.ByteLength <= Array.MaxLength ? (int)tensor.ByteLength
        : throw new InvalidDataException($"{checkpoint.Path}: tensor {ForeignFormat.Quote(tensor.Name)} has {tensor.ByteLength} bytes, "
            + $"expected at most {Array.MaxLength} to read at once.");

    /// <summary>Whether a tensor holds floats, none of which is NaN or an infinity; true of other types.</summary>
    public static bool IsFinite(Checkpoint checkpoint, CheckpointTensor tensor, ref byte[] buffer)
    {
        if (!tensor.Type.IsFloat())
            return true;
        ReadOnlySpan<byte> bytes = Read(checkpoint, tensor, ref buffer);
        // F64 is judged as it is, and not as the F32 that it may overflow.
        if (tensor.Type == SafetensorsType.F64)
        {
            foreach (double value in MemoryMarshal.Cast<byte, double>(bytes))
                if (!double.IsFinite(value))
                    return false;
            return true;
        }
        int size = tensor.Type.Bits() / 8;
        Span<float> floats = new float[Math.Min(1 << 16, bytes.Length / size)];
        for (; !bytes.IsEmpty; bytes = bytes[(floats.Length * size)..])
        {
            floats = floats[..Math.Min(floats.Length, bytes.Length / size)];
            ElementConversion.ToFloats(tensor.Type, bytes[..(floats.Length * size)], floats);
            foreach (float value in floats)
                if (!float.IsFinite(value))
                    return false;
        }
        return true;
    }

    /// <summary>Names of the tensors that hold NaN or an infinity.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static IReadOnlyList<string> NonFinite(Checkpoint checkpoint, IProgress<WorkProgress>? progress, CancellationToken cancellationToken)
    {
        List<string> bad = [];
        byte[] buffer = [];
        for (int i = 0; i < checkpoint.Tensors.Count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!IsFinite(checkpoint, checkpoint.Tensors[i], ref buffer))
                bad.Add(checkpoint.Tensors[i].Name);
            progress?.Report(new WorkProgress("checking values", i + 1, checkpoint.Tensors.Count));
        }
        return bad;
    }
}
