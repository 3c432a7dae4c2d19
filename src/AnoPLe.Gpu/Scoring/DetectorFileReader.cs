using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Scoring;

/// <summary>Reads single values of a file of ours; whatever is missing or malformed is an error that names the file and the field.</summary>
/// <param name="path">The file.</param>
/// <param name="metadata">Its metadata.</param>
/// <param name="kind">What it should be, "a detector".</param>
/// <param name="remedy">What to do when it is damaged, "Fit it again".</param>
internal sealed class DetectorFileReader(string path, IReadOnlyDictionary<string, string> metadata, string kind, string remedy)
{
    /// <summary>Throws with "FILE ..." unless the condition holds.</summary>
    public void Check([DoesNotReturnIf(false)] bool condition, string problem)
    {
        if (!condition)
            throw new InvalidDataException($"{path} {problem}.");
    }

    /// <summary>Whether there is a metadata field.</summary>
    public bool Has(string field) => metadata.ContainsKey(field);

    /// <summary>A metadata field as it is.</summary>
    public string Text(string field)
    {
        Check(metadata.TryGetValue(field, out string? value), $"has no metadata field '{field}': it is not {kind}, or it is damaged. {remedy}");
        return value;
    }

    /// <summary>A metadata field holding JSON.</summary>
    public T Json<T>(string field, JsonTypeInfo<T> type) => Parsed(field, text => JsonSerializer.Deserialize(text, type) ?? throw new JsonException("null"));

    /// <summary>A metadata field in a form of ours.</summary>
    public T Parsed<T>(string field, Func<string, T> parse)
    {
        string text = Text(field);
        try
        {
            return parse(text);
        }
        catch (JsonException)
        {
            throw new InvalidDataException($"{path} has a malformed metadata field '{field}': '{Shorten(text)}', expected JSON of {typeof(T).Name}. {remedy}.");
        }
    }

    /// <summary>A finite number.</summary>
    public float Number(string field, string text)
    {
        Check(float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out float value) && float.IsFinite(value),
            $"has '{Shorten(text)}' for '{field}', expected a finite number. {remedy}");
        return value;
    }

    /// <summary>The smoothing of the maps, in the range that the operation takes.</summary>
    public float SmoothSigma()
    {
        float sigma = Number("smooth_sigma", Text("smooth_sigma"));
        Check(sigma > 0 && GaussianBlur.Radius(sigma) <= GaussianBlur.MaxRadius, $"has a smooth_sigma of {sigma}, expected a value above 0 and below {GaussianBlur.MaxRadius / 4}");
        return sigma;
    }

    /// <summary>A tensor of exactly this shape, all of it finite.</summary>
    public float[] Floats(SafetensorsFile file, string name, Shape expected)
    {
        Check(file.Contains(name), $"has no tensor '{name}': it is damaged. {remedy}");
        var shape = file.Find(name).Shape;
        Check(shape.SequenceEqual(Enumerable.Range(0, expected.Rank).Select(i => (long)expected[i])),
            $"has a tensor '{name}' of shape [{string.Join(", ", shape)}], expected {expected}");
        float[] values = file.ReadFloats(name);
        Check(values.All(float.IsFinite), $"has a tensor '{name}' with values that are not finite: it is damaged. {remedy}");
        return values;
    }

    /// <summary>A matrix of finite unit rows.</summary>
    public float[] Rows(SafetensorsFile file, string name, int width, int? rows = null)
    {
        Check(file.Contains(name), $"has no tensor '{name}': it is damaged. {remedy}");
        var shape = file.Find(name).Shape;
        Check(shape.Count == 2 && shape[1] == width && shape[0] >= 1 && (rows is null || shape[0] == rows),
            $"has a tensor '{name}' of shape [{string.Join(", ", shape)}], expected [{rows?.ToString(CultureInfo.InvariantCulture) ?? "M"}, {width}]");
        float[] values = file.ReadFloats(name);
        for (int r = 0; r < values.Length; r += width)
        {
            double square = 0;
            foreach (float v in values.AsSpan(r, width))
                square += (double)v * v;
            Check(Math.Abs(square - 1) < 1e-3 || square == 0, $"has a row in '{name}' of length {Math.Sqrt(square):g4}, expected 1: it is damaged. {remedy}");
        }
        return values;
    }

    private static string Shorten(string text) => text.Length <= 60 ? text : text[..60] + "...";
}
