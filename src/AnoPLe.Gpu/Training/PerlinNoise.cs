using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Randomness;

namespace AnoPLe.Gpu.Training;

/// <summary>
/// Gradient noise (Perlin, "An image synthesizer", SIGGRAPH 1985; with the fade of 2002) whose lattice is turned about the middle of the
/// image, as DRAEM draws its masks (Zavrtanik et al., ICCV 2021).
/// </summary>
/// <remarks>
/// A lattice of ry x rx cells lies over the image, with a unit gradient (cos a, sin a) at every corner. Pixel (i, j) is at
/// <c>yc = i + .5 - h/2, xc = j + .5 - w/2, u = (cos t yc - sin t xc + h/2) ry/h, v = (sin t yc + cos t xc + w/2) rx/w</c>.
/// Each corner (p, q) of its cell gives <c>cos a (fu - p) + sin a (fv - q)</c> with the fractional parts fu, fv; these are blended by
/// <c>s^3 (6 s^2 - 15 s + 10)</c> along u, then along v, and multiplied by sqrt 2. Values lie in [-1, 1].
/// Computed in double by operations that every platform rounds alike, so the same arguments give the same bits everywhere.
/// An object keeps its scratch and allocates nothing after it has been made; it serves one thread at a time.
/// </remarks>
/// <param name="maxCells">The most cells along an axis that will be asked for.</param>
internal sealed class PerlinNoise(int maxCells)
{
    private const double SqrtTwo = 1.4142135623730951;
    private readonly double[] angles = new double[(2 * maxCells + 2) * (2 * maxCells + 2)];
    private readonly double[] sines = new double[(2 * maxCells + 2) * (2 * maxCells + 2)];
    private readonly double[] cosines = new double[(2 * maxCells + 2) * (2 * maxCells + 2)];

    /// <summary>Noise with a random turn within a right angle to either side and random gradients.</summary>
    /// <param name="noise">[height, width], overwritten.</param>
    /// <param name="height">h.</param>
    /// <param name="width">w.</param>
    /// <param name="ry">Cells from top to bottom.</param>
    /// <param name="rx">Cells from left to right.</param>
    /// <param name="random">Turn first, then the corners row by row.</param>
    public void Fill(Span<float> noise, int height, int width, int ry, int rx, ref CounterRandom random)
    {
        double theta = random.Real(-Math.PI / 2, Math.PI / 2);
        Span<double> corners = angles.AsSpan(0, (2 * ry + 2) * (2 * rx + 2));
        foreach (ref double angle in corners)
            angle = random.Real(0, 2 * Math.PI);
        Fill(noise, height, width, ry, rx, corners, theta);
    }

    /// <summary>Noise of given gradients and turn.</summary>
    /// <param name="noise">[height, width], overwritten.</param>
    /// <param name="height">h.</param>
    /// <param name="width">w.</param>
    /// <param name="ry">Cells from top to bottom, 1 to the maximum.</param>
    /// <param name="rx">Cells from left to right, 1 to the maximum.</param>
    /// <param name="angles">[2 ry + 2, 2 rx + 2] angles a, radians; corner (p, q) reads (p mod rows, q mod columns).</param>
    /// <param name="theta">Turn t, radians.</param>
    public void Fill(Span<float> noise, int height, int width, int ry, int rx, ReadOnlySpan<double> angles, double theta)
    {
        int rows = 2 * ry + 2, columns = 2 * rx + 2;
        Require.That(noise.Length == height * width && angles.Length == rows * columns && ry >= 1 && rx >= 1 && Math.Max(ry, rx) <= maxCells,
            $"Noise of {height} x {width} over {ry} x {rx} cells (1 to {maxCells}) takes {rows * columns} angles, got {angles.Length}, and room for {noise.Length} values.");
        for (int i = 0; i < angles.Length; i++)
            (sines[i], cosines[i]) = PortableTrigonometry.SinCos(angles[i]);
        var (sin, cos) = PortableTrigonometry.SinCos(theta);
        double perRow = (double)ry / height, perColumn = (double)rx / width;
        for (int i = 0, at = 0; i < height; i++)
        {
            double yc = i + 0.5 - height / 2.0, yu = cos * yc + height / 2.0, yv = sin * yc + width / 2.0;
            for (int j = 0; j < width; j++, at++)
            {
                double xc = j + 0.5 - width / 2.0;
                noise[at] = (float)At((yu - sin * xc) * perRow, (yv + cos * xc) * perColumn, rows, columns);
            }
        }
    }

    private double At(double u, double v, int rows, int columns)
    {
        double cellU = Math.Floor(u), cellV = Math.Floor(v), fu = u - cellU, fv = v - cellV;
        int top = Wrap((int)cellU, rows), left = Wrap((int)cellV, columns);
        int bottom = top + 1 == rows ? 0 : top + 1, right = left + 1 == columns ? 0 : left + 1;
        top *= columns;
        bottom *= columns;
        double fadeU = Fade(fu), leftSide = Blend(Corner(top + left, fu, fv), Corner(bottom + left, fu - 1, fv), fadeU);
        double rightSide = Blend(Corner(top + right, fu, fv - 1), Corner(bottom + right, fu - 1, fv - 1), fadeU);
        return SqrtTwo * Blend(leftSide, rightSide, Fade(fv));
    }

    private double Corner(int index, double du, double dv) => cosines[index] * du + sines[index] * dv;

    private static double Blend(double a, double b, double t) => a + t * (b - a);

    private static double Fade(double t) => t * t * t * (t * (6 * t - 15) + 10);

    // Nearly always one step at most: a turned square reaches a fifth of its side beyond the lattice.
    private static int Wrap(int index, int length)
    {
        if ((uint)index < (uint)length)
            return index;
        index %= length;
        return index < 0 ? index + length : index;
    }
}
