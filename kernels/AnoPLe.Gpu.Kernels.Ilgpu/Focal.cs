using System.Runtime.CompilerServices;
using ILGPU.Algorithms;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Everything of a pixel comes from one exponential; sums in two stages; backward, one pixel a thread.</summary>
internal sealed class Focal(IlgpuBackend backend) : Ops.Focal(backend)
{
    private delegate void LaunchSums(AcceleratorStream stream, KernelConfig config, View sums, View logits, View masks, int chunks, int R, float gamma);

    private delegate void LaunchLoss(AcceleratorStream stream, KernelConfig config, View loss, View sums, int chunks, int R);

    private delegate void LaunchBackward(AcceleratorStream stream, KernelConfig config, View dlogits, View logits, View masks, int count, float gamma, float factor);

    private LaunchSums? sumChunks;
    private LaunchLoss? lossOf;
    private LaunchBackward? backwardInput;
    private MemoryBuffer1D<float, Stride1D.Dense>? chunkSums;

    protected override void ForwardCore(Tensor loss, Tensor logits, Tensor masks, float gamma)
    {
        int N = logits.Shape[0], R = logits.Count / N, chunks = SampleChunks.PerSample(R);
        var sums = backend.Scratch(ref chunkSums, "focal sums of chunks", N * chunks);
        sumChunks ??= backend.Load<LaunchSums>(nameof(Focal), SumsKernel);
        sumChunks(backend.Stream, SampleChunks.Config(N, R), sums, logits.View(backend), masks.View(backend), chunks, R, gamma);
        lossOf ??= backend.Load<LaunchLoss>(nameof(Focal), LossKernel);
        lossOf(backend.Stream, (N, RowGroup.Threads), loss.View(backend), sums, chunks, R);
    }

    protected override void BackwardInputCore(Tensor dlogits, Tensor logits, Tensor masks, float gamma, float scale)
    {
        int count = logits.Count, R = count / logits.Shape[0];
        backwardInput ??= backend.Load<LaunchBackward>(nameof(Focal), BackwardInputKernel);
        backwardInput(backend.Stream, ElementGroups.Config(backend, count), dlogits.View(backend), logits.View(backend), masks.View(backend), count, gamma, scale / R);
    }

    // One group per chunk: q^gamma softplus(-x).
    [Kernel]
    private static void SumsKernel(View sums, View logits, View masks, int chunks, int R, float gamma)
    {
        var shared = SharedMemory.Allocate<F4>(RowGroup.Quads);
        var range = SampleChunks.Of(chunks, R);
        float sum = 0f;
        for (int i = range.First; i < range.End; i += RowGroup.Threads)
        {
            float x = (2f * masks[i] - 1f) * logits[i], e = Logistic.Odds(x);
            sum += Power(1f / (1f + e), x, e, gamma) * Logistic.Softplus(-x, e);
        }
        sum = RowGroup.Sum(shared, sum);
        if (Group.IdxX == 0)
            sums[Grid.IdxX] = sum;
    }

    // One group per sample.
    [Kernel]
    private static void LossKernel(View loss, View sums, int chunks, int R)
    {
        var shared = SharedMemory.Allocate<F4>(RowGroup.Quads);
        float sum = SampleChunks.Total(shared, sums, Grid.IdxX * chunks, chunks);
        if (Group.IdxX == 0)
            loss[Grid.IdxX] = sum / R;
    }

    // -factor sign q^gamma (gamma (1 - q) softplus(-x) + q), sign = +1 where the mask is 1, else -1.
    [Kernel]
    private static void BackwardInputKernel(View dlogits, View logits, View masks, int count, float gamma, float factor)
    {
        int i = ElementGroups.Element;
        if (i >= count)
            return;
        float sign = 2f * masks[i] - 1f, x = sign * logits[i], e = Logistic.Odds(x), q = 1f / (1f + e);
        float inner = gamma * (e * q) * Logistic.Softplus(-x, e) + q;
        dlogits[i] += -factor * sign * Power(q, x, e, gamma) * inner;
    }

    /// <summary>q^gamma for q = sigmoid(-x), from the odds of x; log q = -softplus(x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Power(float q, float x, float odds, float gamma)
        => gamma == 2f ? q * q : XMath.Exp(-gamma * Logistic.Softplus(x, odds));
}
