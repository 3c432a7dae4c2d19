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

    /// <summary>Like <see cref="Floats"/>, but mapped only while the window is open.</summary>
    public FloatWindow OpenWindow(string canonical) =>
        ClipTensorNames.Of(Naming!.Value, canonical).Form == SourceForm.Copy && Parts(canonical) is [{ Count: <= int.MaxValue } part]
            ? File.OpenWindow(part.Name, 0, (int)part.Count) : FloatWindow.Of(Floats(canonical));

    /// <summary>The same values piece by piece, in order, each mapped only while it is read.</summary>
    public void Scan(string canonical, Action<ReadOnlySpan<float>> piece)
    {
        const int Piece = 1 << 22; // 16 MiB
        if (ClipTensorNames.Of(Naming!.Value, canonical).Form == SourceForm.Transpose)
        {
            piece(Floats(canonical));
            return;
        }
        foreach (CheckpointTensor part in Parts(canonical))
            for (long start = 0; start < part.Count; start += Piece)
            {
                using FloatWindow window = File.OpenWindow(part.Name, start, (int)Math.Min(Piece, part.Count - start));
                piece(window.Values);
            }
    }
}
