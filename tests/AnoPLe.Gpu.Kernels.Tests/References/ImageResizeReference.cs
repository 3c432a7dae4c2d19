using AnoPLe.Gpu.Compute.Resampling;

namespace AnoPLe.Gpu.Kernels.Tests.References;

/// <summary>Pillow's 8-bit bicubic resize written out pixel by pixel: the whole image at its new size, then the part that is kept, then the table.</summary>
internal static class ImageResizeReference
{
    public static float[] Forward(ImageSource source, float[] values, int S)
    {
        byte[] columns = Pass(source.Pixels.ToArray(), source.Width, source.Height, source.ResizedWidth, horizontal: true);
        byte[] resized = Pass(columns, source.ResizedWidth, source.Height, source.ResizedHeight, horizontal: false);
        var planes = new float[3 * S * S];
        for (int c = 0; c < 3; c++)
            for (int y = 0; y < S; y++)
                for (int x = 0; x < S; x++)
                    planes[(c * S + y) * S + x] = values[256 * c + resized[3 * ((source.Top + y) * source.ResizedWidth + source.Left + x) + c]];
        return planes;
    }

    private static byte[] Pass(byte[] pixels, int width, int height, int length, bool horizontal)
    {
        int newWidth = horizontal ? length : width, newHeight = horizontal ? height : length, inputs = horizontal ? width : height;
        if (length == inputs)
            return pixels;
        var result = new byte[3 * newWidth * newHeight];
        for (int i = 0; i < length; i++)
        {
            var (first, weights) = Weights(inputs, length, i);
            for (int line = 0; line < (horizontal ? height : width); line++)
                for (int c = 0; c < 3; c++)
                {
                    long sum = 1 << 21;
                    for (int k = 0; k < weights.Length; k++)
                        sum += weights[k] * pixels[3 * (horizontal ? line * width + first + k : (first + k) * width + line) + c];
                    result[3 * (horizontal ? line * newWidth + i : i * newWidth + line) + c] = (byte)Math.Clamp(sum >> 22, 0, 255);
                }
        }
        return result;
    }

    // precompute_coeffs and normalize_coeffs_8bpc of Pillow's Resample.c.
    private static (int First, long[] Weights) Weights(int inputs, int outputs, int i)
    {
        double scale = (double)inputs / outputs, filterScale = Math.Max(scale, 1), center = (i + 0.5) * scale;
        int first = Math.Max(0, (int)(center - 2 * filterScale + 0.5)), end = Math.Min(inputs, (int)(center + 2 * filterScale + 0.5));
        double[] weights = [.. Enumerable.Range(first, end - first).Select(x => Cubic((x - center + 0.5) * (1 / filterScale)))];
        double sum = weights.Sum();
        return (first, [.. weights.Select(w => (long)(w / sum * (1 << 22) + (w < 0 ? -0.5 : 0.5)))]);
    }

    private static double Cubic(double x)
    {
        x = Math.Abs(x);
        return x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
    }
}
