using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Prompts;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Clip;

/// <summary>
/// CLIP's vision transformer with prompt-injected layers. Sequence: [CLS ; patches ; view token? ; prompts?].
/// Source: openai/CLIP clip/model.py, VisionTransformer.forward; prompts as MaPLe, arXiv 2210.03117.
/// </summary>
public sealed partial class VisionEncoder : IDisposable
{
    private readonly Backend backend;
    private readonly ClipConfig config;
    private readonly WeightUploader upload;
    private readonly PackedLinear patchEmbedding, projection;
    private readonly Tensor classEmbedding, positions, lnPreWeight, lnPreBias, lnPostWeight, lnPostBias;
    private readonly TransformerBlock[] blocks;

    internal VisionEncoder(ClipWeights weights, Backend backend)
    {
        this.backend = backend;
        config = weights.Config;
        int C = config.VisionWidth, patch = config.PatchSize;
        upload = new WeightUploader(weights, backend);
        patchEmbedding = upload.Linear(ClipTensors.PatchEmbedding, bias: null, C, 3 * patch * patch);
        classEmbedding = upload.Vector(ClipTensors.ClassEmbedding);
        positions = upload.Matrix(ClipTensors.VisualPositions, config.VisionTokens, C);
        (lnPreWeight, lnPreBias) = upload.Norm(ClipTensors.VisualLnPre);
        (lnPostWeight, lnPostBias) = upload.Norm(ClipTensors.VisualLnPost);
        FinalNormScale = RootMeanSquare(weights.Floats(ClipTensors.Weight(ClipTensors.VisualLnPost)));
        projection = upload.Linear(ClipTensors.VisualProjection, bias: null, config.EmbedDim, C, WeightLayout.InOut);
        blocks = new TransformerBlock[config.VisionLayers];
        for (int j = 0; j < blocks.Length; j++)
            blocks[j] = new TransformerBlock(upload, ClipTensors.VisionBlock(j), $"vis.L{j}.", C, config.VisionHeads, config.Activation);
    }

    /// <summary>sqrt(mean of ln_post.weight^2): about the standard deviation of the tokens after ln_post.</summary>
    internal float FinalNormScale { get; }

    /// <summary>Takes all memory that <see cref="Forward"/> needs for this batch and these outputs.</summary>
    /// <exception cref="ArgumentException">A tap outside 1 .. layers, or an empty batch.</exception>
    /// <exception cref="DeviceException">Out of memory.</exception>
    public VisionActivations CreateActivations(VisionRequest request) => new(backend, config, request);

    /// <summary>Encodes the images in <see cref="VisionActivations.Images"/>; the results are in the activations.</summary>
    /// <param name="a">Activations of <see cref="CreateActivations"/>, whose request names as many extra tokens as the prompts have.</param>
    /// <param name="prompts">Prompt and view tokens, or <see cref="PromptInjection.None"/>.</param>
    /// <param name="observer">Is shown every named activation, or null.</param>
    /// <exception cref="ArgumentException">The prompts do not fit the request.</exception>
    public void Forward(VisionActivations a, PromptInjection prompts, ActivationObserver? observer = null)
    {
        Require.That(prompts.ExtraTokens == a.Request.ExtraTokens,
            $"The prompts add {prompts.ExtraTokens} tokens, the activations were made for {a.Request.ExtraTokens}.");
        Embed(a, prompts, observer);
        int last = LastBlock(a.Request);
        for (int j = 0; j < last; j++)
        {
            if (j > 0 && j < prompts.Depth)
                backend.TokenInjection.Forward(a.X, prompts.Layers[j], PromptRow(prompts));
            if (a.ClassBlock is { } chosen && j == blocks.Length - 1 && observer is null)
            {
                blocks[j].ForwardRows(a.ClassToken!, a.X, a.Block, chosen, a.ClassRows!, causal: false);
                break;
            }
            blocks[j].Forward(a.X, a.Block, causal: false, observer);
            if (a.TapAfter(j + 1) is { } tap)
                backend.RowGather.Forward(tap, a.X, a.PatchRows!);
        }
        Finish(a, observer);
    }

    private static float RootMeanSquare(ReadOnlySpan<float> values)
    {
        double sum = 0;
        foreach (float value in values)
            sum += (double)value * value;
        return (float)Math.Sqrt(sum / values.Length);
    }

    private int PromptRow(PromptInjection prompts) => config.VisionTokens + (prompts.ViewTokens is null ? 0 : 1);

    private void Embed(VisionActivations a, PromptInjection prompts, ActivationObserver? observer)
    {
        EmbedTokens(a.X, a.Images, prompts, observer);
        backend.LayerNorm.Forward(a.X, a.X, lnPreWeight, lnPreBias); // over the whole sequence, prompts included, as MaPLe
    }

    private void EmbedTokens(Tensor x, Tensor images, PromptInjection prompts, ActivationObserver? observer)
    {
        backend.PatchEmbedding.Forward(x, images, patchEmbedding, classEmbedding, positions, config.PatchSize);
        if (prompts.ViewTokens is { } view)
            backend.TokenInjection.Forward(x, view, config.VisionTokens);
        if (prompts.Depth > 0)
            backend.TokenInjection.Forward(x, prompts.Layers[0], PromptRow(prompts));
        observer?.Invoke("vis.embed", x);
    }

    // Memory layers alone do not need the blocks above the highest of them.
    private int LastBlock(VisionRequest request) =>
        request.ClassFeature || request.PatchTokens || request.Taps.Count == 0 ? blocks.Length : request.Taps.Max();

    private void Finish(VisionActivations a, ActivationObserver? observer)
    {
        if (a.ClassToken is { } cls)
        {
            if (a.ClassBlock is null || observer is not null)
                backend.RowGather.Forward(cls, a.X, a.ClassRows!);
            backend.LayerNorm.Forward(cls, cls, lnPostWeight, lnPostBias);
            observer?.Invoke("vis.cls", cls);
            backend.Linear.Forward(a.ClassFeature!, cls, projection);
            observer?.Invoke("vis.z0", a.ClassFeature!);
        }
        if (a.PatchTokens is { } patches)
        {
            backend.RowGather.Forward(patches, a.X, a.PatchRows!);
            backend.LayerNorm.Forward(patches, patches, lnPostWeight, lnPostBias);
            observer?.Invoke("vis.patches", patches);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var block in blocks)
            block.Dispose();
        transposedProjection?.Dispose();
        foreach (IDisposable part in new IDisposable[]
                 { patchEmbedding, projection, classEmbedding, positions, lnPreWeight, lnPreBias, lnPostWeight, lnPostBias })
            part.Dispose();
    }
}
