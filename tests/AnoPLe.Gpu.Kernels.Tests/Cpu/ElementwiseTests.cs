using System.Runtime.Intrinsics;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Kernels.Cpu;
using AnoPLe.Gpu.Kernels.Cpu.Simd;
using AnoPLe.Gpu.Kernels.Tests.References;

namespace AnoPLe.Gpu.Kernels.Tests.Cpu;

/// <summary>The errors that the documentation of exp and the activations states, over dense sweeps, at every width (emulated where missing).</summary>
[Trait("Backend", "cpu")]
public sealed class ElementwiseTests
{
    public static TheoryData<int> Widths => [512, 256, 128, 32];

    [Theory, MemberData(nameof(Widths))]
    public void Exp_has_the_stated_relative_error(int bits) =>
        AssertErrors(Functions(bits).Exp, Math.Exp, -87, 88, Math.Abs, 1e-7);

    [Theory, MemberData(nameof(Widths))]
    public void Exp2_has_the_stated_relative_error(int bits) =>
        AssertErrors(Functions(bits).Exp2, x => Math.Pow(2, x), -126, 127, Math.Abs, 1e-7);

    [Theory, MemberData(nameof(Widths))]
    public void Exp2_vanishes_far_below(int bits)
    {
        foreach (float x in new[] { -127, -1e6f, -1e30f, float.NegativeInfinity })
            Assert.InRange(Functions(bits).Exp2(x), 0, 1.2e-38f);
        Assert.Equal(1f, Functions(bits).Exp2(0));
    }

    [Theory, MemberData(nameof(Widths))]
    public void Gelu_has_the_stated_error(int bits) =>
        AssertErrors(Functions(bits).Gelu, x => SpecialFunctions.Activate(Activation.Gelu, x), -12, 12, y => Math.Max(1, Math.Abs(y)), 1e-7);

    [Theory, MemberData(nameof(Widths))]
    public void QuickGelu_has_the_stated_error(int bits) =>
        AssertErrors(Functions(bits).QuickGelu, x => SpecialFunctions.Activate(Activation.QuickGelu, x), -60, 60, y => Math.Max(1, Math.Abs(y)), 1.3e-7);

    [Theory, MemberData(nameof(Widths))]
    public void GeluSlope_has_the_stated_error(int bits) =>
        AssertErrors(Functions(bits).GeluSlope, x => ElementwiseActivationReference.Slope(Activation.Gelu, x), -12, 12, _ => 1, 1.2e-7);

    [Theory, MemberData(nameof(Widths))]
    public void QuickGeluSlope_has_the_stated_error(int bits) =>
        AssertErrors(Functions(bits).QuickGeluSlope, x => ElementwiseActivationReference.Slope(Activation.QuickGelu, x), -60, 60, _ => 1, 2e-7);

    [Theory, MemberData(nameof(Widths))]
    public void Extreme_slopes_and_nan(int bits)
    {
        var functions = Functions(bits);
        foreach (var slope in new[] { functions.GeluSlope, functions.QuickGeluSlope })
        {
            Assert.Equal(0.5f, slope(0));
            Assert.Equal(0.5f, slope(1e-40f), 1e-7f);
            Assert.Equal(0.5f, slope(-1e-31f), 1e-7f);
            Assert.Equal(1f, slope(1e30f), 1e-7f);
            Assert.Equal(1f, slope(float.PositiveInfinity), 1e-7f);
            Assert.Equal(0f, slope(float.NegativeInfinity), 1e-7f);
            Assert.True(float.IsNaN(slope(float.NaN)));
        }
    }

    [Theory, MemberData(nameof(Widths))]
    public void Extreme_arguments_and_nan(int bits)
    {
        var (exp, _, gelu, quickGelu, _, _) = Functions(bits);
        Assert.Equal(1f, exp(0));
        Assert.InRange(exp(float.NegativeInfinity), 0, 1.2e-38f);
        Assert.InRange(exp(float.PositiveInfinity), 1.6e38f, float.PositiveInfinity);
        Assert.True(float.IsNaN(exp(float.NaN)));
        foreach (var f in new[] { gelu, quickGelu })
        {
            Assert.Equal(0f, f(0));
            Assert.Equal(1e30f, f(1e30f));
            Assert.InRange(f(-1e30f), -1e-7f, 0);
            Assert.Equal(float.PositiveInfinity, f(float.PositiveInfinity));
            Assert.True(float.IsNaN(f(float.NaN)));
        }
    }

    private static void AssertErrors(Func<float, float> f, Func<double, double> exact, double from, double to, Func<double, double> scale, double stated)
    {
        const int Steps = 200_000;
        double worst = 0, worstAt = 0;
        for (int i = 0; i <= Steps; i++)
        {
            float x = (float)(from + (to - from) * i / Steps);
            double want = exact(x), error = Math.Abs(f(x) - want) / scale(want);
            if (!(error <= worst))
                (worst, worstAt) = (error, x);
        }
        TestContext.Current.TestOutputHelper!.WriteLine($"worst {worst:e3} at {worstAt}");
        Assert.True(worst <= stated, $"{worst:e3} at {worstAt}, stated {stated:e1}.");
    }

    private static FunctionSet Functions(int bits) => bits switch
    {
        512 => Functions<Vector512<float>, Simd512>(),
        256 => Functions<Vector256<float>, Simd256>(),
        128 => Functions<Vector128<float>, Simd128>(),
        _ => Functions<float, SimdScalar>(),
    };

    private static FunctionSet Functions<V, O>()
        where V : unmanaged
        where O : struct, ISimd<V> => new(
            x => O.MaxAcross(Elementwise<V, O>.Exp(O.Broadcast(x))),
            x => O.MaxAcross(Elementwise<V, O>.Exp2(O.Broadcast(x))),
            x => O.MaxAcross(Elementwise<V, O>.Gelu(O.Broadcast(x))),
            x => O.MaxAcross(Elementwise<V, O>.QuickGelu(O.Broadcast(x))),
            x => O.MaxAcross(Elementwise<V, O>.GeluSlope(O.Broadcast(x))),
            x => O.MaxAcross(Elementwise<V, O>.QuickGeluSlope(O.Broadcast(x))));

    private sealed record FunctionSet(Func<float, float> Exp, Func<float, float> Exp2, Func<float, float> Gelu, Func<float, float> QuickGelu,
        Func<float, float> GeluSlope, Func<float, float> QuickGeluSlope);
}
