namespace AnoPLe.Gpu.Imaging;

/// <summary>
/// The 256 colours of a heat map, dark violet through red and orange to pale yellow. Lightness rises in equal steps, so that the map reads the
/// same in grey, on paper and to colour-blind eyes, and equal differences look equal.
/// </summary>
/// <remarks>
/// Computed in OKLab (B. Ottosson, "A perceptual color space for image processing", 2020): lightness 0.16 to 0.97, hue 295 to 105 degrees through
/// red, and 95 % of the chroma that sRGB can show there, at most 0.2.
/// </remarks>
public static class ColorTable
{
    private static readonly byte[] Table = Compute();

    /// <summary>Red, green and blue of level 0, then of level 1, up to 255: 768 bytes.</summary>
    public static ReadOnlySpan<byte> Rgb => Table;

    private static byte[] Compute()
    {
        byte[] table = new byte[3 * 256];
        Span<double> linear = stackalloc double[3];
        for (int i = 0; i < 256; i++)
        {
            double t = i / 255.0;
            double lightness = 0.16 + 0.81 * t;
            double hue = (295 + 170 * t) * Math.PI / 180;
            ToLinearRgb(lightness, Math.Min(0.95 * MaxChroma(lightness, hue), 0.2), hue, linear);
            for (int c = 0; c < 3; c++)
                table[3 * i + c] = Encode(linear[c]);
        }
        return table;
    }

    // The largest chroma of this lightness and hue that sRGB can show, by bisection.
    private static double MaxChroma(double lightness, double hue)
    {
        Span<double> linear = stackalloc double[3];
        double low = 0, high = 0.5;
        for (int step = 0; step < 30; step++)
        {
            double chroma = (low + high) / 2;
            ToLinearRgb(lightness, chroma, hue, linear);
            if (linear.ContainsAnyExceptInRange(0, 1))
                high = chroma;
            else
                low = chroma;
        }
        return low;
    }

    private static void ToLinearRgb(double lightness, double chroma, double hue, Span<double> linear)
    {
        double a = chroma * Math.Cos(hue), b = chroma * Math.Sin(hue);
        double l = Cube(lightness + 0.3963377774 * a + 0.2158037573 * b);
        double m = Cube(lightness - 0.1055613458 * a - 0.0638541728 * b);
        double s = Cube(lightness - 0.0894841775 * a - 1.2914855480 * b);
        linear[0] = 4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s;
        linear[1] = -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s;
        linear[2] = -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s;
    }

    private static double Cube(double x) => x * x * x;

    // The sRGB transfer function, IEC 61966-2-1.
    private static byte Encode(double linear)
    {
        double value = linear <= 0.0031308 ? 12.92 * linear : 1.055 * Math.Pow(linear, 1 / 2.4) - 0.055;
        return (byte)Math.Round(255 * Math.Clamp(value, 0, 1));
    }
}
