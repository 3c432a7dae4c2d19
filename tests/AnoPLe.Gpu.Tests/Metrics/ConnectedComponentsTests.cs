using AnoPLe.Gpu.Metrics;

namespace AnoPLe.Gpu.Tests.Metrics;

public sealed class ConnectedComponentsTests
{
    [Fact]
    public void Corners_connect_and_late_joins_are_found()
    {
        // A U whose arms meet in the last row, a diagonal, and a lone pixel at the edge: no wrapping from one row to the next.
        var (labels, count) = Label(8,
            "#.#..#..",
            "#.#...#.",
            "###....#",
            "........",
            "#......#");
        Assert.Equal(4, count);
        Assert.Equal("10100200" + "10100020" + "11100002" + "00000000" + "30000004", labels);
    }

    [Fact]
    public void A_run_may_join_many_above_and_many_below()
    {
        var (labels, count) = Label(7,
            "#.#.#.#",
            ".......",
            "#.#.#.#",
            "#######",
            "#.#.#.#");
        Assert.Equal(5, count);
        Assert.Equal("1020304" + "0000000" + "5050505" + "5555555" + "5050505", labels);
    }

    [Theory]
    [InlineData(1, 1, 0.5), InlineData(1, 40, 0.5), InlineData(40, 1, 0.5), InlineData(17, 13, 0.1), InlineData(17, 13, 0.35), InlineData(31, 29, 0.6)]
    [InlineData(64, 64, 0.25), InlineData(64, 64, 0.45), InlineData(20, 20, 1.0), InlineData(20, 20, 0.0)]
    public void Random_masks_equal_flood_fill(int width, int height, double density)
    {
        for (int seed = 0; seed < 10; seed++)
        {
            Random random = new(seed);
            byte[] mask = [.. Enumerable.Range(0, width * height).Select(_ => (byte)(random.NextDouble() < density ? random.Next(1, 256) : 0))];
            int[] labels = new int[mask.Length];
            int count = ConnectedComponents.Label(mask, width, height, labels);
            var regions = BruteForce.Regions(mask, width);
            Assert.Equal(regions.Count, count);
            int[] expected = new int[mask.Length];
            for (int r = 0; r < regions.Count; r++)
                foreach (int pixel in regions[r])
                    expected[pixel] = r + 1;
            Assert.Equal(expected, labels);
        }
    }

    [Fact]
    public void Wrong_lengths_are_refused()
    {
        Assert.Throws<ArgumentException>(() => ConnectedComponents.Label(new byte[5], 2, 3, new int[6]));
        Assert.Throws<ArgumentException>(() => ConnectedComponents.Label(new byte[6], 2, 3, new int[5]));
    }

    private static (string Labels, int Count) Label(int width, params string[] rows)
    {
        byte[] mask = [.. string.Concat(rows).Select(c => (byte)(c == '#' ? 255 : 0))];
        int[] labels = new int[mask.Length];
        int count = ConnectedComponents.Label(mask, width, rows.Length, labels);
        return (string.Concat(labels), count);
    }
}
