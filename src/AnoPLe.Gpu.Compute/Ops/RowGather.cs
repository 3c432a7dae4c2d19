namespace AnoPLe.Gpu.Compute.Ops;

/// <summary>y[r] = x[rows[r]]: class rows, patch rows or end-of-text rows out of a sequence.</summary>
/// <remarks>
/// x: (..., C) seen as rows; y: (..., C); rows: one I32 index per row of y. Indices are checked where they are made, not on the device.
/// Backward: dx[rows[r]] += dy[r] (the indices are distinct).
/// </remarks>
public abstract class RowGather(Backend backend) : Operation(backend)
{
    /// <summary>Copies the chosen rows.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit.</exception>
    public void Forward(Tensor y, Tensor x, Tensor rows)
    {
        Require.Activations(Backend, x);
        Require.Activations(Backend, y);
        Require.That(x.Type == y.Type && (x.Type == ElementType.F32 || x.Width % 2 == 0), $"y ('{y.Name}') holds {y.Type}, x ('{x.Name}') {x.Type}, in rows of {x.Width}; expected the same type, and even widths of Half.");
        Require.That(x.Width == y.Width, $"y ('{y.Name}') has rows of {y.Width}, x ('{x.Name}') of {x.Width}.");
        Require.Indices(Backend, rows, y.Rows);
        ForwardCore(y, x, rows);
    }

    /// <summary>dx[rows[r]] += dy[r]; the other rows are left as they are.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit.</exception>
    public void BackwardInput(Tensor dx, Tensor dy, Tensor rows)
    {
        Require.Floats(Backend, dx);
        Require.Floats(Backend, dy);
        Require.That(dx.Width == dy.Width, $"dy ('{dy.Name}') has rows of {dy.Width}, dx ('{dx.Name}') of {dx.Width}.");
        Require.Indices(Backend, rows, dy.Rows);
        BackwardInputCore(dx, dy, rows);
    }

    /// <summary>Arithmetic of <see cref="Forward"/>; arguments have been checked.</summary>
    protected abstract void ForwardCore(Tensor y, Tensor x, Tensor rows);

    /// <summary>Arithmetic of <see cref="BackwardInput"/>; arguments have been checked.</summary>
    protected abstract void BackwardInputCore(Tensor dx, Tensor dy, Tensor rows);
}
