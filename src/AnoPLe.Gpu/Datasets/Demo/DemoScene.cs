using AnoPLe.Gpu.Imaging;
using AnoPLe.Gpu.Randomness;

namespace AnoPLe.Gpu.Datasets.Demo;

/// <summary>
/// Draws one image: the part under a random pose, a defect on it, then light and sensor noise. Parts are described in a frame of
/// 240 x 240 with the origin in the middle, whatever the size of the image.
/// </summary>
internal abstract class DemoScene
{
    private const double Frame = 240;

    /// <summary>Largest rotation of the part, as the tangent of half the angle; infinity for any direction.</summary>
    protected abstract double Turn { get; }

    /// <summary>Largest shift of the part, pixels of the frame.</summary>
    protected abstract double Shift { get; }

    /// <summary>Draws what varies from part to part, and prepares the defect; null asks for a part without one.</summary>
    protected abstract Defect? Prepare(ref CounterRandom random, string? defect);

    /// <summary>The colour at (u, v) of the part, which is seen at (x, y) of the frame (where light comes from does not turn with the part).</summary>
    protected abstract Rgb Colour(double u, double v, double x, double y);

    /// <summary>The image, and the mask when a defect was asked for.</summary>
    public (RgbImage Image, Mask? Mask) Draw(CounterRandom random, string? type, int size)
    {
        var (cos, sin) = Rotation(ref random);
        double shiftX = random.Real(-Shift, Shift), shiftY = random.Real(-Shift, Shift), zoom = random.Real(0.985, 1.015);
        double gain = random.Real(0.93, 1.06), slopeX = random.Real(-0.12, 0.12), slopeY = random.Real(-0.12, 0.12), warm = random.Real(-0.02, 0.02);
        ulong noise = random.Next();
        Defect? defect = Prepare(ref random, type);
        byte[] pixels = new byte[3 * size * size], mask = new byte[size * size];
        double step = Frame / size;
        for (int row = 0, at = 0; row < size; row++)
            for (int column = 0; column < size; column++, at++)
            {
                double x = (column + 0.5) * step - Frame / 2, y = (row + 0.5) * step - Frame / 2;
                double cx = (x - shiftX) * zoom, cy = (y - shiftY) * zoom, u = cos * cx + sin * cy, v = cos * cy - sin * cx;
                Rgb colour = Colour(u, v, x, y);
                if (defect is not null)
                {
                    double cover = Shape.Cover(defect.Distance(u, v));
                    if (cover > 0)
                        colour = colour.Mix(defect.Paint(colour, u, v), cover);
                    mask[at] = (byte)(cover > 0 ? 1 : 0);   // every pixel that is touched, soft edges included
                }
                colour *= gain * (1 + slopeX * x / Frame + slopeY * y / Frame);
                Store(pixels.AsSpan(3 * at, 3), colour with { R = colour.R * (1 + warm), B = colour.B * (1 - warm) }, CounterRandom.Mix(noise + (ulong)at));
            }
        return (new(size, size, pixels), defect is null ? null : new(size, size, mask));
    }

    /// <summary>A rotation whose cosine and sine need no trigonometry.</summary>
    private (double Cos, double Sin) Rotation(ref CounterRandom random)
    {
        if (double.IsFinite(Turn))
        {
            double h = random.Real(-Turn, Turn);
            return ((1 - h * h) / (1 + h * h), 2 * h / (1 + h * h));
        }
        while (true)
        {
            double x = random.Real(-1, 1), y = random.Real(-1, 1), length = Shape.Length(x, y);
            if (length is > 0.1 and <= 1)
                return (x / length, y / length);
        }
    }

    /// <summary>Adds noise of a few levels (the sum of two even distributions, partly shared by the channels) and rounds.</summary>
    private static void Store(Span<byte> pixel, Rgb colour, ulong bits)
    {
        const double Level = 1.0 / 128;
        double shared = ((bits & 255) + (bits >> 8 & 255)) * Level - 2;
        pixel[0] = Round(colour.R + 2.2 * shared + 1.5 * ((bits >> 16 & 255) * Level - 1));
        pixel[1] = Round(colour.G + 2.2 * shared + 1.5 * ((bits >> 24 & 255) * Level - 1));
        pixel[2] = Round(colour.B + 2.2 * shared + 1.5 * ((bits >> 32 & 255) * Level - 1));
    }

    private static byte Round(double value) => (byte)Math.Clamp(value + 0.5, 0, 255);
}
