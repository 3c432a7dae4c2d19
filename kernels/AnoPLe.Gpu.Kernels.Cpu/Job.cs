namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>
/// Work cut into tasks that may run in any order on any thread. The cut depends on sizes and on the number of threads, never on timing,
/// and a task writes only its own outputs: so the result does not depend on who ran what. Created once per operation, refilled per call.
/// </summary>
internal abstract class Job
{
    /// <summary>Number of tasks.</summary>
    public int Tasks { get; protected set; }

    /// <summary>Does one task. <paramref name="worker"/> numbers the thread, for its workspace.</summary>
    public abstract void Run(int task, int worker);

    /// <summary>Tasks to cut <paramref name="rows"/> rows into when each costs about <paramref name="rowCost"/> float operations.</summary>
    protected static int RowsPerTask(int rows, long rowCost, int threads)
    {
        const long SmallestTask = 1 << 15; // some 5 µs: less is not worth handing to another core
        long enough = Math.Max(1, SmallestTask / Math.Max(1, rowCost));
        int balanced = (rows + 4 * threads - 1) / (4 * threads); // four tasks a thread even out a slow core
        return threads == 1 ? rows : (int)Math.Min(rows, Math.Max(enough, balanced));
    }
}
