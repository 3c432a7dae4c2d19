using System.Globalization;
using AnoPLe.Gpu.Weights.Checkpoints;

namespace AnoPLe.Gpu.Weights;

/// <summary>The tensors of a file seen under canonical names, whatever its format: which scheme it uses, and the shape of each canonical tensor.</summary>
internal class ClipLayout
{
    // What data parallel training and compilation put before every name.
    private static readonly string[] Wrappers = ["module.", "_orig_mod."];

    // In OpenAI's archives: facts about the model, not weights.
    private static readonly string[] OpenAiFacts = ["input_resolution", "context_length", "vocab_size"];

    // In older exports: constant tables.
    private static readonly string[] Ignored = [.. OpenAiFacts, "attn_mask", "text.attn_mask"];

    private readonly Dictionary<string, CheckpointTensor> byName = new(StringComparer.Ordinal);

    /// <summary>Sorts the names of a file.</summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="metadata">Its free text.</param>
    /// <param name="tensors">All its tensors.</param>
    /// <exception cref="InvalidDataException">A name with and without a wrapper's prefix.</exception>
    public ClipLayout(string path, IReadOnlyDictionary<string, string> metadata, IEnumerable<CheckpointTensor> tensors)
    {
        Path = path;
        Metadata = metadata;
        foreach (CheckpointTensor tensor in tensors)
            if (!byName.TryAdd(Unwrap(tensor.Name), tensor))
                throw new InvalidDataException($"{path}: has {ForeignFormat.Quote(Unwrap(tensor.Name))} with and without a wrapper's prefix "
                    + $"({string.Join(", ", Wrappers)}). Keep one of them.");
        Naming = Detect();
    }

    /// <summary>The file, as it was named on opening; a folder with shards is one, too.</summary>
    public string Path { get; }

    /// <summary>The file's free text.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Its scheme, or null when these are no CLIP names.</summary>
    public ClipNaming? Naming { get; }

    /// <summary>Names without wrappers' prefixes.</summary>
    public IEnumerable<string> Names => byName.Keys;

    /// <summary>Whether the file holds the facts that OpenAI's own archives have beside the weights.</summary>
    public bool IsOpenAiArchive => OpenAiFacts.All(byName.ContainsKey);

    /// <summary>Shape of a canonical tensor, or null when the file lacks it or a part of it.</summary>
    /// <exception cref="InvalidDataException">Parts that do not fit together.</exception>
    public long[]? Shape(string canonical)
    {
        ClipTensorNames names = ClipTensorNames.Of(Naming!.Value, canonical);
        List<CheckpointTensor> parts = [];
        foreach (string name in names.Names)
            if (byName.TryGetValue(name, out CheckpointTensor? part))
                parts.Add(part);
            else
                return null;
        long[] shape = [.. parts[0].Shape];
        if (names.Form == SourceForm.Transpose)
            Array.Reverse(shape);
        else if (names.Form == SourceForm.Concatenate)
        {
            if (shape.Length == 0 || parts.Any(part => !part.Shape.SequenceEqual(parts[0].Shape)))
                throw new InvalidDataException($"{Path}: {string.Join(", ", parts)} do not form one '{canonical}'. Expected equal shapes.");
            shape[0] *= parts.Count;
        }
        return shape;
    }

    /// <summary>The tensors of the file that make up a canonical one; empty when one is missing.</summary>
    public IReadOnlyList<CheckpointTensor> Parts(string canonical)
    {
        List<CheckpointTensor> parts = [];
        foreach (string name in ClipTensorNames.Of(Naming!.Value, canonical).Names)
            if (byName.TryGetValue(name, out CheckpointTensor? part))
                parts.Add(part);
            else
                return [];
        return parts;
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

    /// <summary>A row-major matrix with its axes exchanged.</summary>
    public static float[] Transpose(float[] values, int rows, int columns)
    {
        float[] transposed = new float[values.Length];
        for (int row = 0; row < rows; row++)
            for (int column = 0; column < columns; column++)
                transposed[column * rows + row] = values[row * columns + column];
        return transposed;
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
}
