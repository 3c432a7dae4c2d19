using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Kernels.Ilgpu;

namespace AnoPLe.Gpu.Kernels.Tests.Ilgpu;

/// <summary>On a CUDA device of compute capability 8.0 or newer.</summary>
[Trait("Backend", "cuda")]
public sealed class TensorCoreCudaTests() : TensorCoreTests("cuda");

/// <summary>On the simulator, and what concerns the emulation itself.</summary>
[Trait("Backend", "simulator")]
public sealed class TensorCoreSimulatorTests() : TensorCoreTests("simulator")
{
    [Theory]
    [InlineData(1f, 0x3f80u)]
    [InlineData(1.00390625f, 0x3f80u)] // a tie goes to the even neighbour, below
    [InlineData(1.01171875f, 0x3f82u)] // and above
    [InlineData(-2.5f, 0xc020u)]
    [InlineData(3.4e38f, 0x7f80u)] // beyond the largest
    [InlineData(1e-45f, 0u)]
    [InlineData(float.NaN, 0x7fffu)]
    public void Rounding_is_to_nearest_even(float value, uint expected) => Assert.Equal(expected, HalfFloats.Round(value, MatrixPrecision.Bf16));

    [Theory]
    [InlineData(1f, 0x3f800000u)]
    [InlineData(1.00048828125f, 0x3f802000u)] // a tie goes away from zero
    [InlineData(-1.00048828125f, 0xbf802000u)]
    [InlineData(1.0004882f, 0x3f800000u)] // below a tie
    [InlineData(3.4028235e38f, 0x7f800000u)] // beyond the largest
    [InlineData(float.NegativeInfinity, 0xff800000u)]
    [InlineData(float.NaN, 0x7fffe000u)]
    public void Rounding_to_tf32_is_to_nearest_away_from_zero(float value, uint expected) => Assert.Equal(expected, TensorCores.PackTf32(value));
    [Fact]
    public void Two_backends_at_once_do_not_mix_their_warps()
    {
        var results = new float[2][];
        Parallel.For(0, 2, i =>
        {
            using var backend = IlgpuBackend.Open("simulator", MatrixPrecision.Bf16);
            var random = new Random(i);
            float[] x = Values(random, 20 * 40), w = Values(random, 24 * 40);
            using PackedLinear packed = backend.Linear.Pack("w", w, [], 24, 40);
            using Tensor tx = backend.Upload("x", new(20, 40), x), ty = backend.Allocate("y", new(20, 24));
            backend.Linear.Forward(ty, tx, packed);
            results[i] = backend.Download(ty);
            Check(results[i], x, w, [], null, 20, 24, 40, Activation.None);
        });
        Assert.NotEqual(results[0], results[1]);
    }

    [Fact]
    public void A_device_without_tensor_cores_is_refused()
    {
        foreach (DeviceInfo device in IlgpuBackend.Devices().Where(device => device.Kind == DeviceKind.OpenCl))
            Assert.Contains("Use fp32", Assert.Throws<DeviceException>(() => IlgpuBackend.Open(device.Id, MatrixPrecision.Bf16)).Message, StringComparison.Ordinal);
        using var backend = IlgpuBackend.Open("simulator", MatrixPrecision.Bf16);
        Assert.Contains("bf16", backend.Precision, StringComparison.Ordinal);
    }
}
