using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace AnoPLe.Gpu.Metrics;

/// <summary>
/// Stable least-significant-digit radix sort by the upper 32 bits of each item: all of a uint, the upper half of a ulong, whose lower
/// half travels along. Three digits of 11, 11 and 10 bits; a digit in which all items agree costs no pass.
/// </summary>
internal static class RadixSort
{
    private const int DigitBits = 11;
    private const int Buckets = 1 << DigitBits;
    private const int Digits = 3;

    /// <summary>Sorts items ascending. scratch has at least as many entries; its content is lost.</summary>
    public static void Sort<T>(Span<T> items, Span<T> scratch)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
    {
        if (items.Length < 2)
            return;
        scratch = scratch[..items.Length];
        int[] counts = new int[Digits * Buckets];
        Count(items, counts);
        Span<T> from = items, to = scratch;
        for (int digit = 0; digit < Digits; digit++)
        {
            Span<int> bucket = counts.AsSpan(digit * Buckets, Buckets);
            if (bucket[Digit(items[0], digit)] == items.Length)
                continue;
            Scatter(from, to, bucket, digit);
            Span<T> swap = from;
            from = to;
            to = swap;
        }
        if (!Unsafe.AreSame(ref MemoryMarshal.GetReference(from), ref MemoryMarshal.GetReference(items)))
            from.CopyTo(items);
    }

    private static void Count<T>(ReadOnlySpan<T> items, int[] counts)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
    {
        foreach (T item in items)
        {
            counts[Digit(item, 0)]++;
            counts[Buckets + Digit(item, 1)]++;
            counts[2 * Buckets + Digit(item, 2)]++;
        }
    }

    private static void Scatter<T>(ReadOnlySpan<T> from, Span<T> to, Span<int> bucket, int digit)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
    {
        int start = 0;
        foreach (ref int count in bucket)
            (count, start) = (start, start + count);
        foreach (T item in from)
            to[bucket[Digit(item, digit)]++] = item;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe int Digit<T>(T item, int digit)
        where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
        => int.CreateTruncating(item >> (8 * sizeof(T) - 32 + digit * DigitBits)) & (Buckets - 1) & (digit == 2 ? Buckets / 2 - 1 : -1);
}
