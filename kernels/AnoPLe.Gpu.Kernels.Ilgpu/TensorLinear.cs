using System.Runtime.CompilerServices;
using ILGPU.Algorithms;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>
/// Linear's product on tensor cores: both factors rounded to bf16, fp16 or tf32, sums in fp32. A group of 8 warps owns a tile of 128 x 128, a warp 64 x 32 of it. Slices
/// of the inner dimension, 32 of 16 bits or 16 of tf32, pass through three stages of shared memory: the weights by asynchronous copies, and so the rows of x where they are
/// rounded already; where they are floats they come through registers. Rows of 64 bytes are swizzled, so that neither the copies nor ldmatrix meet in a bank.
/// </summary>
internal sealed class TensorLinear(IlgpuBackend backend)
{
    /// <summary>Rows and columns of a tile.</summary>
    public const int Side = 128;

    private const int RowWords = 16, FactorWords = Side * RowWords, StageWords = 2 * FactorWords, Stages = 3;

    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View x, ArrayView<F4> x4, ArrayView<uint> x16, RowLayout layout, ArrayView<uint> w, View bias, View y, ArrayView<uint> y16, ProductShape shape);

    private delegate void LaunchRound(AcceleratorStream stream, KernelConfig config, View matrix, ArrayView<uint> rounded, int inner, int outer, int columns, int words);

    // By activation, of floats and of halves.
    private readonly Launch?[] launchers = new Launch?[6];
    private Launch? patches;
    private LaunchRound? round;

    /// <summary>Words of a rounded matrix, [columns padded][inner padded to slices].</summary>
    public static int RoundedWords(PackedWeights weights) => weights.PaddedColumns * Slices(weights) * RowWords;

    /// <summary>Rounds a matrix of padded columns, transposed; what lies in its padding is not read.</summary>
    public void Round(PackedWeights weights, View values)
    {
        round ??= backend.Load<LaunchRound>(nameof(Linear), backend.MatrixPrecision switch
        {
            MatrixPrecision.Tf32 => RoundKernel<Tf32>,
            MatrixPrecision.Fp16 => RoundKernel<Fp16>,
            _ => RoundKernel<Bf16>,
        });
        round(backend.Stream, ElementGroups.Config(backend, RoundedWords(weights)), values, weights.Rounded, weights.InFeatures, weights.OutFeatures, weights.PaddedColumns,
            Slices(weights) * RowWords);
    }

    /// <summary>y = act(x W^T + b), or y += x W^T + b.</summary>
    public void Forward(Tensor y, Tensor x, RowLayout layout, PackedWeights w, ProductShape shape, Ops.Activation activation)
    {
        bool half = x.Type == ElementType.Half;
        Launch launch = launchers[(int)activation + (half ? 3 : 0)] ??= (backend.MatrixPrecision, half) switch
        {
            (MatrixPrecision.Tf32, _) => Load<Tf32, Floats>(activation),
            (MatrixPrecision.Fp16, false) => Load<Fp16, Floats>(activation),
            (MatrixPrecision.Fp16, true) => Load<Fp16, Halves>(activation),
            (_, false) => Load<Bf16, Floats>(activation),
            _ => Load<Bf16, Halves>(activation),
        };
        launch(backend.Stream, Config(layout.M, shape.N), x.View(backend),
            x.Quads(backend, layout.K, out _), x.Pairs(backend), layout, w.Rounded, w.Bias.Cast<float>(), y.View(backend), y.Pairs(backend), shape);
    }

    // Slices of the inner dimension; the weights are padded to whole ones.
    private static int Slices(PackedWeights weights) => TileChoice.Tiles(weights.Precision == MatrixPrecision.Tf32 ? SliceOf<Tf32>() : SliceOf<Bf16>(), weights.InFeatures);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int SliceOf<TFactor>()
        where TFactor : struct, IFactor
        => RowWords * TFactor.PerWord;

    /// <summary>Tokens 1 on of every sequence of x: their patch of the image times W^T, plus their position.</summary>
    public void Patches(Tensor x, Tensor images, RowLayout layout, PackedWeights w, Tensor positions)
    {
        patches ??= backend.Load<Launch>(nameof(PatchEmbedding), backend.MatrixPrecision switch
        {
            MatrixPrecision.Tf32 => ForwardKernel<Identity, Tf32, Patches>,
            MatrixPrecision.Fp16 => ForwardKernel<Identity, Fp16, Patches>,
            _ => ForwardKernel<Identity, Bf16, Patches>,
        });
        patches(backend.Stream, Config(layout.M, w.OutFeatures), images.View(backend), images.Quads(backend, layout.Size, out _), default, layout, w.Rounded, positions.View(backend),
            x.View(backend), default, new() { N = w.OutFeatures, Tokens = x.Shape[1] });
    }

    private static KernelConfig Config(int rows, int columns) => new(new Index2D(TileChoice.Tiles(Side, rows), TileChoice.Tiles(Side, columns)), new Index2D(256, 1));

    private Launch Load<TFactor, TInput>(Ops.Activation activation)
        where TFactor : struct, IFactor
        where TInput : struct, IStorage
        => activation switch
        {
            Ops.Activation.Gelu => backend.Load<Launch>(nameof(Linear), ForwardKernel<Gelu, TFactor, TInput>),
            Ops.Activation.QuickGelu => backend.Load<Launch>(nameof(Linear), ForwardKernel<QuickGelu, TFactor, TInput>),
            _ => backend.Load<Launch>(nameof(Linear), ForwardKernel<Identity, TFactor, TInput>),
        };

    // rounded[column][word] = (w[k][column], w[k + 1][column]) of 16 bits with k = 2 word, or w[word][column]; zeros in the padding.
    [Kernel(typeof(Bf16))]
    [Kernel(typeof(Fp16))]
    [Kernel(typeof(Tf32))]
    private static void RoundKernel<TFactor>(View matrix, ArrayView<uint> rounded, int inner, int outer, int columns, int words)
        where TFactor : struct, IFactor
    {
        int i = ElementGroups.Element;
        if (i >= columns * words)
            return;
        int column = i / words, k = i % words * TFactor.PerWord;
        float low = k < inner && column < outer ? matrix[k * columns + column] : 0f, high = k + 1 < inner && column < outer ? matrix[(k + 1) * columns + column] : 0f;
        rounded[i] = TFactor.Pack(low, high);
    }

    /// <summary>Sums of a warp's 64 rows and 32 columns.</summary>
    private struct WarpTile
    {
        public Strip S0, S1, S2, S3;
    }

    /// <summary>Two chunks of one row of x on their way to shared memory: sixteen values, or eight in A and B.</summary>
    private struct RowPart
    {
        public F4 A, B, C, D;
    }

    // Group (x, y) owns rows x*128 and columns y*128 on.
    [Kernel(typeof(Identity), typeof(Bf16), typeof(Floats), Hot = true, Tensor = true)]
    [Kernel(typeof(Identity), typeof(Bf16), typeof(Patches), Hot = true, Tensor = true)]
    [Kernel(typeof(Identity), typeof(Bf16), typeof(Halves), Hot = true, Tensor = true)]
    [Kernel(typeof(Gelu), typeof(Bf16), typeof(Floats), Hot = true, Tensor = true)]
    [Kernel(typeof(Gelu), typeof(Bf16), typeof(Halves), Hot = true, Tensor = true)]
    [Kernel(typeof(QuickGelu), typeof(Bf16), typeof(Floats), Hot = true, Tensor = true)]
    [Kernel(typeof(QuickGelu), typeof(Bf16), typeof(Halves), Hot = true, Tensor = true)]
    [Kernel(typeof(Identity), typeof(Fp16), typeof(Floats), Hot = true, Tensor = true)]
    [Kernel(typeof(Identity), typeof(Fp16), typeof(Patches), Hot = true, Tensor = true)]
    [Kernel(typeof(Identity), typeof(Fp16), typeof(Halves), Hot = true, Tensor = true)]
    [Kernel(typeof(Gelu), typeof(Fp16), typeof(Floats), Hot = true, Tensor = true)]
    [Kernel(typeof(Gelu), typeof(Fp16), typeof(Halves), Hot = true, Tensor = true)]
    [Kernel(typeof(QuickGelu), typeof(Fp16), typeof(Floats), Hot = true, Tensor = true)]
    [Kernel(typeof(QuickGelu), typeof(Fp16), typeof(Halves), Hot = true, Tensor = true)]
    [Kernel(typeof(Identity), typeof(Tf32), typeof(Floats), Hot = true, Tensor = true)]
    [Kernel(typeof(Identity), typeof(Tf32), typeof(Patches), Hot = true, Tensor = true)]
    [Kernel(typeof(Gelu), typeof(Tf32), typeof(Floats), Hot = true, Tensor = true)]
    [Kernel(typeof(QuickGelu), typeof(Tf32), typeof(Floats), Hot = true, Tensor = true)]
    private static void ForwardKernel<TEpilogue, TFactor, TInput>(View x, ArrayView<F4> x4, ArrayView<uint> x16, RowLayout layout, ArrayView<uint> w, View bias, View y, ArrayView<uint> y16,
        ProductShape shape)
        where TEpilogue : struct, IEpilogue
        where TFactor : struct, IFactor
        where TInput : struct, IStorage
    {
        var shared = SharedMemory.Allocate<uint>(Stages * StageWords);
        int thread = Group.IdxX, lane = thread & 31, warp = thread >> 5, row0 = Grid.IdxX * Side, column0 = Grid.IdxY * Side;
        int sliceLength = SliceOf<TFactor>(), slices = (layout.K + sliceLength - 1) / sliceLength, wordsPerColumn = slices * RowWords;
        // A thread brings two chunks of the weights, and of x half a row of floats, or two chunks of what is rounded already.
        int partRow = thread >> 1, partChunk = (thread & 1) * 2, partK = partChunk * 4 * TFactor.PerWord, copyRow = thread >> 2, copyChunk = thread & 3;
        int partWord = Swizzle(partRow, partChunk), partWord2 = Swizzle(partRow, partChunk + 1);
        int copyWord = FactorWords + Swizzle(copyRow, copyChunk), copyWord2 = FactorWords + Swizzle(copyRow + 64, copyChunk);
        int copyFrom = (column0 + copyRow) * wordsPerColumn + copyChunk * 4, copyFrom2 = copyFrom + 64 * wordsPerColumn;
        // Rows beyond the last are read as the last; their sums are not stored.
        int rowFrom = XMath.Min(row0 + copyRow, layout.M - 1) * (layout.K >> 1) + copyChunk * 4, rowFrom2 = XMath.Min(row0 + copyRow + 64, layout.M - 1) * (layout.K >> 1) + copyChunk * 4;
        // The warp's 64 rows and 32 columns, and where this thread's rows for ldmatrix begin.
        int warpRow = (warp & 1) * 64, warpColumn = (warp >> 1) * 32;
        int aRow = warpRow + (lane & 15), aChunk = lane >> 4, bRow = warpColumn + (lane & 7) + ((lane >> 4) << 3), bChunk = (lane >> 3) & 1;
        int a0 = Swizzle(aRow, aChunk), a1 = Swizzle(aRow, aChunk + 2), b0 = FactorWords + Swizzle(bRow, bChunk), b1 = FactorWords + Swizzle(bRow, bChunk + 2);

        WarpTile sums = default;
        for (int slice = 0; slice < 2; slice++)
        {
            if (slice < slices)
            {
                TensorCores.CopyAsync(ref shared[0], slice * StageWords + copyWord, ref w[0], copyFrom + slice * RowWords);
                TensorCores.CopyAsync(ref shared[0], slice * StageWords + copyWord2, ref w[0], copyFrom2 + slice * RowWords);
                if (TInput.IsHalf)
                {
                    TensorCores.CopyAsync(ref shared[0], slice * StageWords + copyWord - FactorWords, ref x16[0], rowFrom + slice * RowWords);
                    TensorCores.CopyAsync(ref shared[0], slice * StageWords + copyWord2 - FactorWords, ref x16[0], rowFrom2 + slice * RowWords);
                }
                else
                {
                    Store<TFactor>(shared, slice * StageWords, partWord, partWord2, LoadPart<TFactor, TInput>(x, x4, layout, row0 + partRow, slice * sliceLength + partK));
                }
            }
            TensorCores.Commit();
        }
        int stage = 0, next = 2 * StageWords;
        for (int slice = 0; slice < slices; slice++)
        {
            // After the barrier everyone's copies of this slice are there, and nobody reads the stage of the slice before, which is filled next.
            TensorCores.WaitAllButOne();
            Local.Barrier();
            bool more = slice + 2 < slices;
            RowPart part = default;
            if (more)
            {
                TensorCores.CopyAsync(ref shared[0], next + copyWord, ref w[0], copyFrom + (slice + 2) * RowWords);
                TensorCores.CopyAsync(ref shared[0], next + copyWord2, ref w[0], copyFrom2 + (slice + 2) * RowWords);
                if (TInput.IsHalf)
                {
                    TensorCores.CopyAsync(ref shared[0], next + copyWord - FactorWords, ref x16[0], rowFrom + (slice + 2) * RowWords);
                    TensorCores.CopyAsync(ref shared[0], next + copyWord2 - FactorWords, ref x16[0], rowFrom2 + (slice + 2) * RowWords);
                }
                else
                {
                    part = LoadPart<TFactor, TInput>(x, x4, layout, row0 + partRow, (slice + 2) * sliceLength + partK);
                }
            }
            TensorCores.Commit();
            sums = Multiply<TFactor>(sums, shared, stage + a0, stage + b0);
            sums = Multiply<TFactor>(sums, shared, stage + a1, stage + b1);
            if (more && !TInput.IsHalf)
                Store<TFactor>(shared, next, partWord, partWord2, part);
            stage = stage == 2 * StageWords ? 0 : stage + StageWords;
            next = next == 2 * StageWords ? 0 : next + StageWords;
        }
        int row = row0 + warpRow + (lane >> 2), column = column0 + warpColumn + (lane & 3) * 2;
        StoreStrip<TEpilogue, TFactor, TInput>(y, y16, bias, layout, shape, row, column, sums.S0);
        StoreStrip<TEpilogue, TFactor, TInput>(y, y16, bias, layout, shape, row + 16, column, sums.S1);
        StoreStrip<TEpilogue, TFactor, TInput>(y, y16, bias, layout, shape, row + 32, column, sums.S2);
        StoreStrip<TEpilogue, TFactor, TInput>(y, y16, bias, layout, shape, row + 48, column, sums.S3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Swizzle(int row, int chunk) => Strip.Word(RowWords / 4, row, chunk);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static RowPart LoadPart<TFactor, TInput>(View x, ArrayView<F4> x4, RowLayout layout, int row, int k)
        where TFactor : struct, IFactor
        where TInput : struct, IStorage
    {
        RowPart part = default;
        part.A = LoadQuad<TInput>(x, x4, layout, row, k);
        part.B = LoadQuad<TInput>(x, x4, layout, row, k + 4);
        if (TFactor.PerWord == 2)
        {
            part.C = LoadQuad<TInput>(x, x4, layout, row, k + 8);
            part.D = LoadQuad<TInput>(x, x4, layout, row, k + 12);
        }
        return part;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static F4 LoadQuad<TInput>(View x, ArrayView<F4> x4, RowLayout layout, int row, int k)
        where TInput : struct, IStorage
        => TInput.IsPatches ? PatchRows.Load(x, x4, layout, row, k) : MatrixRows.Load(x, x4, layout, row, k);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TFactor>(ArrayView<uint> shared, int stage, int word, int word2, RowPart part)
        where TFactor : struct, IFactor
    {
        var chunks = shared.Cast<U4>();
        if (TFactor.PerWord == 2)
        {
            chunks[(stage + word) >> 2] = Strip.Round<TFactor>(part.A, part.B);
            chunks[(stage + word2) >> 2] = Strip.Round<TFactor>(part.C, part.D);
        }
        else
        {
            chunks[(stage + word) >> 2] = Strip.Round<TFactor>(part.A);
            chunks[(stage + word2) >> 2] = Strip.Round<TFactor>(part.B);
        }
    }

    // Half a slice: two loads of the weights, four of x, sixteen matrix instructions.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static WarpTile Multiply<TFactor>(WarpTile sums, ArrayView<uint> shared, int a, int b)
        where TFactor : struct, IFactor
    {
        U4 left = TensorCores.LoadMatrices(ref shared[0], b), right = TensorCores.LoadMatrices(ref shared[0], b + 16 * RowWords);
        sums.S0 = Strip.Multiply<TFactor>(sums.S0, TensorCores.LoadMatrices(ref shared[0], a), left, right);
        sums.S1 = Strip.Multiply<TFactor>(sums.S1, TensorCores.LoadMatrices(ref shared[0], a + 16 * RowWords), left, right);
        sums.S2 = Strip.Multiply<TFactor>(sums.S2, TensorCores.LoadMatrices(ref shared[0], a + 32 * RowWords), left, right);
        sums.S3 = Strip.Multiply<TFactor>(sums.S3, TensorCores.LoadMatrices(ref shared[0], a + 48 * RowWords), left, right);
        return sums;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreStrip<TEpilogue, TFactor, TInput>(View y, ArrayView<uint> y16, View bias, RowLayout layout, ProductShape shape, int row, int column, Strip s)
        where TEpilogue : struct, IEpilogue
        where TFactor : struct, IFactor
        where TInput : struct, IStorage
    {
        StoreFragment<TEpilogue, TFactor, TInput>(y, y16, bias, layout, shape, row, column, s.C0);
        StoreFragment<TEpilogue, TFactor, TInput>(y, y16, bias, layout, shape, row, column + 8, s.C1);
        StoreFragment<TEpilogue, TFactor, TInput>(y, y16, bias, layout, shape, row, column + 16, s.C2);
        StoreFragment<TEpilogue, TFactor, TInput>(y, y16, bias, layout, shape, row, column + 24, s.C3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreFragment<TEpilogue, TFactor, TInput>(View y, ArrayView<uint> y16, View bias, RowLayout layout, ProductShape shape, int row, int column, F4 c)
        where TEpilogue : struct, IEpilogue
        where TFactor : struct, IFactor
        where TInput : struct, IStorage
    {
        if (TInput.IsPatches)
        {
            StoreToken(y, bias, layout, shape, row, column, c.X, c.Y);
            StoreToken(y, bias, layout, shape, row + 8, column, c.Z, c.W);
            return;
        }
        float left = bias[column], right = bias[column + 1];
        if (row < layout.M)
            StorePair<TFactor>(y, y16, shape, row * shape.N, column, TEpilogue.Apply(c.X + left), TEpilogue.Apply(c.Y + right));
        if (row + 8 < layout.M)
            StorePair<TFactor>(y, y16, shape, (row + 8) * shape.N, column, TEpilogue.Apply(c.Z + left), TEpilogue.Apply(c.W + right));
    }

    // The token of a patch; token 0 is the class.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreToken(View y, View positions, RowLayout layout, ProductShape shape, int row, int column, float left, float right)
    {
        if (row >= layout.M)
            return;
        int patches = layout.Side * layout.Side, b = row / patches, token = 1 + row - b * patches, start = (b * shape.Tokens + token) * shape.N, position = token * shape.N;
        if (column < shape.N)
            y[start + column] = left + positions[position + column];
        if (column + 1 < shape.N)
            y[start + column + 1] = right + positions[position + column + 1];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StorePair<TFactor>(View y, ArrayView<uint> y16, ProductShape shape, int start, int column, float left, float right)
        where TFactor : struct, IFactor
    {
        if (shape.Half != 0)
        {
            // Widths are even: both columns are there, or neither.
            if (column < shape.N)
                y16[(start + column) >> 1] = TFactor.Pack(left, right);
            return;
        }
        if (column < shape.N)
            y[start + column] = shape.Accumulate != 0 ? y[start + column] + left : left;
        if (column + 1 < shape.N)
            y[start + column + 1] = shape.Accumulate != 0 ? y[start + column + 1] + right : right;
    }
}
