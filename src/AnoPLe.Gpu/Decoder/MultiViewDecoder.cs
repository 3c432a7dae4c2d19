using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Parameters;

namespace AnoPLe.Gpu.Decoder;

/// <summary>
/// From a view's patch tokens to features on a grid four times as fine, in the joint space: (+ view signal) -> deconv -> LN -> GELU ->
/// deconv -> LN -> GELU -> linear. Sources: AnoPLe, arXiv 2408.13516; SPEC section 8.
/// </summary>
internal sealed class MultiViewDecoder : IDisposable
{
    private readonly Backend backend;
    private readonly TrainableLinear up1, up2, outLayer;
    private readonly Level level1, level2;

    /// <summary>Packs the parameters; call <see cref="Refresh"/> before the first pass.</summary>
    /// <param name="parameters">Holds what <see cref="DecoderShape.Declare"/> names.</param>
    /// <param name="shape">Sizes.</param>
    public MultiViewDecoder(ParameterStore parameters, DecoderShape shape)
    {
        Shape = shape;
        backend = parameters.Backend;
        up1 = new TrainableLinear(parameters, "decoder.up1.weight", null, 4 * shape.Hidden, shape.VisionWidth, WeightLayout.InOut);
        up2 = new TrainableLinear(parameters, "decoder.up2.weight", null, 4 * shape.Hidden, shape.Hidden, WeightLayout.InOut);
        outLayer = new TrainableLinear(parameters, "decoder.out.weight", "decoder.out.bias", shape.EmbedDim, shape.Hidden);
        level1 = new Level(parameters, "1");
        level2 = new Level(parameters, "2");
    }

    /// <summary>Sizes.</summary>
    public DecoderShape Shape { get; }

    /// <summary>Brings the packed copies up to date after the parameters changed.</summary>
    public void Refresh()
    {
        up1.Refresh();
        up2.Refresh();
        outLayer.Refresh();
    }

    /// <summary>From tokens to a.Features. The samples' views are n mod V, so inference gives the first view's signal as a [1, d_v] parameter.</summary>
    /// <param name="a">Memory for N samples.</param>
    /// <param name="tokens">(N, g*g, d_v) after ln_post; left as they are.</param>
    /// <param name="signal">View signal [V, d_v], or null.</param>
    /// <param name="observer">Is shown every named activation, or null.</param>
    public void Forward(DecoderActivations a, Tensor tokens, Tensor? signal, ActivationObserver? observer = null)
    {
        if (signal is not null)
            backend.ViewSignal.Forward(a.Input, tokens, signal);
        else
            backend.Copy(a.Input, tokens);
        observer?.Invoke("dec.in", a.Input);
        backend.TransposedConv2x2.Forward(a.Up1, a.Cells1, a.InputGrid, up1.Packed, level1.UpBias);
        observer?.Invoke("dec.up1", a.Up1);
        backend.LayerNorm.Forward(a.Norm1, a.Up1, level1.NormWeight, level1.NormBias, a.Mean1, a.Rstd1);
        observer?.Invoke("dec.ln1", a.Norm1);
        backend.ElementwiseActivation.Forward(a.Gelu1, a.Norm1, Activation.Gelu);
        backend.TransposedConv2x2.Forward(a.Up2, a.Cells2, a.Gelu1, up2.Packed, level2.UpBias);
        observer?.Invoke("dec.up2", a.Up2);
        backend.LayerNorm.Forward(a.Norm2, a.Up2, level2.NormWeight, level2.NormBias, a.Mean2, a.Rstd2);
        observer?.Invoke("dec.ln2", a.Norm2);
        backend.ElementwiseActivation.Forward(a.Gelu2, a.Norm2, Activation.Gelu);
        outLayer.Forward(a.Features, a.Gelu2);
        observer?.Invoke("dec.D", a.Features);
    }

    /// <summary>From d.Features to the parameters' gradients (added) and to d.Input (overwritten): the gradient of the tokens.</summary>
    /// <param name="d">Gradients.</param>
    /// <param name="a">What <see cref="Forward"/> left.</param>
    /// <param name="signalGradient">Gradient of the view signal, added to; or null.</param>
    /// <param name="observer">Is shown the gradients under the activations' names, or null.</param>
    public void Backward(DecoderGradients d, DecoderActivations a, Tensor? signalGradient, ActivationObserver? observer = null)
    {
        observer?.Invoke("dec.D", d.Features);
        outLayer.BackwardParameters(d.Features, a.Gelu2);
        outLayer.BackwardInput(d.Norm2, d.Features);
        BackwardNorm(d.Norm2, d.Up2, a.Norm2, a.Up2, a.Mean2, a.Rstd2, level2);
        observer?.Invoke("dec.ln2", d.Norm2);
        observer?.Invoke("dec.up2", d.Up2);
        BackwardUp(d.Norm1, d.Cells2, d.Up2, a.Gelu1, up2, level2);
        BackwardNorm(d.Norm1, d.Up1, a.Norm1, a.Up1, a.Mean1, a.Rstd1, level1);
        observer?.Invoke("dec.ln1", d.Norm1);
        observer?.Invoke("dec.up1", d.Up1);
        BackwardUp(d.InputGrid, d.Cells1, d.Up1, a.InputGrid, up1, level1);
        observer?.Invoke("dec.in", d.Input);
        if (signalGradient is not null)
            backend.ViewSignal.BackwardParameters(signalGradient, d.Input);
    }

    // Through GELU and the layer norm before it; dnorm arrives as the gradient of GELU's output.
    private void BackwardNorm(Tensor dnorm, Tensor dup, Tensor norm, Tensor up, Tensor mean, Tensor rstd, Level level)
    {
        backend.ElementwiseActivation.BackwardInput(dnorm, dnorm, norm, Activation.Gelu);
        backend.LayerNorm.BackwardParameters(level.Gradients.NormWeight, level.Gradients.NormBias, dnorm, up, mean, rstd);
        backend.Clear(dup);
        backend.LayerNorm.BackwardInput(dup, dnorm, up, level.NormWeight, mean, rstd);
    }

    private void BackwardUp(Tensor dx, Tensor dcells, Tensor dy, Tensor x, TrainableLinear layer, Level level)
    {
        var op = backend.TransposedConv2x2;
        op.GatherCells(dcells, dy);
        op.BackwardParameters(level.Gradients.UpWeight, level.Gradients.UpBias, dcells, dy, x);
        op.BackwardInput(dx, dcells, layer.PackedTransposed);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        up1.Dispose();
        up2.Dispose();
        outLayer.Dispose();
    }

    /// <summary>Parameters of one doubling of the grid that are not packed, and the gradients of all.</summary>
    private sealed class Level(ParameterStore parameters, string number)
    {
        private readonly (Tensor, Tensor, Tensor, Tensor)? gradients = parameters.IsTrainable
            ? (parameters.Gradient($"decoder.up{number}.weight"), parameters.Gradient($"decoder.up{number}.bias"),
                parameters.Gradient($"decoder.ln{number}.weight"), parameters.Gradient($"decoder.ln{number}.bias"))
            : null;

        public Tensor UpBias { get; } = parameters.Value($"decoder.up{number}.bias");

        public Tensor NormWeight { get; } = parameters.Value($"decoder.ln{number}.weight");

        public Tensor NormBias { get; } = parameters.Value($"decoder.ln{number}.bias");

        public (Tensor UpWeight, Tensor UpBias, Tensor NormWeight, Tensor NormBias) Gradients => gradients
            ?? throw new InvalidOperationException("These parameters were loaded for scoring and have no gradients.");
    }
}
