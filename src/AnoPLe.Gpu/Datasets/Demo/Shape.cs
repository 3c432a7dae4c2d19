using AnoPLe.Gpu.Randomness;

namespace AnoPLe.Gpu.Datasets.Demo;

/// <summary>
/// Signed distances in pixels (negative inside), noise and waves of the demo images. Only +, -, *, / and square roots, which IEEE 754
/// rounds exactly, so that every machine draws the same bits; library sines differ between platforms.
/// </summary>
internal static class Shape
{
    /// <summary>How much of a pixel at this distance from an edge is inside: an edge one pixel soft.</summary>
    public static double Cover(double distance) => Math.Clamp(0.5 - distance, 0, 1);

    public static double Length(double x, double y) => Math.Sqrt(x * x + y * y);

    public static double Disc(double x, double y, double cx, double cy, double radius) => Length(x - cx, y - cy) - radius;

    /// <summary>A rectangle with half sizes and rounded corners.</summary>
    public static double Box(double x, double y, double cx, double cy, double halfWidth, double halfHeight, double corner = 0)
    {
        double dx = Math.Abs(x - cx) - halfWidth + corner, dy = Math.Abs(y - cy) - halfHeight + corner;
        return Length(Math.Max(dx, 0), Math.Max(dy, 0)) + Math.Min(Math.Max(dx, dy), 0) - corner;
    }

    /// <summary>A line from a to b with round ends.</summary>
    public static double Segment(double x, double y, double ax, double ay, double bx, double by, double halfWidth)
    {
        double px = x - ax, py = y - ay, dx = bx - ax, dy = by - ay;
        double along = Math.Clamp((px * dx + py * dy) / (dx * dx + dy * dy), 0, 1);
        return Length(px - along * dx, py - along * dy) - halfWidth;
    }

    /// <summary>Close to a sine of period 1: parabolas, -1 to 1.</summary>
    public static double Wave(double turns)
    {
        double t = turns - Math.Floor(turns);
        return t < 0.5 ? 16 * t * (0.5 - t) : -16 * (t - 0.5) * (1 - t);
    }

    /// <summary>The direction of (x, y) in turns, 0 to 1; off by less than 0.001 (quadratic approximation of the arc tangent).</summary>
    public static double Turns(double x, double y)
    {
        double ax = Math.Abs(x), ay = Math.Abs(y), z = Math.Min(ax, ay) / Math.Max(Math.Max(ax, ay), 1e-12);
        double t = z * (0.125 + 0.0434 * (1 - z));
        t = ay > ax ? 0.25 - t : t;
        t = x < 0 ? 0.5 - t : t;
        return y < 0 ? 1 - t : t;
    }

    /// <summary>A number in [0, 1) that belongs to a whole number.</summary>
    public static double Hash(ulong seed, long i) => (CounterRandom.Mix(seed + (ulong)i * 0x9E3779B97F4A7C15) >> 11) * (1.0 / (1UL << 53));

    /// <summary>Smooth noise in [0, 1): random numbers on the whole-number grid, interpolated.</summary>
    public static double Noise(ulong seed, double x, double y)
    {
        double fx = Math.Floor(x), fy = Math.Floor(y);
        long ix = (long)fx, iy = (long)fy;
        double tx = x - fx, ty = y - fy;
        tx = tx * tx * (3 - 2 * tx);
        ty = ty * ty * (3 - 2 * ty);
        double top = Corner(seed, ix, iy), bottom = Corner(seed, ix, iy + 1);
        top += (Corner(seed, ix + 1, iy) - top) * tx;
        bottom += (Corner(seed, ix + 1, iy + 1) - bottom) * tx;
        return top + (bottom - top) * ty;
    }

    private static double Corner(ulong seed, long x, long y) => Hash(seed ^ ((ulong)y * 0xD1B54A32D192ED03), x);
}
