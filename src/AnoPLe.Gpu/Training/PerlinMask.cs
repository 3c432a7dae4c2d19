using System.Numerics;
using AnoPLe.Gpu.Randomness;

namespace AnoPLe.Gpu.Training;

/// <summary>
/// Where a pseudo-anomaly is: Perlin noise above one half, with the number of cells per axis drawn as a power of two. Never empty: too
/// small a mask is drawn again, and after 32 more tries the strongest part of the last noise is taken.
/// </summary>
/// <remarks>Keeps its scratch and allocates nothing after it has been made; serves one thread at a time.</remarks>
internal sealed class PerlinMask
{
    /// <summary>The most cells per axis of any mask, as in DRAEM.</summary>
    public const int MaxCells = 32;

    private const int Redraws = 32;
    private const float Threshold = 0.5f;
    private readonly int side, exponents, least, fallback;
    private readonly float[] sorted;
    private readonly PerlinNoise perlin;

    private PerlinMask(int side, int exponents, int least, int fallback)
    {
        (this.side, this.exponents, this.least, this.fallback) = (side, exponents, least, fallback);
        sorted = new float[side * side];
        perlin = new(1 << (exponents - 1));
    }

    /// <summary>
    /// Masks over pixels. Cells are about as large as a patch or larger, since the tower cannot see the shape of anything smaller; at least
    /// 0.2 % of the pixels are set, else the strongest 2 %.
    /// </summary>
    /// <param name="imageSize">S.</param>
    /// <param name="grid">g, patches per side.</param>
    public static PerlinMask OverPixels(int imageSize, int grid)
    {
        int pixels = imageSize * imageSize;
        return new(imageSize, Math.Min(BitOperations.Log2(MaxCells), BitOperations.Log2((uint)grid) + 1) + 1, Share(pixels, 500), Share(pixels, 50));
    }

    /// <summary>Masks over the patch grid. At least one patch is set; when no noise gets there, the strongest tenth.</summary>
    /// <param name="grid">g, patches per side.</param>
    public static PerlinMask OverPatches(int grid) =>
        new(grid, Math.Min(BitOperations.Log2(MaxCells), Math.Max(0, BitOperations.Log2((uint)grid) - 1)) + 1, 1, Share(grid * grid, 10));

    /// <summary>Draws a mask.</summary>
    /// <param name="mask">[side, side], set to 0 and 1.</param>
    /// <param name="random">Where the mask comes from.</param>
    public void Draw(Span<float> mask, ref CounterRandom random)
    {
        for (int draw = 0; draw <= Redraws; draw++)
        {
            int ry = 1 << random.Below(exponents), rx = 1 << random.Below(exponents);
            perlin.Fill(mask, side, side, ry, rx, ref random);
            if (CountAbove(mask) >= least)
            {
                foreach (ref float value in mask)
                    value = value > Threshold ? 1 : 0;
                return;
            }
        }
        KeepStrongest(mask, sorted, fallback);
    }

    /// <summary>Sets the largest values to 1 and the others to 0; of equal ones the first.</summary>
    /// <param name="values">Overwritten with the mask.</param>
    /// <param name="scratch">Of the same length.</param>
    /// <param name="count">How many to keep, 1 to all.</param>
    internal static void KeepStrongest(Span<float> values, Span<float> scratch, int count)
    {
        values.CopyTo(scratch);
        scratch.Sort();
        float limit = scratch[^count];
        int equal = count;   // how many of those that equal the limit still fit
        foreach (float value in values)
            equal -= value > limit ? 1 : 0;
        foreach (ref float value in values)
            value = value > limit || value == limit && equal-- > 0 ? 1 : 0;
    }

    private static int CountAbove(ReadOnlySpan<float> noise)
    {
        int count = 0;
        foreach (float value in noise)
            count += value > Threshold ? 1 : 0;
        return count;
    }

    // One in so many, rounded up.
    private static int Share(int of, int parts) => (of + parts - 1) / parts;
}
