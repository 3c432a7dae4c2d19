namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Sums in two stages; backward, dP is a line in Y, with two coefficients per sample.</summary>
internal sealed class Dice(IlgpuBackend backend) : Ops.Dice(backend)
{
    private delegate void LaunchSums(AcceleratorStream stream, KernelConfig config, View overlaps, View totals, View logits, View masks, int chunks, int R);

    private delegate void LaunchLoss(AcceleratorStream stream, KernelConfig config, View loss, View sums, View overlaps, View totals, int chunks, float epsilon);

    private delegate void LaunchBackward(AcceleratorStream stream, KernelConfig config, View dlogits, View logits, View masks, View sums, int count, int R,
        float epsilon, float scale);

    private LaunchSums? sumChunks;
    private LaunchLoss? lossOf;
    private LaunchBackward? backwardInput;
    private MemoryBuffer1D<float, Stride1D.Dense>? chunkSums;

    protected override void ForwardCore(Tensor loss, Tensor sums, Tensor logits, Tensor masks, float epsilon)
    {
        int N = logits.Shape[0], R = logits.Count / N, chunks = SampleChunks.PerSample(R);
        var partial = backend.Scratch(ref chunkSums, "dice sums of chunks", 2 * N * chunks);
        View overlaps = partial.SubView(0, N * chunks), totals = partial.SubView(N * chunks, N * chunks);
        sumChunks ??= backend.Load<LaunchSums>(nameof(Dice), SumsKernel);
        sumChunks(backend.Stream, SampleChunks.Config(N, R), overlaps, totals, logits.View(backend), masks.View(backend), chunks, R);
        lossOf ??= backend.Load<LaunchLoss>(nameof(Dice), LossKernel);
        lossOf(backend.Stream, (N, RowGroup.Threads), loss.View(backend), sums.View(backend), overlaps, totals, chunks, epsilon);
    }

    protected override void BackwardInputCore(Tensor dlogits, Tensor logits, Tensor masks, Tensor sums, float epsilon, float scale)
    {
        int count = logits.Count, R = count / logits.Shape[0];
        backwardInput ??= backend.Load<LaunchBackward>(nameof(Dice), BackwardInputKernel);
        backwardInput(backend.Stream, ElementGroups.Config(backend, count), dlogits.View(backend), logits.View(backend), masks.View(backend), sums.View(backend),
            count, R, epsilon, scale);
    }

    // One group per chunk: sums of P Y and of P + Y.
    [Kernel]
    private static void SumsKernel(View overlaps, View totals, View logits, View masks, int chunks, int R)
    {
        var shared = SharedMemory.Allocate<F4>(2 * RowGroup.Quads);
        var range = SampleChunks.Of(chunks, R);
        float overlap = 0f, total = 0f;
        for (int i = range.First; i < range.End; i += RowGroup.Threads)
        {
            float p = Logistic.Sigmoid(logits[i]), y = masks[i];
            overlap += p * y;
            total += p + y;
        }
        overlap = RowGroup.Sum(shared, overlap);
        total = RowGroup.Sum(shared.SubView(RowGroup.Quads), total);
        if (Group.IdxX == 0)
        {
            overlaps[Grid.IdxX] = overlap;
            totals[Grid.IdxX] = total;
        }
    }

    // One group per sample.
    [Kernel]
    private static void LossKernel(View loss, View sums, View overlaps, View totals, int chunks, float epsilon)
    {
        var shared = SharedMemory.Allocate<F4>(2 * RowGroup.Quads);
        int n = Grid.IdxX;
        float overlap = SampleChunks.Total(shared, overlaps, n * chunks, chunks);
        float total = SampleChunks.Total(shared.SubView(RowGroup.Quads), totals, n * chunks, chunks) + epsilon;
        if (Group.IdxX == 0)
        {
            loss[n] = 1f - (2f * overlap + epsilon) / total;
            sums[2 * n] = overlap;
            sums[2 * n + 1] = total;
        }
    }

    // One thread per pixel: dP P (1 - P); with odds e and 1 - P = 1 / (1 + e), P is e (1 - P), so that nothing cancels.
    [Kernel]
    private static void BackwardInputKernel(View dlogits, View logits, View masks, View sums, int count, int R, float epsilon, float scale)
    {
        int i = ElementGroups.Element, n = i / R;
        if (i >= count)
            return;
        float total = sums[2 * n + 1], slope = -2f * scale / total, constant = scale * ((2f * sums[2 * n] + epsilon) / total) / total;
        float e = Logistic.Odds(logits[i]), rest = 1f / (1f + e);
        dlogits[i] += e * rest * rest * (slope * masks[i] + constant);
    }
}
