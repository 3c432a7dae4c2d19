using AnoPLe.Gpu.Weights.Checkpoints;

namespace AnoPLe.Gpu.Weights;

/// <summary>A safetensors file seen under canonical names, with the values of each canonical tensor.</summary>
internal sealed class ClipFile(SafetensorsFile file) : ClipLayout(file.Path, file.Metadata, file.Tensors.Select(SafetensorsCheckpoint.Tensor))
{
    /// <summary>The file.</summary>
    public SafetensorsFile File => file;

    /// <summary>Values of a canonical tensor: the mapped bytes where possible, else new memory.</summary>
    public ReadOnlySpan<float> Floats(string canonical)
    {
        IReadOnlyList<CheckpointTensor> parts = Parts(canonical);
        switch (ClipTensorNames.Of(Naming!.Value, canonical).Form)
        {
            case SourceForm.Copy:
                return File.TryMapFloats(parts[0].Name, out ReadOnlyMemory<float> mapped) ? mapped.Span : File.ReadFloats(parts[0].Name);
            case SourceForm.Transpose:
                return Transpose(File.ReadFloats(parts[0].Name), (int)parts[0].Shape[0], (int)parts[0].Shape[1]);
            default:
                float[] all = new float[checked((int)parts.Sum(part => part.Count))];
                int start = 0;
                foreach (CheckpointTensor part in parts)
                {
                    File.ReadFloats(part.Name, all.AsSpan(start, (int)part.Count));
                    start += (int)part.Count;
                }
                return all;
        }
    }
}
