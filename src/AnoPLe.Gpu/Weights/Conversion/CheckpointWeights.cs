using System.Buffers;
using System.Runtime.InteropServices;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Weights.Checkpoints;

namespace AnoPLe.Gpu.Weights.Conversion;

/// <summary>A CLIP model in a checkpoint of any form, under canonical names. One tensor is read at a time and none is kept.</summary>
internal sealed class CheckpointWeights : ClipWeights
{
    private readonly Checkpoint checkpoint;
    private readonly ClipLayout layout;
    private readonly bool toOdd;

    // Only the text tower asks for rows; whoever asks for one will ask for others.
    private float[]? tokenEmbedding;

    private CheckpointWeights(Checkpoint checkpoint, ClipLayout layout, ClipConfig config, IReadOnlyList<string> notes, bool toOdd)
        : base(checkpoint.Path, config, notes)
    {
        this.checkpoint = checkpoint;
        this.layout = layout;
        this.toOdd = toOdd;
    }

    /// <summary>The scheme of its names.</summary>
    public ClipNaming Naming => layout.Naming!.Value;

    /// <summary>Finds the model in a checkpoint, which stays the caller's.</summary>
    /// <param name="checkpoint">Any.</param>
    /// <param name="expected">Its configuration, or null to infer it.</param>
    /// <param name="activation">What overrides the activation alone, or null.</param>
    /// <param name="toOdd">F64 is not rounded to nearest but to odd, because a second rounding follows.</param>
    /// <exception cref="InvalidDataException">No CLIP model, or missing or misshapen tensors.</exception>
    public static CheckpointWeights Of(Checkpoint checkpoint, ClipConfig? expected = null, Activation? activation = null, bool toOdd = false)
    {
        ClipLayout layout = new(checkpoint.Path, checkpoint.Metadata, checkpoint.Tensors);
        List<string> notes = [];
        ClipConfig config = ClipWeightsFile.Check(layout, expected, notes);
        if (activation is { } asked && asked != config.Activation)
        {
            notes.Add($"Activation {ClipConfig.ActivationName(asked)}, because it was asked for.");
            config = (config with { Activation = asked }).Validate();
        }
        return new CheckpointWeights(checkpoint, layout, config, notes, toOdd);
    }

    /// <summary>Types of the tensors that make up a canonical one.</summary>
    public IEnumerable<SafetensorsType> TypesOf(string canonical) => layout.Parts(canonical).Select(part => part.Type).Distinct();

    /// <summary>Copies values, which may hold NaN and infinities.</summary>
    /// <param name="tensor">One of the model's.</param>
    /// <param name="values">As many as it has.</param>
    public void Read(ClipTensor tensor, Span<float> values)
    {
        lock (checkpoint)
        {
            IReadOnlyList<CheckpointTensor> parts = layout.Parts(tensor.Name);
            int start = 0;
            foreach (CheckpointTensor part in parts)
            {
                Read(part, values.Slice(start, (int)part.Count));
                start += (int)part.Count;
            }
            if (ClipTensorNames.Of(Naming, tensor.Name).Form == SourceForm.Transpose)
                ClipLayout.Transpose(values.ToArray(), (int)parts[0].Shape[0], (int)parts[0].Shape[1]).CopyTo(values);
        }
    }

    protected override void Dispose(bool disposing)
    {
    }

    private protected override ReadOnlySpan<float> FloatsCore(ClipTensor tensor)
    {
        float[] values = GC.AllocateUninitializedArray<float>(tensor.Shape.Count);
        Read(tensor, values);
        return values;
    }

    private protected override FloatWindow OpenWindowCore(ClipTensor tensor) => FloatWindow.Of(FloatsCore(tensor));

    private protected override void ScanCore(ClipTensor tensor, Action<ReadOnlySpan<float>> piece) => piece(FloatsCore(tensor));

    private protected override void TokenEmbeddingRowCore(int id, Span<float> destination)
    {
        float[] all = tokenEmbedding ??= Floats(ClipTensors.TokenEmbedding).ToArray();
        all.AsSpan(id * destination.Length, destination.Length).CopyTo(destination);
    }

    private void Read(CheckpointTensor part, Span<float> floats)
    {
        int length = CheckpointBytes.Length(checkpoint, part);
        if (part.Type == SafetensorsType.F32)
        {
            checkpoint.Read(part, MemoryMarshal.AsBytes(floats));
            return;
        }
        byte[] rented = ArrayPool<byte>.Shared.Rent(length);
        Span<byte> bytes = rented.AsSpan(0, length);
        checkpoint.Read(part, bytes);
        if (part.Type == SafetensorsType.F64)
            CheckRange(part, MemoryMarshal.Cast<byte, double>(bytes));
        if (part.Type == SafetensorsType.F64 && toOdd)
            ElementConversion.DoublesToOdd(bytes, floats);
        else
            ElementConversion.ToFloats(part.Type, bytes, floats);
        ArrayPool<byte>.Shared.Return(rented);
    }

    // NaN and infinities are found later, as in every type.
    private void CheckRange(CheckpointTensor part, ReadOnlySpan<double> values)
    {
        foreach (double value in values)
            if (double.IsFinite(value) && Math.Abs(value) > float.MaxValue)
                throw new InvalidDataException(FormattableString.Invariant(
                    $"{Source}: tensor {ForeignFormat.Quote(part.Name)} holds {value:G4}, beyond F32's range of {float.MaxValue:G4}. ")
                    + "Such values are no weights: the file is damaged or its training diverged, use another.");
    }
}
