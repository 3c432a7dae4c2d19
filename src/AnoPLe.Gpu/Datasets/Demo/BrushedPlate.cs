using AnoPLe.Gpu.Randomness;

namespace AnoPLe.Gpu.Datasets.Demo;

/// <summary>A square plate of brushed steel with a large hole and four small ones on a dark belt.</summary>
internal sealed class BrushedPlate : DemoScene
{
    public const string Name = "plate";
    public static readonly string[] Defects = ["dent", "missing_hole", "scratch"];

    private static readonly (double X, double Y, double Radius)[] Holes = [(-66, -66, 12), (66, -66, 12), (-66, 66, 12), (66, 66, 12), (0, 0, 32)];
    private ulong seed;
    private double sheen;
    private int missing = -1;

    protected override double Turn => 0.022;

    protected override double Shift => 4;

    protected override Defect? Prepare(ref CounterRandom random, string? defect)
    {
        seed = random.Next();
        sheen = random.Real(-30, 30);
        var (x, y) = Spot(ref random);
        switch (defect)
        {
            case "dent":
                return Defect.Dent(ref random, x, y, random.Real(8, 13), 0.42).Within(Steel);
            case "scratch":
                return Defect.Scratch(ref random, x, y, random.Below(2) == 0 ? new(228, 230, 234) : new(74, 74, 78), 0.7).Within(Steel);
            case "missing_hole":
                missing = random.Below(4);
                var hole = Holes[missing];
                return new((u, v) => Shape.Disc(u, v, hole.X, hole.Y, hole.Radius + 2.5), (below, _, _) => below);
            default:
                return null;
        }
    }

    protected override Rgb Colour(double u, double v, double x, double y)
    {
        Rgb belt = new Rgb(50, 51, 55) * (0.8 + 0.4 * Shape.Noise(seed + 1, x * 0.35, y * 0.35));
        double plate = Plate(u, v);
        if (plate > 12)
            return belt;
        belt *= 1 - 0.45 * Shape.Cover((Plate(u - 3, v - 4) - 3) / 6);   // its shadow
        double brush = 0.86 + 0.17 * Shape.Noise(seed + 2, u * 0.018, v * 0.9) + 0.11 * Shape.Noise(seed + 3, u * 0.05, v * 1.9);
        double gloss = (u - sheen + 0.3 * v) / 70;
        Rgb steel = new Rgb(160, 164, 170) * (brush * (1 + 0.16 / (1 + gloss * gloss)));
        steel *= 1 + 0.22 * Shape.Cover(Math.Abs(plate + 2) - 1.2) * (u + v < 0 ? 1 : -1);      // bevelled edge
        for (int i = 0; i < Holes.Length; i++)
        {
            var (hx, hy, radius) = Holes[i];
            double d = Shape.Disc(u, v, hx, hy, radius);
            if (i == missing || d > 5)
                continue;
            double lit = -((u - hx) + (v - hy)) / (radius + 2);                                    // the chamfer catches light at the lower right
            steel = steel.Mix(steel * (1 - 0.28 * lit), Shape.Cover(Math.Abs(d - 1) - 1.5));
            steel = steel.Mix(belt * (0.62 + 0.18 * Shape.Cover(-d - 4)), Shape.Cover(d));
        }
        return belt.Mix(steel, Shape.Cover(plate));
    }

    private static double Steel(double u, double v)
    {
        double distance = Plate(u, v);
        foreach (var hole in Holes)
            distance = Math.Max(distance, -Shape.Disc(u, v, hole.X, hole.Y, hole.Radius));
        return distance;
    }

    private static double Plate(double u, double v) => Shape.Box(u, v, 0, 0, 98, 98, 14);

    /// <summary>A place on the steel, away from holes and rim.</summary>
    private static (double X, double Y) Spot(ref CounterRandom random)
    {
        while (true)
        {
            double x = random.Real(-80, 80), y = random.Real(-80, 80);
            if (Array.TrueForAll(Holes, hole => Shape.Disc(x, y, hole.X, hole.Y, hole.Radius) > 12))
                return (x, y);
        }
    }
}
