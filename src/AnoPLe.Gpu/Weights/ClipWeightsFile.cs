using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Weights;

/// <summary>CLIP weights in a safetensors file.</summary>
internal sealed class ClipWeightsFile : ClipWeights
{
    private const int MaxListed = 8;
    private readonly ClipFile file;

    private ClipWeightsFile(ClipFile file, ClipConfig config, IReadOnlyList<string> notes) : base(file.Path, config, notes) => this.file = file;

    public static ClipWeightsFile Open(string path, ClipConfig? expected)
    {
        expected?.Validate();
        return Open(SafetensorsFile.Open(path), expected);
    }

    /// <summary>Takes over an open file.</summary>
    public static ClipWeightsFile Open(SafetensorsFile raw, ClipConfig? expected)
    {
        try
        {
            ClipFile file = new(raw);
            List<string> notes = [];
            ClipConfig config = Check(file, expected, notes);
            return new ClipWeightsFile(file, config, notes);
        }
        catch
        {
            raw.Dispose();
            throw;
        }
    }

    /// <summary>Infers the configuration and checks every tensor against it.</summary>
    /// <exception cref="InvalidDataException">Another architecture, or missing, misshapen or non-float tensors.</exception>
    public static ClipConfig Check(ClipLayout file, ClipConfig? expected, List<string> notes)
    {
        if (file.Naming is null)
            throw OtherArchitecture(file);
        ClipConfig config = ClipConfigInference.Infer(file, expected, notes);
        List<string> missing = [], wrong = [];
        IReadOnlyList<ClipTensor> tensors = ClipTensors.All(config);
        foreach (ClipTensor tensor in tensors)
        {
            if (file.Shape(tensor.Name) is not { } shape)
                missing.Add(tensor.Name);
            else if (!SameShape(shape, tensor))
                wrong.Add($"tensor '{tensor.Name}' has shape {SafetensorsTensor.Text(shape)}, expected {tensor.Shape}");
            else if (file.Parts(tensor.Name).FirstOrDefault(part => !part.Type.IsFloat()) is { } part)
                wrong.Add($"tensor '{tensor.Name}' is {part.Type}, expected F32, F16, BF16 or F64");
        }
        if (missing.Count > 0)
            throw Missing(file, missing);
        if (wrong.Count > 0)
            throw new InvalidDataException($"{file.Path}: {Listed(wrong, "; ")}. It is another architecture than {config}, or damaged.");
        IReadOnlyList<string> unexpected = file.Unexpected(tensors.Select(tensor => tensor.Name));
        if (unexpected.Count > 0)
            notes.Add($"Ignored {unexpected.Count} tensors that CLIP does not have: {Listed(unexpected, ", ")}.");
        return config;
    }

    /// <summary>The error for tensors that a file lacks.</summary>
    public static InvalidDataException Missing(ClipLayout file, IReadOnlyList<string> canonical)
    {
        List<string> names = [.. canonical.Select(name =>
        {
            string[] inFile = ClipTensorNames.Of(file.Naming!.Value, name).Names;
            return inFile is [var only] && only == name ? $"'{name}'" : $"'{name}' (as {string.Join(", ", inFile)})";
        })];
        string looks = ForeignArchitecture.Guess(file.Names) is { } guess ? $" It looks like {guess}." : "";
        return new InvalidDataException($"{file.Path}: {canonical.Count} of CLIP's tensors are missing: {Listed(names, ", ")}.{looks} "
            + $"Expected {ForeignArchitecture.Supported}. Use such a file, or copy this one again.");
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            file.File.Dispose();
    }

    private protected override ReadOnlySpan<float> FloatsCore(ClipTensor tensor) => file.Floats(tensor.Name);

    private protected override FloatWindow OpenWindowCore(ClipTensor tensor) => file.OpenWindow(tensor.Name);

    private protected override void ScanCore(ClipTensor tensor, Action<ReadOnlySpan<float>> piece) => file.Scan(tensor.Name, piece);

    // The token embedding is one tensor under every scheme.
    private protected override void TokenEmbeddingRowCore(int id, Span<float> destination) =>
        file.File.ReadFloats(file.Parts(ClipTensors.TokenEmbedding)[0].Name, (long)id * destination.Length, destination);

    private static InvalidDataException OtherArchitecture(ClipLayout file)
    {
        string looks = ForeignArchitecture.Guess(file.Names) is { } guess ? $"looks like {guess}"
            : !file.Names.Any() ? "holds no tensors"
            : $"is no CLIP model (its tensors begin with {Listed([.. file.Names.Order(StringComparer.Ordinal).Take(3).Select(ForeignFormat.Quote)], ", ")})";
        return new InvalidDataException($"{file.Path}: {looks}. Expected {ForeignArchitecture.Supported}.");
    }

    // A scalar is also found as one element with an axis.
    private static bool SameShape(long[] shape, ClipTensor tensor)
    {
        Shape expected = tensor.Shape;
        if (expected.Rank == 0)
            return shape is [] or [1];
        if (shape.Length != expected.Rank)
            return false;
        for (int axis = 0; axis < shape.Length; axis++)
            if (shape[axis] != expected[axis])
                return false;
        return true;
    }

    private static string Listed(IReadOnlyList<string> items, string separator) =>
        string.Join(separator, items.Take(MaxListed)) + (items.Count > MaxListed ? $"{separator}and {items.Count - MaxListed} more" : "");
}
