namespace AnoPLe.Gpu.Datasets.Demo;

/// <summary>A colour with real channels, 0 to 255.</summary>
internal readonly record struct Rgb(double R, double G, double B)
{
    public static Rgb operator *(Rgb c, double k) => new(c.R * k, c.G * k, c.B * k);

    /// <summary>This colour with part t (0 to 1) of another.</summary>
    public Rgb Mix(Rgb other, double t) => new(R + (other.R - R) * t, G + (other.G - G) * t, B + (other.B - B) * t);
}
