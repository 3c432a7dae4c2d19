namespace AnoPLe.Gpu.Compute.Ops;

/// <summary>Bilinear resampling of maps, align_corners = false, edges clamped.</summary>
/// <remarks>
/// x: (N, h, w); y: (N, H, W), H >= h and W >= w. Output i reads src = max((i + 0.5) h/H - 0.5, 0), i0 = floor(src) (at most h - 1),
/// i1 = min(i0 + 1, h - 1), weights 1 - f and f with f = src - i0; the same for columns. Backward: dx = U^T dy U.
/// Source: torch.nn.functional.interpolate(mode="bilinear").
/// </remarks>
public abstract class BilinearUpsample(Backend backend) : Operation(backend)
{
    /// <summary>Resamples every map.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit, or y is smaller than x.</exception>
    public void Forward(Tensor y, Tensor x)
    {
        Require.Rank(Backend, x, 3);
        Require.Rank(Backend, y, 3);
        Require.That(x.Shape[0] == y.Shape[0] && y.Shape[1] >= x.Shape[1] && y.Shape[2] >= x.Shape[2],
            $"y ('{y.Name}') has shape {y.Shape}, expected at least the size of x ('{x.Name}') {x.Shape} and as many maps.");
        ForwardCore(y, x);
    }

    /// <summary>dx += U^T dy U: every input cell gathers what it gave to the outputs.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit, or dy is smaller than dx.</exception>
    public void BackwardInput(Tensor dx, Tensor dy)
    {
        Require.Rank(Backend, dx, 3);
        Require.Rank(Backend, dy, 3);
        Require.That(dx.Shape[0] == dy.Shape[0] && dy.Shape[1] >= dx.Shape[1] && dy.Shape[2] >= dx.Shape[2],
            $"dy ('{dy.Name}') has shape {dy.Shape}, expected at least the size of dx ('{dx.Name}') {dx.Shape} and as many maps.");
        BackwardInputCore(dx, dy);
    }

    /// <summary>Arithmetic of <see cref="Forward"/>; arguments have been checked.</summary>
    protected abstract void ForwardCore(Tensor y, Tensor x);

    /// <summary>Arithmetic of <see cref="BackwardInput"/>; arguments have been checked.</summary>
    protected abstract void BackwardInputCore(Tensor dx, Tensor dy);
}
