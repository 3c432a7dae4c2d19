using AnoPLe.Gpu.Randomness;

namespace AnoPLe.Gpu.Datasets.Demo;

/// <summary>A green circuit board: traces, a chip, chip resistors and capacitors, a can capacitor, mounting holes. Layout fixed, solder and tone vary.</summary>
internal sealed class CircuitBoard : DemoScene
{
    public const string Name = "circuit_board";
    public static readonly string[] Defects = ["missing_component", "scratch", "solder_splash"];

    private static readonly (double X, double Y, bool Upright, bool Tan)[] Chips =
    [
        (52, -62, false, false), (52, -44, false, false), (52, -26, false, true), (88, -44, true, false), (-84, 44, true, true),
        (-62, 44, true, false), (-40, 44, true, false), (-4, 62, false, true), (-4, 84, false, false), (-84, -12, true, false),
    ];

    // Polylines of x, y.
    private static readonly double[][] Traces =
    [
        [10, -62, 45, -62], [10, -50, 30, -50, 36, -44, 45, -44], [10, -38, 24, -38, 36, -26, 45, -26], [59, -62, 88, -62, 88, -51], [59, -44, 72, -44, 72, -20, 88, -10, 88, 20],
        [59, -26, 66, -26, 66, 0, 50, 16], [-54, -62, -84, -62, -84, -19], [-54, -38, -70, -38, -70, 30, -62, 37], [-54, -26, -62, -18, -62, 20, -40, 30, -40, 37],
        [-84, -5, -84, 37], [-84, 51, -84, 70, -70, 84, -11, 84], [-62, 51, -62, 62, -11, 62], [-40, 51, -28, 62], [3, 62, 22, 62, 34, 52], [3, 84, 40, 84, 50, 74],
        [-22, -4, -22, 12, 0, 34, 30, 34], [10, -14, 20, -4, 20, 14, 36, 30],
    ];

    private static readonly (double Ax, double Ay, double Bx, double By)[] Segments =
        [.. Traces.SelectMany(line => Enumerable.Range(0, line.Length / 2 - 1).Select(i => (line[2 * i], line[2 * i + 1], line[2 * i + 2], line[2 * i + 3])))];

    private ulong seed;
    private int missing = -1;

    protected override double Turn => 0.016;

    protected override double Shift => 4;

    protected override Defect? Prepare(ref CounterRandom random, string? defect)
    {
        seed = random.Next();
        double x = random.Real(-80, 80), y = random.Real(-80, 80);
        switch (defect)
        {
            case "scratch":
                return Defect.Scratch(ref random, x, y, new(178, 142, 96), 0.75);
            case "solder_splash":
                ulong rough = random.Next();
                double radius = random.Real(5.5, 9);
                return new(
                    (u, v) => Shape.Disc(u, v, x, y, radius) + (Shape.Noise(rough, u * 0.25, v * 0.25) - 0.5) * radius,
                    (_, u, v) => new Rgb(176, 180, 186) * (1 - (u - x + v - y) * 0.03));
            case "missing_component":
                missing = random.Below(Chips.Length);
                var chip = Chips[missing];
                return new((u, v) => Body(u, v, chip, 9, 5), (below, _, _) => below);
            default:
                return null;
        }
    }

    protected override Rgb Colour(double u, double v, double x, double y)
    {
        double board = Shape.Box(u, v, 0, 0, 108, 108, 6);
        Rgb table = new Rgb(196, 196, 192) * (0.96 + 0.08 * Shape.Noise(seed, x * 0.08, y * 0.08));
        table *= 1 - 0.35 * Shape.Cover((Shape.Box(u - 2, v - 3, 0, 0, 108, 108, 6) - 2) / 5);
        if (board > 1)
            return table;
        Rgb colour = new Rgb(24, 88, 56) * (0.92 + 0.1 * Shape.Noise(seed + 1, u * 0.02, v * 0.02) + 0.06 * Shape.Noise(seed + 2, u * 0.7, v * 0.7));
        colour = Tracks(colour, u, v);
        colour = MountingHoles(colour, u, v);
        for (int i = 0; i < Chips.Length; i++)
            colour = Component(colour, u, v, i);
        colour = Circuit(colour, u, v);
        colour = Can(colour, u, v);
        return table.Mix(colour, Shape.Cover(board));
    }

