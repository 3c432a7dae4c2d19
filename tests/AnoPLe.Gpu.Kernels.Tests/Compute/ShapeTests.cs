using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Kernels.Tests.Compute;

public sealed class ShapeTests
{
    [Fact]
    public void Axes_counts_rows_and_text()
    {
        var shape = new Shape(8, 226, 896);
        Assert.Equal((3, 8 * 226 * 896, 896, 8 * 226), (shape.Rank, shape.Count, shape.Width, shape.Rows));
        Assert.Equal((8, 226, 896), (shape[0], shape[1], shape[2]));
        Assert.Equal("[8, 226, 896]", shape.ToString());
        Assert.Equal(2 * 3 * 4 * 5, new Shape(2, 3, 4, 5).Count);
    }

    [Fact]
    public void No_axes_is_a_scalar_and_so_is_the_default()
    {
        foreach (var scalar in new[] { new Shape(), default })
            Assert.Equal((0, 1, 1, 1, "[]"), (scalar.Rank, scalar.Count, scalar.Width, scalar.Rows, scalar.ToString()));
        Assert.True(new Shape() == default);
        Assert.Equal(new Shape().GetHashCode(), new Shape([]).GetHashCode());
    }

    [Fact]
    public void Equality_needs_the_same_axes()
    {
        Assert.True(new Shape(2, 3) == new Shape(2, 3));
        Assert.True(new Shape(2, 3).Equals((object)new Shape(2, 3)));
        Assert.Equal(new Shape(2, 3).GetHashCode(), new Shape(2, 3).GetHashCode());
        Assert.True(new Shape(2, 3) != new Shape(3, 2));
        Assert.True(new Shape(6) != new Shape(6, 1));
        Assert.True(new Shape(1) != new Shape());
        Assert.False(new Shape(2).Equals("[2]"));
    }

    [Fact]
    public void Bad_sizes_are_refused()
    {
        Assert.Contains("got 5", Assert.Throws<ArgumentException>(() => new Shape(1, 1, 1, 1, 1)).Message, StringComparison.Ordinal);
        Assert.Contains("got 0", Assert.Throws<ArgumentException>(() => new Shape(3, 0)).Message, StringComparison.Ordinal);
        Assert.Contains("got -2", Assert.Throws<ArgumentException>(() => new Shape(-2)).Message, StringComparison.Ordinal);
        Assert.Contains("2147483647", Assert.Throws<ArgumentException>(() => new Shape(65536, 32768)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new Shape(int.MaxValue, int.MaxValue, int.MaxValue, int.MaxValue));
        Assert.Equal(int.MaxValue, new Shape(int.MaxValue, 1).Count);
    }

    [Fact]
    public void An_axis_outside_the_rank_is_refused()
    {
        Assert.Contains("[2, 3]", Assert.Throws<ArgumentOutOfRangeException>(() => new Shape(2, 3)[2]).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new Shape(2, 3)[-1]);
        Assert.Throws<ArgumentOutOfRangeException>(() => default(Shape)[0]);
    }
}
