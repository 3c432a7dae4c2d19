using System.Runtime.CompilerServices;
using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>A row of the signal onto every token; backward, sums over tokens in two stages, see <see cref="ColumnSums{V, O}"/>.</summary>
internal sealed unsafe class ViewSignal<V, O>(CpuBackend backend) : Ops.ViewSignal(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private readonly ForwardJob forward = new();
    private readonly PartialJob partial = new();
    private readonly ColumnSums<V, O>.TotalJob total = new();
    private readonly Workspace partialRows = backend.CreateWorkspace(1);

    /// <inheritdoc/>
    protected override void ForwardCore(Tensor y, Tensor x, Tensor signal)
    {
        forward.Y = y.Floats();
        forward.X = x.Floats();
        forward.Signal = signal.Floats();
        forward.Tokens = x.Shape[1];
        forward.Views = signal.Shape[0];
        forward.SetRows(x.Rows, x.Width, backend.Threads);
        backend.Run(forward, y, x, signal);
    }

    /// <inheritdoc/>
    protected override void BackwardParametersCore(Tensor dsignal, Tensor dy)
    {
        int samples = dy.Shape[0], views = dsignal.Shape[0], C = dy.Width, chunks = ColumnSums<V, O>.Chunks(dy.Shape[1]);
        partialRows.Reserve((long)samples * chunks * ColumnSums<V, O>.Stride(C));
        partial.Sums = partialRows.Of(0);
        partial.Dy = dy.Floats();
        partial.Set(samples, views, dy.Shape[1], C);
        backend.Run(partial, dy);
        total.Set(dsignal.Floats(), partialRows.Of(0), views, C, samples / views * chunks, backend.Threads);
        backend.Run(total, dsignal);
    }

    private sealed class ForwardJob : RowsJob
    {
        public float* Y, X, Signal;
        public int Tokens, Views;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void Row(int row, int worker)
        {
            int C = Width, i;
            float* x = X + (nint)row * C, y = Y + (nint)row * C, signal = Signal + (nint)(row / Tokens % Views) * C;
            for (i = 0; i <= C - O.N; i += O.N)
                O.Store(O.Add(O.Load(x + i), O.Load(signal + i)), y + i);
            for (; i < C; i++)
                y[i] = x[i] + signal[i];
        }
    }

    /// <summary>Sums over a chunk of a sample's tokens. Partial rows of a view follow each other, [views, samples of a view, chunks].</summary>
    private sealed class PartialJob : Job
    {
        public float* Sums, Dy;
        private int samplesOfView, views, tokens, width, chunks;

        public void Set(int samples, int viewCount, int tokenCount, int columns)
        {
            samplesOfView = samples / viewCount;
            views = viewCount;
            tokens = tokenCount;
            width = columns;
            chunks = ColumnSums<V, O>.Chunks(tokenCount);
            Tasks = samples * chunks;
        }

        /// <inheritdoc/>
        public override void Run(int task, int worker)
        {
            int view = task / chunks / samplesOfView, sample = task / chunks % samplesOfView * views + view;
            int token = task % chunks * ColumnSums<V, O>.ChunkRows, rows = Math.Min(ColumnSums<V, O>.ChunkRows, tokens - token);
            ColumnSums<V, O>.Partial(Sums + (nint)task * ColumnSums<V, O>.Stride(width), Dy + ((nint)sample * tokens + token) * width, rows, width);
        }
    }
}
