using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Prompts;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Clip;

/// <summary>The text tower in training: forward with a tape, backward to the prompts. Source: SPEC sections 6 and 10.</summary>
public sealed partial class TextEncoder
{
    private PackedLinear? transposedProjection;

    /// <summary>Takes the memory of forward and backward passes over fixed token rows, embeds them, and packs the transposed weights.</summary>
    /// <param name="ids">As in <see cref="Encode"/>.</param>
    /// <param name="prompts">The prompts of every pass, or <see cref="PromptInjection.None"/>: then there is no backward pass.</param>
    /// <exception cref="ArgumentException">As in <see cref="Encode"/>.</exception>
    internal TextTape CreateTape(IReadOnlyList<int[]> ids, PromptInjection prompts)
    {
        CheckRows(ids, prompts);
        int[] ends = [.. ids.Select(EndOfText)];
        int T = ends.Max() + 1;
        if (prompts.Depth > 0)
        {
            transposedProjection ??= upload.Transposed(ClipTensors.TextProjection, config.EmbedDim, config.TextWidth, WeightLayout.InOut);
            foreach (var block in blocks)
                block.EnableBackward();
        }
        var tape = new TextTape(backend, config, ids.Count, T);
        backend.Write(tape.EndRows, ends.Select((end, row) => row * T + end).ToArray());
        backend.Write(tape.Tokens, Embed(ids, T));
        return tape;
    }

    /// <summary>Features and unit features of the tape's rows.</summary>
    internal void ForwardTape(TextTape tape, PromptInjection prompts, ActivationObserver? observer = null)
    {
        var x = tape.Blocks[0].In;
        backend.Copy(x, tape.Tokens);
        if (prompts.Depth > 0)
            backend.TokenInjection.Forward(x, prompts.Layers[0], start: 1, positions);
        observer?.Invoke("txt.embed", x);
        for (int j = 0; j < blocks.Length; j++)
        {
            if (j > 0 && j < prompts.Depth)
                backend.TokenInjection.Forward(tape.Blocks[j].In, prompts.Layers[j], start: 1);
            var y = j + 1 < blocks.Length ? tape.Blocks[j + 1].In : tape.Out;
            blocks[j].ForwardTape(y, tape.Blocks[j], tape.Scratch, causal: true, observer);
        }
        backend.RowGather.Forward(tape.End, tape.Out, tape.EndRows);
        backend.LayerNorm.Forward(tape.Final, tape.End, lnFinalWeight, lnFinalBias, tape.FinalMean, tape.FinalRstd);
        backend.Linear.Forward(tape.Features, tape.Final, projection);
        observer?.Invoke("txt.features", tape.Features);
        backend.L2Normalize.Forward(tape.Unit, tape.Features);
        observer?.Invoke("txt.w", tape.Unit);
    }

    /// <summary>Walks down from tape.UnitGradient to the gradients of the prompts, which are added to.</summary>
    internal void Backward(TextTape tape, PromptInjection prompts, IReadOnlyList<Tensor> promptGradients, ActivationObserver? observer = null)
    {
        observer?.Invoke("txt.w", tape.UnitGradient);
        backend.Clear(tape.FeaturesGradient);
        backend.L2Normalize.BackwardInput(tape.FeaturesGradient, tape.UnitGradient, tape.Features);
        observer?.Invoke("txt.features", tape.FeaturesGradient);
        backend.Linear.BackwardInput(tape.Final, tape.FeaturesGradient, transposedProjection
            ?? throw new InvalidOperationException("The tape was made for a tower without prompts."));
        backend.Clear(tape.EndGradient);
        backend.LayerNorm.BackwardInput(tape.EndGradient, tape.Final, tape.End, lnFinalWeight, tape.FinalMean, tape.FinalRstd);
        var dx = tape.Gradient;
        backend.Clear(dx);
        backend.RowGather.BackwardInput(dx, tape.EndGradient, tape.EndRows);
        for (int j = blocks.Length - 1; j >= 0; j--)
        {
            blocks[j].Backward(dx, tape.Blocks[j], tape.Scratch, causal: true, observer);
            if (j == 0)
                observer?.Invoke("txt.embed", dx);
            if (j < prompts.Depth)
                backend.TokenInjection.BackwardTokens(promptGradients[j], dx, start: 1);
        }
    }
}
