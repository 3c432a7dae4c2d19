namespace AnoPLe.Gpu.Compute.Ops;

/// <summary>Tells the decoder which view it sees: y[n, i] = x[n, i] + signal[n mod V].</summary>
/// <remarks>
/// x, y: (N, P, C), N = B V samples, n = b V + v; signal: (V, C).
/// Backward: dx = dy (nothing to do), dsignal[v] += sum of dy over the samples of view v and all tokens.
/// Source: AnoPLe, arXiv 2408.13516, multi-view signals.
/// </remarks>
public abstract class ViewSignal(Backend backend) : Operation(backend)
{
    /// <summary>Adds the signal of its view to every token. y may be x.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit, or N is no multiple of V.</exception>
    public void Forward(Tensor y, Tensor x, Tensor signal)
    {
        Check(x, signal);
        Require.Tensor(Backend, y, x.Shape);
        ForwardCore(y, x, signal);
    }

    /// <summary>dsignal[v] += sum of dy over samples of view v and all tokens.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit, or N is no multiple of V.</exception>
    public void BackwardParameters(Tensor dsignal, Tensor dy)
    {
        Check(dy, dsignal);
        BackwardParametersCore(dsignal, dy);
    }

    private void Check(Tensor x, Tensor signal)
    {
        Require.Rank(Backend, x, 3);
        Require.Rank(Backend, signal, 2);
        Require.That(signal.Width == x.Width && x.Shape[0] % signal.Shape[0] == 0,
            $"signal ('{signal.Name}') has shape {signal.Shape}, expected [a divisor of {x.Shape[0]}, {x.Width}].");
    }

    /// <summary>Arithmetic of <see cref="Forward"/>; arguments have been checked.</summary>
    protected abstract void ForwardCore(Tensor y, Tensor x, Tensor signal);

    /// <summary>Arithmetic of <see cref="BackwardParameters"/>; arguments have been checked.</summary>
    protected abstract void BackwardParametersCore(Tensor dsignal, Tensor dy);
}
