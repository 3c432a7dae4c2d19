using System.Runtime.InteropServices;
using System.Text.Json;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Tests.Golden;

/// <summary>One case of the whole method, written by an independent implementation: configuration, weights, inputs, expected values.</summary>
internal sealed class GoldenCase : IDisposable
{
    private readonly string folder;
    private readonly SafetensorsFile inputs, expected;
    private readonly JsonElement config, tolerance;

    public GoldenCase(string folder)
    {
        this.folder = folder;
        inputs = SafetensorsFile.Open(Path.Combine(folder, "inputs.safetensors"));
        expected = SafetensorsFile.Open(Path.Combine(folder, "expected.safetensors"));
        config = Parse("config.json");
        tolerance = Parse("tolerance.json");
    }

    public string Backbone => Path.Combine(folder, "backbone.safetensors");

    public string Mode => config.GetProperty("anople").GetProperty("mode").GetString()!;

    public string ViewMode => config.GetProperty("anople").GetProperty("view_mode").GetString()!;

    public int Views => config.GetProperty("anople").GetProperty("n_views").GetInt32();

    public int Depth => config.GetProperty("depth_used").GetInt32();

    public int Classes => config.GetProperty("classes").GetInt32();

    /// <summary>R, the length of the schedule; and how many steps the case took.</summary>
    public (int Total, int Taken) Steps => (config.GetProperty("schedule_total").GetInt32(), config.GetProperty("steps").GetInt32());

    /// <summary>A number of the method's options.</summary>
    public double Option(string name) => config.GetProperty("anople").GetProperty(name).GetDouble();

    /// <summary>A switch of the method's options.</summary>
    public bool Switch(string name) => config.GetProperty("anople").GetProperty(name).GetBoolean();