    private static Rgb Tracks(Rgb colour, double u, double v)
    {
        double nearest = 99;
        foreach (var (ax, ay, bx, by) in Segments)
            if (u > Math.Min(ax, bx) - 3 && u < Math.Max(ax, bx) + 3 && v > Math.Min(ay, by) - 3 && v < Math.Max(ay, by) + 3)
                nearest = Math.Min(nearest, Shape.Segment(u, v, ax, ay, bx, by, 1.7));
        colour = colour.Mix(new(44, 126, 80), 0.9 * Shape.Cover(nearest));
        foreach (double[] line in Traces)   // a via at the end of each
        {
            if (Math.Abs(u - line[^2]) > 4 || Math.Abs(v - line[^1]) > 4)
                continue;
            double via = Shape.Disc(u, v, line[^2], line[^1], 3.2);
            colour = colour.Mix(new(190, 162, 92), Shape.Cover(via)).Mix(new(30, 34, 30), Shape.Cover(via + 1.9));
        }
        return colour;
    }

    private static Rgb MountingHoles(Rgb colour, double u, double v)
    {
        double hole = Shape.Disc(Math.Abs(u), Math.Abs(v), 96, 96, 8);
        return colour.Mix(new(198, 172, 104), Shape.Cover(hole)).Mix(new(120, 120, 118), Shape.Cover(hole + 3.5));
    }

    /// <summary>A chip resistor or capacitor: two soldered ends and a body; only the pads when it is missing.</summary>
    private Rgb Component(Rgb colour, double u, double v, int i)
    {
        var chip = Chips[i];
        if (Math.Abs(u - chip.X) > 14 || Math.Abs(v - chip.Y) > 14)
            return colour;
        double along = chip.Upright ? v - chip.Y : u - chip.X, across = chip.Upright ? u - chip.X : v - chip.Y;
        double solder = 0.9 + 0.2 * Shape.Hash(seed + 3, i * 2 + (along > 0 ? 1 : 0));
        double pad = Shape.Box(Math.Abs(along), across, 7.5, 0, 2.8, 4.6, 1);
        colour = colour.Mix(new Rgb(170, 172, 172) * solder * (1 - 0.03 * across), Shape.Cover(pad));
        if (i == missing)
            return colour;
        double body = Body(u, v, chip, 8, 4.2);
        Rgb tone = Math.Abs(along) > 5 ? new Rgb(206, 208, 208) * (1 - 0.04 * across) : chip.Tan ? new(168, 132, 92) : new(40, 39, 41);
        if (!chip.Tan && Math.Abs(along) < 2.6 && Math.Abs(Math.Abs(across) - 0.4) < 1.4)
            tone = new(150, 150, 148);   // its marking
        return colour.Mix(tone * (1 - 0.02 * (u - chip.X + v - chip.Y)), Shape.Cover(body));
    }

    private static double Body(double u, double v, (double X, double Y, bool Upright, bool Tan) chip, double length, double width) =>
        Shape.Box(u, v, chip.X, chip.Y, chip.Upright ? width : length, chip.Upright ? length : width, 1);

    /// <summary>The integrated circuit with five legs on either side, a dot at leg 1 and two lines of print.</summary>
    private static Rgb Circuit(Rgb colour, double u, double v)
    {
        double x = u + 22, y = v + 38;
        if (Math.Abs(x) > 40 || Math.Abs(y) > 40)
            return colour;
        double row = Math.Clamp(Math.Floor(y / 12 + 0.5), -2, 2) * 12;
        colour = colour.Mix(new Rgb(188, 190, 194) * (1 - 0.05 * (y - row)), Shape.Cover(Shape.Box(Math.Abs(x), y, 29, row, 5.5, 2.3, 0.8)));
        double body = Shape.Box(x, y, 0, 0, 25, 33, 2);
        Rgb plastic = new Rgb(38, 38, 41) * (1 - 0.006 * (x + y));
        plastic = plastic.Mix(new(72, 72, 74), Shape.Cover(Shape.Disc(x, y, -17, -25, 3)));
        bool print = (Math.Abs(y + 4) < 2.6 && Shape.Hash(11, (long)Math.Floor((x + 40) / 2.5)) > 0.4 && Math.Abs(x) < 17)
            || (Math.Abs(y - 6) < 2.6 && Shape.Hash(12, (long)Math.Floor((x + 40) / 2.5)) > 0.45 && Math.Abs(x) < 12);
        return colour.Mix(print ? new(128, 128, 126) : plastic, Shape.Cover(body));
    }

    /// <summary>A can capacitor: aluminium top with a dark sector on a black foot.</summary>
    private static Rgb Can(Rgb colour, double u, double v)
    {
        double x = u - 62, y = v - 52;
        colour = colour.Mix(new(34, 34, 36), Shape.Cover(Shape.Box(x, y, 0, 0, 23, 23, 5)));
        double radius = Shape.Length(x, y);
        Rgb top = new Rgb(184, 187, 192) * (1 - 0.006 * (x + y) - 0.1 * Shape.Cover(Math.Abs(radius - 18) - 1));
        if (x < -9)
            top = new(46, 48, 54);
        return colour.Mix(top, Shape.Cover(radius - 21));
    }
}
