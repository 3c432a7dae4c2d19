using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace AnoPLe.Gpu.Weights;

/// <summary>
/// Reads and checks the header of a safetensors file: an unsigned 64-bit length N, N bytes of JSON, then the data.
/// Format: github.com/huggingface/safetensors. Everything is checked before anything is used, and nothing is allocated
/// by a declared size before that size was compared with the file's.
/// </summary>
internal sealed class SafetensorsHeader
{
    /// <summary>Bytes of the length field.</summary>
    public const int LengthBytes = 8;

    /// <summary>Longest header that the format's own reader takes.</summary>
    public const int MaxHeaderBytes = 100_000_000;

    private const string MetadataKey = "__metadata__";
    private readonly string file;

    private SafetensorsHeader(string file) => this.file = file;

    /// <summary>Where the data begins in the file.</summary>
    public long DataStart { get; private set; }

    /// <summary>All tensors in the order of their bytes.</summary>
    public List<SafetensorsTensor> Tensors { get; } = [];

    /// <summary>The free text of the file.</summary>
    public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    /// <summary>Length of the JSON by the file's first eight bytes.</summary>
    /// <exception cref="InvalidDataException">Longer than the file or the limit; says what else the file may be.</exception>
    public static int ReadLength(string file, ReadOnlySpan<byte> start, long fileBytes)
    {
        if (start.Length < LengthBytes)
            throw new InvalidDataException($"{file}: {fileBytes} bytes are too short for a safetensors file, which begins with 8 bytes of header length. "
                + "Copy or download it again.");
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(start);
        bool fits = length is >= 2 and <= MaxHeaderBytes && (long)length <= fileBytes - LengthBytes;
        if (!fits && ForeignFormat.Name(start) is { } format)
            throw new InvalidDataException($"{file}: looks like {format}, expected safetensors. {ForeignFormat.NextStep(format, file)}");
        if (length < 2 || length > MaxHeaderBytes)
            throw new InvalidDataException($"{file}: declares a header of {length} bytes, expected 2 to {MaxHeaderBytes}. It is no safetensors file, or damaged.");
        if ((long)length > fileBytes - LengthBytes)
            throw new InvalidDataException($"{file}: declares a header of {length} bytes but has only {fileBytes - LengthBytes} after the length field. "
                + "The file was cut off: copy or download it again.");
        return (int)length;
    }

    /// <summary>Reads and checks the JSON.</summary>
    /// <param name="file">Path for messages.</param>
    /// <param name="json">Exactly the declared bytes.</param>
    /// <param name="fileBytes">Size of the whole file.</param>
    /// <exception cref="InvalidDataException">Anything that the format forbids.</exception>
    public static SafetensorsHeader Parse(string file, ReadOnlySpan<byte> json, long fileBytes)
    {
        SafetensorsHeader header = new(file) { DataStart = LengthBytes + json.Length };
        if (json[0] != (byte)'{')
            throw header.Bad("its header does not begin with '{'", "Expected a JSON object");
        if (!Utf8.IsValid(json))
            throw header.Bad("its header is not UTF-8", "Expected JSON in UTF-8");
        try
        {
            header.ReadRoot(json);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            // InvalidOperationException: an escaped half of a surrogate pair inside a string.
            throw new InvalidDataException($"{file}: its header is broken JSON ({e.Message}). Copy or download it again.", e);
        }
        header.CheckLayout(fileBytes - header.DataStart);
        return header;
    }

