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
    private readonly string[] inputNames, outputNames;
    private readonly OrtValue[] inputs, outputs;

    private OrtSide(Action<OnnxGraph> build, int threads, string inputName, OrtValue input, params (string Name, float[] Values, long[] Shape)[] results)
    {
        inputNames = [inputName];
        inputs = [input];
        try
        {
            using var sessionOptions = new SessionOptions
            {
                GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
                ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
                IntraOpNumThreads = threads,
                InterOpNumThreads = 1,
            };
            session = new InferenceSession(Write(build), sessionOptions);
        }
        catch
        {
            input.Dispose();
            folder.Delete(recursive: true);
            throw;
        }
        Features = results[0].Values;
        PatchTokens = results.Length > 1 ? results[1].Values : [];
        outputNames = [.. results.Select(result => result.Name)];
        outputs = [.. results.Select(result => OrtValue.CreateTensorValueFromMemory(result.Values, result.Shape))];
    }

    public float[] Features { get; }

    public float[] PatchTokens { get; }

    /// <summary>The image tower on images [B, 3, S, S].</summary>
    public static OrtSide Image(ClipConfig config, ClipWeights weights, float[] images, int batch, int threads, bool patchTokens)
    {
        (string, float[], long[]) features = (OnnxVisionEncoder.Features, new float[batch * config.EmbedDim], [batch, config.EmbedDim]);
        (string, float[], long[]) tokens = (OnnxVisionEncoder.PatchTokens, new float[batch * config.Patches * config.VisionWidth], [batch, config.Patches, config.VisionWidth]);
        return new(graph => new OnnxVisionEncoder(graph, config, weights, batch).Build(patchTokens), threads, OnnxVisionEncoder.Images,
            OrtValue.CreateTensorValueFromMemory(images, [batch, 3, config.ImageSize, config.ImageSize]), patchTokens ? [features, tokens] : [features]);
    }

    /// <summary>The text tower on rows of ids, each of the context's length.</summary>
    public static OrtSide Text(ClipConfig config, ClipWeights weights, int[][] rows, int threads)
        => new(graph => new OnnxTextEncoder(graph, config, weights, rows.Length).Build(), threads, OnnxTextEncoder.Tokens,
            OrtValue.CreateTensorValueFromMemory(rows.SelectMany(ids => ids).ToArray(), [rows.Length, config.ContextLength]),
            (OnnxTextEncoder.Features, new float[rows.Length * config.EmbedDim], [rows.Length, config.EmbedDim]));

    public void Run() => session.Run(options, inputNames, inputs, outputNames, outputs);

    public void Dispose()
    {
        foreach (var value in inputs.Concat(outputs))
            value.Dispose();
        options.Dispose();
        session.Dispose();
        folder.Delete(recursive: true);
    }

    private string Write(Action<OnnxGraph> build)
    {
        using var graph = new OnnxGraph(folder.FullName);
        build(graph);
        return graph.Save();
    }
}
