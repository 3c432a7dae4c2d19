using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Row copies, with positions added when given. Row r of the job is token r mod m of sequence r / m.</summary>
internal sealed unsafe class TokenInjection<V, O>(CpuBackend backend) : Ops.TokenInjection(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private readonly ForwardJob forward = new();

    /// <inheritdoc/>
    protected override void ForwardCore(Tensor x, Tensor tokens, int start, Tensor? positions)
    {
        int rank = tokens.Shape.Rank;
        forward.X = x.Floats();
        forward.TokenRows = tokens.Floats();
        forward.Positions = positions.FloatsOrNull();
        forward.Start = start;
        forward.SequenceLength = x.Shape[1];
        forward.Views = rank == 3 ? tokens.Shape[0] : 1;
        forward.TokensPerView = tokens.Shape[rank - 2];
        forward.SetRows(x.Shape[0] * forward.TokensPerView, x.Width, backend.Threads);
        backend.Run(forward, x, tokens, positions);
    }

    /// <inheritdoc/>
    protected override void BackwardTokensCore(Tensor dtokens, Tensor dx, int start) => throw new NotSupportedException("not there yet");

    private sealed class ForwardJob : RowsJob
    {
        public float* X, TokenRows, Positions;
        public int Start, SequenceLength, Views, TokensPerView;

        protected override void Row(int row, int worker)
        {
            int C = Width, n = row / TokensPerView, i = row % TokensPerView, c = 0;
            float* token = TokenRows + ((nint)(n % Views) * TokensPerView + i) * C;
            float* target = X + ((nint)n * SequenceLength + Start + i) * C;
            if (Positions == null)
            {
                new ReadOnlySpan<float>(token, C).CopyTo(new Span<float>(target, C));
                return;
            }
            float* position = Positions + (nint)(Start + i) * C;
            for (; c <= C - O.N; c += O.N)
                O.Store(O.Add(O.Load(token + c), O.Load(position + c)), target + c);
            for (; c < C; c++)
                target[c] = token[c] + position[c];
        }
    }
}
