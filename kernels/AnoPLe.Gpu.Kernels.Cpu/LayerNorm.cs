using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>
/// Two passes over a row that is in cache: mean, then variance around it; a third writes. Backward, one pass for both means of a row and one
/// that writes; the parameters' sums over rows in two stages, see <see cref="ColumnSums{V, O}"/>.
/// </summary>
internal sealed unsafe class LayerNorm<V, O>(CpuBackend backend) : Ops.LayerNorm(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private readonly ForwardJob forward = new();
    private readonly BackwardInputJob backwardInput = new();
    private readonly PartialJob partial = new();
    private readonly ColumnSums<V, O>.TotalJob total = new();
    private readonly Workspace partialRows = backend.CreateWorkspace(1);

    /// <inheritdoc/>
    protected override void ForwardCore(Tensor y, Tensor x, Tensor weight, Tensor bias, Tensor? mean, Tensor? rstd)
    {
        forward.Y = y.Floats();
        forward.X = x.Floats();
        forward.Weight = weight.Floats();
        forward.Bias = bias.Floats();
        forward.Mean = mean.FloatsOrNull();
        forward.Rstd = rstd.FloatsOrNull();
        forward.SetRows(x.Rows, x.Width, backend.Threads);
        backend.Run(forward, y, x, weight, bias, mean, rstd);
    }

    /// <inheritdoc/>
    protected override void BackwardInputCore(Tensor dx, Tensor dy, Tensor x, Tensor weight, Tensor mean, Tensor rstd)
    {
        backwardInput.Dx = dx.Floats();
        backwardInput.Dy = dy.Floats();
        backwardInput.X = x.Floats();
        backwardInput.Weight = weight.Floats();
        backwardInput.Mean = mean.Floats();
        backwardInput.Rstd = rstd.Floats();
        backwardInput.SetRows(x.Rows, x.Width, backend.Threads);
        backend.Run(backwardInput, dx, dy, x, weight, mean, rstd);
    }

    /// <inheritdoc/>
    protected override void BackwardParametersCore(Tensor dweight, Tensor dbias, Tensor dy, Tensor x, Tensor mean, Tensor rstd)
    {
        int C = x.Width, chunks = ColumnSums<V, O>.Chunks(x.Rows), floats = chunks * ColumnSums<V, O>.Stride(C);
        partialRows.Reserve(2L * floats);
        float* dweights = partialRows.Of(0), dbiases = dweights + floats;
        partial.Dweight = dweights;
        partial.Dbias = dbiases;
        partial.Dy = dy.Floats();
        partial.X = x.Floats();
        partial.Mean = mean.Floats();
        partial.Rstd = rstd.Floats();
        partial.Set(x.Rows, C);
        backend.Run(partial, dy, x, mean, rstd);
        total.Set(dweight.Floats(), dweights, rows: 1, C, chunks, backend.Threads);
        backend.Run(total, dweight);
        total.Set(dbias.Floats(), dbiases, rows: 1, C, chunks, backend.Threads);
        backend.Run(total, dbias);
    }

    private sealed class ForwardJob : RowsJob
    {
        public float* Y, X, Weight, Bias, Mean, Rstd;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void Row(int row, int worker)
        {
            int C = Width, i;
            float* x = X + (nint)row * C, y = Y + (nint)row * C;
            float mean = Reduce<V, O>.Sum(x, C) / C;
            float rstd = 1f / MathF.Sqrt(Reduce<V, O>.SumOfSquares(x, C, mean) / C + Epsilon);
            V m = O.Broadcast(mean), r = O.Broadcast(rstd);
            for (i = 0; i <= C - O.N; i += O.N)
                O.Store(O.MultiplyAdd(O.Multiply(O.Subtract(O.Load(x + i), m), r), O.Load(Weight + i), O.Load(Bias + i)), y + i);
            for (; i < C; i++)
                y[i] = (x[i] - mean) * rstd * Weight[i] + Bias[i];
            if (Mean == null)
                return;
            Mean[row] = mean;
            Rstd[row] = rstd;
        }
    }

    private sealed class BackwardInputJob : RowsJob
    {
        public float* Dx, Dy, X, Weight, Mean, Rstd;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void Row(int row, int worker)
        {
            int C = Width, i;
            float* x = X + (nint)row * C, dy = Dy + (nint)row * C, dx = Dx + (nint)row * C;
            float mean = Mean[row], rstd = Rstd[row];
            var (sum, product) = Sums(dy, x, mean);
            // xh mean(e xh) = (x - mean) scale.
            float meanE = sum / C, scale = rstd * rstd * product / C;
            V m = O.Broadcast(mean), r = O.Broadcast(rstd), me = O.Broadcast(meanE), s = O.Broadcast(-scale);
            for (i = 0; i <= C - O.N; i += O.N)
            {
                V e = O.Subtract(O.Multiply(O.Load(dy + i), O.Load(Weight + i)), me);
                O.Store(O.MultiplyAdd(r, O.MultiplyAdd(O.Subtract(O.Load(x + i), m), s, e), O.Load(dx + i)), dx + i);
            }
            for (; i < C; i++)
                dx[i] += rstd * (dy[i] * Weight[i] - meanE - (x[i] - mean) * scale);
        }

        /// <summary>Sums of e = dy weight and of e (x - mean).</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private (float E, float Product) Sums(float* dy, float* x, float mean)
        {
            V e0 = default, e1 = default, p0 = default, p1 = default, m = O.Broadcast(mean);
            int i = 0;
            for (; i <= Width - 2 * O.N; i += 2 * O.N)
            {
                V a = O.Multiply(O.Load(dy + i), O.Load(Weight + i)), b = O.Multiply(O.Load(dy + i + O.N), O.Load(Weight + i + O.N));
                e0 = O.Add(e0, a);
                e1 = O.Add(e1, b);
                p0 = O.MultiplyAdd(a, O.Subtract(O.Load(x + i), m), p0);
                p1 = O.MultiplyAdd(b, O.Subtract(O.Load(x + i + O.N), m), p1);
            }
            float sum = O.Sum(O.Add(e0, e1)), product = O.Sum(O.Add(p0, p1));
            for (; i < Width; i++)
            {
                float e = dy[i] * Weight[i];
                sum += e;
                product += e * (x[i] - mean);
            }
            return (sum, product);
        }
    }

    /// <summary>Sums of dy xh and dy over a chunk of rows, a row of each for every chunk.</summary>
    private sealed class PartialJob : Job
    {
        public float* Dweight, Dbias, Dy, X, Mean, Rstd;
        private int rows, width;

        public void Set(int count, int columns)
        {
            rows = count;
            width = columns;
            Tasks = ColumnSums<V, O>.Chunks(count);
        }

        /// <inheritdoc/>
        public override void Run(int task, int worker)
        {
            int stride = ColumnSums<V, O>.Stride(width), row = task * ColumnSums<V, O>.ChunkRows;
            int end = Math.Min(rows, row + ColumnSums<V, O>.ChunkRows);
            float* dw = Dweight + (nint)task * stride, db = Dbias + (nint)task * stride;
            new Span<float>(dw, stride).Clear();
            new Span<float>(db, stride).Clear();
            for (; row < end; row++)
                AddRow(dw, db, row);
        }

        // One row after the other: the sums stay in the first-level cache, and memory is read as one stream. Four rows at once save half of
        // the loads and stores there, and were three times slower.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void AddRow(float* dw, float* db, int row)
        {
            float* dy = Dy + (nint)row * width, x = X + (nint)row * width;
            V m = O.Broadcast(Mean[row]), r = O.Broadcast(Rstd[row]);
            for (int c = 0; c < width; c += O.N)
            {
                V d = O.Load(dy + c);
                O.Store(O.MultiplyAdd(O.Multiply(d, r), O.Subtract(O.Load(x + c), m), O.Load(dw + c)), dw + c);
                O.Store(O.Add(O.Load(db + c), d), db + c);
            }
        }
    }
}