    private void ReadRoot(ReadOnlySpan<byte> json)
    {
        Utf8JsonReader reader = new(json, new JsonReaderOptions { MaxDepth = 8 });
        HashSet<string> names = new(StringComparer.Ordinal);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            if (!names.Add(name))
                throw Bad($"its header has {Quote(name)} twice", "Expected every name once");
            reader.Read();
            if (name == MetadataKey)
                ReadMetadata(ref reader);
            else
                Tensors.Add(ReadTensor(ref reader, name));
        }
        // Spaces may follow, which the reader skips; anything else makes it throw.
        while (reader.Read())
        {
        }
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
            throw Bad($"its {MetadataKey} is {Kind(reader)}", "Expected an object of strings");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
                throw Bad($"its {MetadataKey} has {Kind(reader)} under {Quote(key)}", "Expected a string");
            if (!Metadata.TryAdd(key, reader.GetString()!))
                throw Bad($"its {MetadataKey} has {Quote(key)} twice", "Expected every key once");
        }
    }

    private SafetensorsTensor ReadTensor(ref Utf8JsonReader reader, string name)
    {
        SafetensorsType? type = null;
        long[]? shape = null, offsets = null;
        if (reader.TokenType != JsonTokenType.StartObject)
            throw BadTensor(name, $"is described by {Kind(reader)}", "Expected an object with 'dtype', 'shape' and 'data_offsets'");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string field = reader.GetString()!;
            reader.Read();
            bool twice = field switch { "dtype" => type is not null, "shape" => shape is not null, "data_offsets" => offsets is not null, _ => false };
            if (twice)
                throw BadTensor(name, $"has '{field}' twice", "Expected it once");
            switch (field)
            {
                case "dtype":
                    type = ReadType(ref reader, name);
                    break;
                case "shape":
                    shape = ReadNumbers(ref reader, name, field);
                    break;
                case "data_offsets":
                    offsets = ReadNumbers(ref reader, name, field);
                    break;
                default:
                    throw BadTensor(name, $"has the unknown field {Quote(field)}", "Expected 'dtype', 'shape' and 'data_offsets'");
            }
        }
        if (type is not { } t || shape is null || offsets is null)
            throw BadTensor(name, $"has no '{(type is null ? "dtype" : shape is null ? "shape" : "data_offsets")}'", "Expected 'dtype', 'shape' and 'data_offsets'");
        return Check(name, t, shape, offsets);
    }

    private SafetensorsType ReadType(ref Utf8JsonReader reader, string name)
    {
        if (reader.TokenType != JsonTokenType.String)
            throw BadTensor(name, $"has {Kind(reader)} as 'dtype'", "Expected a string such as \"F32\"");
        string text = reader.GetString()!;
        return SafetensorsTypes.TryParse(text, out SafetensorsType type)
            ? type : throw BadTensor(name, $"has the unknown dtype {Quote(text)}", $"Expected one of {string.Join(", ", Enum.GetNames<SafetensorsType>())}");
    }

    private long[] ReadNumbers(ref Utf8JsonReader reader, string name, string field)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
            throw BadTensor(name, $"has {Kind(reader)} as '{field}'", "Expected a list of whole numbers");
        List<long> numbers = [];
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            // Digits only: no sign, fraction or exponent.
            if (reader.TokenType != JsonTokenType.Number || reader.ValueSpan.ContainsAnyExceptInRange((byte)'0', (byte)'9')
                || !reader.TryGetInt64(out long number))
                throw BadTensor(name, $"has {Kind(reader)} in '{field}'", "Expected whole numbers from 0 to 2^63-1");
            numbers.Add(number);
        }
        return [.. numbers];
    }

    private SafetensorsTensor Check(string name, SafetensorsType type, long[] shape, long[] offsets)
    {
        if (offsets.Length != 2 || offsets[0] > offsets[1])
            throw BadTensor(name, $"has data_offsets {SafetensorsTensor.Text(offsets)}", "Expected [begin, end] with begin <= end");
        long count = 1, bits;
        try
        {
            foreach (long axis in shape)
                count = checked(count * axis);
            bits = checked(count * type.Bits());
        }
        catch (OverflowException)
        {
            throw BadTensor(name, $"has shape {SafetensorsTensor.Text(shape)}, whose size exceeds 64 bits", "Expected a shape that fits the file");
        }
        if (bits % 8 != 0 || bits / 8 != offsets[1] - offsets[0])
            throw BadTensor(name, $"has {offsets[1] - offsets[0]} bytes of data",
                $"Expected {bits / 8.0} for {type} {SafetensorsTensor.Text(shape)}");
        return new SafetensorsTensor(name, type, shape, count, offsets[0], offsets[1] - offsets[0]);
    }

    // The tensors must cover the data exactly: each begins where the one before ends.
    private void CheckLayout(long dataBytes)
    {
        Tensors.Sort((a, b) => a.Offset != b.Offset ? a.Offset.CompareTo(b.Offset)
            : a.Bytes != b.Bytes ? a.Bytes.CompareTo(b.Bytes) : string.CompareOrdinal(a.Name, b.Name));
        long end = 0;
        foreach (SafetensorsTensor tensor in Tensors)
        {
            if (tensor.Offset > dataBytes - tensor.Bytes)
                throw BadTensor(tensor.Name, $"ends at byte {tensor.Offset + (decimal)tensor.Bytes} of the data, of which the file has {dataBytes}",
                    "The file was cut off: copy or download it again");
            if (tensor.Offset != end)
                throw BadTensor(tensor.Name, tensor.Offset < end ? $"begins at byte {tensor.Offset}, inside the tensor before it, which ends at {end}"
                    : $"begins at byte {tensor.Offset}, which leaves bytes from {end} on to no tensor", $"Expected it to begin at {end}");
            end = tensor.Offset + tensor.Bytes;
        }
        if (end != dataBytes)
            throw Bad($"it has {dataBytes} bytes of data, the tensors use {end}", "Expected no other bytes; it may be damaged, copy or download it again");
    }

    private InvalidDataException Bad(string got, string expected) => new($"{file}: {got}. {expected}.");

    private InvalidDataException BadTensor(string name, string got, string expected) => new($"{file}: tensor {Quote(name)} {got}. {expected}.");

    private static string Quote(string name) => ForeignFormat.Quote(name);

    private static string Kind(in Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "a list",
        JsonTokenType.String => "a string",
        JsonTokenType.Number => $"the number {Encoding.ASCII.GetString(reader.ValueSpan[..Math.Min(reader.ValueSpan.Length, 40)])}",
        _ => reader.TokenType.ToString().ToLowerInvariant(),
    };
}
