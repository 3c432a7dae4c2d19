using AnoPLe.Gpu.Cli.Tests.Testing;

namespace AnoPLe.Gpu.Cli.Tests.Commands;

public sealed class DoctorCommandTests
{
    [Theory]
    [InlineData("doctor")]
    [InlineData("devices")]
    public async Task It_lists_the_devices_chooses_one_and_checks_it(string command)
    {
        var json = (await Anople.Run(command, "--device", "cpu", "--threads", "2", "--json")).Fine().Json;
        string?[] ids = [.. json.GetProperty("devices").EnumerateArray().Select(device => device.GetProperty("id").GetString())];
        Assert.Contains("cpu", ids);
        Assert.Contains("simulator", ids);
        Assert.Equal("cpu", json.GetProperty("chosen").GetString());
        Assert.Equal("--device asked for it.", json.GetProperty("why").GetString());
        var check = json.GetProperty("selfCheck");
        Assert.True(check.GetProperty("passed").GetBoolean());
        Assert.Equal("simulator", check.GetProperty("comparedWith").GetString());
        Assert.Equal(3, check.GetProperty("steps").GetArrayLength());
    }

    [Fact]
    public async Task For_people_it_prints_versions_and_a_line_per_check()
    {
        var result = (await Anople.Run("doctor", "--device", "cpu")).Fine();
        Assert.Contains(".NET", result.Out, StringComparison.Ordinal);
        Assert.Contains("Chosen: cpu", result.Out, StringComparison.Ordinal);
        Assert.Equal(3, result.Out.Split('\n').Count(line => line.StartsWith("ok ", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Other_devices_are_compared_with_the_processor()
    {
        var check = (await Anople.Run("doctor", "--device", "simulator", "--json")).Fine().Json.GetProperty("selfCheck");
        Assert.Equal("cpu", check.GetProperty("comparedWith").GetString());
        // Other kernels, another order of sums: the same bits would mean that a device was compared with itself.
        Assert.Contains(check.GetProperty("steps").EnumerateArray(), step => step.GetProperty("error").GetDouble() > 0);
    }

    [Fact]
    public async Task A_device_that_is_not_there_is_an_error() => (await Anople.Run("doctor", "--device", "opencl:99")).FailedWith("opencl:99", "cpu");
}
