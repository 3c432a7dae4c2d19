namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Per output row: two source rows are blended once, then read at the columns' positions.</summary>
internal sealed unsafe class BilinearUpsample(CpuBackend backend) : Ops.BilinearUpsample(backend)
{
    private readonly ForwardJob forward = new(backend.Workspace);

    /// <inheritdoc/>
    protected override void ForwardCore(Tensor y, Tensor x)
    {
        forward.Y = y.Floats();
        forward.X = x.Floats();
        forward.SourceHeight = x.Shape[1];
        forward.SourceWidth = x.Shape[2];
        forward.Height = y.Shape[1];
        backend.Workspace.Reserve(x.Width);
        forward.SetRows(y.Rows, y.Width, backend.Threads);
        backend.Run(forward, y, x);
    }

    /// <inheritdoc/>
    protected override void BackwardInputCore(Tensor dx, Tensor dy) => throw new NotSupportedException("not there yet");

    private sealed class ForwardJob(Workspace workspace) : RowsJob
    {
        public float* Y, X;
        public int SourceHeight, SourceWidth, Height;

        protected override void Row(int row, int worker)
        {
            int map = row / Height;
            var (top, bottom, f) = Source(row % Height, SourceHeight, Height);
            float* above = X + ((nint)map * SourceHeight + top) * SourceWidth, below = above + (nint)(bottom - top) * SourceWidth;
            float* blended = workspace.Of(worker), y = Y + (nint)row * Width;
            for (int c = 0; c < SourceWidth; c++)
                blended[c] = (1 - f) * above[c] + f * below[c];
            for (int c = 0; c < Width; c++)
            {
                var (left, right, g) = Source(c, SourceWidth, Width);
                y[c] = (1 - g) * blended[left] + g * blended[right];
            }
        }

        /// <summary>The two source positions of output i, and the weight of the second.</summary>
        private static (int First, int Second, float Weight) Source(int i, int sourceSize, int size)
        {
            double position = Math.Max((i + 0.5) * sourceSize / size - 0.5, 0);
            int first = Math.Min((int)position, sourceSize - 1);
            return (first, Math.Min(first + 1, sourceSize - 1), (float)(position - first));
        }
    }
}
