namespace AnoPLe.Gpu.Compute.Ops;

/// <summary>Writes prompt or view tokens over rows of every sequence: x[n, start + i] = tokens[n mod V, i] (+ positions[start + i]).</summary>
/// <remarks>
/// x: (N, T, C); tokens: (m, C), the same for all sequences, or (V, m, C) when sample n = b*V + v has view v;
/// positions: (P, C) with P >= start + m, added when given (the text prompt of layer 0). The other rows are left untouched.
/// Backward: dtokens = sum over the sequences that took them of dx at those rows, then those rows of dx are set to zero,
/// because the previous block's output there was discarded. Source: MaPLe, arXiv 2210.03117, deep prompts.
/// </remarks>
public abstract class TokenInjection(Backend backend) : Operation(backend)
{
    /// <summary>Overwrites rows start .. start + m - 1 of every sequence.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit or the rows lie outside the sequence.</exception>
    public void Forward(Tensor x, Tensor tokens, int start, Tensor? positions = null)
    {
        int m = Check(x, tokens, start);
        if (positions is not null)
        {
            Require.Rank(Backend, positions, 2);
            Require.That(positions.Width == x.Width && positions.Shape[0] >= start + m,
                $"positions ('{positions.Name}') have shape {positions.Shape}, expected [at least {start + m}, {x.Width}].");
        }
        ForwardCore(x, tokens, start, positions);
    }

    /// <summary>dtokens[v, i] += sum of dx[n, start + i] over the sequences n of view v; then those rows of dx are set to zero.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit or the rows lie outside the sequence.</exception>
    public void BackwardTokens(Tensor dtokens, Tensor dx, int start)
    {
        Check(dx, dtokens, start);
        BackwardTokensCore(dtokens, dx, start);
    }

    private int Check(Tensor x, Tensor tokens, int start)
    {
        Require.Rank(Backend, x, 3);
        Require.Floats(Backend, tokens);
        int rank = tokens.Shape.Rank, N = x.Shape[0], T = x.Shape[1];
        Require.That(rank is 2 or 3 && tokens.Width == x.Width,
            $"tokens ('{tokens.Name}') have shape {tokens.Shape}, expected [m, {x.Width}] or [V, m, {x.Width}].");
        int views = rank == 3 ? tokens.Shape[0] : 1, m = tokens.Shape[rank - 2];
        Require.That(N % views == 0, $"{N} sequences are no multiple of the {views} views of '{tokens.Name}'.");
        Require.That(start >= 0 && start + m <= T, $"Rows {start} to {start + m - 1} lie outside a sequence of {T} tokens.");
        return m;
    }

    /// <summary>Arithmetic of <see cref="Forward"/>; arguments have been checked.</summary>
    protected abstract void ForwardCore(Tensor x, Tensor tokens, int start, Tensor? positions);

    /// <summary>Arithmetic of <see cref="BackwardTokens"/>; arguments have been checked.</summary>
    protected abstract void BackwardTokensCore(Tensor dtokens, Tensor dx, int start);
}
