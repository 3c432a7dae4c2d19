using System.Globalization;

namespace AnoPLe.Gpu.Weights;

/// <summary>A safetensors file seen under canonical names: which scheme it uses, and shape and values of each canonical tensor.</summary>
internal sealed class ClipFile
{
    // What data parallel training and compilation put before every name.
    private static readonly string[] Wrappers = ["module.", "_orig_mod."];

    // In OpenAI's archives and older exports: facts about the model and constant tables, not weights.
    private static readonly string[] Ignored = ["input_resolution", "context_length", "vocab_size", "attn_mask", "text.attn_mask"];

    private readonly Dictionary<string, SafetensorsTensor> byName = new(StringComparer.Ordinal);

    public ClipFile(SafetensorsFile file)
    {
        File = file;
        foreach (SafetensorsTensor tensor in file.Tensors)
            if (!byName.TryAdd(Unwrap(tensor.Name), tensor))
                throw new InvalidDataException($"{file.Path}: has {ForeignFormat.Quote(Unwrap(tensor.Name))} with and without a wrapper's prefix "
                    + $"({string.Join(", ", Wrappers)}). Keep one of them.");
        Naming = Detect();
    }

    /// <summary>The file.</summary>
    public SafetensorsFile File { get; }

    /// <summary>Its scheme, or null when these are no CLIP names.</summary>
    public ClipNaming? Naming { get; }

    /// <summary>Names without wrappers' prefixes.</summary>
    public IEnumerable<string> Names => byName.Keys;

    /// <summary>Shape of a canonical tensor, or null when the file lacks it or a part of it.</summary>
    /// <exception cref="InvalidDataException">Parts that do not fit together.</exception>
    public long[]? Shape(string canonical)
    {
        ClipTensorNames names = ClipTensorNames.Of(Naming!.Value, canonical);
        List<SafetensorsTensor> parts = [];
        foreach (string name in names.Names)
            if (byName.TryGetValue(name, out SafetensorsTensor? part))
                parts.Add(part);
            else
                return null;
        long[] shape = [.. parts[0].Shape];
        if (names.Form == SourceForm.Transpose)
            Array.Reverse(shape);
        else if (names.Form == SourceForm.Concatenate)
        {
            if (shape.Length == 0 || parts.Any(part => !part.Shape.SequenceEqual(parts[0].Shape)))
                throw new InvalidDataException($"{File.Path}: {string.Join(", ", parts)} do not form one '{canonical}'. Expected equal shapes.");
            shape[0] *= parts.Count;
        }
        return shape;
    }

    /// <summary>The tensors of the file that make up a canonical one; empty when one is missing.</summary>
    public IReadOnlyList<SafetensorsTensor> Parts(string canonical)
    {
        List<SafetensorsTensor> parts = [];
        foreach (string name in ClipTensorNames.Of(Naming!.Value, canonical).Names)
            if (byName.TryGetValue(name, out SafetensorsTensor? part))
                parts.Add(part);
            else
                return [];
        return parts;
    }

    /// <summary>Values of a canonical tensor: the mapped bytes where possible, else new memory.</summary>
    public ReadOnlySpan<float> Floats(string canonical)
    {
        IReadOnlyList<SafetensorsTensor> parts = Parts(canonical);
        switch (ClipTensorNames.Of(Naming!.Value, canonical).Form)
        {
            case SourceForm.Copy:
                return File.TryMapFloats(parts[0].Name, out ReadOnlyMemory<float> mapped) ? mapped.Span : File.ReadFloats(parts[0].Name);
            case SourceForm.Transpose:
                return Transpose(File.ReadFloats(parts[0].Name), (int)parts[0].Shape[0], (int)parts[0].Shape[1]);
            default:
                float[] all = new float[checked((int)parts.Sum(part => part.Count))];
                int start = 0;
                foreach (SafetensorsTensor part in parts)
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
        foreach (SafetensorsTensor part in Parts(canonical))
            for (long start = 0; start < part.Count; start += Piece)
            {
                using FloatWindow window = File.OpenWindow(part.Name, start, (int)Math.Min(Piece, part.Count - start));
                piece(window.Values);
            }
    }

    /// <summary>Number of blocks of a tower: one more than the largest block number among the names.</summary>
    public int Layers(bool vision)
    {
        string prefix = ClipTensorNames.Blocks(Naming!.Value, vision);
        int layers = 0;
        foreach (string name in Names)
            if (name.StartsWith(prefix, StringComparison.Ordinal) && name.IndexOf('.', prefix.Length) is var dot and > 0
                && int.TryParse(name.AsSpan(prefix.Length, dot - prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int layer)
                && layer < 1 << 20)
                layers = Math.Max(layers, layer + 1);
        return layers;
    }

    /// <summary>Names in the file that belong to none of these canonical tensors and are no known extras.</summary>
    public IReadOnlyList<string> Unexpected(IEnumerable<string> canonical)
    {
        HashSet<string> expected = new(StringComparer.Ordinal);
        foreach (string name in canonical)
            expected.UnionWith(ClipTensorNames.Of(Naming!.Value, name).Names);
        return [.. Names.Where(name => !expected.Contains(name) && !Ignored.Contains(name) && !name.EndsWith(".position_ids", StringComparison.Ordinal))];
    }

    private static string Unwrap(string name)
    {
        while (Wrappers.FirstOrDefault(wrapper => name.StartsWith(wrapper, StringComparison.Ordinal)) is { } wrapper)
            name = name[wrapper.Length..];
        return name;
    }

    private ClipNaming? Detect()
    {
        bool flat = byName.ContainsKey(ClipTensors.PatchEmbedding) && byName.ContainsKey(ClipTensors.ClassEmbedding);
        if (flat && byName.ContainsKey(ClipTensors.TokenEmbedding))
            return ClipNaming.OpenAi;
        if (flat && byName.ContainsKey("text." + ClipTensors.TokenEmbedding))
            return ClipNaming.OpenClipText;
        return byName.ContainsKey("vision_model.embeddings.class_embedding") && byName.ContainsKey("text_model.embeddings.token_embedding.weight")
            ? ClipNaming.HuggingFace : null;
    }

    private static float[] Transpose(float[] values, int rows, int columns)
    {
        float[] transposed = new float[values.Length];
        for (int row = 0; row < rows; row++)
            for (int column = 0; column < columns; column++)
                transposed[column * rows + row] = values[row * columns + column];
        return transposed;
    }
}
