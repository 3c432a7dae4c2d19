using System.Runtime.InteropServices;
using System.Text.Json;
using AnoPLe.Gpu.Training;

namespace AnoPLe.Gpu.Tests.Golden;

/// <summary>Perlin noise of every case that has some, against the independent implementation.</summary>
[Trait("Category", "Golden")]
public sealed class PerlinGoldenTests
{
    public static TheoryData<string> Cases => [.. GoldenFolders.Cases.Select(row => row.Data).Where(HasNoise)];

    [Theory, MemberData(nameof(Cases))]
    public void Noise_matches(string folder)
    {
        using GoldenCase golden = new(folder);
        JsonElement stated = JsonSerializer.Deserialize<JsonElement>(File.ReadAllBytes(Path.Combine(folder, "config.json"))).GetProperty("perlin");
        int Stated(string name) => stated.GetProperty(name).GetInt32();
        int h = Stated("h"), w = Stated("w"), ry = Stated("ry"), rx = Stated("rx");
        ReadOnlySpan<double> angles = MemoryMarshal.Cast<byte, double>(golden.Bytes("in/perlin.angles"));
        double theta = MemoryMarshal.Read<double>(golden.Bytes("in/perlin.theta"));
        var noise = new float[h * w];

        new PerlinNoise(Math.Max(ry, rx)).Fill(noise, h, w, ry, rx, angles, theta);

        golden.AssertNear("misc/perlin", noise);
    }

    private static bool HasNoise(string folder)
    {
        using GoldenCase golden = new(folder);
        return golden.Has("in/perlin.angles") && golden.Has("misc/perlin");
    }
}