    /// <summary>Names of the expected tensors that begin like this, without the beginning.</summary>
    public IEnumerable<string> Expected(string prefix) =>
        expected.Tensors.Select(tensor => tensor.Name).Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).Select(name => name[prefix.Length..]);

    public int[] MemoryLayers => [.. config.GetProperty("memory_layers").EnumerateArray().Select(v => v.GetInt32())];

    /// <summary>exp(logit_scale) unless the case sets tau_img.</summary>
    public float? ImageTemperature => config.GetProperty("anople").GetProperty("tau_img") is { ValueKind: JsonValueKind.Number } tau ? tau.GetSingle() : null;

    /// <summary>Names of the expected tensors that begin and end like this; the cases leave out activations above 400 kB.</summary>
    public HashSet<string> Names(string begin, string end) => [.. expected.Tensors.Select(tensor => tensor.Name)
        .Where(name => name.StartsWith(begin, StringComparison.Ordinal) && name.EndsWith(end, StringComparison.Ordinal))];

    /// <summary>
    /// The vision tower's input, (2 N, 3, S, S): the views, then the same with textures where the pixel mask is set, normalised as CLIP does.
    /// Made from the case's inputs where it is not stored (larger cases); compared where both are there; the repository's own cases only store it.
    /// </summary>
    public float[] Images()
    {
        if (!Has("in/views"))
            return Floats("act/in.images");
        float[] views = Floats("in/views"), textures = Floats("in/textures"), mask = Floats("in/pix_mask"), beta = Floats("in/beta");
        int pixels = mask.Length / beta.Length;
        var images = new float[2 * views.Length];
        for (int i = 0; i < views.Length; i++)
        {
            int channel = i / pixels % 3, sample = i / (3 * pixels);
            double mean = Preprocessing.Mean[channel], std = Preprocessing.Std[channel];
            double blend = (double)mask[sample * pixels + i % pixels] * beta[sample];
            images[i] = (float)((views[i] - mean) / std);
            images[views.Length + i] = (float)((views[i] + blend * ((double)textures[i] - views[i]) - mean) / std);
        }
        if (Has("act/in.images"))
            AssertNear("act/in.images", images);
        return images;
    }

    /// <summary>
    /// A parameter before the first step. Some cases store in param/ what the parameters became in five steps; the first step can be undone,
    /// because AdamW's first update is eta g / (|g| + eps) and its decay is known, so that is what counts where the two differ.
    /// </summary>
    public float[] Initial(string name)
    {
        float[] stored = Floats("param/" + name), undone = Floats("step1/" + name), gradient = Floats("grad/" + name);
        double eta = Option(name.StartsWith("couple.", StringComparison.Ordinal) ? "lr_couple" : "lr");
        bool decays = name.EndsWith(".weight", StringComparison.Ordinal) && !name.StartsWith("decoder.ln", StringComparison.Ordinal);
        double shrink = decays ? 1 - eta * Option("weight_decay") : 1, difference = 0;
        for (int i = 0; i < undone.Length; i++)
        {
            undone[i] = (float)((undone[i] + eta * gradient[i] / (Math.Abs((double)gradient[i]) + Option("adam_eps"))) / shrink);
            difference = Math.Max(difference, Math.Abs(undone[i] - stored[i]));
        }
        return difference < 0.01 * eta ? stored : undone;
    }

    public bool Has(string name) => File(name).Contains(name);

    public int[] Shape(string name) => [.. File(name).Find(name).Shape.Select(d => (int)d)];

    public float[] Floats(string name) => File(name).ReadFloats(name);

    /// <summary>Values stored as F64: losses.</summary>
    public double[] Doubles(string name) => MemoryMarshal.Cast<byte, double>(File(name).ReadBytes(name)).ToArray();

    public long[] Integers(string name) => File(name).ReadInt64s(name);

    public byte[] Bytes(string name) => File(name).ReadBytes(name);

    /// <summary>Fails unless <see cref="Difference"/> finds none.</summary>
    public void AssertNear(string name, ReadOnlySpan<float> actual) => AssertNear(name, actual, Floats(name));

    /// <summary>As <see cref="AssertNear(string, ReadOnlySpan{float})"/>, for a part of the expected tensor.</summary>
    public void AssertNear(string name, ReadOnlySpan<float> actual, ReadOnlySpan<float> want)
    {
        if (Difference(name, actual, want) is { } difference)
            Assert.Fail(difference);
    }

    /// <summary>
    /// What is wrong with a tensor, or null when max |actual - want| is within 20 times the error of the case's own float32 run plus 1e-6 of the
    /// largest magnitude. Both numbers of the case are maxima over the tensor, so the error is measured as one too.
    /// </summary>
    public string? Difference(string name, ReadOnlySpan<float> actual, ReadOnlySpan<float> want)
    {
        Assert.True(actual.Length == want.Length, $"{name}: {actual.Length} values, expected {want.Length}.");
        double error = 0, allowed = Allowed(name);
        for (int i = 0; i < want.Length; i++)
            error = Math.Max(error, Math.Abs((double)actual[i] - want[i]) is var d && double.IsNaN(d) ? double.PositiveInfinity : d);
        return error <= allowed ? null : $"{name}: error {error:g3}, allowed {allowed:g3}, largest value {tolerance.GetProperty(name).GetProperty("max").GetDouble():g3}";
    }

    /// <summary>The error that an element of a tensor may have.</summary>
    public double Allowed(string name)
    {
        JsonElement entry = tolerance.GetProperty(name);
        return 20 * entry.GetProperty("f32_err").GetDouble() + 1e-6 * entry.GetProperty("max").GetDouble();
    }

    private SafetensorsFile File(string name) => inputs.Contains(name) ? inputs : expected;

    private JsonElement Parse(string name)
    {
        using var document = JsonDocument.Parse(System.IO.File.ReadAllText(Path.Combine(folder, name)));
        return document.RootElement.Clone();
    }

    public void Dispose()
    {
        inputs.Dispose();
        expected.Dispose();
    }
}
