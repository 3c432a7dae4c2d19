using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Kernels.Cpu;
using AnoPLe.Gpu.Prompts;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Benchmarks.Ort;

/// <summary>The library's text tower on the CPU backend; gathering the rows of the token table and reading the features are part of a run.</summary>
internal sealed class OurTextSide : IEncoderSide
{
    private readonly CpuBackend backend;
    private readonly TextEncoder encoder;
    private readonly int[][] rows;

    public OurTextSide(ClipWeights weights, int[][] rows, int threads)
    {
        this.rows = rows;
        backend = new CpuBackend(threads);
        encoder = new TextEncoder(weights, backend);
    }

    public float[] Features { get; private set; } = [];

    public float[] PatchTokens => [];

    public void Run() => Features = encoder.Encode(rows, PromptInjection.None);

    public void Dispose()
    {
        encoder.Dispose();
        backend.Dispose();
    }
}
