using AnoPLe.Gpu.Randomness;

namespace AnoPLe.Gpu.Tests.Randomness;

public sealed class PortableTrigonometryTests
{
    [Fact]
    public void Equals_the_runtimes_to_rounding()
    {
        CounterRandom random = new(1, 0);
        for (int i = 0; i < 100_000; i++)
        {
            double angle = i < 100 ? (i - 50) * Math.PI / 4 : random.Real(-1000, 1000);
            var (sin, cos) = PortableTrigonometry.SinCos(angle);
            Assert.Equal(Math.Sin(angle), sin, 3e-16);
            Assert.Equal(Math.Cos(angle), cos, 3e-16);
        }
    }

    [Fact]
    public void Has_the_same_bits_everywhere()
    {
        ulong sum = 0;
        for (int i = 0; i < 10_000; i++)
        {
            var (sin, cos) = PortableTrigonometry.SinCos((i - 5000) * 0.00173);
            sum = CounterRandom.Mix(sum ^ BitConverter.DoubleToUInt64Bits(sin)) + BitConverter.DoubleToUInt64Bits(cos);
        }
        Assert.Equal(17564018348155395912UL, sum);
    }
}
