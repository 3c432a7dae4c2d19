using System.Runtime.CompilerServices;
using ILGPU.Algorithms;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>
/// Attention's forward on tensor cores: queries, keys, values and weights rounded to bf16 or fp16, scores, sums and the softmax in fp32. A group of four warps takes 64 queries of
/// one head, a warp 16 of them, and walks over tiles of 32 keys. The scores stay in registers, where a warp's sums have the layout that it needs of a left
/// factor: so they become the weights of the second product without leaving the thread. Rows in shared memory are swizzled against bank conflicts.
/// Source: FlashAttention-2, arXiv 2307.08691, algorithm 1.
/// </summary>
internal sealed class TensorAttention(IlgpuBackend backend)
{
    private const int Queries = 64, Keys = 32, Threads = 128;

    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View qkv, ArrayView<F4> qkv4, View y, AttentionShape shape);

    private Launch? head32, head64, head128;

    /// <summary>y = softmax(q k^T / sqrt D) v for every head of every sequence.</summary>
    public void Forward(View qkv, ArrayView<F4> qkv4, View y, AttentionShape shape, int batch)
    {
        shape.Tiles = TileChoice.Tiles(Queries, shape.T);
        Launcher(shape.D)(backend.Stream, new KernelConfig(new Index2D(shape.Tiles * shape.H * batch, 1), new Index2D(Threads, 1)), qkv, qkv4, y, shape);
    }

    private Launch Launcher(int D) => D switch
    {
        <= 32 => head32 ??= Load<Head32>(),
        <= 64 => head64 ??= Load<Head64>(),
        _ => head128 ??= Load<Head128>(),
    };

    private Launch Load<THead>()
        where THead : struct, IHeadWidth
        => backend.Load<Launch>(nameof(Attention), backend.MatrixPrecision == MatrixPrecision.Fp16 ? ForwardKernel<THead, Fp16> : ForwardKernel<THead, Bf16>);

    /// <summary>Unnormalised outputs of a warp's 16 queries, 32 channels a strip.</summary>
    private struct HeadStrips
    {
        public Strip S0, S1, S2, S3;
    }

    /// <summary>A value for each of the two queries whose sums a thread holds: rows g and g + 8 of its warp's 16.</summary>
    private struct Rows
    {
        public float First, Second;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Rows Of(float first, float second)
        {
            Rows rows;
            rows.First = first;
            rows.Second = second;
            return rows;
        }
    }

    // One group per tile of queries of every head of every sequence.
    [Kernel(typeof(Head32), typeof(Bf16), Hot = true, Tensor = true)]
    [Kernel(typeof(Head64), typeof(Bf16), Hot = true, Tensor = true)]
    [Kernel(typeof(Head128), typeof(Bf16), Hot = true, Tensor = true)]
    [Kernel(typeof(Head32), typeof(Fp16), Hot = true, Tensor = true)]
    [Kernel(typeof(Head64), typeof(Fp16), Hot = true, Tensor = true)]
    [Kernel(typeof(Head128), typeof(Fp16), Hot = true, Tensor = true)]
    private static void ForwardKernel<THead, THalf>(View qkv, ArrayView<F4> qkv4, View y, AttentionShape shape)
        where THead : struct, IHeadWidth
        where THalf : struct, IHalf
    {
        int rowWords = 16 * THead.Chunks, keys = Queries * rowWords, values = keys + Keys * rowWords;
        var shared = SharedMemory.Allocate<uint>((Queries + 2 * Keys) * 16 * THead.Chunks);
        int head = Grid.IdxX / shape.Tiles, query0 = (Grid.IdxX - head * shape.Tiles) * Queries;
        int b = head / shape.H, h = head - b * shape.H, start = b * shape.T * 3 * shape.C + h * shape.D; // q of token 0
        int lane = Group.IdxX & 31, warpRow = Group.IdxX >> 5 << 4, query = query0 + warpRow + (lane >> 2);
        int keyEnd = shape.Causal != 0 ? XMath.Min(query0 + Queries, shape.T) : shape.T;
        // The rows that this thread names when its warp loads matrices: of queries, of keys, and of values, which are loaded transposed.
        int queryRow = warpRow + (lane & 15), queryChunk = lane >> 4, keyRow = (lane & 7) + ((lane >> 4) << 3), keyChunk = (lane >> 3) & 1;
        int valueRow = lane & 15, valueChunk = lane >> 4;

        Load<THead, THalf>(shared, 0, Queries, qkv, qkv4, shape, start, query0);
        HeadStrips o = default;
        Rows max = Rows.Of(float.NegativeInfinity, float.NegativeInfinity), sum = default;
        for (int key0 = 0; key0 < keyEnd; key0 += Keys)
        {
            Local.Barrier(); // nobody reads the tile before any more
            Load<THead, THalf>(shared, keys, Keys, qkv, qkv4, shape, start + shape.C, key0);
            Load<THead, THalf>(shared, values, Keys, qkv, qkv4, shape, start + 2 * shape.C, key0);
            Local.Barrier();
            Strip s = default;
            for (int chunk = 0; chunk < 4 * THead.Chunks; chunk += 2)
                s = Strip.Multiply<THalf>(s, TensorCores.LoadMatrices(ref shared[0], Word<THead>(queryRow, chunk + queryChunk)),
                    TensorCores.LoadMatrices(ref shared[0], keys + Word<THead>(keyRow, chunk + keyChunk)),
                    TensorCores.LoadMatrices(ref shared[0], keys + Word<THead>(keyRow + 16, chunk + keyChunk)));
            s = Mask(s, shape, query, key0 + 2 * (lane & 3));
            Rows next = Rows.Of(XMath.Max(max.First, LargestOfQuad(XMath.Max(XMath.Max(s.C0.X, s.C0.Y), XMath.Max(XMath.Max(s.C1.X, s.C1.Y), XMath.Max(XMath.Max(s.C2.X, s.C2.Y), XMath.Max(s.C3.X, s.C3.Y)))))),
                XMath.Max(max.Second, LargestOfQuad(XMath.Max(XMath.Max(s.C0.Z, s.C0.W), XMath.Max(XMath.Max(s.C1.Z, s.C1.W), XMath.Max(XMath.Max(s.C2.Z, s.C2.W), XMath.Max(s.C3.Z, s.C3.W)))))));
            Rows factor = Rows.Of(XMath.Exp(max.First - next.First), XMath.Exp(max.Second - next.Second));
            max = next;
            s.C0 = Exponential(s.C0, max);
            s.C1 = Exponential(s.C1, max);
            s.C2 = Exponential(s.C2, max);
            s.C3 = Exponential(s.C3, max);
            sum = Rows.Of(sum.First * factor.First + ((s.C0.X + s.C0.Y) + (s.C1.X + s.C1.Y)) + ((s.C2.X + s.C2.Y) + (s.C3.X + s.C3.Y)),
                sum.Second * factor.Second + ((s.C0.Z + s.C0.W) + (s.C1.Z + s.C1.W)) + ((s.C2.Z + s.C2.W) + (s.C3.Z + s.C3.W)));
            U4 left = Weights<THalf>(s.C0, s.C1), right = Weights<THalf>(s.C2, s.C3);
            o.S0 = AddValues<THead, THalf>(o.S0, factor, left, right, shared, values, valueRow, valueChunk);
            if (THead.Chunks > 1)
                o.S1 = AddValues<THead, THalf>(o.S1, factor, left, right, shared, values, valueRow, valueChunk + 4);
            if (THead.Chunks > 2)
            {
                o.S2 = AddValues<THead, THalf>(o.S2, factor, left, right, shared, values, valueRow, valueChunk + 8);
                o.S3 = AddValues<THead, THalf>(o.S3, factor, left, right, shared, values, valueRow, valueChunk + 12);
            }
        }
        Rows inverse = Rows.Of(1f / SumOfQuad(sum.First), 1f / SumOfQuad(sum.Second));
        int target = b * shape.T * shape.C + h * shape.D, channel = 2 * (lane & 3);
        Store(y, shape, target, query, channel, o.S0, inverse);
        if (THead.Chunks > 1)
            Store(y, shape, target, query, channel + 32, o.S1, inverse);
        if (THead.Chunks > 2)
        {
            Store(y, shape, target, query, channel + 64, o.S2, inverse);
            Store(y, shape, target, query, channel + 96, o.S3, inverse);
        }
    }

    /// <summary>First word of a chunk of 16 bytes of a row: chunks lie in an order that differs between neighbouring rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Word<THead>(int row, int chunk)
        where THead : struct, IHeadWidth => row * 16 * THead.Chunks + ((chunk ^ (THead.Chunks == 1 ? (row >> 1) & 3 : row & 7)) << 2);

    /// <summary>Rows of a head to shared memory in 16 bits, zeros beyond the sequence and beyond the head.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Load<THead, THalf>(ArrayView<uint> shared, int first, int rows, View x, ArrayView<F4> x4, AttentionShape shape, int start, int token0)
        where THead : struct, IHeadWidth
        where THalf : struct, IHalf
    {
        var chunks = shared.Cast<U4>();
        for (int i = Group.IdxX; i < rows * 4 * THead.Chunks; i += Threads)
        {
            int row = i / (4 * THead.Chunks), chunk = i - row * 4 * THead.Chunks, d = 8 * chunk, at = start + (token0 + row) * 3 * shape.C;
            F4 a = default, b = default;
            if (token0 + row < shape.T && d < shape.D)
            {
                a = shape.Vector != 0 ? x4[(at >> 2) + 2 * chunk] : AttentionTile.LoadQuad(x, at, d, shape.D);
                if (d + 4 < shape.D)
                    b = shape.Vector != 0 ? x4[(at >> 2) + 2 * chunk + 1] : AttentionTile.LoadQuad(x, at, d + 4, shape.D);
            }
            chunks[(first + Word<THead>(row, chunk)) >> 2] = Strip.Round<THalf>(a, b);
        }
    }

    /// <summary>Scales the scores; minus infinity for keys beyond the sequence and, with the causal mask, after the query. Key 0 stays, so no row is empty.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Strip Mask(Strip s, AttentionShape shape, int query, int key)
    {
        int last = shape.T - 1;
        bool causal = shape.Causal != 0;
        int first = causal ? XMath.Min(query, last) : last, second = causal ? XMath.Min(query + 8, last) : last;
        s.C0 = MaskFragment(s.C0, shape.Scale, key, first, second);
        s.C1 = MaskFragment(s.C1, shape.Scale, key + 8, first, second);
        s.C2 = MaskFragment(s.C2, shape.Scale, key + 16, first, second);
        s.C3 = MaskFragment(s.C3, shape.Scale, key + 24, first, second);
        return s;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static F4 MaskFragment(F4 s, float scale, int key, int first, int second) => F4.Of(
        key <= first ? s.X * scale : float.NegativeInfinity, key + 1 <= first ? s.Y * scale : float.NegativeInfinity,
        key <= second ? s.Z * scale : float.NegativeInfinity, key + 1 <= second ? s.W * scale : float.NegativeInfinity);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static F4 Exponential(F4 s, Rows max) => F4.Of(XMath.Exp(s.X - max.First), XMath.Exp(s.Y - max.First), XMath.Exp(s.Z - max.Second), XMath.Exp(s.W - max.Second));

    // The four threads of a quad hold the columns of the same two rows.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float LargestOfQuad(float value)
    {
        value = XMath.Max(value, Warp.ShuffleXor(value, 1));
        return XMath.Max(value, Warp.ShuffleXor(value, 2));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float SumOfQuad(float value)
    {
        value += Warp.ShuffleXor(value, 1);
        return value + Warp.ShuffleXor(value, 2);
    }

    /// <summary>Two fragments of sums, 16 columns, as 16 of the inner dimension of a left factor.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static U4 Weights<THalf>(F4 a, F4 b)
        where THalf : struct, IHalf
    {
        U4 weights;
        weights.X = THalf.Pack(a.X, a.Y);
        weights.Y = THalf.Pack(a.Z, a.W);
        weights.Z = THalf.Pack(b.X, b.Y);
        weights.W = THalf.Pack(b.Z, b.W);
        return weights;
    }

    /// <summary>factor o + P V for 32 channels and a tile of 32 keys.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Strip AddValues<THead, THalf>(Strip o, Rows factor, U4 left, U4 right, ArrayView<uint> shared, int values, int row, int chunk)
        where THead : struct, IHeadWidth
        where THalf : struct, IHalf
    {
        o.C0 = Scaled(o.C0, factor);
        o.C1 = Scaled(o.C1, factor);
        o.C2 = Scaled(o.C2, factor);
        o.C3 = Scaled(o.C3, factor);
        o = Strip.Multiply<THalf>(o, left, TensorCores.LoadMatricesTransposed(ref shared[0], values + Word<THead>(row, chunk)),
            TensorCores.LoadMatricesTransposed(ref shared[0], values + Word<THead>(row, chunk + 2)));
        return Strip.Multiply<THalf>(o, right, TensorCores.LoadMatricesTransposed(ref shared[0], values + Word<THead>(row + 16, chunk)),
            TensorCores.LoadMatricesTransposed(ref shared[0], values + Word<THead>(row + 16, chunk + 2)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static F4 Scaled(F4 o, Rows factor) => F4.Of(o.X * factor.First, o.Y * factor.First, o.Z * factor.Second, o.W * factor.Second);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(View y, AttentionShape shape, int start, int query, int channel, Strip o, Rows inverse)
    {
        StoreFragment(y, shape, start, query, channel, Scaled(o.C0, inverse));
        StoreFragment(y, shape, start, query, channel + 8, Scaled(o.C1, inverse));
        StoreFragment(y, shape, start, query, channel + 16, Scaled(o.C2, inverse));
        StoreFragment(y, shape, start, query, channel + 24, Scaled(o.C3, inverse));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreFragment(View y, AttentionShape shape, int start, int query, int channel, F4 o)
    {
        if (query < shape.T)
            StorePair(y, shape, start + query * shape.C, channel, o.X, o.Y);
        if (query + 8 < shape.T)
            StorePair(y, shape, start + (query + 8) * shape.C, channel, o.Z, o.W);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StorePair(View y, AttentionShape shape, int row, int channel, float left, float right)
    {
        if (channel < shape.D)
            y[row + channel] = left;
        if (channel + 1 < shape.D)
            y[row + channel + 1] = right;
    }
}
