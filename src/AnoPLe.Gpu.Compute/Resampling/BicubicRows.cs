using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace AnoPLe.Gpu.Compute.Resampling;

/// <summary>The vertical pass of a bicubic resize on the processor.</summary>
public static class BicubicRows
{
    /// <summary>One output row.</summary>
    /// <param name="source">Rows of packed bytes, as long as the output, from input row <paramref name="firstRow"/> on.</param>
    /// <param name="firstRow">The input row that the source begins with.</param>
    /// <param name="taps">Weights of the input rows.</param>
    /// <param name="y">Which output row.</param>
    /// <param name="output">The output row.</param>
    /// <exception cref="ArgumentException">The source does not hold all rows that the output takes.</exception>
    public static void Apply(ReadOnlySpan<byte> source, int firstRow, BicubicTaps taps, int y, Span<byte> output)
    {
        int rowBytes = output.Length, begin = (taps.First(y) - firstRow) * rowBytes;
        ReadOnlySpan<int> weights = taps.Weights(y);
        Require.That(begin >= 0 && (long)begin + (long)weights.Length * rowBytes <= source.Length,
            $"Output row {y} takes input rows {taps.First(y)} to {taps.First(y) + weights.Length - 1}, got {source.Length / rowBytes} rows from {firstRow}.");
        ref byte pixels = ref MemoryMarshal.GetReference(source);
        int x = 0, vectorEnd = Math.Min(rowBytes, source.Length - begin - (weights.Length - 1) * rowBytes - 8); // 16 bytes are loaded for 8
        for (; x <= vectorEnd - 8; x += 8)
        {
            Vector256<int> sum = Vector256.Create(BicubicTaps.Half);
            nuint offset = (nuint)(begin + x);
            foreach (int weight in weights)
            {
                sum += Bytes.Widen(ref pixels, offset) * Vector256.Create(weight);
                offset += (nuint)rowBytes;
            }
            for (int i = 0; i < 8; i++)
                output[x + i] = BicubicTaps.Round(sum[i]);
        }
        for (; x < rowBytes; x++)
        {
            int sum = BicubicTaps.Half, offset = begin + x;
            foreach (int weight in weights)
            {
                sum += source[offset] * weight;
                offset += rowBytes;
            }
            output[x] = BicubicTaps.Round(sum);
        }
    }
}
