namespace AnoPLe.Gpu.Weights.Checkpoints;

/// <summary>A safetensors file as it is.</summary>
internal sealed class SafetensorsCheckpoint(SafetensorsFile file) : Checkpoint(file.Path, "safetensors", [.. file.Tensors.Select(Tensor)], file.Metadata)
{
    /// <summary>A tensor as checkpoints describe it.</summary>
    public static CheckpointTensor Tensor(SafetensorsTensor tensor) => new(tensor.Name, tensor.Shape, tensor.Type);

    protected override void Dispose(bool disposing) => file.Dispose();

    private protected override void ReadCore(CheckpointTensor tensor, Span<byte> destination) => file.ReadBytes(tensor.Name, destination);
}
