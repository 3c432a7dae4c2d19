using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Weights;

/// <summary>
/// The tensors of one CLIP model under their canonical names (<see cref="ClipTensors"/>) as floats, from a file or from a seed.
/// Tensors are read when asked for and not kept, so a model is never in memory twice. Thread-safe but for disposing.
/// </summary>
public abstract class ClipWeights : IDisposable
{
    private const string NanoResource = "AnoPLe.Gpu.Weights.nano.safetensors";

    private readonly Dictionary<string, ClipTensor> byName = new(StringComparer.Ordinal);
    private readonly Lazy<string> hash;
    private readonly Lazy<float> logitScale;
    private Thread? hashing;
    private volatile bool disposed;

    private protected ClipWeights(string source, ClipConfig config, IReadOnlyList<string> notes)
    {
        Source = source;
        Config = config;
        Notes = notes;
        Tensors = ClipTensors.All(config);
        foreach (ClipTensor tensor in Tensors)
            byName.Add(tensor.Name, tensor);
        hash = new Lazy<string>(ComputeHash);
        logitScale = new Lazy<float>(() => Floats(ClipTensors.LogitScale)[0]);
    }

    /// <summary>Where the weights come from, for messages: a path, or "random weights, seed 0".</summary>
    public string Source { get; }

    /// <summary>Sizes, heads and activation.</summary>
    public ClipConfig Config { get; }

    /// <summary>What was assumed or ignored on loading, one sentence each; empty when everything was plain.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>All tensors, in the order of <see cref="ClipTensors.All"/>.</summary>
    public IReadOnlyList<ClipTensor> Tensors { get; }

    /// <summary>Logarithm of the factor by which CLIP multiplies its cosines: logit_scale as stored.</summary>
    public float LogitScale => logitScale.Value;

    /// <summary>
    /// SHA-256, in lower-case hex, of the configuration's JSON and of every tensor's name, shape and values as little-endian F32. The same model has
    /// the same hash under every naming scheme and every element type that holds its values exactly. Computed on first use, which reads
    /// everything, unless <see cref="BeginHash"/> has begun.
    /// </summary>
    /// <exception cref="InvalidDataException">A tensor holds NaN or an infinity.</exception>
    /// <exception cref="ObjectDisposedException">The weights were disposed before it was known.</exception>
    public string Hash => hash.Value;

    /// <summary>
    /// Begins to compute <see cref="Hash"/> on a thread of its own. Fitting and loading a detector ask for it, so a program that will do either
    /// and begins early finds it done once the model is on the device. What fails meanwhile is thrown by <see cref="Hash"/>.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The weights were disposed.</exception>
    public void BeginHash()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        var thread = new Thread(Compute) { IsBackground = true, Name = "AnoPLe weights hash" };
        if (!hash.IsValueCreated && Interlocked.CompareExchange(ref hashing, thread, null) is null)
            thread.Start();

