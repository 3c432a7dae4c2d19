using AnoPLe.Gpu.Randomness;

namespace AnoPLe.Gpu.Training;

/// <summary>
/// How a square picture is changed before a piece of it is put over a view: turned by quarters, mirrored, shifted around its borders, its
/// channels exchanged, and every value v replaced by <c>gain (v or 1 - v) + offset</c> within [0, 1].
/// </summary>
/// <remarks>Even the view itself, changed like this, rarely continues what is around the mask.</remarks>
/// <param name="QuarterTurns">0 to 3.</param>
/// <param name="Mirror">Columns reversed.</param>
/// <param name="ShiftY">Rows that leave at the top and come in at the bottom, 0 to S - 1.</param>
/// <param name="ShiftX">Columns likewise.</param>
/// <param name="Channels">Which of the six orders of the channels, 0 to 5; 0 leaves them.</param>
/// <param name="Gain">Contrast, 0.5 to 1.5.</param>
/// <param name="Offset">Brightness, -0.2 to 0.2.</param>
/// <param name="Invert">1 - v first; one in four.</param>
internal readonly record struct TextureAugmentation(
    int QuarterTurns, bool Mirror, int ShiftY, int ShiftX, int Channels, float Gain, float Offset, bool Invert)
{
    // Source channel of each target channel.
    private static ReadOnlySpan<byte> Orders => [0, 1, 2, 0, 2, 1, 1, 0, 2, 1, 2, 0, 2, 0, 1, 2, 1, 0];

    /// <summary>Draws one for pictures of this side.</summary>
    public static TextureAugmentation Draw(int side, ref CounterRandom random) => new(
        random.Below(4), random.Below(2) == 1, random.Below(side), random.Below(side), random.Below(6),
        (float)random.Real(0.5, 1.5), (float)random.Real(-0.2, 0.2), random.Below(4) == 0);

    /// <summary>Applies it.</summary>
    /// <param name="source">[3, S, S] in [0, 1].</param>
    /// <param name="target">[3, S, S], overwritten; does not overlap the source.</param>
    /// <param name="side">S.</param>
    public void Apply(ReadOnlySpan<float> source, Span<float> target, int side)
    {
        // A turned and mirrored picture is the source read with other steps: pixel (y, x) of it is at origin + y stepY + x stepX.
        int last = side - 1;
        var (origin, stepY, stepX) = QuarterTurns switch
        {
            0 => (0, side, 1),
            1 => (last, -1, side),
            2 => (side * side - 1, -side, -1),
            _ => (last * side, 1, -side),
        };
        if (Mirror)
            (origin, stepX) = (origin + last * stepX, -stepX);
        float scale = Invert ? -Gain : Gain, shift = Invert ? Gain + Offset : Offset;
        int plane = side * side;
        for (int c = 0; c < 3; c++)
        {
            ReadOnlySpan<float> from = source.Slice(Orders[3 * Channels + c] * plane, plane);
            for (int y = 0; y < side; y++)
            {
                int start = origin + (y + ShiftY) % side * stepY;
                Span<float> row = target.Slice(c * plane + y * side, side);
                Line(from, start + ShiftX * stepX, stepX, row[..^ShiftX], scale, shift);
                Line(from, start, stepX, row[^ShiftX..], scale, shift);
            }
        }
    }

    private static void Line(ReadOnlySpan<float> source, int start, int step, Span<float> target, float scale, float shift)
    {
        for (int x = 0; x < target.Length; x++, start += step)
            target[x] = Math.Clamp(source[start] * scale + shift, 0, 1);
    }
}
