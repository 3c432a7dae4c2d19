using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Row copies, with positions added when given. Row r of the job is token r mod m of sequence r / m.</summary>
internal sealed unsafe class TokenInjection<V, O>(CpuBackend backend) : Ops.TokenInjection(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private readonly ForwardJob forward = new();
    private readonly BackwardTokensJob backwardTokens = new();

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
    protected override void BackwardTokensCore(Tensor dtokens, Tensor dx, int start)
    {
        int rank = dtokens.Shape.Rank;
        backwardTokens.DTokens = dtokens.Floats();
        backwardTokens.DX = dx.Floats();
        backwardTokens.Start = start;
        backwardTokens.Sequences = dx.Shape[0];
        backwardTokens.SequenceLength = dx.Shape[1];
        backwardTokens.Views = rank == 3 ? dtokens.Shape[0] : 1;
        backwardTokens.TokensPerView = dtokens.Shape[rank - 2];
        backwardTokens.SetRows(dtokens.Rows, dtokens.Width, backend.Threads);
        backend.Run(backwardTokens, dtokens, dx);
    }

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

    /// <summary>A row is a token of a view. Its sequences are added in their order, a few vectors at a time so that the sum stays in registers.</summary>
    private sealed class BackwardTokensJob : RowsJob
    {
        public float* DTokens, DX;
        public int Start, Sequences, SequenceLength, Views, TokensPerView;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void Row(int row, int worker)
        {
            int C = Width, view = row / TokensPerView, c = 0;
            nint stride = (nint)Views * SequenceLength * C; // to the next sequence of the view
            float* first = DX + ((nint)view * SequenceLength + Start + row % TokensPerView) * C, end = first + Sequences / Views * stride;
            float* dtoken = DTokens + (nint)row * C;
            for (; c <= C - 2 * O.N; c += 2 * O.N)
            {
                V s0 = default, s1 = default;
                for (float* dx = first; dx < end; dx += stride)
                {
                    s0 = O.Add(s0, O.Load(dx + c));
                    s1 = O.Add(s1, O.Load(dx + c + O.N));
                    O.Store(default, dx + c);
                    O.Store(default, dx + c + O.N);
                }
                O.Store(O.Add(O.Load(dtoken + c), s0), dtoken + c);
                O.Store(O.Add(O.Load(dtoken + c + O.N), s1), dtoken + c + O.N);
            }
            for (; c < C; c++)
            {
                float sum = 0;
                for (float* dx = first; dx < end; dx += stride)
                {
                    sum += dx[c];
                    dx[c] = 0;
                }
                dtoken[c] += sum;
            }
        }
    }
}
