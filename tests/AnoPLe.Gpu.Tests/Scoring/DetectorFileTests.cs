using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Tests.Scoring;

public sealed class DetectorFileTests(DetectorFixture fixture) : IClassFixture<DetectorFixture>, IDisposable
{
    private readonly TemporaryFolder folder = new();

    [Fact]
    public void A_loaded_detector_gives_the_same_bits()
    {
        string path = Saved();
        using var original = AnomalyDetector.Fit(fixture.Clip, "metal_nut", DetectorFixture.Shots(2));
        using var loaded = AnomalyDetector.Load(path, fixture.Clip);
        var image = DetectorFixture.Defective(20, 40, 8);
        AnomalyResult expected = original.Score(image), actual = loaded.Score(image);
        Assert.Equal(expected.Score, actual.Score);
        Assert.Equal(expected.TextScore, actual.TextScore);
        Assert.True(expected.Map.Values.SequenceEqual(actual.Map.Values));
        Assert.Equal("metal nut", loaded.ClassName);
        Assert.Equal(original.Calibration.Threshold, loaded.Calibration.Threshold);
        Assert.Equal(original.Calibration.NormalScores, loaded.Calibration.NormalScores);
        Assert.Equal(original.Shots, loaded.Shots);
        Assert.Equal(original.MemoryLayers, loaded.MemoryLayers);
    }

    [Fact]
    public void The_same_fit_writes_the_same_bytes_and_leaves_no_other_file()
    {
        Assert.Equal(File.ReadAllBytes(Saved("a.anople")), File.ReadAllBytes(Saved("b.anople")));
        Assert.Equal(2, Directory.GetFiles(folder.Path).Length);
    }

    [Fact]
    public void Files_are_recorded_with_their_names_and_hashes()
    {
        string file = Path.Combine(folder.Path, "good.png");
        DetectorFixture.Normal(0).SavePng(file);
        using var detector = AnomalyDetector.Fit(fixture.Clip, "part", [file]);
        var shot = Assert.Single(detector.Shots);
        Assert.Equal("good.png", shot.Name);
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(file))), shot.Sha256);
    }

    [Fact]
    public void Other_weights_are_refused()
    {
        using var other = fixture.Model(seed: 2);
        string message = Refused(Saved(), other);
        Assert.Contains("other CLIP weights", message, StringComparison.Ordinal);
        Assert.Contains(other.WeightsHash, message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("format", "else", "is not a detector")]
    [InlineData("format", null, "no metadata field 'format'")]
    [InlineData("version", "1", "format version 1")]
    [InlineData("version", "x", "malformed metadata field 'version'")]
    [InlineData("memory_layers", "[2,9]", "memory layers [2, 9]")]
    [InlineData("memory_layers", "[2,1]", "memory layers [2, 1]")]
    [InlineData("memory_layers", "[1,3]", "no tensor 'bank.0.3'")]
    [InlineData("class_names", "[\"a\",\"b\"]", "no tensor 'text.1'")]
    [InlineData("smooth_sigma", "-1", "smooth_sigma")]
    [InlineData("thresholds", "[\"NaN\"]", "'thresholds'")]
    [InlineData("thresholds", "[]", "0 thresholds")]
    [InlineData("shots", "{", "malformed metadata field 'shots'")]
    [InlineData("preprocessing", "none", "another preprocessing")]
    public void Damaged_metadata_is_refused_by_name(string field, string? value, string expected)
    {
        string path = Rewrite(Saved(), metadata =>
        {
            if (value is null)
                metadata.Remove(field);
            else
                metadata[field] = value;
        });
        Assert.Contains(expected, Refused(path, fixture.Clip), StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_that_are_no_unit_vectors_are_refused()
    {
        string path = Rewrite(Saved(), _ => { }, values => values[0] += 1);
        Assert.Contains("expected 1", Refused(path, fixture.Clip), StringComparison.Ordinal);
    }

    [Fact]
    public void A_weights_file_or_garbage_is_not_a_detector()
    {
        string weights = Path.Combine(folder.Path, "weights.safetensors");
        ClipWeightsInit.Create(fixture.Clip.Config, 1, weights);
        Assert.Contains("metadata field 'format'", Refused(weights, fixture.Clip).Replace("is not a detector", "metadata field 'format'", StringComparison.Ordinal), StringComparison.Ordinal);

        string garbage = Path.Combine(folder.Path, "garbage.anople");
        File.WriteAllText(garbage, "not a detector at all");
        Refused(garbage, fixture.Clip);
        Assert.Throws<FileNotFoundException>(() => AnomalyDetector.Load(Path.Combine(folder.Path, "none.anople"), fixture.Clip));
    }

    [Fact]
    public void Every_cut_and_many_flipped_bytes_are_refused_or_harmless()
    {
        byte[] whole = File.ReadAllBytes(Saved());
        string path = Path.Combine(folder.Path, "mutated.anople");
        var random = new Random(5);
        for (int i = 0; i < 200; i++)
        {
            byte[] bytes = [.. whole];
            if (i % 4 == 0)
                bytes = bytes[..random.Next(whole.Length)];
            else
                bytes[random.Next(Math.Min(whole.Length, 3000))] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(path, bytes);
            try
            {
                AnomalyDetector.Load(path, fixture.Clip).Dispose();
            }
            catch (InvalidDataException)
            {
                // The one way to fail.
            }
        }
    }

    [Fact]
    public void A_folder_that_does_not_exist_is_an_error_and_an_earlier_file_survives_a_failed_save()
    {
        using var detector = AnomalyDetector.Fit(fixture.Clip, "part", DetectorFixture.Shots(1));
        Assert.ThrowsAny<IOException>(() => detector.Save(Path.Combine(folder.Path, "missing", "x.anople")));
    }

    private string Saved(string name = "part.anople")
    {
        string path = Path.Combine(folder.Path, name);
        using var detector = AnomalyDetector.Fit(fixture.Clip, "metal_nut", DetectorFixture.Shots(2));
        detector.Save(path);
        return path;
    }

    private static string Refused(string path, Gpu.Clip.ClipModel clip)
    {
        string message = Assert.Throws<InvalidDataException>(() => AnomalyDetector.Load(path, clip)).Message;
        Assert.Contains(Path.GetFileName(path), message, StringComparison.Ordinal);
        return message;
    }

    private string Rewrite(string path, Action<Dictionary<string, string>> change, Action<float[]>? changeBank = null)
    {
        string target = Path.Combine(folder.Path, "changed.anople");
        using var file = SafetensorsFile.Open(path);
        var metadata = file.Metadata.ToDictionary();
        change(metadata);
        using var writer = SafetensorsWriter.Create(target, [.. file.Tensors.Select(t => new SafetensorsDeclaration(t.Name, t.Type, t.Shape))], metadata);
        foreach (var tensor in file.Tensors)
        {
            float[] values = file.ReadFloats(tensor.Name);
            if (tensor.Name.StartsWith("bank", StringComparison.Ordinal))
                changeBank?.Invoke(values);
            writer.Write(tensor.Name, values);
        }
        writer.Commit();
        return target;
    }

    public void Dispose() => folder.Dispose();
}
