using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Weights;
using Microsoft.ML.OnnxRuntime;

namespace AnoPLe.Gpu.Benchmarks.Ort;

/// <summary>
/// ONNX Runtime's CPU provider on the same weights: every graph optimisation, its threads spinning between operations as by default,
/// inputs and outputs in memory given once.
/// </summary>
internal sealed class OrtSide : IEncoderSide
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("anople-onnx-");
    private readonly InferenceSession session;
    private readonly RunOptions options = new();
    private readonly string[] outputNames;
    private readonly OrtValue[] inputs, outputs;

    public OrtSide(ClipConfig config, ClipWeights weights, float[] images, int batch, int threads, bool patchTokens)
    {
        try
        {
            using var sessionOptions = new SessionOptions
            {
                GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
                ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
                IntraOpNumThreads = threads,
                InterOpNumThreads = 1,
            };
            session = new InferenceSession(Write(config, weights, batch, patchTokens), sessionOptions);
        }
        catch
        {
            folder.Delete(recursive: true);
            throw;
        }
        Features = new float[batch * config.EmbedDim];
        PatchTokens = patchTokens ? new float[batch * config.Patches * config.VisionWidth] : [];
        inputs = [OrtValue.CreateTensorValueFromMemory(images, [batch, 3, config.ImageSize, config.ImageSize])];
        var features = OrtValue.CreateTensorValueFromMemory(Features, [batch, config.EmbedDim]);
        outputNames = patchTokens ? [OnnxVisionEncoder.Features, OnnxVisionEncoder.PatchTokens] : [OnnxVisionEncoder.Features];
        outputs = patchTokens ? [features, OrtValue.CreateTensorValueFromMemory(PatchTokens, [batch, config.Patches, config.VisionWidth])] : [features];
    }

    public float[] Features { get; }

    public float[] PatchTokens { get; }

    public void Run() => session.Run(options, [OnnxVisionEncoder.Images], inputs, outputNames, outputs);

    public void Dispose()
    {
        foreach (var value in inputs.Concat(outputs))
            value.Dispose();
        options.Dispose();
        session.Dispose();
        folder.Delete(recursive: true);
    }

    private string Write(ClipConfig config, ClipWeights weights, int batch, bool patchTokens)
    {
        using var graph = new OnnxGraph(folder.FullName);
        new OnnxVisionEncoder(graph, config, weights, batch).Build(patchTokens);
        return graph.Save();
    }
}
