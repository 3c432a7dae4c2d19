using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Scoring;

/// <summary>Reads single values of a detector's file; whatever is missing or malformed is an error that names the file and the field.</summary>
internal sealed class DetectorFileReader(string path, IReadOnlyDictionary<string, string> metadata)
{
    /// <summary>Throws with "FILE ..." unless the condition holds.</summary>
    public void Check([DoesNotReturnIf(false)] bool condition, string problem)
    {
        if (!condition)
            throw new InvalidDataException($"{path} {problem}.");
    }

    /// <summary>A metadata field as it is.</summary>
    public string Text(string field)
    {
        Check(metadata.TryGetValue(field, out string? value), $"has no metadata field '{field}': it is not a detector, or it is damaged. Fit it again");
        return value;
    }

    /// <summary>A metadata field holding JSON.</summary>
    public T Json<T>(string field)
    {
        string text = Text(field);
        try
        {
            if (JsonSerializer.Deserialize<T>(text) is { } value)
                return value;
        }
        catch (JsonException)
        {
            // The message below says all there is to say.
        }
        throw new InvalidDataException($"{path} has a malformed metadata field '{field}': '{Shorten(text)}', expected JSON of {typeof(T).Name}. Fit the detector again.");
    }

    /// <summary>A metadata field holding a finite number.</summary>
    public float Number(string field)
    {
        string text = Text(field);
        Check(float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out float value) && float.IsFinite(value),
            $"has '{Shorten(text)}' for '{field}', expected a finite number. Fit the detector again");
        return value;
    }

    /// <summary>The smoothing of the maps, in the range that the operation takes.</summary>
    public float SmoothSigma()
    {
        float sigma = Number("smooth_sigma");
        Check(sigma > 0 && GaussianBlur.Radius(sigma) <= GaussianBlur.MaxRadius, $"has a smooth_sigma of {sigma}, expected a value above 0 and below {GaussianBlur.MaxRadius / 4}");
        return sigma;
    }

    /// <summary>A matrix of finite unit rows.</summary>
    public float[] Rows(SafetensorsFile file, string name, int width, int? rows = null)
    {
        Check(file.Contains(name), $"has no tensor '{name}': it is damaged. Fit the detector again");
        var shape = file.Find(name).Shape;
        Check(shape.Count == 2 && shape[1] == width && shape[0] >= 1 && (rows is null || shape[0] == rows),
            $"has a tensor '{name}' of shape [{string.Join(", ", shape)}], expected [{rows?.ToString(CultureInfo.InvariantCulture) ?? "M"}, {width}]");
        float[] values = file.ReadFloats(name);
        for (int r = 0; r < values.Length; r += width)
        {
            double square = 0;
            foreach (float v in values.AsSpan(r, width))
                square += (double)v * v;
            Check(Math.Abs(square - 1) < 1e-3 || square == 0, $"has a row in '{name}' of length {Math.Sqrt(square):g4}, expected 1: it is damaged. Fit the detector again");
        }
        return values;
    }

    private static string Shorten(string text) => text.Length <= 60 ? text : text[..60] + "...";
}
