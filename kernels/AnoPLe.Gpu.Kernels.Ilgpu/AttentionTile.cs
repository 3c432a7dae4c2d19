using System.Runtime.CompilerServices;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Sizes of an attention.</summary>
internal struct AttentionShape
{
    /// <summary>Tokens, width, heads, width of a head.</summary>
    public int T, C, H, D;

    /// <summary>Tiles of 32 tokens of one sequence.</summary>
    public int Tiles;

    /// <summary>1 for the causal mask; 1 when logSumExp is saved; 1 when all tensors may be moved in units of four floats.</summary>
    public int Causal, Save, Vector;

    /// <summary>1 / sqrt(D).</summary>
    public float Scale;
}

/// <summary>The widest head a kernel has room for, a multiple of 32 and a constant to the kernel compiler.</summary>
internal interface IHeadWidth
{
    static abstract int Chunks { get; }
}

internal struct Head32 : IHeadWidth
{
    public static int Chunks => 1;
}

internal struct Head64 : IHeadWidth
{
    public static int Chunks => 2;
}

internal struct Head128 : IHeadWidth
{
    public static int Chunks => 4;
}

/// <summary>A thread's share of 32 rows of a head: row i is row ty + 8i, block c its columns 32c + 4tx to 32c + 4tx + 3.</summary>
internal struct HeadRows
{
    public Block4 C0, C1, C2, C3;
}

/// <summary>
/// What the attention's kernels share: tiles of 32 tokens of one head in shared memory, worked on by 8 x 8 threads. A thread owns rows
/// ty + 8i of a product and columns tx + 8j (or four neighbouring channels), so that 16-byte loads from shared memory meet every bank once.
/// </summary>
internal static class AttentionTile
{
    /// <summary>Tokens of a tile.</summary>
    public const int Tokens = 32;

    /// <summary>Threads of a group in each direction.</summary>
    public const int Threads = 8;

    /// <summary>Row length of a tile of weights in units of four floats; one more than needed, against bank conflicts.</summary>
    public const int WeightStride = Tokens / 4 + 1;

    /// <summary>Refuses heads wider than the widest kernel.</summary>
    public static void RequireWidth(int D)
        => Require.That(D <= 128, $"Heads of {D} channels are wider than this backend's 128. Use more heads, or the cpu backend.");

    /// <summary>The sizes of one call.</summary>
    public static AttentionShape Shape(int T, int C, int heads, bool causal, bool vector) => new()
    {
        T = T, C = C, H = heads, D = C / heads, Tiles = (T + Tokens - 1) / Tokens, Causal = causal ? 1 : 0, Vector = vector ? 1 : 0,
        Scale = 1f / MathF.Sqrt(C / heads),
    };

