using System.Runtime.Intrinsics;
using AnoPLe.Gpu.Kernels.Cpu;
using AnoPLe.Gpu.Kernels.Cpu.Simd;
using AnoPLe.Gpu.Kernels.Tests.References;

namespace AnoPLe.Gpu.Kernels.Tests.Cpu;

/// <summary>The errors that the documentation of sigmoid and softplus states, over dense sweeps, at every width (emulated where missing).</summary>
[Trait("Backend", "cpu")]
public sealed class LogisticTests
{
    public static TheoryData<int> Widths => [512, 256, 128, 32];

    [Theory, MemberData(nameof(Widths))]
    public void Both_have_the_stated_relative_error(int bits)
    {
        var (sigmoid, softplus) = Functions(bits);
        foreach (double reach in new[] { 1, 10, 86.9 })
        {
            AssertErrors(sigmoid, LogisticReference.Sigmoid, reach);
            AssertErrors(softplus, LogisticReference.Softplus, reach);
        }
    }

    [Theory, MemberData(nameof(Widths))]
    public void Extreme_arguments_and_nan(int bits)
    {
        var (sigmoid, softplus) = Functions(bits);
        foreach (float x in new[] { 100, 1e4f, float.MaxValue, float.PositiveInfinity })
        {
            Assert.Equal(1f, sigmoid(x));
            Assert.InRange(sigmoid(-x), 1e-38f, 2e-38f);
            Assert.Equal(x, softplus(x));
            Assert.InRange(softplus(-x), 1e-38f, 2e-38f);
        }
        Assert.Equal(0.5f, sigmoid(0));
        Assert.True(float.IsNaN(sigmoid(float.NaN)));
        Assert.True(float.IsNaN(softplus(float.NaN)));
    }

    private static void AssertErrors(Func<float, float> f, Func<double, double> exact, double reach)
    {
        const int Steps = 100_000;
        double worst = 0, worstAt = 0;
        for (int i = 0; i <= Steps; i++)
        {
            float x = (float)(reach * (2.0 * i / Steps - 1));
            double want = exact(x), error = Math.Abs(f(x) / want - 1);
            if (!(error <= worst))
                (worst, worstAt) = (error, x);
        }
        TestContext.Current.TestOutputHelper!.WriteLine($"worst {worst:e3} at {worstAt}");
        Assert.True(worst <= 3e-7, $"{worst:e3} at {worstAt}, stated 3e-7.");
    }

    private static (Func<float, float> Sigmoid, Func<float, float> Softplus) Functions(int bits) => bits switch
    {
        512 => Functions<Vector512<float>, Simd512>(),
        256 => Functions<Vector256<float>, Simd256>(),
        128 => Functions<Vector128<float>, Simd128>(),
        _ => Functions<float, SimdScalar>(),
    };

    private static (Func<float, float> Sigmoid, Func<float, float> Softplus) Functions<V, O>()
        where V : unmanaged
        where O : struct, ISimd<V> => (
            x => O.MaxAcross(Logistic<V, O>.Sigmoid(O.Broadcast(x))),
            x => O.MaxAcross(Logistic<V, O>.Softplus(O.Broadcast(x))));
}
