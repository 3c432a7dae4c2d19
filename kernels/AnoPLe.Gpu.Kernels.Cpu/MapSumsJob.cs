using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Two sums over every sample's map of logits and masks; a task is a sample. Blocks are summed in vectors, the blocks in double.</summary>
internal abstract unsafe class MapSumsJob<V, O> : Job
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private const int VectorsPerBlock = 64;

    private float* logits, masks;
    private int pixels;

    /// <summary>Takes maps of N samples.</summary>
    public void SetMaps(float* a, float* y, int samples, int pixelsPerSample)
    {
        logits = a;
        masks = y;
        pixels = pixelsPerSample;
        Tasks = samples;
    }

    /// <inheritdoc/>
    [SkipLocalsInit, MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public sealed override void Run(int task, int worker)
    {
        float* a = logits + (nint)task * pixels, y = masks + (nint)task * pixels;
        double first = 0, second = 0;
        int i = 0;
        while (i <= pixels - O.N)
        {
            V s = default, t = default;
            for (int end = Math.Min(pixels - O.N, i + (VectorsPerBlock - 1) * O.N); i <= end; i += O.N)
                Add(O.Load(a + i), O.Load(y + i), ref s, ref t);
            first += O.Sum(s);
            second += O.Sum(t);
        }
        if (i < pixels)
        {
            // The lanes that fill up the last vector are surely normal and masked so: they add nothing that counts.
            float* restLogits = stackalloc float[2 * O.N], restMasks = restLogits + O.N;
            for (int lane = 0; lane < O.N; lane++)
                (restLogits[lane], restMasks[lane]) = i + lane < pixels ? (a[i + lane], y[i + lane]) : (-1e4f, 0f);
            V s = default, t = default;
            Add(O.Load(restLogits), O.Load(restMasks), ref s, ref t);
            first += O.Sum(s);
            second += O.Sum(t);
        }
        Finish(task, first, second);
    }

    /// <summary>Adds a vector of pixels to both sums.</summary>
    protected abstract void Add(V a, V y, ref V first, ref V second);

    /// <summary>Takes the sums of a sample.</summary>
    protected abstract void Finish(int sample, double first, double second);
}
