using AnoPLe.Gpu.Randomness;

namespace AnoPLe.Gpu.Datasets.Demo;

/// <summary>A defect in the coordinates of the part: where it is, and how it changes the colour of what lies below.</summary>
/// <param name="Distance">Signed distance in pixels, negative inside; the mask is what it touches.</param>
/// <param name="Paint">The colour at full strength, from the colour below.</param>
internal sealed record Defect(Func<double, double, double> Distance, Func<Rgb, double, double, Rgb> Paint)
{
    /// <summary>Only what lies within a region, given by its signed distance.</summary>
    public Defect Within(Func<double, double, double> region) => this with { Distance = (u, v) => Math.Max(Distance(u, v), region(u, v)) };

    /// <summary>A bent thin line of the given tone.</summary>
    public static Defect Scratch(ref CounterRandom random, double x, double y, Rgb tone, double strength)
    {
        double length = random.Real(22, 42), width = random.Real(0.9, 1.5);
        double dx = random.Real(-1, 1), dy = random.Real(-1, 1), scale = length / Math.Max(Shape.Length(dx, dy), 0.1);
        (dx, dy) = (dx * scale, dy * scale);
        double bend = random.Real(-0.25, 0.25), mx = x - bend * dy, my = y + bend * dx;
        return new(
            (u, v) => Math.Min(Shape.Segment(u, v, x - dx, y - dy, mx, my, width), Shape.Segment(u, v, mx, my, x + dx, y + dy, width)),
            (below, _, _) => below.Mix(tone, strength));
    }

    /// <summary>A blot with an uneven edge, mixed into what is below; its strength varies inside.</summary>
    public static Defect Stain(ref CounterRandom random, double x, double y, double radius, Rgb tone, double strength)
    {
        ulong seed = random.Next();
        return new(
            (u, v) => Shape.Disc(u, v, x, y, radius) + (Shape.Noise(seed, u * 0.11, v * 0.11) - 0.5) * radius,
            (below, u, v) => below.Mix(tone, strength * (0.75 + 0.5 * (Shape.Noise(seed + 1, u * 0.2, v * 0.2) - 0.5))));
    }

    /// <summary>A hollow lit from the upper left: its upper left slope is dark, the opposite one bright.</summary>
    public static Defect Dent(ref CounterRandom random, double x, double y, double radius, double depth)
    {
        double stretch = random.Real(0.75, 1.3);
        return new(
            (u, v) => Shape.Length((u - x) * stretch, (v - y) / stretch) - radius,
            (below, u, v) =>
            {
                double a = (u - x) * stretch / radius, b = (v - y) / stretch / radius;
                return below * (1 + depth * ((a + b) * 0.9 - 0.25) * (1 - Math.Min(a * a + b * b, 1) * 0.6));
            });
    }
}
