namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>
/// A weight matrix as the tiled product reads it: [inner, out] row-major, so that neighbouring threads read neighbouring columns, padded
/// with zeros to whole slices and whole tiles, so that no load of it needs a check. The bias, zero when there is none, follows it.
/// </summary>
internal sealed class PackedWeights : Ops.PackedLinear
{
    private readonly MemoryBuffer1D<float, Stride1D.Dense> buffer;
    private readonly MemoryBuffer1D<float, Stride1D.Dense>? rounded;

    /// <summary>Copies the weights to the device.</summary>
    public PackedWeights(IlgpuBackend backend, string name, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, int outFeatures, int inFeatures,
        Ops.WeightLayout layout, MatrixPrecision precision)
        : base(backend, name, outFeatures, inFeatures, bias.Length > 0, precision)
    {
        int inner = RoundUp(inFeatures, Gemm.Slice);
        PaddedColumns = RoundUp(outFeatures, Gemm.ColumnPadding);
        long count = ((long)inner + 1) * PaddedColumns;
        if (count > int.MaxValue)
            throw new DeviceException($"'{name}' needs {count} values after padding; kernels index at most {int.MaxValue}. Split the matrix.");
        var packed = new float[count];
        for (int o = 0; o < outFeatures; o++)
            for (int i = 0; i < inFeatures; i++)
                packed[i * PaddedColumns + o] = weight[layout == Ops.WeightLayout.OutIn ? o * inFeatures + i : i * outFeatures + o];
        bias.CopyTo(packed.AsSpan(inner * PaddedColumns));
        buffer = backend.AllocateBuffer(name, count);
        buffer.View.CopyFromCPU(backend.Stream, packed);
        backend.Synchronize();
        BiasStart = inner * PaddedColumns;
        Matrix = ((View)buffer.View).SubView(0, inner * PaddedColumns).Cast<F4>();
        Bias = ((View)buffer.View).SubView(inner * PaddedColumns, PaddedColumns).Cast<F4>();
        PaddedInner = inner;
        if (precision != MatrixPrecision.Fp32)
            rounded = backend.AllocateBuffer(name, TensorLinear.RoundedWords(this));
    }

    /// <summary>Inner dimension with its padding.</summary>
    public int PaddedInner { get; }

    /// <summary>The same rounded for <see cref="TensorLinear"/>, column by column, pairs of 16 bits or words of tf32; there when <see cref="Ops.PackedLinear.Precision"/> says so.</summary>
    public ArrayView<uint> Rounded => ((View)rounded!.View).Cast<uint>();

    /// <summary>Matrix and bias as floats.</summary>
    public View Values => buffer.View;

    /// <summary>Where the bias begins in <see cref="Values"/>.</summary>
    public int BiasStart { get; }

    /// <summary>[inner padded, columns padded / 4].</summary>
    public ArrayView<F4> Matrix { get; }

    /// <summary>[columns padded / 4].</summary>
    public ArrayView<F4> Bias { get; }

    /// <summary>Columns with their padding.</summary>
    public int PaddedColumns { get; }

    /// <summary>Whether the memory is gone.</summary>
    public bool IsDisposed { get; private set; }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing && !IsDisposed)
        {
            ((IlgpuBackend)Backend).Free(buffer);
            if (rounded is not null)
                ((IlgpuBackend)Backend).Free(rounded);
        }
        IsDisposed = true;
    }

    private static int RoundUp(int value, int multiple) => (value + multiple - 1) / multiple * multiple;
}
