using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using static AnoPLe.Gpu.Weights.Checkpoints.CheckpointErrors;

namespace AnoPLe.Gpu.Weights.Checkpoints;

/// <summary>The index beside safetensors shards: which tensor lies in which file.</summary>
/// <remarks>Format: huggingface_hub's <c>model.safetensors.index.json</c>: {"metadata": {...}, "weight_map": {NAME: FILE}}.</remarks>
internal sealed class ShardIndex
{
    private readonly string path;

    private ShardIndex(string path) => this.path = path;

    /// <summary>File of every tensor.</summary>
    public Dictionary<string, string> Files { get; } = new(StringComparer.Ordinal);

    /// <summary>Strings and numbers of the metadata, as text.</summary>
    public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    /// <summary>Reads and checks an index.</summary>
    /// <exception cref="InvalidDataException">Broken JSON, a name twice, or a shard that is no plain file name.</exception>
    public static ShardIndex Read(string path, Stream stream)
    {
        if (stream.Length > SafetensorsHeader.MaxHeaderBytes)
            throw Bad(path, $"has {stream.Length} bytes, expected an index of at most {SafetensorsHeader.MaxHeaderBytes}", "Name the index of the shards");
        byte[] json = new byte[stream.Length];
        stream.ReadExactly(json);
        if (!Utf8.IsValid(json))
            throw Bad(path, "is not UTF-8, expected a JSON index");
        ShardIndex index = new(path);
        try
        {
            index.Parse(json);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            // InvalidOperationException: an escaped half of a surrogate pair inside a string.
            throw Bad(path, $"is broken JSON ({e.Message.TrimEnd('.')})", Again, e);
        }
        if (index.Files.Count == 0)
            throw Bad(path, "has no tensors under 'weight_map'", "Expected an index such as model.safetensors.index.json");
        return index;
    }

    private void Parse(ReadOnlySpan<byte> json)
    {
        Utf8JsonReader reader = new(json, new JsonReaderOptions { MaxDepth = 16 });
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
            throw Bad(path, "is JSON but no object", "Expected an index with 'weight_map'");
        HashSet<string> seen = new(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            if (!seen.Add(name))
                throw Bad(path, $"has {Quote(name)} twice", "Expected it once");
            reader.Read();
            if (name == "weight_map")
                ReadFiles(ref reader);
            else if (name == "metadata" && reader.TokenType == JsonTokenType.StartObject)
                ReadMetadata(ref reader);
            else
                reader.Skip();
        }
        // Spaces may follow, which the reader skips; anything else makes it throw.
        while (reader.Read())
        {
        }
    }

    private void ReadFiles(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
            throw Bad(path, "its 'weight_map' is no object", "Expected {NAME: FILE}");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
                throw Bad(path, $"has no file name for {Quote(name)}", "Expected the name of a shard beside the index");
            string file = reader.GetString()!;
            if (!IsPlain(file))
                throw Bad(path, $"puts {Quote(name)} into {Quote(file)}", "Expected the plain name of a file beside the index, without folders");
            if (!Files.TryAdd(name, file))
                throw Bad(path, $"puts {Quote(name)} into {Quote(Files[name])} and again into {Quote(file)}", "Expected every tensor in one shard");
        }
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType == JsonTokenType.String)
                Metadata[key] = reader.GetString()!;
            else if (reader.TokenType is JsonTokenType.Number or JsonTokenType.True or JsonTokenType.False)
                Metadata[key] = Encoding.UTF8.GetString(reader.ValueSpan);
            else
                reader.Skip();
        }
    }

    // The same on every system: what is a separator on one may not open another folder on any.
    private static bool IsPlain(string file) =>
        file.Length is > 0 and <= 255 && file is not ("." or "..") && !file.AsSpan().ContainsAny('/', '\\', ':') && !file.Any(char.IsControl);
}
