using AnoPLe.Gpu.Compute.Ops;

namespace AnoPLe.Gpu.Compute;

/// <summary>
/// A device with its memory and one object per operation. Operations are enqueued in order; <see cref="Read(Tensor, Span{float})"/>
/// and <see cref="Synchronize"/> wait for them. A backend is used by one thread at a time: whoever shares one holds <see cref="Gate"/>.
/// </summary>
public abstract class Backend : IDisposable
{
    /// <summary>The device.</summary>
    public abstract DeviceInfo Device { get; }

    /// <summary>Held by whoever uses this backend while other threads may want to; models and detectors do so themselves.</summary>
    public Lock Gate { get; } = new();

    /// <summary>Arithmetic of matrix products and attention, for instance "fp32".</summary>
    public abstract string Precision { get; }

    /// <summary>What linear layers compute in.</summary>
    public virtual MatrixPrecision MatrixPrecision => MatrixPrecision.Fp32;

    /// <summary>
    /// What is kept between the operations of a block in inference: layer norm's output, queries, keys and values, attention's output, the hidden layer. Half where the
    /// products round them anyway: it halves what they read and write. The residual stream is always F32.
    /// </summary>
    public virtual ElementType ActivationType => ElementType.F32;

    /// <summary>8-bit images of any size to the encoder's input.</summary>
    public abstract ImageResize ImageResize { get; }

    /// <summary>Images to patch tokens.</summary>
    public abstract PatchEmbedding PatchEmbedding { get; }

    /// <summary>Prompt and view tokens into a sequence.</summary>
    public abstract TokenInjection TokenInjection { get; }

    /// <summary>Rows picked out of a matrix.</summary>
    public abstract RowGather RowGather { get; }

    /// <summary>Layer normalisation.</summary>
    public abstract LayerNorm LayerNorm { get; }

    /// <summary>Fully connected layer with fused epilogues.</summary>
    public abstract Linear Linear { get; }

    /// <summary>Fused multi-head self-attention.</summary>
    public abstract Attention Attention { get; }

    /// <summary>Rows to unit length.</summary>
    public abstract L2Normalize L2Normalize { get; }

    /// <summary>Normal-against-abnormal log-odds from cosines.</summary>
    public abstract CosineLogits CosineLogits { get; }

    /// <summary>Distance to the nearest row of a memory bank.</summary>
    public abstract MemoryBankDistance MemoryBankDistance { get; }

    /// <summary>Bilinear resampling of maps.</summary>
    public abstract BilinearUpsample BilinearUpsample { get; }

    /// <summary>Gaussian smoothing of maps.</summary>
    public abstract GaussianBlur GaussianBlur { get; }

    /// <summary>Activations that keep their input, for the backward pass.</summary>
    public abstract ElementwiseActivation ElementwiseActivation { get; }

    /// <summary>The decoder's doubling of the grid.</summary>
    public abstract TransposedConv2x2 TransposedConv2x2 { get; }

    /// <summary>Which view the decoder sees.</summary>
    public abstract ViewSignal ViewSignal { get; }

    /// <summary>Pseudo-anomalies in feature space.</summary>
    public abstract LatentNoise LatentNoise { get; }

    /// <summary>Overlap loss of maps.</summary>
    public abstract Dice Dice { get; }

    /// <summary>Focal loss of maps.</summary>
    public abstract Focal Focal { get; }

    /// <summary>Loss of the images' log-odds.</summary>
    public abstract CrossEntropy CrossEntropy { get; }

    /// <summary>Alignment of image and anomalous decoder features.</summary>
    public abstract Alignment Alignment { get; }

    /// <summary>The optimiser.</summary>
    public abstract AdamW AdamW { get; }

    /// <summary>Sum of squares.</summary>
    public abstract SquaredNorm SquaredNorm { get; }

    /// <summary>Decoder and memory maps into one.</summary>
    public abstract FusedScore FusedScore { get; }

    /// <summary>Takes device memory. Its content is undefined.</summary>
    /// <exception cref="DeviceException">Not enough memory.</exception>
    public abstract Tensor Allocate(string name, Shape shape, ElementType type = ElementType.F32);

