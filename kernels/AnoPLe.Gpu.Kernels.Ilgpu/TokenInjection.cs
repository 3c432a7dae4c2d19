namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Sizes of an injection.</summary>
internal struct InjectionShape
{
    /// <summary>Tokens of a sequence, injected tokens, width.</summary>
    public int T, Tokens, C;

    /// <summary>Views; first row that is overwritten.</summary>
    public int Views, Start;

    /// <summary>1 when positions are added.</summary>
    public int Positions;
}

/// <summary>One group per injected row of every sequence.</summary>
internal sealed class TokenInjection(IlgpuBackend backend) : Ops.TokenInjection(backend)
{
    private delegate void Launch(AcceleratorStream stream, KernelConfig config, View x, View tokens, View positions, InjectionShape shape);

    private delegate void LaunchBackward(AcceleratorStream stream, KernelConfig config, View dtokens, View dx, InjectionShape shape, int sequences);

    private Launch? forward;
    private LaunchBackward? backwardTokens;

    protected override void ForwardCore(Tensor x, Tensor tokens, int start, Tensor? positions)
    {
        int rank = tokens.Shape.Rank, m = tokens.Shape[rank - 2];
        InjectionShape shape = new()
        {
            T = x.Shape[1], Tokens = m, C = x.Width, Views = rank == 3 ? tokens.Shape[0] : 1, Start = start, Positions = positions is null ? 0 : 1,
        };
        forward ??= backend.Load<Launch>(nameof(TokenInjection), ForwardKernel);
        // Without positions the kernel still needs a view to pass on; it does not read it.
        forward(backend.Stream, (x.Shape[0] * m, RowGroup.Threads), x.View(backend), tokens.View(backend), (positions ?? tokens).View(backend), shape);
    }

    protected override void BackwardTokensCore(Tensor dtokens, Tensor dx, int start)
    {
        int rank = dtokens.Shape.Rank;
        InjectionShape shape = new()
        {
            T = dx.Shape[1], Tokens = dtokens.Shape[rank - 2], C = dx.Width, Views = rank == 3 ? dtokens.Shape[0] : 1, Start = start,
        };
        backwardTokens ??= backend.Load<LaunchBackward>(nameof(TokenInjection), BackwardTokensKernel);
        var config = new KernelConfig(new Index2D(dtokens.Rows, TileChoice.Tiles(RowGroup.Threads, dx.Width)), new Index2D(RowGroup.Threads, 1));
        backwardTokens(backend.Stream, config, dtokens.View(backend), dx.View(backend), shape, dx.Shape[0]);
    }

    [Kernel]
    private static void ForwardKernel(View x, View tokens, View positions, InjectionShape shape)
    {
        int n = Grid.IdxX / shape.Tokens, i = Grid.IdxX - n * shape.Tokens, C = shape.C;
        int x0 = (n * shape.T + shape.Start + i) * C;                      // start of x[n, start + i, :]
        int token0 = (n % shape.Views * shape.Tokens + i) * C, position0 = (shape.Start + i) * C;
        for (int c = Group.IdxX; c < C; c += RowGroup.Threads)
        {
            float value = tokens[token0 + c];
            if (shape.Positions != 0)
                value += positions[position0 + c];
            x[x0 + c] = value;
        }
    }

    // One thread per channel of a token of a view; it takes the view's sequences in their order.
    [Kernel]
    private static void BackwardTokensKernel(View dtokens, View dx, InjectionShape shape, int sequences)
    {
        int c = Grid.IdxY * RowGroup.Threads + Group.IdxX;
        if (c >= shape.C)
            return;
        int view = Grid.IdxX / shape.Tokens, i = Grid.IdxX - view * shape.Tokens;
        int at = (view * shape.T + shape.Start + i) * shape.C + c, stride = shape.Views * shape.T * shape.C;      // stride: to the view's next sequence
        float sum = 0f;
        for (int n = view, from = at; n < sequences; n += shape.Views, from += stride)
            sum += dx[from];
        // A loop of its own: ILGPU moves a load to where its value is used, even behind a store to the same place.
        for (int n = view, to = at; n < sequences; n += shape.Views, to += stride)
            dx[to] = 0f;
        dtokens[Grid.IdxX * shape.C + c] += sum;
    }
}
