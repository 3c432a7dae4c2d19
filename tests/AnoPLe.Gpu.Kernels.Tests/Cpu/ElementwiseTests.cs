using System.Runtime.Intrinsics;
using AnoPLe.Gpu.Kernels.Cpu;
using AnoPLe.Gpu.Kernels.Cpu.Simd;
using AnoPLe.Gpu.Kernels.Tests.References;

namespace AnoPLe.Gpu.Kernels.Tests.Cpu;

/// <summary>The errors that the documentation of exp and erf states, over dense sweeps, for each width this machine has.</summary>
public sealed unsafe class ElementwiseTests
{
    public static TheoryData<int> Widths => [512, 256, 128, 32];

    [Theory, MemberData(nameof(Widths))]
    public void Exp_has_the_stated_relative_error(int bits) => Run(bits, Exp512, Exp256, Exp128, ExpScalar, Math.Exp, -87, 88, relative: 1e-7);

    [Theory, MemberData(nameof(Widths))]
    public void Erf_has_the_stated_absolute_error(int bits) => Run(bits, Erf512, Erf256, Erf128, ErfScalar, SpecialFunctions.Erf, -6, 6, relative: null, absolute: 7e-8);

    [Theory, MemberData(nameof(Widths))]
    public void Exp_and_erf_keep_their_limits_and_nan(int bits)
    {
        var (exp, erf) = bits switch
        {
            512 => ((Func<float, float>)Exp512, (Func<float, float>)Erf512),
            256 => (Exp256, Erf256),
            128 => (Exp128, Erf128),
            _ => (ExpScalar, ErfScalar),
        };
        Assert.Equal(1f, exp(0));
        Assert.InRange(exp(float.NegativeInfinity), 0, 1.2e-38f);
        Assert.InRange(exp(float.PositiveInfinity), 1.6e38f, float.PositiveInfinity);
        Assert.True(float.IsNaN(exp(float.NaN)));
        Assert.Equal(0f, erf(0));
        Assert.Equal(1f, erf(100));
        Assert.Equal(-1f, erf(float.NegativeInfinity));
        Assert.True(float.IsNaN(erf(float.NaN)));
    }

    private static void Run(int bits, Func<float, float> f512, Func<float, float> f256, Func<float, float> f128, Func<float, float> scalar,
        Func<double, double> exact, float from, float to, double? relative = null, double absolute = 0)
    {
        var f = bits switch { 512 => f512, 256 => f256, 128 => f128, _ => scalar };
        const int Steps = 200_000;
        double worst = 0, worstAt = 0;
        for (int i = 0; i <= Steps; i++)
        {
            float x = (float)(from + (to - (double)from) * i / Steps);
            double want = exact(x), error = Math.Abs(f(x) - want) / (relative is null ? 1 : Math.Abs(want));
            if (!(error <= worst))
                (worst, worstAt) = (error, x);
        }
        TestContext.Current.TestOutputHelper!.WriteLine($"worst {worst:e3} at {worstAt}");
        Assert.True(worst <= (relative ?? absolute), $"{worst:e3} at {worstAt}, stated {relative ?? absolute:e1}.");
    }

    private static float Exp512(float x) => Elementwise<Vector512<float>, Simd512>.Exp(Vector512.Create(x))[0];

    private static float Exp256(float x) => Elementwise<Vector256<float>, Simd256>.Exp(Vector256.Create(x))[0];

    private static float Exp128(float x) => Elementwise<Vector128<float>, Simd128>.Exp(Vector128.Create(x))[0];

    private static float ExpScalar(float x) => Elementwise<float, SimdScalar>.Exp(x);

    private static float Erf512(float x) => Elementwise<Vector512<float>, Simd512>.Erf(Vector512.Create(x))[0];

    private static float Erf256(float x) => Elementwise<Vector256<float>, Simd256>.Erf(Vector256.Create(x))[0];

    private static float Erf128(float x) => Elementwise<Vector128<float>, Simd128>.Erf(Vector128.Create(x))[0];

    private static float ErfScalar(float x) => Elementwise<float, SimdScalar>.Erf(x);
}
