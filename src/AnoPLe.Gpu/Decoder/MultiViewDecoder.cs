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
    private readonly ParameterStore parameters;
    private readonly TrainableLinear up1, up2, outLayer;

    /// <summary>Packs the parameters; call <see cref="Refresh"/> before the first pass.</summary>
    /// <param name="parameters">Holds what <see cref="DecoderShape.Declare"/> names.</param>
    /// <param name="shape">Sizes.</param>
    public MultiViewDecoder(ParameterStore parameters, DecoderShape shape)
    {
        this.parameters = parameters;
        Shape = shape;
        backend = parameters.Backend;
        up1 = new TrainableLinear(parameters, "decoder.up1.weight", null, 4 * shape.Hidden, shape.VisionWidth, WeightLayout.InOut);
        up2 = new TrainableLinear(parameters, "decoder.up2.weight", null, 4 * shape.Hidden, shape.Hidden, WeightLayout.InOut);
        outLayer = new TrainableLinear(parameters, "decoder.out.weight", "decoder.out.bias", shape.EmbedDim, shape.Hidden);
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
        backend.TransposedConv2x2.Forward(a.Up1, a.Cells1, a.InputGrid, up1.Packed, Value("up1.bias"));
        observer?.Invoke("dec.up1", a.Up1);
        backend.LayerNorm.Forward(a.Norm1, a.Up1, Value("ln1.weight"), Value("ln1.bias"), a.Mean1, a.Rstd1);
        observer?.Invoke("dec.ln1", a.Norm1);
        backend.ElementwiseActivation.Forward(a.Gelu1, a.Norm1, Activation.Gelu);
        backend.TransposedConv2x2.Forward(a.Up2, a.Cells2, a.Gelu1, up2.Packed, Value("up2.bias"));
        observer?.Invoke("dec.up2", a.Up2);
        backend.LayerNorm.Forward(a.Norm2, a.Up2, Value("ln2.weight"), Value("ln2.bias"), a.Mean2, a.Rstd2);
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
        Level(d.Norm2, d.Up2, a.Norm2, a.Up2, a.Mean2, a.Rstd2, "ln2", observer);
        Deconvolve(d.Norm1, d.Cells2, d.Up2, a.Gelu1, up2, "up2");
        Level(d.Norm1, d.Up1, a.Norm1, a.Up1, a.Mean1, a.Rstd1, "ln1", observer);
        Deconvolve(d.InputGrid, d.Cells1, d.Up1, a.InputGrid, up1, "up1");
        observer?.Invoke("dec.in", d.Input);
        if (signalGradient is not null)
            backend.ViewSignal.BackwardParameters(signalGradient, d.Input);
    }

    // Through GELU and the layer norm before it; dnorm arrives as the gradient of GELU's output.
    private void Level(Tensor dnorm, Tensor dup, Tensor norm, Tensor up, Tensor mean, Tensor rstd, string name, ActivationObserver? observer)
    {
        backend.ElementwiseActivation.BackwardInput(dnorm, dnorm, norm, Activation.Gelu);
        observer?.Invoke("dec." + name, dnorm);
        backend.LayerNorm.BackwardParameters(Gradient(name + ".weight"), Gradient(name + ".bias"), dnorm, up, mean, rstd);
        backend.Clear(dup);
        backend.LayerNorm.BackwardInput(dup, dnorm, up, Value(name + ".weight"), mean, rstd);
        observer?.Invoke("dec." + (name == "ln1" ? "up1" : "up2"), dup);
    }

    private void Deconvolve(Tensor dx, Tensor dcells, Tensor dy, Tensor x, TrainableLinear layer, string name)
    {
        var op = backend.TransposedConv2x2;
        op.GatherCells(dcells, dy);
        op.BackwardParameters(Gradient(name + ".weight"), Gradient(name + ".bias"), dcells, dy, x);
        op.BackwardInput(dx, dcells, layer.PackedTransposed);
    }

    private Tensor Value(string name) => parameters.Value("decoder." + name);

    private Tensor Gradient(string name) => parameters.Gradient("decoder." + name);

    /// <inheritdoc/>
    public void Dispose()
    {
        up1.Dispose();
        up2.Dispose();
        outLayer.Dispose();
    }
}
