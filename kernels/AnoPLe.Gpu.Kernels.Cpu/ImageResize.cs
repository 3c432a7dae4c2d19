using AnoPLe.Gpu.Compute.Resampling;

namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>Image by image, the rows of each pass spread over the threads. Integers, so one source for every vector width.</summary>
internal sealed class ImageResize : Ops.ImageResize
{
    private readonly CpuBackend backend;
    private readonly ColumnsJob columns;
    private readonly RowsJob rows;
    private byte[] middle = [];
    private (int Width, int Height, int ResizedWidth, int ResizedHeight, int Left, int Top, int S) prepared;

    public ImageResize(CpuBackend backend)
        : base(backend)
    {
        this.backend = backend;
        columns = new(backend.Workspace);
        rows = new(backend.Workspace);
    }

    /// <inheritdoc/>
    protected override unsafe void ForwardCore(Tensor images, IReadOnlyList<ImageSource> sources, Tensor values)
    {
        int S = images.Width;
        rows.Values = values.Floats();
        for (int b = 0; b < sources.Count; b++)
        {
            Prepare(sources[b], S);
            backend.Workspace.Reserve(Math.Max(columns.WorkspaceSize, rows.WorkspaceSize));
            columns.Source = sources[b].Pixels;
            rows.Planes = images.Floats() + (nint)b * 3 * S * S;
            backend.Run(columns);
            backend.Run(rows, images, values);
        }
        columns.Source = default;
    }

    /// <summary>Taps are kept from image to image, because most have one size.</summary>
    private void Prepare(in ImageSource source, int S)
    {
        var wanted = (source.Width, source.Height, source.ResizedWidth, source.ResizedHeight, source.Left, source.Top, S);
        if (wanted == prepared)
            return;
        var vertical = new BicubicTaps(source.Height, source.ResizedHeight, source.Top, S);
        int first = vertical.First(0), count = vertical.End - first;
        long bytes = 3L * S * count;
        Require.That(bytes <= Array.MaxLength, $"Resizing {source.Width} x {source.Height} to {S} x {S} takes a buffer of {bytes} bytes. Use a smaller image.");
        if (middle.Length < bytes)
            middle = new byte[bytes];
        columns.Set(new(new(source.Width, source.ResizedWidth, source.Left, S)), source.Width, S, first, count, middle, backend.Threads);
        rows.Set(vertical, S, middle.AsMemory(0, (int)bytes), backend.Threads);
        prepared = wanted;
    }

    /// <summary>Source rows to rows of S pixels.</summary>
    private sealed class ColumnsJob(Workspace workspace) : Job
    {
        public ReadOnlyMemory<byte> Source;
        private BicubicColumns columns = null!;
        private int width, S, first, count, rowsPerTask;
        private byte[] middle = [];

        public long WorkspaceSize => (columns.PaddedLength + sizeof(float) - 1) / sizeof(float);

        public void Set(BicubicColumns pass, int sourceWidth, int size, int firstRow, int rowCount, byte[] target, int threads)
        {
            (columns, width, S, first, count, middle) = (pass, sourceWidth, size, firstRow, rowCount, target);
            rowsPerTask = RowsPerTask(count, 6L * width, threads);
            Tasks = (count + rowsPerTask - 1) / rowsPerTask;
        }

        public override unsafe void Run(int task, int worker)
        {
            var padded = new Span<byte>(workspace.Of(worker), columns.PaddedLength);
            for (int y = task * rowsPerTask; y < Math.Min(count, (task + 1) * rowsPerTask); y++)
            {
                Source.Span.Slice(3 * width * (first + y), 3 * width).CopyTo(padded);
                columns.Apply(padded, middle.AsSpan(3 * S * y, 3 * S));
            }
        }
    }

    /// <summary>Those rows to S rows, and from bytes to floats.</summary>
    private sealed unsafe class RowsJob(Workspace workspace) : Job
    {
        public float* Planes, Values;
        private BicubicTaps taps = null!;
        private int S, rowsPerTask;
        private ReadOnlyMemory<byte> middle;

        public long WorkspaceSize => (3L * S + sizeof(float) - 1) / sizeof(float);

        public void Set(BicubicTaps vertical, int size, ReadOnlyMemory<byte> source, int threads)
        {
            (taps, S, middle) = (vertical, size, source);
            rowsPerTask = RowsPerTask(S, 6L * S * vertical.MaxCount, threads);
            Tasks = (S + rowsPerTask - 1) / rowsPerTask;
        }

        public override void Run(int task, int worker)
        {
            var row = new Span<byte>(workspace.Of(worker), 3 * S);
            for (int y = task * rowsPerTask; y < Math.Min(S, (task + 1) * rowsPerTask); y++)
            {
                BicubicRows.Apply(middle.Span, taps.First(0), taps, y, row);
                for (int c = 0; c < 3; c++)
                {
                    float* plane = Planes + ((nint)c * S + y) * S, table = Values + 256 * c;
                    for (int x = 0; x < S; x++)
                        plane[x] = table[row[3 * x + c]];
                }
            }
        }
    }
}
