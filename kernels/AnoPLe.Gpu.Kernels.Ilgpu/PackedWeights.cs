namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>
/// A weight matrix as the tiled product reads it: [inner, out] row-major, so that neighbouring threads read neighbouring columns, padded
/// with zeros to whole slices and whole tiles, so that no load of it needs a check. Or, where the precision says so, rounded as
/// <see cref="TensorLinear"/> reads it, and not kept in fp32. The bias, zero when there is none, has memory of its own.
/// </summary>
internal sealed class PackedWeights : Ops.PackedLinear
{
    private readonly MemoryBuffer1D<float, Stride1D.Dense> matrix, bias;

    /// <summary>Takes the memory; <see cref="Upload"/> fills it.</summary>
    public PackedWeights(IlgpuBackend backend, string name, int outFeatures, int inFeatures, bool hasBias, MatrixPrecision precision)
        : base(backend, name, outFeatures, inFeatures, hasBias, precision)
    {
        PaddedInner = RoundUp(inFeatures, Gemm.Slice);
        PaddedColumns = RoundUp(outFeatures, Gemm.ColumnPadding);
        long count = (long)PaddedInner * PaddedColumns;
        if (count > int.MaxValue)
            throw new DeviceException($"'{name}' needs {count} values after padding; kernels index at most {int.MaxValue}. Split the matrix.");
        matrix = backend.AllocateBuffer(name, precision == MatrixPrecision.Fp32 ? count : TensorLinear.RoundedWords(this));
        bias = backend.AllocateBuffer(name, PaddedColumns);
    }

    /// <summary>Inner dimension with its padding.</summary>
    public int PaddedInner { get; }

    /// <summary>Columns with their padding.</summary>
    public int PaddedColumns { get; }

    /// <summary>The rounded matrix, column by column, pairs of 16 bits or words of tf32.</summary>
    public ArrayView<uint> Rounded => Precision != MatrixPrecision.Fp32 ? ((View)matrix.View).Cast<uint>() : throw Other("rounded");

    /// <summary>[inner padded, columns padded].</summary>
    public View Values => Precision == MatrixPrecision.Fp32 ? matrix.View : throw Other("kept in fp32");

    /// <summary>[inner padded, columns padded / 4].</summary>
    public ArrayView<F4> Matrix => Values.Cast<F4>();

    /// <summary>[columns padded / 4].</summary>
    public ArrayView<F4> Bias => ((View)bias.View).Cast<F4>();

    /// <summary>Whether the memory is gone.</summary>
    public bool IsDisposed { get; private set; }

    /// <summary>Copies a matrix to device memory of <see cref="PaddedInner"/> x <see cref="PaddedColumns"/>, its own or where it will be rounded from, and the bias to its place.</summary>
    public void Upload(View values, ReadOnlySpan<float> weight, ReadOnlySpan<float> biasValues, Ops.WeightLayout layout)
    {
        var packed = new float[PaddedInner * PaddedColumns];
        for (int o = 0; o < OutFeatures; o++)
            for (int i = 0; i < InFeatures; i++)
                packed[i * PaddedColumns + o] = weight[layout == Ops.WeightLayout.OutIn ? o * InFeatures + i : i * OutFeatures + o];
        var paddedBias = new float[PaddedColumns];
        biasValues.CopyTo(paddedBias);
        var backend = (IlgpuBackend)Backend;
        values.CopyFromCPU(backend.Stream, packed);
        ((View)bias.View).CopyFromCPU(backend.Stream, paddedBias);
        backend.Synchronize();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing && !IsDisposed)
        {
            ((IlgpuBackend)Backend).Free(matrix);
            ((IlgpuBackend)Backend).Free(bias);
        }
        IsDisposed = true;
    }

    private InvalidOperationException Other(string what) => new($"'{Name}' of {Precision} is not {what}.");

    private static int RoundUp(int value, int multiple) => (value + multiple - 1) / multiple * multiple;
}
