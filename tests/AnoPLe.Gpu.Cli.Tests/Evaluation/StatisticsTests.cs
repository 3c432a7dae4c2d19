using AnoPLe.Gpu.Cli.Evaluation;

namespace AnoPLe.Gpu.Cli.Tests.Evaluation;

public sealed class StatisticsTests
{
    [Fact]
    public void The_deviation_divides_by_one_less_than_the_count()
    {
        Assert.Equal(5, Statistics.Mean([2, 4, 9]));
        Assert.Equal(Math.Sqrt(13), Statistics.Deviation([2, 4, 9]), 12);   // (9 + 1 + 16) / 2
    }

    [Fact]
    public void Undefined_values_are_left_out()
    {
        Assert.Equal(3, Statistics.Mean([2, double.NaN, 4]));
        Assert.Equal(Math.Sqrt(2), Statistics.Deviation([2, double.NaN, 4]), 12);
        Assert.True(double.IsNaN(Statistics.Mean([double.NaN])));
        Assert.True(double.IsNaN(Statistics.Mean([])));
        Assert.True(double.IsNaN(Statistics.Deviation([7, double.NaN])));
    }
}
