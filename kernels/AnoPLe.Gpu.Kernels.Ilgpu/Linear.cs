using System.Runtime.CompilerServices;

namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Sizes of a product and how its result is stored.</summary>
internal struct ProductShape
{
    /// <summary>Columns of the result; padded columns of the weights / 4.</summary>
    public int N, Columns4;

    /// <summary>1 when the result may be stored in units of four floats.</summary>
    public int Vector;

    /// <summary>1 for +=, 0 for =.</summary>
    public int Accumulate;

    /// <summary>1 when the result is stored in 16 bits.</summary>
    public int Half;

    /// <summary>For patches: tokens of a sequence.</summary>
    public int Tokens;
}

/// <summary>Register-tiled matrix product with bias, activation and residual in its epilogue.</summary>
internal sealed class Linear(IlgpuBackend backend) : Ops.Linear(backend)
{
    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View x, ArrayView<F4> x4, RowLayout layout, ArrayView<F4> w, ArrayView<F4> bias, View y, ArrayView<F4> y4,
        ProductShape shape);

    // One launcher per tile and activation, compiled when first used.
    private readonly Launch?[] launchers = new Launch?[9];
    private readonly Repack repack = new(backend);
    private readonly LinearGradients gradients = new(backend);
    private readonly TensorLinear? tensorCores = backend.MatrixPrecision != MatrixPrecision.Fp32 ? new(backend) : null;
    private MemoryBuffer1D<float, Stride1D.Dense>? unrounded;

    protected override Ops.PackedLinear PackCore(string name, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, int outFeatures, int inFeatures,
        Ops.WeightLayout layout, MatrixPrecision precision)
    {
        var packed = new PackedWeights(backend, name, outFeatures, inFeatures, bias.Length > 0, precision);
        var values = Values(packed);
        packed.Upload(values, weight, bias, layout);
        if (precision != MatrixPrecision.Fp32)
            tensorCores!.Round(packed, values);
        return packed;
    }

    protected override void ForwardCore(Tensor y, Tensor x, Ops.PackedLinear weight, Ops.Activation activation, bool accumulate)
    {
        var w = Views.Of(weight, backend);
        int M = x.Rows, N = w.OutFeatures, K = w.InFeatures;
        var x4 = x.Quads(backend, K, out bool vectorIn);
        var y4 = y.Quads(backend, N, out bool vectorOut);
        if (w.Precision != MatrixPrecision.Fp32)
        {
            tensorCores!.Forward(y, x, new() { M = M, K = K, Vector = vectorIn ? 1 : 0 }, w, new() { N = N, Accumulate = accumulate ? 1 : 0, Half = y.Type == ElementType.Half ? 1 : 0 }, activation);
            return;
        }
        int side = TileChoice.Side(backend.Accelerator, M, N);
        Launcher(side, activation)(backend.Stream, TileChoice.Config(side, M, N), x.View(backend), x4,
            new() { M = M, K = K, Vector = vectorIn ? 1 : 0 }, w.Matrix, w.Bias, y.View(backend), y4,
            new() { N = N, Columns4 = w.PaddedColumns / 4, Vector = vectorOut ? 1 : 0, Accumulate = accumulate ? 1 : 0 });
    }

    protected override void RepackCore(Ops.PackedLinear target, Tensor weight, Tensor? bias, Ops.WeightLayout layout)
    {
        var packed = Views.Of(target, backend);
        var values = Values(packed);
        repack.Run(packed, values, weight, bias, layout);
        if (target.Precision != MatrixPrecision.Fp32)
            tensorCores!.Round(packed, values);
    }

    // The matrix in fp32: its own, or a place that all rounded ones pass through.
    private View Values(PackedWeights weights) => weights.Precision == MatrixPrecision.Fp32 ? weights.Values
        : backend.Scratch(ref unrounded, "weights before rounding", weights.PaddedInner * weights.PaddedColumns);

    protected override void BackwardParametersCore(Tensor c, Tensor a, Tensor b) => gradients.AddProduct(c, a, b);

    protected override void BackwardBiasCore(Tensor dbias, Tensor dy) => gradients.AddRows(dbias, dy);

    private Launch Launcher(int side, Ops.Activation activation)
        => launchers[3 * (side / 64) + (int)activation] ??= activation switch
        {
            Ops.Activation.Gelu => Load<Gelu>(side),
            Ops.Activation.QuickGelu => Load<QuickGelu>(side),
            _ => Load<Identity>(side),
        };

    private Launch Load<TEpilogue>(int side)
        where TEpilogue : struct, IEpilogue
        => backend.Load<Launch>(nameof(Linear), side switch
        {
            128 => ForwardKernel<Tile128, TEpilogue>,
            64 => ForwardKernel<Tile64, TEpilogue>,
            _ => ForwardKernel<Tile32, TEpilogue>,
        });

    // One group per tile of y; group (x, y) owns rows x*side and columns y*side on.
    [Kernel(typeof(Tile128), typeof(Identity), Hot = true)]
    [Kernel(typeof(Tile128), typeof(Gelu), Hot = true)]
    [Kernel(typeof(Tile128), typeof(QuickGelu), Hot = true)]
    [Kernel(typeof(Tile64), typeof(Identity), Hot = true)]
    [Kernel(typeof(Tile64), typeof(Gelu), Hot = true)]
    [Kernel(typeof(Tile64), typeof(QuickGelu), Hot = true)]
    [Kernel(typeof(Tile32), typeof(Identity), Hot = true)]
    [Kernel(typeof(Tile32), typeof(Gelu), Hot = true)]
    [Kernel(typeof(Tile32), typeof(QuickGelu), Hot = true)]
    private static void ForwardKernel<TTile, TEpilogue>(View x, ArrayView<F4> x4, RowLayout layout, ArrayView<F4> w, ArrayView<F4> bias, View y,
        ArrayView<F4> y4, ProductShape shape)
        where TTile : struct, ITile
        where TEpilogue : struct, IEpilogue
    {
        int side = Gemm.Side<TTile>(), row0 = Grid.IdxX * side, column0 = Grid.IdxY * side / 4;
        var c = Gemm.Multiply<TTile, MatrixRows>(Gemm.Allocate<TTile>(), x, x4, layout, w,
            shape.Columns4, row0, column0);
        int row = row0 + 4 * Group.IdxY, column = column0 + Group.IdxX;
        StoreBlock<TEpilogue>(y, y4, layout.M, shape, row, column, c.TL, bias[column]);
        if (TTile.Blocks == 2)
        {
            int row2 = row + side / 2, column2 = column + side / 8;
            StoreBlock<TEpilogue>(y, y4, layout.M, shape, row, column2, c.TR, bias[column2]);
            StoreBlock<TEpilogue>(y, y4, layout.M, shape, row2, column, c.BL, bias[column]);
            StoreBlock<TEpilogue>(y, y4, layout.M, shape, row2, column2, c.BR, bias[column2]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreBlock<TEpilogue>(View y, ArrayView<F4> y4, int rows, ProductShape shape, int row, int column, Block4 c, F4 bias)
        where TEpilogue : struct, IEpilogue
    {
        StoreRow<TEpilogue>(y, y4, rows, shape, row, column, c.R0, bias);
        StoreRow<TEpilogue>(y, y4, rows, shape, row + 1, column, c.R1, bias);
        StoreRow<TEpilogue>(y, y4, rows, shape, row + 2, column, c.R2, bias);
        StoreRow<TEpilogue>(y, y4, rows, shape, row + 3, column, c.R3, bias);
    }

    // Four columns of one row; column counts quads.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreRow<TEpilogue>(View y, ArrayView<F4> y4, int rows, ProductShape shape, int row, int column, F4 c, F4 bias)
        where TEpilogue : struct, IEpilogue
    {
        if (row >= rows)
            return;
        c = F4.Add(c, bias);
        c = F4.Of(TEpilogue.Apply(c.X), TEpilogue.Apply(c.Y), TEpilogue.Apply(c.Z), TEpilogue.Apply(c.W));
        int n = column * 4, at = row * shape.N + n;
        if (shape.Vector != 0)
        {
            if (n < shape.N)
                y4[at >> 2] = shape.Accumulate != 0 ? F4.Add(y4[at >> 2], c) : c;
            return;
        }
        StoreOne(y, shape, n, at, c.X);
        StoreOne(y, shape, n + 1, at + 1, c.Y);
        StoreOne(y, shape, n + 2, at + 2, c.Z);
        StoreOne(y, shape, n + 3, at + 3, c.W);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreOne(View y, ProductShape shape, int n, int at, float value)
    {
        if (n < shape.N)
            y[at] = shape.Accumulate != 0 ? y[at] + value : value;
    }
}
