using AnoPLe.Gpu.Metrics;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Tests.Golden;

/// <summary>Image and pixel metrics of every case folder against the independent reference's float64 values.</summary>
[Trait("Category", "Golden")]
public sealed class MetricsGoldenTests
{
    private const double Tolerance = 1e-12;

    public static TheoryData<string> Cases => GoldenFolders.Cases;

    [Theory(SkipTestWithoutData = true), MemberData(nameof(Cases))]
    public void Metrics_equal_the_reference(string folder)
    {
        using var inputs = SafetensorsFile.Open(Path.Combine(folder, "inputs.safetensors"));
        using var expected = SafetensorsFile.Open(Path.Combine(folder, "expected.safetensors"));
        double Expected(string name) => BitConverter.ToDouble(expected.ReadBytes("metric/" + name));

        bool[] labels = [.. inputs.ReadBytes("in/met.labels").Select(label => label != 0)];
        ImageMetrics image = ImageMetrics.Compute(inputs.ReadFloats("in/met.scores"), labels);
        Assert.Equal(Expected("image_auroc"), image.Auroc, Tolerance);
        Assert.Equal(Expected("image_ap"), image.AveragePrecision, Tolerance);
        Assert.Equal(Expected("image_f1max"), image.F1Max.Value, Tolerance);

        var shape = inputs.Find("in/met.maps").Shape;
        var (height, width) = ((int)shape[1], (int)shape[2]);
        float[] maps = inputs.ReadFloats("in/met.maps");
        byte[] masks = inputs.ReadBytes("in/met.masks");
        PixelMetrics metrics = new();
        for (int i = 0; i < shape[0]; i++)
            metrics.Add(maps.AsSpan(i * height * width, height * width), masks.AsSpan(i * height * width, height * width), width, height);
        PixelMetricValues pixel = metrics.Compute();
        Assert.Equal(Expected("pixel_auroc"), pixel.Auroc, Tolerance);
        Assert.Equal(Expected("pixel_ap"), pixel.AveragePrecision, Tolerance);
        Assert.Equal(Expected("pixel_f1max"), pixel.F1Max.Value, Tolerance);
        Assert.Equal(Expected("aupro30"), pixel.Aupro, Tolerance);
    }
}
