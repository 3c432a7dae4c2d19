using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using Names = AnoPLe.Gpu.Weights.ClipTensors.Block;

namespace AnoPLe.Gpu.Clip;

/// <summary>
/// One pre-norm residual block of either tower: x += attention(ln_1(x)); x += c_proj(act(c_fc(ln_2(x)))).
/// It owns frozen weights and the order of operations, never kernels. Source: openai/CLIP clip/model.py, ResidualAttentionBlock.
/// </summary>
public sealed partial class TransformerBlock : IDisposable
{
    private readonly Backend backend;
    private readonly WeightUploader weights;
    private readonly string prefix, name;
    private readonly int width;
    private readonly int heads;
    private readonly Activation activation;
    private readonly Tensor ln1Weight, ln1Bias, ln2Weight, ln2Bias;
    private readonly PackedLinear qkv, attentionOut, fc, projection;

    /// <summary>Puts the weights of the block whose names begin with <paramref name="prefix"/> on the device.</summary>
    /// <param name="weights">Where they come from and go to.</param>
    /// <param name="prefix">"visual.transformer.resblocks.3.".</param>
    /// <param name="name">Beginning of the activations' names, "vis.L3.".</param>
    /// <param name="width">Width of the tower.</param>
    /// <param name="heads">Attention heads.</param>
    /// <param name="activation">Nonlinearity of the MLP.</param>
    internal TransformerBlock(WeightUploader weights, string prefix, string name, int width, int heads, Activation activation)
    {
        backend = weights.Backend;
        this.weights = weights;
        this.prefix = prefix;
        this.name = name;
        this.width = width;
        this.heads = heads;
        this.activation = activation;
        (ln1Weight, ln1Bias) = weights.Norm(prefix + Names.Ln1);
        qkv = weights.Linear(prefix + Names.InProjWeight, prefix + Names.InProjBias, 3 * width, width);
        attentionOut = weights.Linear(prefix + Names.OutProj, width, width);
        (ln2Weight, ln2Bias) = weights.Norm(prefix + Names.Ln2);
        fc = weights.Linear(prefix + Names.Fc, 4 * width, width);
        projection = weights.Linear(prefix + Names.Proj, width, 4 * width);
    }

    /// <summary>Runs the block on the residual stream in place.</summary>
    /// <param name="x">(B, T, C), overwritten by the block's output.</param>
    /// <param name="a">Scratch of the same batch and length.</param>
    /// <param name="causal">Whether a token sees only itself and earlier ones (text tower).</param>
    /// <param name="observer">Is shown the activations, or null.</param>
    public void Forward(Tensor x, BlockActivations a, bool causal, ActivationObserver? observer)
    {
        Attend(x, a, causal, observer);
        // x = x + self.attention(self.ln_1(x))
        backend.Linear.Forward(x, a.Attention, attentionOut, accumulate: true);
        observer?.Invoke(name + "mid", x);
        FeedForward(x, a.Norm, a.Hidden, observer);
    }

    /// <summary>
    /// Runs the block where only some rows of the result are needed (the class tokens of the last block): attention reads the whole
    /// sequence, everything after it is done for those rows alone. The result is the same, at a fraction of the work.
    /// </summary>
    /// <param name="y">(R, C), takes the block's output at the chosen rows.</param>
    /// <param name="x">(B, T, C), left as it is.</param>
    /// <param name="a">Scratch for the whole sequence.</param>
    /// <param name="chosen">Scratch for the chosen rows.</param>
    /// <param name="rows">R row indices into B*T.</param>
    /// <param name="causal">As in <see cref="Forward"/>.</param>
    public void ForwardRows(Tensor y, Tensor x, BlockActivations a, BlockActivations chosen, Tensor rows, bool causal)
    {
        Attend(x, a, causal, observer: null);
        backend.RowGather.Forward(y, x, rows);
        backend.RowGather.Forward(chosen.Attention, a.Attention, rows);
        backend.Linear.Forward(y, chosen.Attention, attentionOut, accumulate: true);
        FeedForward(y, chosen.Norm, chosen.Hidden, observer: null);
    }

    private void Attend(Tensor x, BlockActivations a, bool causal, ActivationObserver? observer)
    {
        observer?.Invoke(name + "in", x);
        backend.LayerNorm.Forward(a.Norm, x, ln1Weight, ln1Bias);
        observer?.Invoke(name + "ln_1", a.Norm);
        backend.Linear.Forward(a.Qkv, a.Norm, qkv);
        observer?.Invoke(name + "qkv", a.Qkv);
        backend.Attention.Forward(a.Attention, a.Qkv, heads, causal);
        observer?.Invoke(name + "heads", a.Attention);
    }

    // x = x + self.mlp(self.ln_2(x))
    private void FeedForward(Tensor x, Tensor norm, Tensor hidden, ActivationObserver? observer)
    {
        backend.LayerNorm.Forward(norm, x, ln2Weight, ln2Bias);
        observer?.Invoke(name + "ln_2", norm);
        backend.Linear.Forward(hidden, norm, fc, activation);
        observer?.Invoke(name + "gelu", hidden);
        backend.Linear.Forward(x, hidden, projection, accumulate: true);
        observer?.Invoke(name + "out", x);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable part in new IDisposable[] { ln1Weight, ln1Bias, ln2Weight, ln2Bias, qkv, attentionOut, fc, projection })
            part.Dispose();
        transposed?.Dispose();
    }
}
