using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute.Resampling;
using AnoPLe.Gpu.Imaging;

namespace AnoPLe.Gpu.Tests.Golden;

/// <summary>Decoding, resizing and normalising against Pillow and torchvision: everything that preprocess/golden.json lists.</summary>
[Trait("Category", "Golden")]
public sealed class PreprocessingGoldenTests
{
    // JPEG decoders may differ in the inverse DCT and the chroma upsampling by a few levels.
    private const int JpegTolerance = 3;

    public static TheoryData<string, int, string> Images => Rows("images", (_, e) => e.GetProperty("file").GetString()!);

    public static TheoryData<string, int, string> Resizes => Rows("resize", (_, e) =>
        string.Create(CultureInfo.InvariantCulture, $"{Int(e, "w")}x{Int(e, "h")} to {Int(e, "tw")}x{Int(e, "th")}"));

    public static TheoryData<string, int, string> Coefficients => Rows("coefficients", (_, e) =>
        string.Create(CultureInfo.InvariantCulture, $"{Int(e, "n_in")} to {Int(e, "n_out")}, {Int(e, "i")}"));

    public static TheoryData<string> Folders => [.. GoldenFolders.Find("preprocess")];

    [Fact]
    public void There_are_cases() => Assert.NotEmpty(Images);

    [Theory, MemberData(nameof(Images))]
    public void Decodes_as_Pillow_does(string folder, int index, string file)
    {
        JsonElement golden = Case(folder, "images", index);
        RgbImage image = RgbImage.Load(Path.Combine(folder, file));
        Assert.Equal((Int(golden, "width"), Int(golden, "height")), (image.Width, image.Height));
        // Pillow 9 clips 16-bit grey (its mode I) at 255; we keep the high byte. PngDecodingTests checks those values.
        if (Text(golden, "pil_mode") is "I" or "I;16")
            return;
        if (golden.TryGetProperty("lossless", out JsonElement lossless) && lossless.GetBoolean())
            Assert.Equal(Text(golden, "rgb_sha256"), Sha256(image.Pixels));
        else if (Stored(folder, golden, "rgb") is { } rgb)
            Assert.InRange(MaxDifference(rgb, image.Pixels), 0, JpegTolerance);
        else
            AssertMeanNear(golden, image);
    }

    [Theory, MemberData(nameof(Images))]
    public void Resizes_the_stored_pixels_exactly(string folder, int index, string file)
    {
        JsonElement golden = Case(folder, "images", index);
        RgbImage image = StoredImage(folder, golden) ?? RgbImage.Load(Path.Combine(folder, file));
        if (Text(golden, "rgb_sha256") != Sha256(image.Pixels))
            Assert.Skip($"{file}: its pixels are not stored, and this JPEG decoder's differ by a level or two from those that were resized.");
        Preprocessing preprocessing = new(240);
        RgbImage small = preprocessing.Resize(image);
        if (Stored(folder, golden, "r240") is { } r240)
            Assert.Equal(0, MaxDifference(r240, small.Pixels));
        Assert.Equal(Text(golden, "r240_sha256"), Sha256(small.Pixels));
        Assert.Equal(Text(golden, "norm240_sha256"), Sha256(LittleEndian(preprocessing.Apply(image))));
        if (Text(golden, "short_crop240_sha256") is { } cropped)
            Assert.Equal(cropped, Sha256(new Preprocessing(240, CropMode.ShortSideCenter).Resize(image).Pixels));
    }

    [Theory, MemberData(nameof(Resizes))]
    public void Resizes_the_pattern_exactly(string folder, int index, string sizes)
    {
        JsonElement golden = Case(folder, "resize", index);
        RgbImage image = Pattern(Int(golden, "w"), Int(golden, "h"), Int(golden, "k"));
        Assert.Equal(Text(golden, "in_sha256"), Sha256(image.Pixels));
        RgbImage resized = BicubicResize.Resize(image, Int(golden, "tw"), Int(golden, "th"));
        if (golden.TryGetProperty("out_first", out JsonElement first))
            Assert.Equal(first.EnumerateArray().Select(v => v.GetByte()), resized.Pixels[..first.GetArrayLength()].ToArray());
        if (Text(golden, "out_sha256") is { } sha256)
            Assert.True(sha256 == Sha256(resized.Pixels), sizes);
    }

