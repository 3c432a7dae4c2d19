using System.Numerics;

namespace AnoPLe.Gpu.Kernels.Tests.Testing;

/// <summary>Seeded inputs and conversions between precisions.</summary>
internal static class Numbers
{
    /// <summary>Values in [-scale, scale) + shift.</summary>
    public static float[] Uniform(int seed, int count, float scale = 1, float shift = 0)
    {
        var random = new Random(seed);
        var values = new float[count];
        for (int i = 0; i < count; i++)
            values[i] = (2 * random.NextSingle() - 1) * scale + shift;
        return values;
    }

    /// <summary>Rows of unit length.</summary>
    public static float[] UnitRows(int seed, int rows, int width)
    {
        float[] values = Uniform(seed, rows * width);
        for (int r = 0; r < rows; r++)
        {
            var row = values.AsSpan(r * width, width);
            double norm = 0;
            foreach (float v in row)
                norm += (double)v * v;
            norm = Math.Sqrt(norm);
            foreach (ref float v in row)
                v = (float)(v / norm);
        }
        return values;
    }

    /// <summary>The same values in the precision of T.</summary>
    public static T[] As<T>(float[] values)
        where T : IBinaryFloatingPointIeee754<T> => Array.ConvertAll(values, T.CreateChecked);

    /// <summary>What a sum becomes when a gradient is added to what was there.</summary>
    public static T[] Added<T>(float[] before, T[] gradient)
        where T : IBinaryFloatingPointIeee754<T> => [.. gradient.Select((g, i) => T.CreateChecked(before[i]) + g)];
}
