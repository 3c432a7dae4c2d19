using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Weights;
using Names = AnoPLe.Gpu.Weights.ClipTensors.Block;

namespace AnoPLe.Gpu.Clip;

/// <summary>
/// The block in training: a forward pass that keeps what the backward pass reads, and the gradient of the residual stream. Weights are
/// frozen, so there is no gradient of theirs.
/// </summary>
public sealed partial class TransformerBlock
{
    private TransposedWeights? transposed;

    /// <summary>Packs the transposed weights that <see cref="Backward"/> multiplies with, once. It doubles the block's memory.</summary>
    internal void EnableBackward() => transposed ??= new TransposedWeights(weights, prefix, width);

    /// <summary>The same as <see cref="Forward"/>, out of place and keeping a tape.</summary>
    /// <param name="y">(B, T, C), takes the block's output.</param>
    /// <param name="tape">Its In is the input; everything else is filled.</param>
    /// <param name="scratch">Shared by all blocks of the tower.</param>
    /// <param name="causal">As in <see cref="Forward"/>.</param>
    /// <param name="observer">Is shown the activations, or null.</param>
    internal void ForwardTape(Tensor y, BlockTape tape, BlockScratch scratch, bool causal, ActivationObserver? observer)
    {
        observer?.Invoke(name + "in", tape.In);
        backend.LayerNorm.Forward(scratch.Norm, tape.In, ln1Weight, ln1Bias, tape.Mean1, tape.Rstd1);
        observer?.Invoke(name + "ln_1", scratch.Norm);
        backend.Linear.Forward(tape.Qkv, scratch.Norm, qkv);
        observer?.Invoke(name + "qkv", tape.Qkv);
        backend.Attention.Forward(tape.Heads, tape.Qkv, heads, causal, tape.LogSumExp);
        observer?.Invoke(name + "heads", tape.Heads);
        // x = x + self.attention(self.ln_1(x))
        backend.Copy(tape.Mid, tape.In);
        backend.Linear.Forward(tape.Mid, tape.Heads, attentionOut, accumulate: true);
        if (observer is not null)
        {
            // The branch before it joins the residual is never stored; it is computed again for whoever watches.
            backend.Linear.Forward(scratch.Norm, tape.Heads, attentionOut);
            observer(name + "attn", scratch.Norm);
            observer(name + "mid", tape.Mid);
        }
        backend.LayerNorm.Forward(scratch.Norm, tape.Mid, ln2Weight, ln2Bias, tape.Mean2, tape.Rstd2);
        observer?.Invoke(name + "ln_2", scratch.Norm);
        // x = x + self.mlp(self.ln_2(x))
        backend.Linear.Forward(tape.Fc, scratch.Norm, fc);
        observer?.Invoke(name + "fc", tape.Fc);
        backend.ElementwiseActivation.Forward(scratch.Hidden, tape.Fc, activation);
        observer?.Invoke(name + "gelu", scratch.Hidden);
        if (observer is not null)
        {
            backend.Linear.Forward(scratch.Norm, scratch.Hidden, projection);
            observer(name + "mlp", scratch.Norm);
        }
        backend.Copy(y, tape.Mid);
        backend.Linear.Forward(y, scratch.Hidden, projection, accumulate: true);
        observer?.Invoke(name + "out", y);
    }

    /// <summary>Turns the gradient of the output into that of the input, in place: dx1 = dy + LN_2'(c_fc'(act'(c_proj'(dy)))), dx = dx1 + LN_1'(attention'(dx1)).</summary>
    /// <param name="dx">(B, T, C).</param>
    /// <param name="tape">What <see cref="ForwardTape"/> left.</param>
    /// <param name="scratch">Shared by all blocks of the tower.</param>
    /// <param name="causal">As in <see cref="Forward"/>.</param>
    /// <param name="observer">Is shown the gradients under the activations' names, or null.</param>
    internal void Backward(Tensor dx, BlockTape tape, BlockScratch scratch, bool causal, ActivationObserver? observer)
    {
        var w = transposed ?? throw new InvalidOperationException("EnableBackward comes before the first backward pass.");
        observer?.Invoke(name + "out", dx);
        observer?.Invoke(name + "mlp", dx);
        backend.Linear.BackwardInput(scratch.Hidden, dx, w.Projection);
        observer?.Invoke(name + "gelu", scratch.Hidden);
        backend.ElementwiseActivation.BackwardInput(scratch.Hidden, scratch.Hidden, tape.Fc, activation);
        observer?.Invoke(name + "fc", scratch.Hidden);
        backend.Linear.BackwardInput(scratch.Norm, scratch.Hidden, w.Fc);
        observer?.Invoke(name + "ln_2", scratch.Norm);
        backend.LayerNorm.BackwardInput(dx, scratch.Norm, tape.Mid, ln2Weight, tape.Mean2, tape.Rstd2);
        observer?.Invoke(name + "mid", dx);
        observer?.Invoke(name + "attn", dx);
        backend.Linear.BackwardInput(scratch.Heads, dx, w.AttentionOut);
        observer?.Invoke(name + "heads", scratch.Heads);
        backend.Attention.BackwardInput(scratch.Qkv, scratch.Heads, tape.Qkv, tape.Heads, tape.LogSumExp, heads, causal);
        observer?.Invoke(name + "qkv", scratch.Qkv);
        backend.Linear.BackwardInput(scratch.Norm, scratch.Qkv, w.Qkv);
        observer?.Invoke(name + "ln_1", scratch.Norm);
        backend.LayerNorm.BackwardInput(dx, scratch.Norm, tape.In, ln1Weight, tape.Mean1, tape.Rstd1);
        observer?.Invoke(name + "in", dx);
    }

    /// <summary>The matrices of the block, packed the other way round.</summary>
    private sealed class TransposedWeights : IDisposable
    {
        public TransposedWeights(WeightUploader weights, string prefix, int width)
        {
            Qkv = weights.Transposed(prefix + Names.InProjWeight, 3 * width, width);
            AttentionOut = weights.Transposed(ClipTensors.Weight(prefix + Names.OutProj), width, width);
            Fc = weights.Transposed(ClipTensors.Weight(prefix + Names.Fc), 4 * width, width);
            Projection = weights.Transposed(ClipTensors.Weight(prefix + Names.Proj), width, 4 * width);
        }

        public PackedLinear Qkv { get; }

        public PackedLinear AttentionOut { get; }

        public PackedLinear Fc { get; }

        public PackedLinear Projection { get; }

        public void Dispose()
        {
            foreach (IDisposable part in new IDisposable[] { Qkv, AttentionOut, Fc, Projection })
                part.Dispose();
        }
    }
}
