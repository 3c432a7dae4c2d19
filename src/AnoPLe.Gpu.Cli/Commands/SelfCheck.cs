using System.Diagnostics;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Imaging;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Cli.Commands;

/// <summary>What a self-check found.</summary>
/// <param name="ComparedWith">The device that it was compared with.</param>
/// <param name="Passed">Whether every step stayed within its limit.</param>
/// <param name="Steps">Step by step.</param>
internal sealed record SelfCheckResult(string ComparedWith, bool Passed, IReadOnlyList<SelfCheckStep> Steps);

/// <summary>One comparison of a device with another.</summary>
/// <param name="Name">What was computed.</param>
/// <param name="Error">Largest difference over the largest value.</param>
/// <param name="Limit">What the precision allows.</param>
/// <param name="FirstMilliseconds">First time, with compilation.</param>
/// <param name="Milliseconds">Best of three later times.</param>
/// <param name="Passed">Whether the error is within the limit.</param>
internal sealed record SelfCheckStep(string Name, double Error, double Limit, double FirstMilliseconds, double Milliseconds, bool Passed);

/// <summary>
/// Runs a tiny random model on a device and on another that has its own kernels, and compares: one thread of the processor, or for the
/// processor itself the simulator, which runs the GPU's kernels. Together the steps use every operation of detection.
/// </summary>
/// <param name="backend">The device.</param>
internal sealed class SelfCheck(Backend backend)
{
    private const string Class = "metal nut";

    // Three blocks of fp32 sums in another order differ by about 1e-6; 16-bit inputs of matrix products by about 1e-2.
    private double Limit => backend.Precision.StartsWith("fp32", StringComparison.OrdinalIgnoreCase) ? 1e-4 : 5e-2;

    /// <summary>What the device is compared with.</summary>
    public string ComparedWith => backend.Device.Kind == DeviceKind.Cpu ? "simulator" : "cpu";

    /// <summary>Runs all steps.</summary>
    public SelfCheckResult Run(IProgress<WorkProgress> progress, CancellationToken cancellation)
    {
        ClipConfig tiny = ClipConfig.Find("tiny");
        using Backend other = Backends.Open(ComparedWith, threads: 1);
        using ClipModel model = ClipModel.Create(ClipWeights.Random(tiny, 0), backend), reference = ClipModel.Create(ClipWeights.Random(tiny, 0), other);
        RgbImage[] normal = [Picture(tiny.ImageSize, 1), Picture(tiny.ImageSize, 2)];
        RgbImage odd = Picture(tiny.ImageSize, 3);
        List<SelfCheckStep> steps = [];
        void Step(string name, Func<ClipModel, IReadOnlyList<float>> work)
        {
            cancellation.ThrowIfCancellationRequested();
            progress.Report(new("self-check", steps.Count, 3));
            steps.Add(Compare(name, work(reference), () => work(model)));
        }
        Step("image features", clip => clip.EncodeImages([odd])[0]);
        Step("text features", clip => clip.EncodeTexts([Class])[0]);
        Step("anomaly map and scores", clip =>
        {
            using var detector = AnomalyDetector.Fit(clip, Class, normal);
            AnomalyResult result = detector.Score(odd);
            return [.. result.Map.Values, result.Score, result.TextScore, detector.Calibration.Threshold];
        });
        return new(ComparedWith, steps.All(step => step.Passed), steps);
    }

    private SelfCheckStep Compare(string name, IReadOnlyList<float> expected, Func<IReadOnlyList<float>> work)
    {
        var watch = Stopwatch.StartNew();
        IReadOnlyList<float> got = work();
        double first = watch.Elapsed.TotalMilliseconds, best = double.PositiveInfinity;
        for (int i = 0; i < 3; i++)
        {
            watch.Restart();
            work();
            best = Math.Min(best, watch.Elapsed.TotalMilliseconds);
        }
        double largest = expected.Max(value => Math.Abs((double)value));
        double error = expected.Zip(got, (e, g) => Math.Abs((double)e - g)).Max() / largest;
        // A NaN compares as false and fails.
        return new(name, error, Limit, first, best, error <= Limit);
    }

    // Integer noise over a gradient: the same pixels everywhere.
    private static RgbImage Picture(int size, uint seed)
    {
        byte[] pixels = new byte[3 * size * size];
        for (uint i = 0; i < pixels.Length; i++)
        {
            uint hash = (i + 1) * 2654435761u ^ seed * 2246822519u;
            hash ^= hash >> 15;
            pixels[i] = (byte)(hash % 97 + i * 120 / (uint)pixels.Length);
        }
        return new RgbImage(size, size, pixels);
    }
}
