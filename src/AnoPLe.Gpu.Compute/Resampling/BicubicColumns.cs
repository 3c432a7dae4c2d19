using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace AnoPLe.Gpu.Compute.Resampling;

/// <summary>The horizontal pass of a bicubic resize on the processor: rows of packed 8-bit RGB to rows of another width. Immutable.</summary>
public sealed class BicubicColumns
{
    // Taps come in groups of 8 pixels = 24 bytes = three vectors of 8 integers; weights of the missing taps are zero.
    private const int Group = 8, GroupBytes = 3 * Group;

    private readonly BicubicTaps taps;
    private readonly int groups;
    private readonly int[] weights; // every weight three times, once per channel byte of its pixel: [out, groups * 24]

    /// <summary>Prepares the weights.</summary>
    public BicubicColumns(BicubicTaps taps)
    {
        this.taps = taps;
        groups = (taps.MaxCount + Group - 1) / Group;
        int stride = groups * GroupBytes;
        weights = new int[taps.Outputs * stride];
        for (int i = 0; i < taps.Outputs; i++)
        {
            ReadOnlySpan<int> row = taps.Weights(i);
            for (int k = 0; k < row.Length; k++)
                weights.AsSpan(i * stride + 3 * k, 3).Fill(row[k]);
        }
    }

    /// <summary>Bytes of a source row with the room behind it that the last group of taps reads (times zero).</summary>
    public int PaddedLength => 3 * taps.Inputs + groups * GroupBytes + 8;

    /// <summary>One row.</summary>
    /// <param name="row">A source row of <see cref="PaddedLength"/> bytes; those behind the pixels may hold anything.</param>
    /// <param name="target">3 bytes for each output pixel.</param>
    public void Apply(ReadOnlySpan<byte> row, Span<byte> target)
    {
        Require.That(row.Length >= PaddedLength && target.Length == 3 * taps.Outputs,
            $"A row of {row.Length} bytes and a target of {target.Length} were given, expected {PaddedLength} and {3 * taps.Outputs}.");
        Span<int> lanes = stackalloc int[GroupBytes];
        ref byte pixels = ref MemoryMarshal.GetReference(row);
        ref int w = ref MemoryMarshal.GetArrayDataReference(weights);
        nuint weight = 0;
        for (int x = 0; x < taps.Outputs; x++)
        {
            Vector256<int> a = default, b = default, c = default; // bytes 0-7, 8-15, 16-23 of every group
            nuint pixel = (nuint)(3 * taps.First(x));
            for (int g = 0; g < groups; g++, pixel += GroupBytes, weight += GroupBytes)
            {
                a += Bytes.Widen(ref pixels, pixel) * Vector256.LoadUnsafe(ref w, weight);
                b += Bytes.Widen(ref pixels, pixel + 8) * Vector256.LoadUnsafe(ref w, weight + 8);
                c += Bytes.Widen(ref pixels, pixel + 16) * Vector256.LoadUnsafe(ref w, weight + 16);
            }
            a.CopyTo(lanes);
            b.CopyTo(lanes[8..]);
            c.CopyTo(lanes[16..]);
            for (int channel = 0; channel < 3; channel++)
            {
                int sum = BicubicTaps.Half;
                for (int i = channel; i < GroupBytes; i += 3)
                    sum += lanes[i];
                target[3 * x + channel] = BicubicTaps.Round(sum);
            }
        }
    }
}
