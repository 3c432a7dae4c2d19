using System.Globalization;
using AnoPLe.Gpu.Benchmarks.Ort;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Imaging;
using Microsoft.ML.OnnxRuntime;

namespace AnoPLe.Gpu.Benchmarks.Cold;

/// <summary>
/// The other side's process, ort-once MODEL IMAGE SIZE THREADS: decodes the image as we do, loads the model as a user of ONNX Runtime would, with its
/// default options and so with every graph optimisation, runs it once and prints the feature.
/// </summary>
internal static class OrtOnce
{
    /// <summary>The hidden command.</summary>
    public const string Mode = "ort-once";

    public static int Run(string model, string image, string size, string threads)
    {
        var preprocessing = new Preprocessing(int.Parse(size, CultureInfo.InvariantCulture));
        float[] pixels = preprocessing.Apply(RgbImage.Load(image));
        using var options = new SessionOptions();
        if (int.Parse(threads, CultureInfo.InvariantCulture) is > 0 and var count)
            options.IntraOpNumThreads = count;
        using var session = new InferenceSession(model, options);
        using var input = OrtValue.CreateTensorValueFromMemory(pixels, [1, 3, preprocessing.ImageSize, preprocessing.ImageSize]);
        using var run = new RunOptions();
        using var results = session.Run(run, [OnnxVisionEncoder.Images], [input], [OnnxVisionEncoder.Features]);
        var feature = results[0].GetTensorDataAsSpan<float>();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{feature.Length} values, the first {feature[0]:g6}"));
        return 0;
    }
}
