using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Kernels.Cpu;
using AnoPLe.Gpu.Prompts;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Benchmarks.Ort;

/// <summary>The library's vision tower on the CPU backend; the copies in and out are part of a run.</summary>
internal sealed class OurImageSide : IEncoderSide
{
    private readonly CpuBackend backend;
    private readonly VisionEncoder encoder;
    private readonly VisionActivations activations;
    private readonly float[] images;

    public OurImageSide(ClipWeights weights, float[] images, int batch, int threads, bool patchTokens)
    {
        this.images = images;
        backend = new CpuBackend(threads);
        encoder = new VisionEncoder(weights, backend);
        activations = encoder.CreateActivations(new VisionRequest(batch) { PatchTokens = patchTokens });
        Features = new float[activations.ClassFeature!.Count];
        PatchTokens = patchTokens ? new float[activations.PatchTokens!.Count] : [];
    }

    public float[] Features { get; }

    public float[] PatchTokens { get; }

    public void Run()
    {
        backend.Write(activations.Images, images);
        encoder.Forward(activations, PromptInjection.None);
        backend.Read(activations.ClassFeature!, Features);
        if (activations.PatchTokens is { } tokens)
            backend.Read(tokens, PatchTokens);
    }

    public void Dispose()
    {
        activations.Dispose();
        encoder.Dispose();
        backend.Dispose();
    }
}
