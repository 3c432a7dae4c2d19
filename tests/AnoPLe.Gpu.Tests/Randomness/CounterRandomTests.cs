using AnoPLe.Gpu.Randomness;

namespace AnoPLe.Gpu.Tests.Randomness;

public sealed class CounterRandomTests
{
    [Fact]
    public void Keys_differ_whenever_seed_number_or_order_differs()
    {
        HashSet<ulong> keys = [];
        for (ulong seed = 0; seed < 4; seed++)
            for (int pass = 0; pass < 20; pass++)
                for (int image = 0; image < 20; image++)
                    for (int view = 0; view < 5; view++)
                        Assert.True(keys.Add(CounterRandom.Key(seed, pass, image, view)));
        Assert.True(keys.Add(CounterRandom.Key(0)));
        Assert.True(keys.Add(CounterRandom.Key(0, 0)));
        Assert.Equal(CounterRandom.Key(3, 1, 2), CounterRandom.Key(3, 1, 2));
    }
}
