using System.Text.Json;
using System.Text.Json.Serialization;
using AnoPLe.Gpu.Compute.Ops;

namespace AnoPLe.Gpu.Weights.Download;

/// <summary>A list of public checkpoints: the one in <c>weights/manifest.json</c>, which is built into the library, or one of the caller's.</summary>
public sealed class WeightsManifest
{
    private const int FormatVersion = 1;
    private const long MaxBytes = 1 << 20;

    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
    };

    private static readonly Lazy<WeightsManifest> Embedded = new(ReadEmbedded);

    private WeightsManifest(IReadOnlyList<ManifestEntry> entries) => Entries = entries;

    /// <summary>The checkpoints that the library knows.</summary>
    public static WeightsManifest BuiltIn => Embedded.Value;

    /// <summary>All checkpoints, in the order of the file.</summary>
    public IReadOnlyList<ManifestEntry> Entries { get; }

    /// <summary>Reads a manifest.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It is no manifest; the message says where.</exception>
    public static WeightsManifest Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var file = new FileInfo(path);
        if (!file.Exists)
            throw new FileNotFoundException($"There is no manifest {path}.", path);
        if (file.Length > MaxBytes)
            throw new InvalidDataException($"{path} has {file.Length} bytes, expected a manifest of checkpoints of at most {MaxBytes}.");
        return Parse(File.ReadAllText(path), path);
    }

    /// <summary>Reads a manifest from its text.</summary>
    /// <param name="json">The text; weights/README.md describes its form.</param>
    /// <param name="source">What messages call it.</param>
    /// <exception cref="InvalidDataException">It is no manifest; the message says where.</exception>
    public static WeightsManifest Parse(string json, string source = "manifest")
    {
        Document? document;
        try
        {
            document = JsonSerializer.Deserialize<Document>(json, Options);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{source} is no manifest of checkpoints: {e.Message}", e);
        }
        if (document?.Version != FormatVersion)
            throw new InvalidDataException($"{source} has \"version\": {document?.Version?.ToString() ?? "none"}, expected {FormatVersion}.");
        List<ManifestEntry> entries = [];
        foreach (Model model in document.Models ?? throw new InvalidDataException($"{source} has no \"models\"."))
        {
            ManifestEntry entry = Convert(model, source);
            if (entries.Any(other => string.Equals(other.Name, entry.Name, StringComparison.OrdinalIgnoreCase)))
                throw new InvalidDataException($"{source} lists '{entry.Name}' twice.");
            entries.Add(entry);
        }
        return new(entries);
    }

    /// <summary>The checkpoint of this name, or null.</summary>
    public ManifestEntry? Find(string name) => Entries.FirstOrDefault(entry => string.Equals(entry.Name, name, StringComparison.OrdinalIgnoreCase));

    /// <summary>How the manifest writes a format: "safetensors", "torchscript" or "pt".</summary>
    public static string FormatName(ManifestFormat format) => format switch
    {
        ManifestFormat.Safetensors => "safetensors",
        ManifestFormat.TorchScript => "torchscript",
        _ => "pt",
    };

    /// <summary>How manifests, files and commands write an activation: "quick_gelu" or "gelu".</summary>
    public static string ActivationName(Activation activation) => activation == Activation.QuickGelu ? "quick_gelu" : "gelu";

    private static ManifestEntry Convert(Model model, string source)
    {
        try
        {
            return new ManifestEntry
            {
                Name = model.Name,
                Architecture = model.Architecture,
                Activation = model.Activation switch
                {
                    null => null,
                    "gelu" => Activation.Gelu,
                    "quick_gelu" => Activation.QuickGelu,
                    _ => throw new ArgumentException($"{model.Name}: The activation '{model.Activation}' cannot be, expected quick_gelu or gelu."),
                },
                Format = Enum.GetValues<ManifestFormat>().Where(format => FormatName(format) == model.Format).Cast<ManifestFormat?>().FirstOrDefault()
                    ?? throw new ArgumentException($"{model.Name}: The format '{model.Format}' cannot be, expected safetensors, torchscript or pt."),
                Url = ManifestEntry.ParseUrl(model.Url),
                Bytes = model.Bytes,
                Sha256 = model.Sha256?.ToLowerInvariant(),
                Licence = model.Licence,
                Page = model.Page is null ? null : ManifestEntry.ParseUrl(model.Page),
            }.Validate();
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"{source}: {e.Message}", e);
        }
    }

    private static WeightsManifest ReadEmbedded()
    {
        using Stream stream = typeof(WeightsManifest).Assembly.GetManifestResourceStream("AnoPLe.Gpu.Weights.manifest.json")!;
        using var reader = new StreamReader(stream);
        return Parse(reader.ReadToEnd(), "weights/manifest.json");
    }

    private sealed record Document(int? Version, IReadOnlyList<Model>? Models);

    private sealed record Model
    {
        public required string Name { get; init; }

        public required string Format { get; init; }

        public required string Url { get; init; }

        public string? Architecture { get; init; }

        public string? Activation { get; init; }

        public long? Bytes { get; init; }

        public string? Sha256 { get; init; }

        public string? Licence { get; init; }

        public string? Page { get; init; }
    }
}
