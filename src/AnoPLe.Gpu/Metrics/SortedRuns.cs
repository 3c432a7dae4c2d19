using System.Numerics;
using System.Runtime.CompilerServices;

namespace AnoPLe.Gpu.Metrics;

/// <summary>
/// Many sorted lists of keys (the upper 32 bits of each item), read out as one sorted list in slices of ascending key. Keeps exactly
/// the items; a slice is gathered and sorted in a buffer that fits a cache, so no second copy of everything is needed.
/// </summary>
internal sealed class SortedRuns<T>
    where T : unmanaged, IBinaryInteger<T>, IUnsignedNumber<T>
{
    private readonly List<T[]> runs = [];
    private int[] cursors = [];
    private T[] slice = [], scratch = [];

    /// <summary>Items added so far.</summary>
    public long Count { get; private set; }

    /// <summary>Takes the array over and sorts it.</summary>
    public void Add(T[] items)
    {
        if (items.Length == 0)
            return;
        RadixSort.Sort(items, Grow(ref scratch, items.Length));
        runs.Add(items);
        Count += items.Length;
    }

    /// <summary>Adds every stride-th key of every list to a sample of the whole.</summary>
    public void Sample(List<uint> keys, int stride)
    {
        foreach (T[] run in runs)
            for (int i = stride / 2; i < run.Length; i += stride)
                keys.Add(Key(run[i]));
    }

    /// <summary>Goes back to the first item.</summary>
    public void Rewind() => cursors = new int[runs.Count];

    /// <summary>The next items up to and including this key, in order of key; valid until the next call.</summary>
    /// <param name="last">Largest key to take.</param>
    /// <param name="sort">False when the caller knows that all of them share one key.</param>
    public ReadOnlySpan<T> Take(uint last, bool sort)
    {
        int count = 0;
        for (int i = 0; i < runs.Count; i++)
            count = checked(count + UpperBound(runs[i], cursors[i], last) - cursors[i]);
        Span<T> taken = Grow(ref slice, count);
        count = 0;
        for (int i = 0; i < runs.Count; i++)
        {
            int end = UpperBound(runs[i], cursors[i], last);
            runs[i].AsSpan(cursors[i]..end).CopyTo(taken[count..]);
            count += end - cursors[i];
            cursors[i] = end;
        }
        if (sort)
            RadixSort.Sort(taken, Grow(ref scratch, count));
        return taken;
    }

    /// <summary>Skips the next items up to and including this key and says how many they were.</summary>
    public long Skip(uint last)
    {
        long count = 0;
        for (int i = 0; i < runs.Count; i++)
        {
            int end = UpperBound(runs[i], cursors[i], last);
            count += end - cursors[i];
            cursors[i] = end;
        }
        return count;
    }

    private static int UpperBound(T[] run, int from, uint last)
    {
        int low = from, high = run.Length;
        while (low < high)
        {
            int middle = low + (high - low) / 2;
            if (Key(run[middle]) <= last)
                low = middle + 1;
            else
                high = middle;
        }
        return low;
    }

    private static Span<T> Grow(ref T[] buffer, int count)
    {
        if (buffer.Length < count)
            buffer = new T[count];
        return buffer.AsSpan(0, count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe uint Key(T item) => uint.CreateTruncating(item >> (8 * sizeof(T) - 32));
}
