using AnoPLe.Gpu.Metrics;

namespace AnoPLe.Gpu.Tests.Metrics;

public sealed class RadixSortTests
{
    [Theory, InlineData(0), InlineData(1), InlineData(2), InlineData(255), InlineData(5000)]
    public void Sorts_numbers_of_every_range(int count)
    {
        foreach (uint range in new[] { 1u, 2u, 3000u, 1u << 24, uint.MaxValue })
        {
            Random random = new(count);
            uint[] items = [.. Enumerable.Range(0, count).Select(_ => (uint)random.NextInt64(range))];
            uint[] expected = [.. items.Order()];
            RadixSort.Sort<uint>(items, new uint[count + 3]);
            Assert.Equal(expected, items);
        }
    }

    [Fact]
    public void Sorts_by_the_upper_half_and_keeps_the_order_of_equals()
    {
        Random random = new(5);
        ulong[] items = [.. Enumerable.Range(0, 3000).Select(i => (ulong)random.Next(40) << 57 | (ulong)random.Next(3) << 32 | (uint)i)];
        ulong[] expected = [.. items.OrderBy(i => i >> 32)];   // OrderBy is stable
        RadixSort.Sort<ulong>(items, new ulong[3000]);
        Assert.Equal(expected, items);
    }

    [Fact]
    public void Keys_fall_as_scores_rise_and_lead_back()
    {
        float[] scores = [float.NegativeInfinity, float.MinValue, -1, -float.Epsilon, 0, float.Epsilon, 0.1f, 1, float.MaxValue, float.PositiveInfinity];
        uint[] keys = [.. scores.Select(ScoreKey.Of)];
        Assert.Equal(keys.OrderDescending(), keys);
        Assert.Equal(keys.Length, keys.Distinct().Count());
        Assert.Equal(scores, keys.Select(ScoreKey.Score));
        Assert.Equal(ScoreKey.Of(0f), ScoreKey.Of(-0f));
    }
}
