namespace AnoPLe.Gpu.Compute.Ops;

/// <summary>Transposed convolution with kernel 2 and stride 2: y[2i + r, 2j + s, o] = b[o] + sum over c of x[i, j, c] w[c, o, r, s].</summary>
/// <remarks>
/// The 2 x 2 cells of different inputs do not overlap, so it is one product with w as [C, 4 O] and a reordering.
/// x: (N, h, w, C); y: (N, 2h, 2w, O); weight: [C, O, 2, 2], packed as a layer from C to 4 O without bias; bias: (O);
/// cells: (N, h, w, 4 O), scratch: column 4 o + 2 r + s of input (i, j) belongs to output (2i + r, 2j + s, o).
/// Backward: the cells of dy are gathered into dcells (E); dx = E w^T, dw = x^T E, db = sum of dy.
/// Source: torch.nn.ConvTranspose2d(kernel_size = 2, stride = 2).
/// </remarks>
public abstract class TransposedConv2x2(Backend backend) : Operation(backend)
{
    /// <summary>Doubles the grid.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit.</exception>
    public void Forward(Tensor y, Tensor cells, Tensor x, PackedLinear weight, Tensor bias)
    {
        Require.Rank(Backend, x, 4);
        CheckCells(y, cells);
        Require.That(cells.Rows == x.Rows && cells.Shape[1] == x.Shape[1] && cells.Shape[2] == x.Shape[2],
            $"cells ('{cells.Name}') have shape {cells.Shape}, x ('{x.Name}') has {x.Shape}.");
        Require.Tensor(Backend, bias, new(y.Width));
        Backend.Linear.Forward(cells, x, weight);
        ScatterCore(y, cells, bias);
    }

    /// <summary>Gathers the cells of a gradient: the first step of the backward pass.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit.</exception>
    public void GatherCells(Tensor dcells, Tensor dy)
    {
        CheckCells(dy, dcells);
        GatherCore(dcells, dy);
    }

    /// <summary>dx = E w^T, overwritten, with the cells of <see cref="GatherCells"/>.</summary>
    /// <param name="dx">(N, h, w, C).</param>
    /// <param name="dcells">(N, h, w, 4 O).</param>
    /// <param name="transposed">The weight of <see cref="Linear.PackTransposed"/>.</param>
    /// <exception cref="ArgumentException">Shapes do not fit.</exception>
    public void BackwardInput(Tensor dx, Tensor dcells, PackedLinear transposed) => Backend.Linear.BackwardInput(dx, dcells, transposed);

    /// <summary>dweight += x^T E with the cells of <see cref="GatherCells"/>, dbias += sum of dy.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit.</exception>
    public void BackwardParameters(Tensor dweight, Tensor dbias, Tensor dcells, Tensor dy, Tensor x)
    {
        CheckCells(dy, dcells);
        Backend.Linear.BackwardParameters(dweight, dcells, x, WeightLayout.InOut);
        Backend.Linear.BackwardBias(dbias, dy);
    }

    private void CheckCells(Tensor y, Tensor cells)
    {
        Require.Rank(Backend, y, 4);
        Require.Rank(Backend, cells, 4);
        Require.That(y.Shape == new Shape(cells.Shape[0], 2 * cells.Shape[1], 2 * cells.Shape[2], cells.Width / 4) && cells.Width % 4 == 0,
            $"y ('{y.Name}') has shape {y.Shape}, cells ('{cells.Name}') {cells.Shape}: expected twice the grid and a quarter of the width.");
    }

    /// <summary>y[2i + r, 2j + s, o] = bias[o] + cells[i, j, 4 o + 2 r + s]; arguments have been checked.</summary>
    protected abstract void ScatterCore(Tensor y, Tensor cells, Tensor bias);

    /// <summary>dcells[i, j, 4 o + 2 r + s] = dy[2i + r, 2j + s, o]; arguments have been checked.</summary>
    protected abstract void GatherCore(Tensor dcells, Tensor dy);
}
