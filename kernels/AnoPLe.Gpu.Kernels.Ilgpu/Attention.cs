using System.Runtime.CompilerServices;
using ILGPU.Algorithms;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Running results of the four queries of one thread.</summary>
internal struct AttentionState
{
    /// <summary>Unnormalised outputs.</summary>
    public HeadRows O;

    /// <summary>Largest score of each query so far, the same in all threads of a row.</summary>
    public F4 Max;

    /// <summary>Sum of exp(score - Max) over the keys this thread has seen.</summary>
    public F4 Sum;
}

/// <summary>
/// Fused attention with online softmax: a group of 8 x 8 threads takes 32 queries of one head and walks over tiles of 32 keys. A thread
/// computes the scores of 4 queries with 4 keys, then adds 4 queries' share of 4, 8 or 16 output columns; queries ty + 8i and keys
/// tx + 8j, so that 16-byte loads from shared memory meet every bank once. Keys and values take turns in one tile. No warp operation:
/// rows are reduced through shared memory, so the same source runs on every device.
/// </summary>
internal sealed partial class Attention(IlgpuBackend backend) : Ops.Attention(backend)
{
    private const int Tile = AttentionTile.Tokens, Threads = AttentionTile.Threads;

    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View qkv, ArrayView<F4> qkv4, View y, ArrayView<F4> y4, View logSumExp, AttentionShape shape);

    private readonly TensorAttention? tensorForward = backend.MatrixPrecision is MatrixPrecision.Bf16 or MatrixPrecision.Fp16 ? new(backend) : null;
    private readonly TensorAttentionBackward? tensorBackward = backend.MatrixPrecision is MatrixPrecision.Bf16 or MatrixPrecision.Fp16 ? new(backend) : null;
    private Launch? head32, head64, head128;

    protected override void ForwardCore(Tensor y, Tensor qkv, int heads, bool causal, Tensor? logSumExp)
    {
        int B = qkv.Shape[0], T = qkv.Shape[1], C = qkv.Width / 3, D = C / heads;
        AttentionTile.RequireWidth(D);
        var qkv4 = qkv.Quads(backend, D, out bool vectorIn);
        var y4 = y.Quads(backend, D, out bool vectorOut);
        var shape = AttentionTile.Shape(T, C, heads, causal, vectorIn && vectorOut);
        shape.Save = logSumExp is null ? 0 : 1;
        // Without logSumExp the kernel still needs a view to pass on; it does not write to it.
        View sums = (logSumExp ?? y).View(backend);
        if (tensorForward is not null)
        {
            tensorForward.Forward(y, qkv, sums, shape, B);
            return;
        }
        Launcher(D)(backend.Stream, new KernelConfig(new Index2D(shape.Tiles * heads * B, 1), new Index2D(Threads, Threads)),
            qkv.View(backend), qkv4, y.View(backend), y4, sums, shape);
    }

    private Launch Launcher(int D) => D switch
    {
        <= 32 => head32 ??= backend.Load<Launch>(nameof(Attention), ForwardKernel<Head32>),
        <= 64 => head64 ??= backend.Load<Launch>(nameof(Attention), ForwardKernel<Head64>),
        _ => head128 ??= backend.Load<Launch>(nameof(Attention), ForwardKernel<Head128>),
    };

    // One group per tile of queries of every head of every sequence.
    [Kernel(typeof(Head32), Hot = true)]
    [Kernel(typeof(Head64), Hot = true)]
    [Kernel(typeof(Head128), Hot = true)]
    private static void ForwardKernel<THead>(View qkv, ArrayView<F4> qkv4, View y, ArrayView<F4> y4, View logSumExp, AttentionShape shape)
        where THead : struct, IHeadWidth
    {
        // Rows of 32*Chunks + 4 floats: the extra four shift neighbouring rows by one 16-byte bank group. One allocation, because the
        // simulator makes the whole group wait for each.
        int stride = 8 * THead.Chunks + 1, quads = (shape.D + 3) / 4;
        var queries = SharedMemory.Allocate<F4>(Tile * (2 * (8 * THead.Chunks + 1) + AttentionTile.WeightStride + Threads / 4));
        var keys = queries.SubView(Tile * stride);
        var probabilities = queries.SubView(2 * Tile * stride);
        var rows = queries.SubView(Tile * (2 * stride + AttentionTile.WeightStride));

        int head = Grid.IdxX / shape.Tiles, query0 = (Grid.IdxX - head * shape.Tiles) * Tile;
        int b = head / shape.H, h = head - b * shape.H, start = b * shape.T * 3 * shape.C + h * shape.D;      // q of token 0
        int tiles = shape.Causal != 0 ? query0 / Tile + 1 : shape.Tiles;

        AttentionTile.Load(queries, stride, qkv, qkv4, shape, start, 3 * shape.C, query0, 0, quads, shape.Scale);
        AttentionState state = default;
        state.Max = F4.Of(float.NegativeInfinity, float.NegativeInfinity, float.NegativeInfinity, float.NegativeInfinity);
        for (int tile = 0; tile < tiles; tile++)
        {
            int key0 = tile * Tile;
            AttentionTile.Load(keys, stride, qkv, qkv4, shape, start + shape.C, 3 * shape.C, key0, 0, quads, 1f);
            Local.Barrier();
            var s = Mask(AttentionTile.Scores(default, queries, stride, keys, stride, quads), shape, query0, key0);
            F4 max = RowMax(rows, s, state.Max);
            // RowMax ended the reading of the keys in every thread: the values may take their place.
            AttentionTile.Load(keys, stride, qkv, qkv4, shape, start + 2 * shape.C, 3 * shape.C, key0, 0, quads, 1f);
            F4 factor = F4.Of(XMath.Exp(state.Max.X - max.X), XMath.Exp(state.Max.Y - max.Y), XMath.Exp(state.Max.Z - max.Z),
                XMath.Exp(state.Max.W - max.W));
            s = Exponentials(s, max);
            AttentionTile.StoreWeights(probabilities.Cast<float>(), s);
            state.Sum = F4.Of(state.Sum.X * factor.X + RowSum(s.R0), state.Sum.Y * factor.Y + RowSum(s.R1),
                state.Sum.Z * factor.Z + RowSum(s.R2), state.Sum.W * factor.W + RowSum(s.R3));
            state.Max = max;
            Local.Barrier();
            state.O = AttentionTile.AddProduct<THead>(AttentionTile.Rescale<THead>(state.O, factor), probabilities, keys, stride);
            Local.Barrier();
        }
        Finish<THead>(y, y4, logSumExp, rows, shape, state, b, h, query0, quads);
    }

    /// <summary>Minus infinity for keys beyond the sequence and, with the causal mask, after the query. Key 0 stays, so no row is empty.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Block4 Mask(Block4 s, AttentionShape shape, int query0, int key0)
    {
        int key = key0 + Group.IdxX, query = query0 + Group.IdxY, last = shape.T - 1;
        bool causal = shape.Causal != 0;
        s.R0 = MaskRow(s.R0, key, causal ? XMath.Min(query, last) : last);
        s.R1 = MaskRow(s.R1, key, causal ? XMath.Min(query + Threads, last) : last);
        s.R2 = MaskRow(s.R2, key, causal ? XMath.Min(query + 2 * Threads, last) : last);
        s.R3 = MaskRow(s.R3, key, causal ? XMath.Min(query + 3 * Threads, last) : last);
        return s;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static F4 MaskRow(F4 s, int key, int last)
        => F4.Of(key <= last ? s.X : float.NegativeInfinity, key + Threads <= last ? s.Y : float.NegativeInfinity,
            key + 2 * Threads <= last ? s.Z : float.NegativeInfinity, key + 3 * Threads <= last ? s.W : float.NegativeInfinity);

    /// <summary>The largest score of each of the thread's four queries, over this tile and before. Contains one barrier.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static F4 RowMax(ArrayView<F4> rows, Block4 s, F4 before)
    {
        StoreRows(rows.Cast<float>(), F4.Of(Largest(s.R0), Largest(s.R1), Largest(s.R2), Largest(s.R3)));
        Local.Barrier();
        int at = Group.IdxY * (Threads / 4), step = Threads * Threads / 4;
        return F4.Of(XMath.Max(before.X, XMath.Max(Largest(rows[at]), Largest(rows[at + 1]))),
            XMath.Max(before.Y, XMath.Max(Largest(rows[at + step]), Largest(rows[at + step + 1]))),
            XMath.Max(before.Z, XMath.Max(Largest(rows[at + 2 * step]), Largest(rows[at + 2 * step + 1]))),
            XMath.Max(before.W, XMath.Max(Largest(rows[at + 3 * step]), Largest(rows[at + 3 * step + 1]))));
    }

    /// <summary>One value per query to its row of eight, the thread's place in it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreRows(View rows, F4 values)
    {
        int at = Group.IdxY * Threads + Group.IdxX, step = Threads * Threads;
        rows[at] = values.X;
        rows[at + step] = values.Y;
        rows[at + 2 * step] = values.Z;
        rows[at + 3 * step] = values.W;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Largest(F4 v) => XMath.Max(XMath.Max(v.X, v.Y), XMath.Max(v.Z, v.W));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float RowSum(F4 v) => (v.X + v.Y) + (v.Z + v.W);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Block4 Exponentials(Block4 s, F4 max)
    {
        s.R0 = Exponential(s.R0, max.X);
        s.R1 = Exponential(s.R1, max.Y);
        s.R2 = Exponential(s.R2, max.Z);
        s.R3 = Exponential(s.R3, max.W);
        return s;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static F4 Exponential(F4 s, float max)
        => F4.Of(XMath.Exp(s.X - max), XMath.Exp(s.Y - max), XMath.Exp(s.Z - max), XMath.Exp(s.W - max));

    /// <summary>Sums the threads' shares of every row's sum, normalises and stores.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish<THead>(View y, ArrayView<F4> y4, View logSumExp, ArrayView<F4> rows, AttentionShape shape, AttentionState state, int b,
        int h, int query0, int quads)
        where THead : struct, IHeadWidth
    {
        StoreRows(rows.Cast<float>(), state.Sum);
        Local.Barrier();
        int at = Group.IdxY * (Threads / 4), step = Threads * Threads / 4;
        F4 sum = F4.Of(RowSum(F4.Add(rows[at], rows[at + 1])), RowSum(F4.Add(rows[at + step], rows[at + step + 1])),
            RowSum(F4.Add(rows[at + 2 * step], rows[at + 2 * step + 1])), RowSum(F4.Add(rows[at + 3 * step], rows[at + 3 * step + 1])));
        F4 inverse = F4.Of(1f / sum.X, 1f / sum.Y, 1f / sum.Z, 1f / sum.W);
        int query = query0 + Group.IdxY;
        AttentionTile.Store<THead>(y, y4, shape, AttentionTile.Rescale<THead>(state.O, inverse), b * shape.T * shape.C + h * shape.D, shape.C, query, quads);
        if (shape.Save != 0 && Group.IdxX == 0)
        {
            int save = (b * shape.H + h) * shape.T + query;
            if (query < shape.T)
                logSumExp[save] = state.Max.X + XMath.Log(sum.X);
            if (query + Threads < shape.T)
                logSumExp[save + Threads] = state.Max.Y + XMath.Log(sum.Y);
            if (query + 2 * Threads < shape.T)
                logSumExp[save + 2 * Threads] = state.Max.Z + XMath.Log(sum.Z);
            if (query + 3 * Threads < shape.T)
                logSumExp[save + 3 * Threads] = state.Max.W + XMath.Log(sum.W);
        }
    }
}
