using AnoPLe.Gpu.Kernels.Cpu;

namespace AnoPLe.Gpu.Benchmarks.Ladder;

/// <summary>
/// The operands of one product in native memory, aligned to cache lines: A [M, K], W [N, K] (one row per output, as CLIP stores its linear
/// layers), bias [N], C [M, N], all row-major without gaps. Seeded values; W is scaled so that the sums have variance one.
/// </summary>
internal sealed unsafe class LadderProblem : IDisposable
{
    private readonly AlignedMemory a, w, bias, c;

    public LadderProblem(int m, int n, int k)
    {
        (M, N, K) = (m, n, k);
        a = new AlignedMemory("A", (long)m * k);
        w = new AlignedMemory("W", (long)n * k);
        bias = new AlignedMemory("bias", n);
        c = new AlignedMemory("C", (long)m * n);
        var random = new Random(1);
        Fill(new(A, m * k), 1f);
        Fill(new(W, n * k), 3f / MathF.Sqrt(k)); // uniform on [-s, s] has variance s^2 / 3
        Fill(new(Bias, n), 1f);

        void Fill(Span<float> values, float scale)
        {
            foreach (ref float value in values)
                value = scale * (2 * random.NextSingle() - 1);
        }
    }

    public int M { get; }

    public int N { get; }

    public int K { get; }

    public float* A => a.Pointer;

    public float* W => w.Pointer;

    /// <summary>N values; the <see cref="AlignedMemory.Slack"/> floats after them are zeros, so whole vectors may be read.</summary>
    public float* Bias => bias.Pointer;

    public float* C => c.Pointer;

    /// <summary>A multiplication and an addition per term; bias and activation are not counted.</summary>
    public double Flop => 2.0 * M * N * K;

    /// <summary>Fills C with NaN and what follows it with zeros, before a run that is checked.</summary>
    public void Spoil()
    {
        new Span<float>(C, M * N).Fill(float.NaN);
        new Span<float>(C + (nint)M * N, AlignedMemory.Slack).Clear();
    }

    /// <summary>Whether what follows C is as <see cref="Spoil"/> left it.</summary>
    public bool NothingAfterC => !new ReadOnlySpan<float>(C + (nint)M * N, AlignedMemory.Slack).ContainsAnyExcept(0f);

    public void Dispose()
    {
        a.Dispose();
        w.Dispose();
        bias.Dispose();
        c.Dispose();
    }
}