    /// <summary>Copies host floats into a tensor of exactly as many elements, rounded where it holds 16 bits.</summary>
    public void Write(Tensor tensor, ReadOnlySpan<float> source)
    {
        Require.Activations(this, tensor);
        Require.That(tensor.Count == source.Length, $"{source.Length} values for '{tensor.Name}' {tensor.Shape}, expected {tensor.Count}.");
        if (tensor.Type == ElementType.Half)
        {
            var rounded = new ushort[Words(tensor)];
            for (int i = 0; i < source.Length; i++)
                rounded[i] = HalfFloats.Round(source[i], MatrixPrecision);
            WriteCore(tensor, System.Runtime.InteropServices.MemoryMarshal.AsBytes(rounded.AsSpan()));
            return;
        }
        WriteCore(tensor, System.Runtime.InteropServices.MemoryMarshal.AsBytes(source));
    }

    /// <summary>Copies host integers into a tensor of exactly as many elements.</summary>
    public void Write(Tensor tensor, ReadOnlySpan<int> source)
    {
        Require.Indices(this, tensor, source.Length);
        WriteCore(tensor, System.Runtime.InteropServices.MemoryMarshal.AsBytes(source));
    }

    /// <summary>Waits for all operations and copies a tensor of floats to the host, widened where it holds 16 bits.</summary>
    public void Read(Tensor tensor, Span<float> destination)
    {
        Require.Activations(this, tensor);
        Require.That(tensor.Count == destination.Length,
            $"Room for {destination.Length} values of '{tensor.Name}' {tensor.Shape}, expected {tensor.Count}.");
        if (tensor.Type == ElementType.Half)
        {
            var rounded = new ushort[Words(tensor)];
            ReadCore(tensor, System.Runtime.InteropServices.MemoryMarshal.AsBytes(rounded.AsSpan()));
            for (int i = 0; i < destination.Length; i++)
                destination[i] = HalfFloats.Widen(rounded[i], MatrixPrecision);
            return;
        }
        ReadCore(tensor, System.Runtime.InteropServices.MemoryMarshal.AsBytes(destination));
    }

    /// <summary>Copies one tensor over another of as many elements on this device. They may not overlap.</summary>
    /// <exception cref="ArgumentException">Sizes do not fit.</exception>
    public void Copy(Tensor target, Tensor source)
    {
        Require.Floats(this, target);
        Require.Floats(this, source);
        Require.That(target.Count == source.Count, $"'{source.Name}' {source.Shape} cannot be copied to '{target.Name}' {target.Shape}: another number of elements.");
        CopyCore(target, source);
    }

    /// <summary>Sets every element to zero: gradients at the beginning of a step, because backward operations add.</summary>
    public void Clear(Tensor tensor)
    {
        Require.Floats(this, tensor);
        ClearCore(tensor);
    }

    /// <summary>Allocates and fills a tensor.</summary>
    public Tensor Upload(string name, Shape shape, ReadOnlySpan<float> values)
    {
        var tensor = Allocate(name, shape);
        Write(tensor, values);
        return tensor;
    }

    /// <summary>Allocates and fills an index tensor.</summary>
    public Tensor Upload(string name, Shape shape, ReadOnlySpan<int> values)
    {
        var tensor = Allocate(name, shape, ElementType.I32);
        Write(tensor, values);
        return tensor;
    }

    /// <summary>Reads a whole tensor into a new array.</summary>
    public float[] Download(Tensor tensor)
    {
        var values = new float[tensor.Count];
        Read(tensor, values);
        return values;
    }

    // 16-bit values with the one that fills up the last word.
    private static int Words(Tensor tensor) => (tensor.Count + 1) / 2 * 2;

    /// <summary>Device part of Write; sizes have been checked. The source may be reused when it returns.</summary>
    protected abstract void WriteCore(Tensor tensor, ReadOnlySpan<byte> source);

    /// <summary>Device part of Read; sizes have been checked.</summary>
    protected abstract void ReadCore(Tensor tensor, Span<byte> destination);

    /// <summary>Device part of <see cref="Copy"/>; sizes have been checked.</summary>
    protected abstract void CopyCore(Tensor target, Tensor source);

    /// <summary>Device part of <see cref="Clear"/>.</summary>
    protected abstract void ClearCore(Tensor tensor);

    /// <summary>Waits until everything enqueued so far is done.</summary>
    public abstract void Synchronize();

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees the device.</summary>
    protected abstract void Dispose(bool disposing);
}