        void Compute()
        {
            try
            {
                _ = hash.Value;
            }
            catch (Exception) // kept, and thrown again to whoever asks for the hash
            {
            }
        }
    }

    /// <summary>Opens a weights file and checks that it holds a whole CLIP model: names, shapes, element types.</summary>
    /// <param name="path">A safetensors file under OpenAI's, open_clip's or Hugging Face's names.</param>
    /// <param name="expected">What it must be. Without it the configuration is inferred; weights/README.md says how.</param>
    /// <exception cref="FileNotFoundException">No such file.</exception>
    /// <exception cref="DirectoryNotFoundException">No such folder.</exception>
    /// <exception cref="InvalidDataException">No safetensors file, another architecture, missing or misshapen tensors.</exception>
    public static ClipWeights Load(string path, ClipConfig? expected = null) => ClipWeightsFile.Open(path, expected);

    /// <summary>
    /// The small model that comes with the library: CLIP's architecture (<see cref="ClipConfig.Known"/> "nano"), trained from scratch on synthetic images
    /// of textures, parts and defects. A demonstration model, not CLIP: it has never seen a photograph. weights/nano/README.md is its card.
    /// </summary>
    public static ClipWeights Nano() => ClipWeightsFile.Open(SafetensorsFile.OpenResource(typeof(ClipWeights).Assembly, NanoResource, "nano, the model in the box"),
        ClipConfig.Known["nano"]);

    /// <summary>Seeded random weights in memory, the same as <see cref="ClipWeightsInit.Create"/> writes as F32.</summary>
    /// <exception cref="ArgumentException">The configuration is not valid.</exception>
    public static ClipWeights Random(ClipConfig config, ulong seed) => new RandomClipWeights(config, seed);

    /// <summary>
    /// All values of a tensor, row-major. Memory of the mapped file where it holds F32 under canonical layout, else new memory:
    /// take it once, use it, and do not use it after <see cref="Dispose()"/>.
    /// </summary>
    /// <exception cref="ArgumentException">No tensor of this model has that name.</exception>
    /// <exception cref="InvalidDataException">The tensor holds NaN or an infinity.</exception>
    /// <exception cref="ObjectDisposedException">The weights were disposed.</exception>
    public ReadOnlySpan<float> Floats(string name)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        bool known = byName.TryGetValue(name, out ClipTensor? tensor);
        Require.That(known, $"'{name}' is no tensor of {Source}. ClipTensors.All lists the names.");
        ReadOnlySpan<float> values = FloatsCore(tensor!);
        CheckFinite(name, values);
        return values;
    }

    /// <summary>Like <see cref="Floats"/>, but a mapped tensor counts as this process's memory only until the window is disposed.</summary>
    internal FloatWindow OpenWindow(string name)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        bool known = byName.TryGetValue(name, out ClipTensor? tensor);
        Require.That(known, $"'{name}' is no tensor of {Source}. ClipTensors.All lists the names.");
        FloatWindow window = OpenWindowCore(tensor!);
        try
        {
            CheckFinite(name, window.Values);
            return window;
        }
        catch
        {
            window.Dispose();
            throw;
        }
    }

    /// <summary>Rows of the token embedding, one after another; reads only these.</summary>
    /// <param name="ids">Token ids.</param>
    /// <param name="destination">Exactly ids.Length * TextWidth floats.</param>
    /// <exception cref="ArgumentException">An id outside the vocabulary, or a destination of another length.</exception>
    /// <exception cref="InvalidDataException">A row holds NaN or an infinity.</exception>
    /// <exception cref="ObjectDisposedException">The weights were disposed.</exception>
    public void TokenEmbeddingRows(ReadOnlySpan<int> ids, Span<float> destination)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        int width = Config.TextWidth;
        Require.That(destination.Length == (long)ids.Length * width,
            $"The destination holds {destination.Length} floats, expected {ids.Length} rows of {width}.");
        foreach (int id in ids)
            Require.That((uint)id < (uint)Config.VocabSize, $"Token id {id} is outside the vocabulary of {Config.VocabSize}.");
        for (int row = 0; row < ids.Length; row++)
            TokenEmbeddingRowCore(ids[row], destination.Slice(row * width, width));
        CheckFinite(ClipTensors.TokenEmbedding, destination);
    }

    /// <summary>Closes the file.</summary>
    public void Dispose()
    {
        if (disposed)
            return;
        disposed = true;
        // It stops at its next piece, and must not find its file gone.
        hashing?.Join();
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees what the source holds.</summary>
    protected abstract void Dispose(bool disposing);

    private protected abstract ReadOnlySpan<float> FloatsCore(ClipTensor tensor);

    private protected abstract FloatWindow OpenWindowCore(ClipTensor tensor);

    // The values in order, piece by piece.
    private protected abstract void ScanCore(ClipTensor tensor, Action<ReadOnlySpan<float>> piece);

    private protected abstract void TokenEmbeddingRowCore(int id, Span<float> destination);

    // x * 0 is NaN for NaN and infinities, and NaN stays in the sum. Optimised at once: the first call already has megabytes to check.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void CheckFinite(string name, ReadOnlySpan<float> values)
    {
        Vector<float> sum = Vector<float>.Zero;
        ReadOnlySpan<Vector<float>> vectors = MemoryMarshal.Cast<float, Vector<float>>(values);
        foreach (Vector<float> vector in vectors)
            sum += vector * 0f;
        float rest = Vector.Sum(sum);
        foreach (float value in values[(vectors.Length * Vector<float>.Count)..])
            rest += value * 0f;
        if (float.IsNaN(rest))
            throw new InvalidDataException($"{Source}: tensor '{name}' holds NaN or an infinity. The file is damaged or its training diverged: use another.");
    }

    private string ComputeHash()
    {
        using IncrementalHash sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        sha.AppendData(Encoding.UTF8.GetBytes($"clip 1\n{Config.ToJson()}"));
        foreach (ClipTensor tensor in Tensors)
        {
            sha.AppendData(Encoding.UTF8.GetBytes($"{tensor.Name} {tensor.Shape}\n"));
            ScanCore(tensor, values => Append(sha, tensor.Name, values));
        }
        return Convert.ToHexStringLower(sha.GetHashAndReset());
    }

    private void Append(IncrementalHash sha, string name, ReadOnlySpan<float> values)
    {
        const int Piece = 1 << 17; // half a MiB stays in cache between the check and the hash
        for (int done = 0; done < values.Length; done += Piece)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            ReadOnlySpan<float> piece = values[done..Math.Min(done + Piece, values.Length)];
            CheckFinite(name, piece);
            sha.AppendData(MemoryMarshal.AsBytes(BitConverter.IsLittleEndian ? piece : Swapped(piece)));
        }
    }

    private static float[] Swapped(ReadOnlySpan<float> values)
    {
        float[] swapped = values.ToArray();
        Span<int> bits = MemoryMarshal.Cast<float, int>(swapped.AsSpan());
        BinaryPrimitives.ReverseEndianness(bits, bits);
        return swapped;
    }
}
