using AnoPLe.Gpu.Cli.Output;

namespace AnoPLe.Gpu.Cli.Tests.Output;

public sealed class ResultTableTests
{
    [Fact]
    public void Plain_columns_are_aligned_and_have_no_trailing_spaces()
    {
        var table = new ResultTable("name", ">count", "note");
        table.Add("a", "1", "");
        table.AddStrong("longer", "1000", "x");
        using var writer = new StringWriter { NewLine = "\n" };
        table.WritePlain(writer);
        Assert.Equal("name    count  note\na           1\nlonger   1000  x\n", writer.ToString());
    }

    [Fact]
    public void Undefined_numbers_become_null_in_json()
    {
        string json = ResultJson.Text(new { Some = 0.5, None = double.NaN, Single = float.PositiveInfinity, Half = 0.5f });
        Assert.Equal("{\n  \"some\": 0.5,\n  \"none\": null,\n  \"single\": null,\n  \"half\": 0.5\n}", json);
    }

    [Theory]
    [InlineData(999, "999")]
    [InlineData(1500, "1.5 k")]
    [InlineData(149_600_000, "149.6 M")]
    public void Counts_are_short(long count, string expected) => Assert.Equal(expected, Sizes.Count(count));

    [Theory]
    [InlineData(1023, "1023 bytes")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData(3L << 30, "3.0 GiB")]
    public void Bytes_are_short(long bytes, string expected) => Assert.Equal(expected, Sizes.Bytes(bytes));
}
