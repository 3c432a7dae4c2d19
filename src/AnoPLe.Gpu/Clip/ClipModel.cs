using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Imaging;
using AnoPLe.Gpu.Prompts;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Clip;

/// <summary>
/// Both CLIP towers with their frozen weights on one backend. Calls may come from many threads, and several models may share a backend:
/// they take turns, because one device computes them. Dispose it after everything that uses it; the backend stays the caller's.
/// </summary>
public sealed class ClipModel : IDisposable
{
    private readonly ClipWeights weights;
    private readonly Dictionary<(int Batch, bool Class, bool Patches, int Extra, string Taps), VisionActivations> activations = [];
    private readonly Lazy<TextEncoder> text;
    private readonly Tensor pixelValues;
    private bool disposed;

    private ClipModel(ClipWeights weights, Backend backend)
    {
        this.weights = weights;
        Backend = backend;
        Preprocessing = new Preprocessing(weights.Config.ImageSize);
        pixelValues = backend.Upload("in.pixel_values", new(3, 256), Preprocessing.Values);
        Vision = new VisionEncoder(weights, backend);
        // The text tower is needed once per class name; scoring with a saved detector never needs it.
        text = new Lazy<TextEncoder>(() => new TextEncoder(weights, backend));
    }

    /// <summary>Opens a weights file (safetensors; OpenAI, open_clip or Hugging Face names) and puts the vision tower on the device.</summary>
    /// <param name="path">The file.</param>
    /// <param name="backend">Where to compute.</param>
    /// <param name="expected">The configuration the file must have, or null to infer it.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is damaged or holds another architecture.</exception>
    /// <exception cref="DeviceException">The device is out of memory.</exception>
    public static ClipModel Load(string path, Backend backend, ClipConfig? expected = null) => Create(ClipWeights.Load(path, expected), backend);

    /// <summary>The small model that comes with the library, for trying things out: see <see cref="ClipWeights.Nano"/>.</summary>
    /// <param name="backend">Where to compute.</param>
    public static ClipModel Nano(Backend backend) => Create(ClipWeights.Nano(), backend);

    /// <summary>Builds the model from opened weights, which it then owns.</summary>
    public static ClipModel Create(ClipWeights weights, Backend backend)
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(backend);
        try
        {
            lock (backend.Gate)
                return new ClipModel(weights, backend);
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>Sizes of both towers.</summary>
    public ClipConfig Config => weights.Config;

    /// <summary>From an image of any size to the tower's input.</summary>
    public Preprocessing Preprocessing { get; }

    /// <summary>Where it computes.</summary>
    public Backend Backend { get; }

    /// <summary>SHA-256 of the weights, hexadecimal: a detector fitted with other weights is refused.</summary>
    public string WeightsHash => weights.Hash;

    /// <summary>Begins to compute <see cref="WeightsHash"/> on another thread, unless that has begun.</summary>
    internal void BeginWeightsHash() => weights.BeginHash();

    /// <summary>exp(logit_scale): the temperature CLIP was trained with, usually 100.</summary>
    public float ImageTemperature => MathF.Exp(weights.LogitScale);

    /// <summary>The vision tower, for direct use. Not synchronised: hold <see cref="Backend.Gate"/>.</summary>
    public VisionEncoder Vision { get; }

    /// <summary>The text tower, for direct use. Not synchronised: hold <see cref="Backend.Gate"/>.</summary>
    public TextEncoder Text => text.Value;

    /// <summary>Image features, not normalised.</summary>
    /// <returns>One array of <see cref="ClipConfig.EmbedDim"/> values per image.</returns>
    /// <exception cref="ArgumentException">No images.</exception>
    public float[][] EncodeImages(IReadOnlyList<RgbImage> images)
    {
        Require.That(images.Count > 0, $"No images were given.");
        var features = new float[images.Count][];
        lock (Backend.Gate)
        {
            for (int i = 0; i < images.Count; i++)
            {
                var a = Activations(new VisionRequest(1));
                Fill(a, [images[i]]);
                Vision.Forward(a, PromptInjection.None);
                features[i] = Backend.Download(a.ClassFeature!);
            }
        }
        return features;
    }

    /// <summary>Text features of whole sentences, not normalised.</summary>
    /// <returns>One array of <see cref="ClipConfig.EmbedDim"/> values per text.</returns>
    /// <exception cref="ArgumentException">No texts, or one that is longer than the context.</exception>
    public float[][] EncodeTexts(IReadOnlyList<string> texts)
    {
        Require.That(texts.Count > 0, $"No texts were given.");
        int[][] rows = [.. texts.Select(text => Tokenizer.Clip.Row(0, text, Config.ContextLength))];
        lock (Backend.Gate)
        {
            float[] all = Text.Encode(rows, PromptInjection.None);
            return [.. all.Chunk(Config.EmbedDim)];
        }
    }

    /// <summary>Memory for a request, kept for the next call of the same kind. Call it while holding the backend's gate.</summary>
    internal VisionActivations Activations(VisionRequest request)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        var key = (request.Batch, request.ClassFeature, request.PatchTokens, request.ExtraTokens, string.Join(',', request.Taps));
        if (!activations.TryGetValue(key, out var found))
            activations[key] = found = Vision.CreateActivations(request);
        return found;
    }

    /// <summary>Preprocesses images into the input of a forward pass, on the device: bit for bit what <see cref="Preprocessing.Apply(RgbImage)"/> gives.</summary>
    internal void Fill(VisionActivations a, IReadOnlyList<RgbImage> images) =>
        Backend.ImageResize.Forward(a.Images, [.. images.Select(Preprocessing.Source)], pixelValues);

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (Backend.Gate)
        {
            if (disposed)
                return;
            disposed = true;
            foreach (var a in activations.Values)
                a.Dispose();
            if (text.IsValueCreated)
                text.Value.Dispose();
            Vision.Dispose();
            pixelValues.Dispose();
            weights.Dispose();
        }
    }
}
