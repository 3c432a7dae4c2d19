namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>A job over independent rows; a task is a run of rows.</summary>
internal abstract class RowsJob : Job
{
    private int rows, rowsPerTask;

    /// <summary>Elements of a row.</summary>
    protected int Width { get; private set; }

    /// <summary>Cuts rows into tasks. Costs are counted as eight float operations an element.</summary>
    public void SetRows(int count, int width, int threads)
    {
        rows = count;
        Width = width;
        rowsPerTask = RowsPerTask(count, 8L * width, threads);
        Tasks = (count + rowsPerTask - 1) / rowsPerTask;
    }

    /// <inheritdoc/>
    public sealed override void Run(int task, int worker)
    {
        int end = Math.Min(rows, (task + 1) * rowsPerTask);
        for (int row = task * rowsPerTask; row < end; row++)
            Row(row, worker);
    }

    /// <summary>Computes one row.</summary>
    protected abstract void Row(int row, int worker);
}
