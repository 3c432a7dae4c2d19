using System.Numerics;

namespace AnoPLe.Gpu.Kernels.Tests.References;

/// <summary>y[2i + r, 2j + s, o] = b[o] + sum over c of x[i, j, c] w[c, o, r, s] and its gradients, straight from the definition, in the arithmetic of T.</summary>
internal static class TransposedConv2x2Reference
{
    /// <param name="x">[N, h, w, C].</param>
    /// <param name="weight">[C, O, 2, 2].</param>
    /// <param name="bias">[O].</param>
    /// <param name="h">Rows of the input grid.</param>
    /// <param name="w">Columns of the input grid.</param>
    public static T[] Forward<T>(T[] x, T[] weight, T[] bias, int h, int w)
        where T : IBinaryFloatingPointIeee754<T>
    {
        int O = bias.Length, C = weight.Length / (4 * O);
        var y = new T[x.Length / C * 4 * O];
        Visit(x.Length / C, h, w, O, (position, place, o, target) =>
        {
            T sum = T.Zero;
            for (int c = 0; c < C; c++)
                sum += x[position * C + c] * weight[(c * O + o) * 4 + place];
            y[target] = sum + bias[o];
        });
        return y;
    }

    /// <summary>Gradients of x, of the weight and of the bias.</summary>
    public static (T[] DX, T[] DWeight, T[] DBias) Backward<T>(T[] dy, T[] x, T[] weight, int O, int h, int w)
        where T : IBinaryFloatingPointIeee754<T>
    {
        int C = weight.Length / (4 * O);
        T[] dx = new T[x.Length], dweight = new T[weight.Length], dbias = new T[O];
        Visit(x.Length / C, h, w, O, (position, place, o, target) =>
        {
            T g = dy[target];
            dbias[o] += g;
            for (int c = 0; c < C; c++)
            {
                dx[position * C + c] += g * weight[(c * O + o) * 4 + place];
                dweight[(c * O + o) * 4 + place] += g * x[position * C + c];
            }
        });
        return (dx, dweight, dbias);
    }

    // Every output with the input position (n h + i) w + j, the place 2 r + s and the channel that make it.
    private static void Visit(int positions, int h, int w, int O, Action<int, int, int, int> each)
    {
        for (int position = 0; position < positions; position++)
        {
            int n = position / (h * w), i = position / w % h, j = position % w;
            for (int r = 0; r < 2; r++)
                for (int s = 0; s < 2; s++)
                    for (int o = 0; o < O; o++)
                        each(position, 2 * r + s, o, ((n * 2 * h + 2 * i + r) * 2 * w + 2 * j + s) * O + o);
        }
    }
}
