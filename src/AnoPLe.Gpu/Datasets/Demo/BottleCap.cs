using AnoPLe.Gpu.Randomness;

namespace AnoPLe.Gpu.Datasets.Demo;

/// <summary>A red crown cap with a cream ring and star, seen from above, turned any way, on a light belt.</summary>
internal sealed class BottleCap : DemoScene
{
    public const string Name = "bottle_cap";
    public static readonly string[] Defects = ["broken_rim", "dent", "stain"];

    private const int Flutes = 21;
    private ulong seed;
    private double breakX, breakY, breakRadius;

    protected override double Turn => double.PositiveInfinity;

    protected override double Shift => 6;

    protected override Defect? Prepare(ref CounterRandom random, string? defect)
    {
        seed = random.Next();
        double x, y;
        do
            (x, y) = (random.Real(-62, 62), random.Real(-62, 62));
        while (Shape.Length(x, y) is < 12 or > 62);
        switch (defect)
        {
            case "dent":
                return Defect.Dent(ref random, x, y, random.Real(10, 15), 0.5);
            case "stain":
                return Defect.Stain(ref random, x, y, random.Real(9, 15), random.Below(2) == 0 ? new(70, 40, 30) : new(96, 120, 60), 0.62);
            case "broken_rim":
                double scale = 94 / Shape.Length(x, y);
                (breakX, breakY, breakRadius) = (x * scale, y * scale, random.Real(11, 17));
                return new((u, v) => Math.Max(Chip(u, v), Rim(u, v)), (below, _, _) => below);
            default:
                return null;
        }
    }

    protected override Rgb Colour(double u, double v, double x, double y)
    {
        Rgb belt = new Rgb(152, 152, 148) * (0.93 + 0.14 * Shape.Noise(seed, x * 0.06, y * 0.5));
        double radius = Shape.Length(u, v);
        if (radius > 116)
            return belt;
        belt *= 1 - 0.4 * Math.Clamp((104 - Shape.Length(x - 5, y - 6)) / 14, 0, 1);   // its shadow; the light does not turn
        double edge = Rim(u, v);
        if (breakRadius > 0)
            edge = Math.Max(edge, -Chip(u, v));
        double light = 1 - (x + y) * 0.0011 + 0.05 * (Shape.Noise(seed + 1, u * 0.04, v * 0.04) - 0.5);
        Rgb red = new(176, 34, 42), cream = new(226, 214, 186);
        Rgb top = red.Mix(cream, Math.Max(Shape.Cover(Math.Abs(radius - 60) - 2.6), Shape.Cover(Star(u, v, radius))));
        // Fluted skirt: bright ridges, dark grooves, a fold where it begins.
        double flute = Shape.Wave(Flutes * Shape.Turns(u, v));
        double skirt = Math.Clamp((radius - 74) / 5, 0, 1);
        top = top.Mix(red * (0.74 + 0.3 * flute), skirt) * (1 - 0.2 * Shape.Cover(Math.Abs(radius - 74) - 2));
        double hx = x + 30, hy = y + 34;
        double shine = 46 / (1 + (hx * hx + hy * hy) / 260);
        top = top * light;
        return belt.Mix(new(top.R + shine, top.G + shine, top.B + shine), Shape.Cover(edge));
    }

    private static double Rim(double u, double v) => Shape.Length(u, v) - 90 - 3.5 * Shape.Wave(Flutes * Shape.Turns(u, v));

    private double Chip(double u, double v) => Shape.Disc(u, v, breakX, breakY, breakRadius) + 5 * (Shape.Noise(seed + 2, u * 0.25, v * 0.25) - 0.5);

    /// <summary>A five-pointed star: the radius falls from point to notch linearly in the angle.</summary>
    private static double Star(double u, double v, double radius)
    {
        double fifth = 5 * Shape.Turns(u, v), point = Math.Abs(2 * (fifth - Math.Floor(fifth)) - 1);
        return (radius - (16 + 24 * point)) * 0.6;
    }
}
