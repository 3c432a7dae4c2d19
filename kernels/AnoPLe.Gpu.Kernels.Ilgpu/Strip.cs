using System.Runtime.CompilerServices;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>A warp's sums of 16 rows and 32 columns on tensor cores: four fragments side by side, as <see cref="TensorCores.MultiplyAdd"/> holds them.</summary>
internal struct Strip
{
    public F4 C0, C1, C2, C3;

    /// <summary>s + a b over 16 of the inner dimension, or 8 in tf32.</summary>
    /// <param name="s">The sums so far.</param>
    /// <param name="a">16 rows.</param>
    /// <param name="left">The first 16 columns: two fragments of the right factor.</param>
    /// <param name="right">The last 16.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Strip Multiply<TFactor>(Strip s, U4 a, U4 left, U4 right)
        where TFactor : struct, IFactor
    {
        s.C0 = TFactor.MultiplyAdd(s.C0, a.X, a.Y, a.Z, a.W, left.X, left.Y);
        s.C1 = TFactor.MultiplyAdd(s.C1, a.X, a.Y, a.Z, a.W, left.Z, left.W);
        s.C2 = TFactor.MultiplyAdd(s.C2, a.X, a.Y, a.Z, a.W, right.X, right.Y);
        s.C3 = TFactor.MultiplyAdd(s.C3, a.X, a.Y, a.Z, a.W, right.Z, right.W);
        return s;
    }

    /// <summary>First word of a chunk of 16 bytes in shared memory, of rows of so many: chunks lie in an order that differs between neighbouring rows, so that neither stores nor ldmatrix meet in a bank.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Word(int chunks, int row, int chunk) => row * 4 * chunks + ((chunk ^ (chunks == 4 ? (row >> 1) & 3 : row & 7)) << 2);

    /// <summary>Eight floats in 16 bits each: a chunk of a row, or two fragments of sums (16 columns) as 16 of the inner dimension of a left factor.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U4 Round<TFactor>(F4 a, F4 b)
        where TFactor : struct, IFactor
    {
        U4 chunk;
        chunk.X = TFactor.Pack(a.X, a.Y);
        chunk.Y = TFactor.Pack(a.Z, a.W);
        chunk.Z = TFactor.Pack(b.X, b.Y);
        chunk.W = TFactor.Pack(b.Z, b.W);
        return chunk;
    }

    /// <summary>Four floats in a word each: a chunk of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U4 Round<TFactor>(F4 a)
        where TFactor : struct, IFactor
    {
        U4 chunk;
        chunk.X = TFactor.Pack(a.X, 0f);
        chunk.Y = TFactor.Pack(a.Y, 0f);
        chunk.Z = TFactor.Pack(a.Z, 0f);
        chunk.W = TFactor.Pack(a.W, 0f);
        return chunk;
    }
}
