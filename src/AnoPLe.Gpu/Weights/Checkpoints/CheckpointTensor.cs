namespace AnoPLe.Gpu.Weights.Checkpoints;

/// <summary>What a checkpoint says about one tensor; <see cref="Checkpoint.Read"/> gives its bytes.</summary>
/// <param name="Name">Its name as stored, without the level of the container that held the tensors; a "module." prefix stays.</param>
/// <param name="Shape">Axes, slowest first, as in <see cref="SafetensorsTensor"/>. No axes is a scalar; an axis may be 0, which is why this is no
/// <see cref="Compute.Shape"/>.</param>
/// <param name="Type">What one element is, under safetensors' names. PyTorch files give F32, F16, BF16, F64, I64, I32, I16, I8, U8 and BOOL;
/// safetensors files whatever the format knows.</param>
public sealed record CheckpointTensor(string Name, IReadOnlyList<long> Shape, SafetensorsType Type)
{
    /// <summary>Number of elements: the product of the axes.</summary>
    public long Count => Shape.Aggregate(1L, (count, axis) => checked(count * axis));

    /// <summary>Bytes of all elements: what <see cref="Checkpoint.Read"/> writes.</summary>
    public long ByteLength => checked(Count * Type.Bits()) / 8;

    /// <summary>For instance "[896, 640]".</summary>
    public string ShapeText => SafetensorsTensor.Text(Shape);

    /// <summary>For instance "visual.proj F32 [896, 640]".</summary>
    public override string ToString() => $"{Name} {Type} {ShapeText}";
}
