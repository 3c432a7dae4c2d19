using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Weights;
using static AnoPLe.Gpu.Tests.Weights.NamingSamples;

namespace AnoPLe.Gpu.Tests.Weights;

public sealed class FloatWindowTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    [Theory]
    [InlineData("openai", SafetensorsType.F32)]
    [InlineData("openai", SafetensorsType.F16)]
    [InlineData("wrapped", SafetensorsType.BF16)]
    [InlineData("text", SafetensorsType.F32)]
    [InlineData("huggingface", SafetensorsType.F32)]
    [InlineData("huggingface", SafetensorsType.F16)]
    public void A_window_shows_what_the_whole_mapping_shows(string scheme, SafetensorsType type)
    {
        NamingSamples.Write(folder["m.safetensors"], Parts(scheme, Config), type, Metadata);
        using ClipWeights weights = ClipWeights.Load(folder["m.safetensors"]);
        foreach (ClipTensor tensor in weights.Tensors)
        {
            using FloatWindow window = weights.OpenWindow(tensor.Name);
            Assert.True(weights.Floats(tensor.Name).SequenceEqual(window.Values), tensor.Name);
        }
    }

    [Fact]
    public void A_window_begins_and_ends_anywhere()
    {
        float[] values = [.. Enumerable.Range(0, 9000).Select(i => i + 0.5f)];
        // One byte before shifts the floats off every multiple of four: they are converted.
        foreach (int shift in (int[])[0, 1, 4])
        {
            string path = folder["w.safetensors"];
            using (SafetensorsWriter writer = SafetensorsWriter.Create(path,
                [new("a", SafetensorsType.U8, shift), new("w", SafetensorsType.F32, values.Length), new("i", SafetensorsType.I32, 1), new("none", SafetensorsType.F32, 0)]))
            {
                writer.Write("a", new byte[shift]);
                writer.Write("w", values);
                writer.Write("i", [7]);
                writer.Write("none", Array.Empty<float>());
                writer.Commit();
            }
            using SafetensorsFile file = SafetensorsFile.Open(path);
            foreach (var (start, count) in new[] { (0, 9000), (1, 3), (1023, 2049), (5000, 4000), (8999, 1), (9000, 0), (17, 0) })
            {
                using FloatWindow window = file.OpenWindow("w", start, count);
                Assert.Equal(values.AsSpan(start, count).ToArray(), window.Values.ToArray());
            }
            using FloatWindow none = file.OpenWindow("none", 0, 0);
            Assert.Equal(0, none.Values.Length);
            Assert.Throws<ArgumentException>(() => file.OpenWindow("w", 8999, 2).Values.Length);
            Assert.Throws<ArgumentException>(() => file.OpenWindow("w", -1, 2).Values.Length);
            Assert.Contains("is I32", Assert.Throws<InvalidDataException>(() => file.OpenWindow("i", 0, 1).Values.Length).Message, StringComparison.Ordinal);
            Assert.Contains("'x'", Assert.Throws<InvalidDataException>(() => file.OpenWindow("x", 0, 1).Values.Length).Message, StringComparison.Ordinal);
            file.Dispose();
            Assert.Throws<ObjectDisposedException>(() => file.OpenWindow("w", 0, 1).Values.Length);
        }
    }

    [Theory]
    [InlineData("visual.transformer.resblocks.1.mlp.c_fc.weight")]
    [InlineData("visual.ln_pre.bias")]
    public void A_model_on_the_device_holds_no_NaN(string name)
    {
        List<Part> parts = Parts("openai", Config);
        parts.Single(part => part.Name == name).Values[^1] = float.NaN;
        NamingSamples.Write(folder["m.safetensors"], parts);
        using var backend = Backends.Open("cpu", threads: 2);
        Assert.Contains($"'{name}' holds NaN", Assert.Throws<InvalidDataException>(() => ClipModel.Load(folder["m.safetensors"], backend, Config)).Message, StringComparison.Ordinal);
        // Nothing holds the file any more.
        File.Delete(folder["m.safetensors"]);
    }

    [Fact]
    public void A_loaded_model_does_not_keep_the_pages_of_its_file()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Skip("Only Linux tells which pages of a mapping are in memory.");
        string path = folder["tiny.safetensors"];
        ClipWeightsInit.Create(ClipConfig.Find("tiny"), 0, path);
        using var backend = Backends.Open("cpu", threads: 2);
        using (ClipModel model = ClipModel.Load(path, backend))
        {
            Assert.Equal(64, model.WeightsHash.Length);
            Assert.NotEmpty(model.EncodeTexts(["a part"]));
            // Left are the few rows of tokens and single values that are read where they lie, and their neighbours that the system maps with them.
            Assert.InRange(ResidentBytes(path), 1, new FileInfo(path).Length / 4);
        }
        Assert.Equal(0, ResidentBytes(path));
    }

    // Sum of "Rss: N kB" below the lines of smaps that end with the path.
    private static long ResidentBytes(string path)
    {
        long sum = 0;
        bool ours = false;
        foreach (string line in File.ReadLines("/proc/self/smaps"))
            if (line.Length > 0 && char.IsAsciiHexDigitLower(line[0]) | char.IsAsciiDigit(line[0]))
                ours = line.EndsWith(path, StringComparison.Ordinal);
            else if (ours && line.StartsWith("Rss:", StringComparison.Ordinal))
                sum += 1024 * long.Parse(line[4..^2], System.Globalization.CultureInfo.InvariantCulture);
        return sum;
    }

    public void Dispose() => folder.Dispose();
}
