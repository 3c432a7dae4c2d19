namespace AnoPLe.Gpu.Metrics;

/// <summary>
/// 8-connected components of a mask, by runs: a row's runs of set pixels are joined (union-find) with the runs of the row above that
/// they touch, corners included. Empty stretches are skipped by vectorised search, so sparse masks cost next to nothing.
/// </summary>
public static class ConnectedComponents
{
    /// <summary>Numbers the components 1, 2, ... in the order of their first pixel, row by row; other pixels get 0.</summary>
    /// <param name="mask">(height, width) non-zero pixels are set.</param>
    /// <param name="width">Pixels per row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="labels">(height, width) output.</param>
    /// <returns>The number of components.</returns>
    /// <exception cref="ArgumentException">A length is not width times height.</exception>
    public static int Label(ReadOnlySpan<byte> mask, int width, int height, Span<int> labels)
    {
        if (mask.Length != (long)width * height || labels.Length != mask.Length)
            throw new ArgumentException(
                $"mask has {mask.Length} and labels has {labels.Length} pixels, expected {width} x {height} = {(long)width * height} each.", nameof(mask));
        labels.Clear();
        int count = Find(mask, width, height, out List<Run> runs);
        foreach (Run run in runs)
            labels[run.Start..run.End].Fill(run.Component + 1);
        return count;
    }

    /// <summary>The runs in row order, with components numbered from 0.</summary>
    internal static int Find(ReadOnlySpan<byte> mask, int width, int height, out List<Run> runs)
    {
        runs = [];
        List<int> parent = [];   // of each run; a root is the first run of its component
        for (int y = 0, above, rowFirst = 0; y < height; y++)
        {
            above = rowFirst;   // first run of the row above that may still touch
            rowFirst = runs.Count;
            for (int x = NextSet(mask, y, width, 0); x < width;)
            {
                int end = NextClear(mask, y, width, x), start = y * width + x, stop = y * width + end;
                int me = runs.Count;
                runs.Add(new(start, stop, me));
                parent.Add(me);
                // A run above, moved down one row, touches when it ends at start or later and begins at stop or earlier.
                while (above < rowFirst && runs[above].End + width < start)
                    above++;
                for (int a = above; a < rowFirst && runs[a].Start + width <= stop; a++)
                    Join(parent, a, me);
                x = NextSet(mask, y, width, end);
            }
        }
        return Number(runs, parent);
    }

    private static int Number(List<Run> runs, List<int> parent)
    {
        int count = 0;
        for (int i = 0; i < runs.Count; i++)
        {
            int root = Root(parent, i);
            runs[i] = runs[i] with { Component = root == i ? count++ : runs[root].Component };
        }
        return count;
    }

    private static void Join(List<int> parent, int a, int b)
    {
        a = Root(parent, a);
        b = Root(parent, b);
        parent[Math.Max(a, b)] = Math.Min(a, b);
    }

    private static int Root(List<int> parent, int i)
    {
        while (parent[i] != i)
            i = parent[i] = parent[parent[i]];
        return i;
    }

    private static int NextSet(ReadOnlySpan<byte> mask, int y, int width, int x)
    {
        int step = mask.Slice(y * width + x, width - x).IndexOfAnyExcept((byte)0);
        return step < 0 ? width : x + step;
    }

    private static int NextClear(ReadOnlySpan<byte> mask, int y, int width, int x)
    {
        int step = mask.Slice(y * width + x, width - x).IndexOf((byte)0);
        return step < 0 ? width : x + step;
    }

    /// <summary>Set pixels [Start, End) of one row, as indices into the mask, and the component they belong to.</summary>
    internal readonly record struct Run(int Start, int End, int Component);
}
