namespace AnoPLe.Gpu.Randomness;

/// <summary>
/// Sine and cosine that are the same bits on every platform: only rounding, addition and multiplication, which IEEE 754 defines exactly.
/// The runtime's Math.Sin and Math.Cos go to the platform's C library, whose last bits differ between operating systems.
/// </summary>
/// <remarks>
/// The argument is reduced by multiples of pi/2 held in two parts (Cody and Waite, 1980); polynomials and constants are those of fdlibm
/// (k_sin.c, k_cos.c, e_rem_pio2.c; Sun Microsystems, 1993). Error below 3e-16 for angles up to a thousand.
/// </remarks>
internal static class PortableTrigonometry
{
    private const double TwoOverPi = 6.36619772367581382433e-01;
    private const double HalfPiHigh = 1.57079632673412561417e+00, HalfPiLow = 6.07710050650619224932e-11;   // high: 33 bits, so n * high is exact

    /// <summary>Sine and cosine of an angle in radians.</summary>
    public static (double Sin, double Cos) SinCos(double angle)
    {
        double n = Math.Round(angle * TwoOverPi);
        double x = angle - n * HalfPiHigh - n * HalfPiLow, sin = Sin(x), cos = Cos(x);
        return ((long)n & 3) switch
        {
            0 => (sin, cos),
            1 => (cos, -sin),
            2 => (-sin, -cos),
            _ => (-cos, sin),
        };
    }

    // Both for |x| up to pi/4.
    private static double Sin(double x)
    {
        double z = x * x;
        double r = 8.33333333332248946124e-03 + z * (-1.98412698298579493134e-04 + z * (2.75573137070700676789e-06
            + z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10)));
        return x + z * x * (-1.66666666666666324348e-01 + z * r);
    }

    private static double Cos(double x)
    {
        double z = x * x;
        double r = 4.16666666666666019037e-02 + z * (-1.38888888888741095749e-03 + z * (2.48015872894767294178e-05
            + z * (-2.75573143513906633035e-07 + z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11))));
        return 1 - (0.5 * z - z * z * r);
    }
}
