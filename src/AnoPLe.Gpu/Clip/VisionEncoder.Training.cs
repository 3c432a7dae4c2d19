using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Prompts;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Clip;

/// <summary>The vision tower in training: forward with a tape, backward to the prompts and the view signal. Source: SPEC sections 7 and 10.</summary>
public sealed partial class VisionEncoder
{
    private PackedLinear? transposedProjection;

    /// <summary>Packs the transposed weights of the projection and of every block, once.</summary>
    internal void EnableBackward()
    {
        transposedProjection ??= upload.Transposed(ClipTensors.VisualProjection, config.EmbedDim, config.VisionWidth, WeightLayout.InOut);
        foreach (var block in blocks)
            block.EnableBackward();
    }

    /// <summary>Takes all memory of a forward and a backward pass.</summary>
    internal VisionTape CreateTape(int batch, int extraTokens) => new(backend, config, batch, extraTokens);

    /// <summary>Encodes the images of the tape and keeps what the backward pass reads.</summary>
    /// <param name="tape">Made for as many extra tokens as the prompts have.</param>
    /// <param name="prompts">Prompt and view tokens.</param>
    /// <param name="cls">(B, C), takes h_CLS.</param>
    /// <param name="patches">(B, g*g, C), takes the patch tokens after ln_post.</param>
    /// <param name="observer">Is shown every named activation, or null.</param>
    internal void ForwardTape(VisionTape tape, PromptInjection prompts, Tensor cls, Tensor patches, ActivationObserver? observer = null)
    {
        Require.That(prompts.ExtraTokens == tape.ExtraTokens, $"The prompts add {prompts.ExtraTokens} tokens, the tape was made for {tape.ExtraTokens}.");
        EmbedTokens(tape.Embedded, tape.Images, prompts, observer);
        backend.LayerNorm.Forward(tape.Blocks[0].In, tape.Embedded, lnPreWeight, lnPreBias, tape.PreMean, tape.PreRstd);
        for (int j = 0; j < blocks.Length; j++)
        {
            if (j > 0 && j < prompts.Depth)
                backend.TokenInjection.Forward(tape.Blocks[j].In, prompts.Layers[j], PromptRow(prompts));
            var y = j + 1 < blocks.Length ? tape.Blocks[j + 1].In : tape.Out;
            blocks[j].ForwardTape(y, tape.Blocks[j], tape.Scratch, causal: false, observer);
        }
        FinalNorm(cls, tape.Class, tape.Out);
        observer?.Invoke("vis.cls", cls);
        FinalNorm(patches, tape.Patches, tape.Out);
        observer?.Invoke("vis.patches", patches);
    }

    /// <summary>z_0 = h_CLS proj for any number of rows.</summary>
    internal void Project(Tensor z0, Tensor cls) => backend.Linear.Forward(z0, cls, projection);

    /// <summary>dh_CLS = dz_0 proj^T, overwritten.</summary>
    internal void ProjectBackward(Tensor dcls, Tensor dz0) => backend.Linear.BackwardInput(dcls, dz0, transposedProjection
        ?? throw new InvalidOperationException("EnableBackward comes before the first backward pass."));

    /// <summary>Walks down from the gradients of the outputs to those of the prompts and the view tokens.</summary>
    /// <param name="tape">What <see cref="ForwardTape"/> left.</param>
    /// <param name="prompts">As forwards.</param>
    /// <param name="dcls">(B, C), gradient of h_CLS.</param>
    /// <param name="dpatches">(B, g*g, C), gradient of the patch tokens after ln_post.</param>
    /// <param name="promptGradients">One per prompted layer, added to.</param>
    /// <param name="viewGradient">Gradient of the view tokens, added to; or null.</param>
    /// <param name="observer">Is shown the gradients under the activations' names, or null.</param>
    internal void Backward(VisionTape tape, PromptInjection prompts, Tensor dcls, Tensor dpatches, IReadOnlyList<Tensor> promptGradients, Tensor? viewGradient,
        ActivationObserver? observer = null)
    {
        var dx = tape.Gradient;
        observer?.Invoke("vis.cls", dcls);
        observer?.Invoke("vis.patches", dpatches);
        backend.Clear(dx);
        FinalNormBackward(dx, tape.Class, dcls);
        FinalNormBackward(dx, tape.Patches, dpatches);
        for (int j = blocks.Length - 1; j >= 0; j--)
        {
            blocks[j].Backward(dx, tape.Blocks[j], tape.Scratch, causal: false, observer);
            // The previous block's output there was discarded, so its gradient is zero.
            if (j > 0 && j < prompts.Depth)
                backend.TokenInjection.BackwardTokens(promptGradients[j], dx, PromptRow(prompts));
        }
        var dembedded = tape.Scratch.Norm;
        backend.Clear(dembedded);
        backend.LayerNorm.BackwardInput(dembedded, dx, tape.Embedded, lnPreWeight, tape.PreMean, tape.PreRstd);
        observer?.Invoke("vis.embed", dembedded);
        if (prompts.Depth > 0)
            backend.TokenInjection.BackwardTokens(promptGradients[0], dembedded, PromptRow(prompts));
        if (viewGradient is not null)
            backend.TokenInjection.BackwardTokens(viewGradient, dembedded, config.VisionTokens);
    }

    private void FinalNorm(Tensor y, NormedRows rows, Tensor x)
    {
        backend.RowGather.Forward(rows.Raw, x, rows.Rows);
        backend.LayerNorm.Forward(y, rows.Raw, lnPostWeight, lnPostBias, rows.Mean, rows.Rstd);
    }

    private void FinalNormBackward(Tensor dx, NormedRows rows, Tensor dy)
    {
        backend.Clear(rows.RawGradient);
        backend.LayerNorm.BackwardInput(rows.RawGradient, dy, rows.Raw, lnPostWeight, rows.Mean, rows.Rstd);
        backend.RowGather.BackwardInput(dx, rows.RawGradient, rows.Rows);
    }
}
