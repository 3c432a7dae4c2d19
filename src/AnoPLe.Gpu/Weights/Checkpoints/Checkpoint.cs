using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Weights.Checkpoints;

/// <summary>
/// A set of named tensors read from a file in any form that the world ships: safetensors, whole or in shards, PyTorch's zip and legacy
/// formats, TorchScript archives. Nothing in it is ever executed. Opening reads names, shapes and types alone; reading is not thread-safe.
/// </summary>
public abstract class Checkpoint : IDisposable
{
    private readonly Dictionary<string, CheckpointTensor> byName = new(StringComparer.Ordinal);

    private protected Checkpoint(string path, string format, IReadOnlyList<CheckpointTensor> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        Path = path;
        Format = format;
        Tensors = tensors;
        Metadata = metadata;
        foreach (CheckpointTensor tensor in tensors)
            byName.Add(tensor.Name, tensor);
    }

    /// <summary>The file or folder, as it was named on opening.</summary>
    public string Path { get; }

    /// <summary>What was found, for messages: "safetensors", "safetensors, 3 shards", "PyTorch zip", "PyTorch legacy" or "TorchScript".</summary>
    public string Format { get; }

    /// <summary>
    /// All tensors in the order of the file. Names are unique and as stored, but for the container's level ("state_dict", "model",
    /// "model_state_dict"), which is removed; "module." prefixes are kept.
    /// </summary>
    public IReadOnlyList<CheckpointTensor> Tensors { get; }

    /// <summary>Free text of a safetensors file; of the others the plain scalars beside the tensors (epoch, ...) as text. May be empty.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>
    /// Opens a checkpoint by its content, whatever its extension: a safetensors file, a <c>*.safetensors.index.json</c> or a folder with one,
    /// a PyTorch file, a TorchScript archive.
    /// </summary>
    /// <exception cref="FileNotFoundException">No such file, or a folder without an index.</exception>
    /// <exception cref="DirectoryNotFoundException">No such folder.</exception>
    /// <exception cref="InvalidDataException">None of these formats, a damaged file, or one that asks for more than tensors; the message says
    /// where, what was expected and what to do.</exception>
    /// <exception cref="PlatformNotSupportedException">A big-endian machine.</exception>
    public static Checkpoint Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return CheckpointFormat.Open(path);
    }

    /// <summary>
    /// Copies a tensor: row-major, contiguous, little-endian elements of its type, whatever its strides in the file. One of more than
    /// 2^31-1 bytes fits no span and cannot be read.
    /// </summary>
    /// <param name="tensor">One of <see cref="Tensors"/>.</param>
    /// <param name="destination">Exactly <see cref="CheckpointTensor.ByteLength"/> bytes.</param>
    /// <exception cref="ArgumentException">A tensor of another checkpoint, or a destination of another length.</exception>
    /// <exception cref="InvalidDataException">The file's bytes are damaged.</exception>
    /// <exception cref="ObjectDisposedException">The checkpoint was closed.</exception>
    public void Read(CheckpointTensor tensor, Span<byte> destination)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        Require.That(byName.TryGetValue(tensor.Name, out CheckpointTensor? own) && ReferenceEquals(own, tensor),
            $"The tensor {ForeignFormat.Quote(tensor.Name)} is none of {Path}. Take it from Tensors.");
        Require.That(destination.Length == tensor.ByteLength, $"The destination holds {destination.Length} bytes, expected {tensor.ByteLength} for {tensor}.");
        ReadCore(tensor, destination);
    }

    /// <summary>Closes the file. Every later read throws <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Closes what the form holds open; may be called twice.</summary>
    protected abstract void Dispose(bool disposing);

    private protected abstract void ReadCore(CheckpointTensor tensor, Span<byte> destination);
}
