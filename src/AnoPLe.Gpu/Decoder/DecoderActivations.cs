using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Decoder;

/// <summary>Everything a decoder pass of N samples computes; the backward pass reads it.</summary>
internal sealed class DecoderActivations
{
    /// <summary>Takes memory from an arena.</summary>
    public DecoderActivations(Arena arena, DecoderShape shape, int N)
    {
        int g = shape.Grid, h = shape.Hidden;
        Input = arena.Take("dec.in", new(N, g * g, shape.VisionWidth));
        InputGrid = Input.View("dec.in.grid", new(N, g, g, shape.VisionWidth));
        Cells1 = arena.Take("dec.cells1", new(N, g, g, 4 * h));
        Up1 = arena.Take("dec.up1", new(N, 2 * g, 2 * g, h));
        Mean1 = arena.Take("dec.mean1", new(Up1.Rows));
        Rstd1 = arena.Take("dec.rstd1", new(Up1.Rows));
        Norm1 = arena.Take("dec.ln1", Up1.Shape);
        Gelu1 = arena.Take("dec.gelu1", Up1.Shape);
        Cells2 = arena.Take("dec.cells2", new(N, 2 * g, 2 * g, 4 * h));
        Up2 = arena.Take("dec.up2", new(N, 4 * g, 4 * g, h));
        Mean2 = arena.Take("dec.mean2", new(Up2.Rows));
        Rstd2 = arena.Take("dec.rstd2", new(Up2.Rows));
        Norm2 = arena.Take("dec.ln2", Up2.Shape);
        Gelu2 = arena.Take("dec.gelu2", Up2.Shape);
        Features = arena.Take("dec.D", new(N, 4 * g, 4 * g, shape.EmbedDim));
    }

    /// <summary>Tokens with their view signal, (N, g*g, d_v).</summary>
    public Tensor Input { get; }

    /// <summary>The same as a grid, (N, g, g, d_v).</summary>
    public Tensor InputGrid { get; }

    /// <summary>First deconvolution before its reordering, (N, g, g, 4h).</summary>
    public Tensor Cells1 { get; }

    /// <summary>First deconvolution, (N, 2g, 2g, h).</summary>
    public Tensor Up1 { get; }

    /// <summary>Mean of each row of <see cref="Up1"/>.</summary>
    public Tensor Mean1 { get; }

    /// <summary>Reciprocal deviation of each row of <see cref="Up1"/>.</summary>
    public Tensor Rstd1 { get; }

    /// <summary>First norm, (N, 2g, 2g, h).</summary>
    public Tensor Norm1 { get; }

    /// <summary>First GELU.</summary>
    public Tensor Gelu1 { get; }

    /// <summary>Second deconvolution before its reordering, (N, 2g, 2g, 4h).</summary>
    public Tensor Cells2 { get; }

    /// <summary>Second deconvolution, (N, 4g, 4g, h).</summary>
    public Tensor Up2 { get; }

    /// <summary>Mean of each row of <see cref="Up2"/>.</summary>
    public Tensor Mean2 { get; }

    /// <summary>Reciprocal deviation of each row of <see cref="Up2"/>.</summary>
    public Tensor Rstd2 { get; }

    /// <summary>Second norm, (N, 4g, 4g, h).</summary>
    public Tensor Norm2 { get; }

    /// <summary>Second GELU.</summary>
    public Tensor Gelu2 { get; }

    /// <summary>D, the features in the joint space, (N, 4g, 4g, d).</summary>
    public Tensor Features { get; }
}

/// <summary>Gradients of a decoder pass. Cells share the activations' memory, which nothing reads after the forward pass.</summary>
internal sealed class DecoderGradients
{
    /// <summary>Takes memory from an arena.</summary>
    public DecoderGradients(Arena arena, DecoderActivations a)
    {
        Input = arena.Take("grad.dec.in", a.Input.Shape);
        InputGrid = Input.View("grad.dec.in.grid", a.InputGrid.Shape);
        Cells1 = a.Cells1;
        Up1 = arena.Take("grad.dec.up1", a.Up1.Shape);
        Norm1 = arena.Take("grad.dec.ln1", a.Norm1.Shape);
        Cells2 = a.Cells2;
        Up2 = arena.Take("grad.dec.up2", a.Up2.Shape);
        Norm2 = arena.Take("grad.dec.ln2", a.Norm2.Shape);
        Features = arena.Take("grad.dec.D", a.Features.Shape);
    }

    /// <summary>Gradient of the tokens, (N, g*g, d_v).</summary>
    public Tensor Input { get; }

    /// <summary>The same as a grid.</summary>
    public Tensor InputGrid { get; }

    /// <summary>Gathered gradient of the first deconvolution.</summary>
    public Tensor Cells1 { get; }

    /// <summary>Gradient of the first deconvolution.</summary>
    public Tensor Up1 { get; }

    /// <summary>Gradient of the first GELU's output, then of the first norm's.</summary>
    public Tensor Norm1 { get; }

    /// <summary>Gathered gradient of the second deconvolution.</summary>
    public Tensor Cells2 { get; }

    /// <summary>Gradient of the second deconvolution.</summary>
    public Tensor Up2 { get; }

    /// <summary>Gradient of the second GELU's output, then of the second norm's.</summary>
    public Tensor Norm2 { get; }

    /// <summary>Gradient of the features, (N, 4g, 4g, d).</summary>
    public Tensor Features { get; }
}
