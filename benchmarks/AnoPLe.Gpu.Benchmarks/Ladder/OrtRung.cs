using AnoPLe.Gpu.Benchmarks.Ort;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AnoPLe.Gpu.Benchmarks.Ladder;

/// <summary>For comparison: MatMul, Add and GELU in ONNX Runtime, all of its optimisations on, reading A and writing C in place.</summary>
internal sealed unsafe class OrtRung : IRung
{
    private const string Input = "x";
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("anople-ladder-");
    private readonly InferenceSession session;
    private readonly RunOptions options = new();
    private readonly OrtValue[] inputs, outputs;
    private readonly string[] inputNames = [Input], outputNames;

    public OrtRung(LadderProblem p, int threads)
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
            session = new InferenceSession(Write(p, out string output), sessionOptions);
            outputNames = [output];
        }
        catch
        {
            folder.Delete(recursive: true);
            throw;
        }
        inputs = [Value(p.A, p.M, p.K)];
        outputs = [Value(p.C, p.M, p.N)];
    }

    public void Run() => session.Run(options, inputNames, inputs, outputNames, outputs);

    public void Dispose()
    {
        foreach (var value in inputs.Concat(outputs))
            value.Dispose();
        options.Dispose();
        session.Dispose();
        folder.Delete(recursive: true);
    }

    private static OrtValue Value(float* values, int rows, int columns) =>
        OrtValue.CreateTensorValueWithData(OrtMemoryInfo.DefaultInstance, TensorElementType.Float, [rows, columns], (nint)values,
            sizeof(float) * (long)rows * columns);

    private string Write(LadderProblem p, out string output)
    {
        using var graph = new OnnxGraph(folder.FullName);
        using var weights = new TransposedWeights(p);
        string b = graph.Constant("weight", new ReadOnlySpan<float>(weights.B, p.N * p.K), p.K, p.N);
        string bias = graph.Constant("bias", new ReadOnlySpan<float>(p.Bias, p.N), p.N);
        string sum = graph.Node("Add", [graph.Node("MatMul", [graph.Input(Input, p.M, p.K), b]), bias]);
        string erf = graph.Node("Erf", [graph.Node("Div", [sum, graph.Scalar(MathF.Sqrt(2))])]);
        output = graph.Node("Mul", [graph.Node("Mul", [sum, graph.Node("Add", [erf, graph.Scalar(1)])]), graph.Scalar(0.5f)]);
        graph.Output(output, p.M, p.N);
        return graph.Save();
    }
}