    /// <summary>
    /// A head's quads first to end - 1 of 32 tokens to shared memory, zero beyond the sequence and beyond the head. Eight threads read a
    /// row. The head of token 0 begins at start, the next token's rowLength further.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Load(ArrayView<F4> tile, int stride, View x, ArrayView<F4> x4, AttentionShape shape, int start, int rowLength, int token0,
        int first, int end, float scale)
    {
        for (int row = Group.IdxY; row < Tokens; row += Threads)
        {
            int at = start + (token0 + row) * rowLength;
            for (int quad = first + Group.IdxX; quad < end; quad += Threads)
            {
                F4 v = default;
                if (token0 + row < shape.T)
                {
                    if (shape.Vector != 0)
                        v = x4[(at >> 2) + quad];
                    else
                        v = LoadQuad(x, at, 4 * quad, shape.D);
                }
                tile[row * stride + quad - first] = F4.Scale(scale, v);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F4 LoadQuad(View x, int at, int d, int D)
    {
        F4 v = default;
        v.X = x[at + d];
        if (d + 1 < D)
            v.Y = x[at + d + 1];
        if (d + 2 < D)
            v.Z = x[at + d + 2];
        if (d + 3 < D)
            v.W = x[at + d + 3];
        return v;
    }

    /// <summary>s + products of rows over so many quads. Row i: row ty + 8i of the first tile; column j: row tx + 8j of the second.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Block4 Scores(Block4 s, ArrayView<F4> rows, int rowStride, ArrayView<F4> columns, int columnStride, int quads)
    {
        int rowStep = Threads * rowStride, columnStep = Threads * columnStride;
        for (int quad = 0; quad < quads; quad++)
        {
            // Views that start at this thread's elements: what remains are constant offsets, free in an address.
            var q = rows.SubView(Group.IdxY * rowStride + quad);
            var k = columns.SubView(Group.IdxX * columnStride + quad);
            F4 k0 = k[0], k1 = k[columnStep], k2 = k[2 * columnStep], k3 = k[3 * columnStep];
            s.R0 = Dots(s.R0, q[0], k0, k1, k2, k3);
            s.R1 = Dots(s.R1, q[rowStep], k0, k1, k2, k3);
            s.R2 = Dots(s.R2, q[2 * rowStep], k0, k1, k2, k3);
            s.R3 = Dots(s.R3, q[3 * rowStep], k0, k1, k2, k3);
        }
        return s;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static F4 Dots(F4 s, F4 q, F4 k0, F4 k1, F4 k2, F4 k3)
        => F4.Of(F4.Dot(s.X, q, k0), F4.Dot(s.Y, q, k1), F4.Dot(s.Z, q, k2), F4.Dot(s.W, q, k3));

    /// <summary>A block of <see cref="Scores"/>' arrangement to a tile of 32 x 32 in shared memory.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreWeights(View weights, Block4 p)
    {
        int at = Group.IdxY * 4 * WeightStride + Group.IdxX, step = Threads * 4 * WeightStride;
        StoreWeightRow(weights, at, p.R0);
        StoreWeightRow(weights, at + step, p.R1);
        StoreWeightRow(weights, at + 2 * step, p.R2);
        StoreWeightRow(weights, at + 3 * step, p.R3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreWeightRow(View weights, int at, F4 p)
    {
        weights[at] = p.X;
        weights[at + Threads] = p.Y;
        weights[at + 2 * Threads] = p.Z;
        weights[at + 3 * Threads] = p.W;
    }

    /// <summary>Rows times factors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static HeadRows Rescale<THead>(HeadRows o, F4 factor)
        where THead : struct, IHeadWidth
    {
        o.C0 = Block4.ScaleRows(o.C0, factor);
        if (THead.Chunks > 1)
            o.C1 = Block4.ScaleRows(o.C1, factor);
        if (THead.Chunks > 2)
        {
            o.C2 = Block4.ScaleRows(o.C2, factor);
            o.C3 = Block4.ScaleRows(o.C3, factor);
        }
        return o;
    }

    /// <summary>O + P V for a tile of 32 x 32 weights P and 32 rows V, four of these at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static HeadRows AddProduct<THead>(HeadRows o, ArrayView<F4> weights, ArrayView<F4> values, int stride)
        where THead : struct, IHeadWidth
    {
        const int step = Threads * WeightStride;
        for (int four = 0; four < Tokens / 4; four++)
        {
            var p = weights.SubView(Group.IdxY * WeightStride + four);
            var v = values.SubView(4 * four * stride + Group.IdxX);
            F4 p0 = p[0], p1 = p[step], p2 = p[2 * step], p3 = p[3 * step];
            o = AddRow<THead>(o, F4.Of(p0.X, p1.X, p2.X, p3.X), v, 0);
            o = AddRow<THead>(o, F4.Of(p0.Y, p1.Y, p2.Y, p3.Y), v, stride);
            o = AddRow<THead>(o, F4.Of(p0.Z, p1.Z, p2.Z, p3.Z), v, 2 * stride);
            o = AddRow<THead>(o, F4.Of(p0.W, p1.W, p2.W, p3.W), v, 3 * stride);
        }
        return o;
    }

    // Columns beyond the head hold what was in shared memory before; they are computed along and never stored.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static HeadRows AddRow<THead>(HeadRows o, F4 p, ArrayView<F4> values, int at)
        where THead : struct, IHeadWidth
    {
        o.C0 = Block4.Outer(o.C0, p, values[at]);
        if (THead.Chunks > 1)
            o.C1 = Block4.Outer(o.C1, p, values[at + 8]);
        if (THead.Chunks > 2)
        {
            o.C2 = Block4.Outer(o.C2, p, values[at + 16]);
            o.C3 = Block4.Outer(o.C3, p, values[at + 24]);
        }
        return o;
    }

    /// <summary>The thread's four rows, the first of them token's; the head of token 0 begins at start, the next token's rowLength further.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<THead>(View y, ArrayView<F4> y4, AttentionShape shape, HeadRows o, int start, int rowLength, int token, int quads)
        where THead : struct, IHeadWidth
    {
        StoreBlock(y, y4, shape, o.C0, start, rowLength, token, Group.IdxX, quads);
        if (THead.Chunks > 1)
            StoreBlock(y, y4, shape, o.C1, start, rowLength, token, 8 + Group.IdxX, quads);
        if (THead.Chunks > 2)
        {
            StoreBlock(y, y4, shape, o.C2, start, rowLength, token, 16 + Group.IdxX, quads);
            StoreBlock(y, y4, shape, o.C3, start, rowLength, token, 24 + Group.IdxX, quads);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreBlock(View y, ArrayView<F4> y4, AttentionShape shape, Block4 o, int start, int rowLength, int token, int quad, int quads)
    {
        if (quad >= quads)
            return;
        StoreQuad(y, y4, shape, o.R0, start, rowLength, token, 4 * quad);
        StoreQuad(y, y4, shape, o.R1, start, rowLength, token + Threads, 4 * quad);
        StoreQuad(y, y4, shape, o.R2, start, rowLength, token + 2 * Threads, 4 * quad);
        StoreQuad(y, y4, shape, o.R3, start, rowLength, token + 3 * Threads, 4 * quad);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreQuad(View y, ArrayView<F4> y4, AttentionShape shape, F4 v, int start, int rowLength, int token, int d)
    {
        if (token >= shape.T)
            return;
        int at = start + token * rowLength + d;
        if (shape.Vector != 0)
        {
            y4[at >> 2] = v;
            return;
        }
        y[at] = v.X;
        if (d + 1 < shape.D)
            y[at + 1] = v.Y;
        if (d + 2 < shape.D)
            y[at + 2] = v.Z;
        if (d + 3 < shape.D)
            y[at + 3] = v.W;
    }
}
