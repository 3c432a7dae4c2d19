using AnoPLe.Gpu.Randomness;

namespace AnoPLe.Gpu.Datasets.Demo;

/// <summary>A twill of blue warp and pale weft threads; position and tint of the threads vary.</summary>
internal sealed class WovenFabric : DemoScene
{
    public const string Name = "fabric";
    public static readonly string[] Defects = ["cut", "missing_thread", "stain"];

    private const double Period = 9;
    private ulong seed;
    private double phaseU, phaseV, missingFrom, missingTo, missingRow = double.NaN;

    protected override double Turn => 0.03;

    protected override double Shift => 0;

    protected override Defect? Prepare(ref CounterRandom random, string? defect)
    {
        seed = random.Next();
        phaseU = random.Real(0, 4);
        phaseV = random.Real(0, 4);
        double x = random.Real(-75, 75), y = random.Real(-75, 75);
        switch (defect)
        {
            case "cut":
                return Defect.Scratch(ref random, x, y, new(30, 32, 42), 0.85);
            case "stain":
                return Defect.Stain(ref random, x, y, random.Real(13, 22), new(104, 72, 38), 0.5);
            case "missing_thread":
                double half = random.Real(28, 50);
                missingRow = Math.Floor(y / Period + phaseV);
                (missingFrom, missingTo) = (x - half, x + half);
                double centre = (missingRow + 0.5 - phaseV) * Period;
                return new((u, v) => Shape.Box(u, v, x, centre, half, Period / 2), (below, _, _) => below);
            default:
                return null;
        }
    }

    protected override Rgb Colour(double u, double v, double x, double y)
    {
        // Threads waver a little.
        double s = u / Period + phaseU + 0.35 * (Shape.Noise(seed + 1, u * 0.02, v * 0.03) - 0.5);
        double t = v / Period + phaseV + 0.35 * (Shape.Noise(seed + 2, u * 0.03, v * 0.02) - 0.5);
        double i = Math.Floor(s), j = Math.Floor(t), across = 2 * (s - i) - 1, along = 2 * (t - j) - 1;
        bool warpOnTop = (((long)i - (long)j) & 3) < 2;
        if (Math.Floor(v / Period + phaseV) == missingRow && u > missingFrom && u < missingTo)
            return warpOnTop ? Thread(new(62, 84, 128), i, across, along * 0.5, v, u) * 0.8
                : new Rgb(40, 42, 52) * (0.85 + 0.3 * Shape.Noise(seed + 3, u * 0.3, v * 0.3));
        return warpOnTop ? Thread(new(74, 100, 150), i, across, along, v, u) : Thread(new(186, 182, 168), j + 5000, along, across, u, v);
    }

    /// <summary>A thread is round (darker at its sides), dives at the ends of a float, and has fibres along it.</summary>
    private Rgb Thread(Rgb colour, double number, double across, double along, double lengthwise, double crosswise)
    {
        double tint = 0.93 + 0.14 * Shape.Hash(seed, (long)number);
        double round = 1 - 0.55 * across * across * across * across - 0.1 * across * across, dive = 1 - 0.16 * along * along;
        double fibres = 0.9 + 0.2 * Shape.Noise(seed + 4, lengthwise * 0.22, crosswise * 1.1);
        return colour * (tint * round * dive * fibres);
    }
}
