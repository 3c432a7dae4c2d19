using AnoPLe.Gpu.Kernels.Cpu.Simd;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>
/// Per output row: two source rows are blended once, then read at the columns' positions. Backward, per input row: the output rows that read
/// it are blended once, then every cell gathers from the columns that read it.
/// </summary>
internal sealed unsafe class BilinearUpsample<V, O>(CpuBackend backend) : Ops.BilinearUpsample(backend)
    where V : unmanaged
    where O : struct, ISimd<V>
{
    private readonly ForwardJob forward = new(backend.Workspace);
    private readonly BackwardInputJob backwardInput = new(backend.Workspace);
    private readonly Workspace taps = backend.CreateWorkspace(1);

    /// <inheritdoc/>
    protected override void ForwardCore(Tensor y, Tensor x)
    {
        forward.Y = y.Floats();
        forward.X = x.Floats();
        (forward.Lines, forward.Columns) = Taps(x.Shape, y.Shape);
        backend.Workspace.Reserve(x.Width);
        forward.SetRows(y.Rows, y.Width, backend.Threads);
        backend.Run(forward, y, x);
    }

    /// <inheritdoc/>
    protected override void BackwardInputCore(Tensor dx, Tensor dy)
    {
        backwardInput.DX = dx.Floats();
        backwardInput.DY = dy.Floats();
        (backwardInput.Lines, backwardInput.Columns) = Taps(dx.Shape, dy.Shape);
        backend.Workspace.Reserve(dy.Width);
        // An input row reads every output row of its two neighbourhoods.
        backwardInput.SetRows(dx.Rows, 2 * dy.Shape[1] / dx.Shape[1] * dy.Width, backend.Threads);
        backend.Run(backwardInput, dx, dy);
    }

    private (Axis Lines, Axis Columns) Taps(Shape small, Shape large)
    {
        taps.Reserve(Axis.Size(small[1], large[1]) + Axis.Size(small[2], large[2]));
        float* memory = taps.Of(0);
        return (new Axis(memory, small[1], large[1]), new Axis(memory + Axis.Size(small[1], large[1]), small[2], large[2]));
    }

    /// <summary>The two source positions of every output along one axis, and the weight of the second.</summary>
    private readonly struct Axis
    {
        private readonly float* weights; // of the second position
        private readonly int* firsts, starts; // starts: first output whose first position is i or later

        /// <summary>Fills the memory, <see cref="Size"/> long.</summary>
        public Axis(float* memory, int inputs, int outputs)
        {
            (Inputs, Outputs) = (inputs, outputs);
            weights = memory;
            firsts = (int*)(memory + outputs);
            starts = firsts + outputs;
            int next = 0;
            for (int i = 0; i < outputs; i++)
            {
                double position = Math.Max((i + 0.5) * inputs / outputs - 0.5, 0);
                firsts[i] = Math.Min((int)position, inputs - 1);
                weights[i] = (float)(position - firsts[i]);
                while (next <= firsts[i])
                    starts[next++] = i;
            }
            while (next <= inputs)
                starts[next++] = outputs;
        }

        public int Inputs { get; }

        public int Outputs { get; }

        /// <summary>Floats of one axis.</summary>
        public static int Size(int inputs, int outputs) => 2 * outputs + inputs + 1;

        /// <summary>What output i reads.</summary>
        public (int First, int Second, float Weight) Source(int i) => (firsts[i], Math.Min(firsts[i] + 1, Inputs - 1), weights[i]);

        /// <summary>The outputs that read input i: First to End - 1. Before Middle it is their second position, from there on their first.</summary>
        public (int First, int Middle, int End) Readers(int i) => (i > 0 ? starts[i - 1] : 0, starts[i], starts[i + 1]);

        /// <summary>The weight of an output's second position.</summary>
        public float OfSecond(int output) => weights[output];

        /// <summary>The weight of an output's first position, which at the edge is its second as well.</summary>
        public float OfFirst(int output) => firsts[output] < Inputs - 1 ? 1 - weights[output] : 1 - weights[output] + weights[output];
    }

    private sealed class ForwardJob(Workspace workspace) : RowsJob
    {
        public float* Y, X;
        public Axis Lines, Columns;

        protected override void Row(int row, int worker)
        {
            int map = row / Lines.Outputs, w = Columns.Inputs;
            var (top, bottom, f) = Lines.Source(row % Lines.Outputs);
            float* above = X + ((nint)map * Lines.Inputs + top) * w, below = above + (nint)(bottom - top) * w;
            float* blended = workspace.Of(worker), y = Y + (nint)row * Width;
            for (int c = 0; c < w; c++)
                blended[c] = (1 - f) * above[c] + f * below[c];
            for (int c = 0; c < Width; c++)
            {
                var (left, right, g) = Columns.Source(c);
                y[c] = (1 - g) * blended[left] + g * blended[right];
            }
        }
    }

    private sealed class BackwardInputJob(Workspace workspace) : RowsJob
    {
        public float* DX, DY;
        public Axis Lines, Columns;

        protected override void Row(int row, int worker)
        {
            int map = row / Lines.Inputs, w = Columns.Inputs, W = Columns.Outputs;
            float* blended = workspace.Of(worker), dx = DX + (nint)row * w, dy = DY + (nint)map * Lines.Outputs * W;
            var (line, middle, end) = Lines.Readers(row % Lines.Inputs);
            new Span<float>(blended, W).Clear();
            for (; line < end; line++)
                AddRows<V, O>.Scaled(blended, line < middle ? Lines.OfSecond(line) : Lines.OfFirst(line), dy + (nint)line * W, W);
            for (int c = 0; c < w; c++)
                dx[c] += Gather(blended, c);
        }

        private float Gather(float* blended, int cell)
        {
            var (column, middle, end) = Columns.Readers(cell);
            float sum = 0;
            for (; column < middle; column++)
                sum += Columns.OfSecond(column) * blended[column];
            for (; column < end; column++)
                sum += Columns.OfFirst(column) * blended[column];
            return sum;
        }
    }
}
