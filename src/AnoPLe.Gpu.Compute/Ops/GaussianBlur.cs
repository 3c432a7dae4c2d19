namespace AnoPLe.Gpu.Compute.Ops;

/// <summary>Separable Gaussian smoothing of maps with a half-sample symmetric border (d c b a | a b c d | d c b a).</summary>
/// <remarks>
/// x, y, scratch: (N, H, W). Radius r = int(4 sigma + 0.5), weights exp(-i^2 / (2 sigma^2)) / sum; the reflection repeats when r
/// exceeds the map. Equals scipy.ndimage.gaussian_filter with its defaults. No backward: it is applied to finished maps.
/// </remarks>
public abstract class GaussianBlur(Backend backend) : Operation(backend)
{
    /// <summary>Largest radius supported, sigma just under 32 pixels.</summary>
    public const int MaxRadius = 128;

    /// <summary>Smooths rows into scratch and columns into y. y may be x; scratch may be neither.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit, or sigma is not positive or too large.</exception>
    public void Forward(Tensor y, Tensor x, Tensor scratch, float sigma)
    {
        Require.Rank(Backend, x, 3);
        Require.Tensor(Backend, y, x.Shape);
        Require.Tensor(Backend, scratch, x.Shape);
        Require.That(sigma > 0 && Radius(sigma) <= MaxRadius, $"sigma must be above 0 and its radius at most {MaxRadius} pixels, got {sigma}.");
        ForwardCore(y, x, scratch, sigma);
    }

    /// <summary>Pixels on either side that take part.</summary>
    public static int Radius(float sigma) => (int)(4.0 * sigma + 0.5);

    /// <summary>Weights 0 .. r of one side, normalised so that the whole kernel sums to 1; computed in double.</summary>
    public static float[] Weights(float sigma)
    {
        int r = Radius(sigma);
        var w = new double[r + 1];
        double sum = 0;
        for (int i = r; i >= 0; i--)
        {
            w[i] = Math.Exp(-0.5 * i * i / ((double)sigma * sigma));
            sum += i == 0 ? w[i] : 2 * w[i];
        }
        return Array.ConvertAll(w, v => (float)(v / sum));
    }

    /// <summary>Arithmetic of <see cref="Forward"/>; arguments have been checked.</summary>
    protected abstract void ForwardCore(Tensor y, Tensor x, Tensor scratch, float sigma);
}
