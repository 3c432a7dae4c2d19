using AnoPLe.Gpu.Randomness;

namespace AnoPLe.Gpu.Training;

/// <summary>A cloudy blend of two random colours: three octaves of Perlin noise, each twice as fine as the one before and half as strong.</summary>
internal static class ProceduralTexture
{
    private const int Octaves = 3, CoarsestExponent = 3;   // the first octave has 1 to 8 cells
    private const float Contrast = 0.75f;

    /// <summary>The most cells along an axis.</summary>
    public const int MaxCells = 1 << (CoarsestExponent + Octaves - 1);

    /// <summary>Draws a texture.</summary>
    /// <param name="texture">[3, S, S], overwritten with values in [0, 1].</param>
    /// <param name="side">S.</param>
    /// <param name="perlin">Draws the octaves; made for at least <see cref="MaxCells"/>.</param>
    /// <param name="random">Where the texture comes from.</param>
    public static void Draw(Span<float> texture, int side, PerlinNoise perlin, ref CounterRandom random)
    {
        // The first plane holds the sum and the second the octave until the colours overwrite them.
        int plane = side * side;
        Span<float> sum = texture[..plane], octave = texture.Slice(plane, plane), blue = texture.Slice(2 * plane, plane);
        int cells = 1 << random.Between(0, CoarsestExponent);
        float strength = Contrast;
        sum.Fill(0.5f);
        for (int o = 0; o < Octaves; o++, cells *= 2, strength /= 2)
        {
            perlin.Fill(octave, side, side, cells, cells, ref random);
            for (int i = 0; i < sum.Length; i++)
                sum[i] += strength * octave[i];
        }
        Span<float> from = stackalloc float[3], span = stackalloc float[3];
        for (int c = 0; c < 3; c++)
        {
            from[c] = (float)random.Real(0, 1);
            span[c] = (float)random.Real(0, 1) - from[c];
        }
        for (int i = 0; i < sum.Length; i++)
        {
            float t = Math.Clamp(sum[i], 0, 1);
            sum[i] = Math.Clamp(from[0] + t * span[0], 0, 1);
            octave[i] = Math.Clamp(from[1] + t * span[1], 0, 1);
            blue[i] = Math.Clamp(from[2] + t * span[2], 0, 1);
        }
    }
}
