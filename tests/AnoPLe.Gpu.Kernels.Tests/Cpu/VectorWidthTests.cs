using System.Runtime.Intrinsics;
using AnoPLe.Gpu.Kernels.Cpu;

namespace AnoPLe.Gpu.Kernels.Tests.Cpu;

/// <summary>Which vectors the CPU backend says it uses, in this process.</summary>
public sealed class VectorWidthTests
{
    [Fact, Trait("Backend", "cpu")]
    public void The_description_names_the_widest_vectors_switched_on()
    {
        string expected = Vector512.IsHardwareAccelerated ? "Vector512"
            : Vector256.IsHardwareAccelerated ? "Vector256"
            : Vector128.IsHardwareAccelerated ? "Vector128" : "scalar";
        var info = CpuBackend.Describe();
        // SimdChildTests reads this line from the child's report.
        TestContext.Current.TestOutputHelper!.WriteLine(info.Details);
        Assert.Contains(expected, info.Details, StringComparison.Ordinal);
    }

    [Fact, Trait("Backend", "cpu")]
    public void The_description_names_processor_and_threads()
    {
        Assert.Equal("cpu", CpuBackend.Describe().Id);
        Assert.NotEmpty(CpuBackend.Describe().Name);
        Assert.False(CpuBackend.Describe().IsGpu);
        Assert.Contains("3 threads", CpuBackend.Describe(3).Details, StringComparison.Ordinal);
        Assert.Contains("1 thread,", CpuBackend.Describe(1).Details, StringComparison.Ordinal);
        Assert.Contains($"{Environment.ProcessorCount} thread", CpuBackend.Describe().Details, StringComparison.Ordinal);
    }
}
