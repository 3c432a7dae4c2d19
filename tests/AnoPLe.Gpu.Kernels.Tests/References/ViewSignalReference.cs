using System.Numerics;

namespace AnoPLe.Gpu.Kernels.Tests.References;

/// <summary>The signal of a sample's view onto all its tokens, in the arithmetic of T.</summary>
internal static class ViewSignalReference
{
    /// <param name="x">[N, P, C].</param>
    /// <param name="signal">[V, C].</param>
    /// <param name="P">Tokens of a sample.</param>
    /// <param name="V">Views.</param>
    public static T[] Forward<T>(T[] x, T[] signal, int P, int V)
        where T : IBinaryFloatingPointIeee754<T> => [.. x.Select((v, i) => v + signal[Of(i, P, V, signal.Length / V)])];

    /// <summary>dsignal, to be added.</summary>
    public static T[] BackwardParameters<T>(T[] dy, int P, int V, int C)
        where T : IBinaryFloatingPointIeee754<T>
    {
        var dsignal = new T[V * C];
        for (int i = 0; i < dy.Length; i++)
            dsignal[Of(i, P, V, C)] += dy[i];
        return dsignal;
    }

    /// <summary>Element of the signal that joins element i of x.</summary>
    private static int Of(int i, int P, int V, int C) => i / (P * C) % V * C + i % C;
}