    [Theory, MemberData(nameof(Coefficients))]
    public void Computes_the_fixed_point_weights_exactly(string folder, int index, string sizes)
    {
        JsonElement golden = Case(folder, "coefficients", index);
        BicubicTaps taps = new(Int(golden, "n_in"), Int(golden, "n_out"));
        int output = Int(golden, "i");
        Assert.True(Int(golden, "first") == taps.First(output), sizes);
        Assert.Equal(golden.GetProperty("fixed").EnumerateArray().Select(v => v.GetInt32()), taps.Weights(output).ToArray());
    }

    [Theory, MemberData(nameof(Folders))]
    public void Normalises_every_level_bit_for_bit(string folder)
    {
        if (!Document(folder).TryGetProperty("meta", out JsonElement meta) || !meta.TryGetProperty("lut_bits_hex", out JsonElement channels))
            return;
        for (int c = 0; c < 3; c++)
        {
            string bits = string.Concat(Enumerable.Range(0, 256)
                .Select(v => BitConverter.SingleToUInt32Bits(Preprocessing.Normalize((byte)v, c)).ToString("x8", CultureInfo.InvariantCulture)));
            Assert.Equal(channels[c].GetString(), bits);
        }
    }

    private static TheoryData<string, int, string> Rows(string list, Func<int, JsonElement, string> label)
    {
        TheoryData<string, int, string> rows = [];
        foreach (string folder in GoldenFolders.Find("preprocess"))
            if (Document(folder).TryGetProperty(list, out JsonElement cases))
                foreach (var (index, element) in cases.EnumerateArray().Index())
                    rows.Add(folder, index, label(index, element));
        return rows;
    }

    private static readonly Dictionary<string, JsonElement> Documents = [];

    private static JsonElement Document(string folder)
    {
        lock (Documents)
        {
            if (!Documents.TryGetValue(folder, out JsonElement root))
                Documents[folder] = root = JsonSerializer.Deserialize<JsonElement>(File.ReadAllBytes(Path.Combine(folder, "golden.json")));
            return root;
        }
    }

    private static JsonElement Case(string folder, string list, int index) => Document(folder).GetProperty(list)[index];

    private static int Int(JsonElement element, string name) => element.GetProperty(name).GetInt32();

    private static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static byte[]? Stored(string folder, JsonElement golden, string name)
    {
        if (Text(golden, name) is not { } file)
            return null;
        using GZipStream packed = new(File.OpenRead(Path.Combine(folder, file)), CompressionMode.Decompress);
        using MemoryStream bytes = new();
        packed.CopyTo(bytes);
        return bytes.ToArray();
    }

    private static RgbImage? StoredImage(string folder, JsonElement golden) =>
        Stored(folder, golden, "rgb") is { } rgb ? new(Int(golden, "width"), Int(golden, "height"), rgb) : null;

    private static RgbImage Pattern(int width, int height, int k)
    {
        byte[] pixels = new byte[3 * width * height];
        for (int y = 0, i = 0; y < height; y++)
            for (int x = 0; x < width; x++)
                for (int c = 0; c < 3; c++, i++)
                    pixels[i] = (byte)(3L * x * x + 5L * y * y + 7L * x * y + 101 * c + 13 * (x ^ y) + 29 * k + 120 * ((x / 9 + y / 7) % 2));
        return new(width, height, pixels);
    }

    private static void AssertMeanNear(JsonElement golden, RgbImage image)
    {
        if (!golden.TryGetProperty("rgb_mean", out JsonElement mean))
            return;
        for (int c = 0; c < 3; c++)
        {
            double sum = 0;
            for (int i = c; i < image.Pixels.Length; i += 3)
                sum += image.Pixels[i];
            Assert.Equal(mean[c].GetDouble(), sum / (image.Pixels.Length / 3), 0.5);
        }
    }

    private static int MaxDifference(ReadOnlySpan<byte> expected, ReadOnlySpan<byte> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        int max = 0;
        for (int i = 0; i < expected.Length; i++)
            max = Math.Max(max, Math.Abs(expected[i] - actual[i]));
        return max;
    }

    private static byte[] LittleEndian(float[] values)
    {
        byte[] bytes = new byte[4 * values.Length];
        for (int i = 0; i < values.Length; i++)
            BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(4 * i), values[i]);
        return bytes;
    }

    private static string Sha256(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
