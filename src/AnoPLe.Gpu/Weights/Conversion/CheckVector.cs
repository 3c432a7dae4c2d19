using System.Runtime.InteropServices;
using System.Text.Json;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Imaging;
using AnoPLe.Gpu.Prompts;

namespace AnoPLe.Gpu.Weights.Conversion;

/// <summary>
/// What a model computes for one drawn image and one fixed text: unit vectors of both towers. A file that keeps those of its source shows
/// on any device whether it still computes the same.
/// </summary>
/// <param name="Image">[d], of length 1.</param>
/// <param name="Text">[d], of length 1.</param>
/// <param name="Tolerance">Largest distance of a vector that counts as the same.</param>
internal sealed record CheckVector(float[] Image, float[] Text, float Tolerance)
{
    private const int Version = 1;
    private const string Prompt = "a photo of a damaged screw on a grey table";

    /// <summary>
    /// Room for another device's order of sums where values are exact; where they were rounded, about ten times the farthest that this moved
    /// features of random models (ViT-B/32 and ViT-B/16+ 240: 0.0008 for F16, 0.006 for BF16).
    /// </summary>
    public static float ToleranceFor(IEnumerable<SafetensorsType> roundedTo) =>
        roundedTo.Select(type => type switch { SafetensorsType.F16 => 0.01f, SafetensorsType.BF16 => 0.06f, _ => 0.001f }).DefaultIfEmpty(0.001f).Max();

    /// <summary>Computes it on the processor. The weights are disposed.</summary>
    public static CheckVector Compute(ClipWeights weights, float tolerance)
    {
        using Backend backend = Backends.Open("cpu");
        return Compute(weights, backend, tolerance);
    }

    /// <summary>Computes it. The weights are disposed.</summary>
    public static CheckVector Compute(ClipWeights weights, Backend backend, float tolerance)
    {
        using ClipModel model = ClipModel.Create(weights, backend);
        float[] image = model.EncodeImages([DrawImage(model.Config.ImageSize)])[0];
        lock (backend.Gate)
            return new CheckVector(Unit(image), Unit(model.Text.Encode([TextRow(model.Config)], PromptInjection.None)), tolerance);
    }

    /// <summary>Distances of the image's and the text's vectors from another model's.</summary>
    public (double Image, double Text) Distances(CheckVector other) => (Distance(Image, other.Image), Distance(Text, other.Text));

    /// <summary>As it stands in the metadata.</summary>
    public string ToJson() => JsonSerializer.Serialize(new Stored(Version, Base64(Image), Base64(Text), Tolerance));

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    /// <exception cref="InvalidDataException">It is not that.</exception>
    public static CheckVector Parse(string json, string path, int dimension)
    {
        try
        {
            Stored? stored = JsonSerializer.Deserialize<Stored>(json);
            if (stored is { Version: Version, Image: not null, Text: not null } && Floats(stored.Image) is { } image && Floats(stored.Text) is { } text
                && image.Length == dimension && text.Length == dimension && float.IsFinite(stored.Tolerance))
                return new CheckVector(image, text, stored.Tolerance);
        }
        catch (Exception e) when (e is JsonException or FormatException)
        {
            throw new InvalidDataException($"{path}: the check vector in its metadata is damaged ({e.Message}). Convert the weights again.", e);
        }
        throw new InvalidDataException($"{path}: the check vector in its metadata is none of version {Version} with {dimension} values. Convert the weights again.");
    }

    // Two gradients, a chequerboard and rings: large and small structures in every patch. Whole numbers, so the same everywhere.
    private static RgbImage DrawImage(int size)
    {
        byte[] pixels = new byte[3 * size * size];
        for (int y = 0, at = 0; y < size; y++)
            for (int x = 0; x < size; x++, at += 3)
            {
                int dx = 2 * x - size, dy = 2 * y - size;
                pixels[at] = (byte)(255 * x / size);
                pixels[at + 1] = (byte)(128 * y / size + ((x / 5 + y / 5) % 2 == 0 ? 127 : 0));
                pixels[at + 2] = (byte)((dx * dx + dy * dy) * 8 / size);
            }
        return new RgbImage(size, size, pixels);
    }

    // The prompt in CLIP's vocabulary; in another one some ids before the last, which ends the text.
    private static int[] TextRow(ClipConfig config)
    {
        if (config.VocabSize == Tokenizer.VocabularySize)
            return Tokenizer.Clip.EncodeRow(Prompt, config.ContextLength);
        int[] row = new int[config.ContextLength];
        int end = Math.Min(config.ContextLength, 12) - 1;
        for (int i = 0; i < end; i++)
            row[i] = (1 + 7919 * i) % (config.VocabSize - 1);
        row[end] = config.VocabSize - 1;
        return row;
    }

    private static float[] Unit(float[] values)
    {
        double length = Math.Sqrt(values.Sum(value => (double)value * value));
        return [.. values.Select(value => (float)(value / length))];
    }

    private static double Distance(float[] a, float[] b) => Math.Sqrt(a.Zip(b, (x, y) => ((double)x - y) * ((double)x - y)).Sum());

    private static string Base64(float[] values) => Convert.ToBase64String(MemoryMarshal.AsBytes(values.AsSpan()));

    private static float[] Floats(string base64) => MemoryMarshal.Cast<byte, float>(Convert.FromBase64String(base64)).ToArray();

    private sealed record Stored(int Version, string Image, string Text, float Tolerance);
}
