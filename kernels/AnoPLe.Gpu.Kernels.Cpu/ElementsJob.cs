namespace AnoPLe.Gpu.Kernels.Cpu;

/// <summary>
/// A job over the elements of tensors, whatever their shape; a task is a run of them. Every run but the last is a multiple of any vector,
/// so which elements fall into the tail, and are computed aside, does not depend on the number of threads.
/// </summary>
internal abstract class ElementsJob : Job
{
    private const int Block = 1024;

    private long elements, elementsPerTask;

    /// <summary>Cuts elements into tasks. The cost is that of one element, in float operations; moving it from memory counts as two.</summary>
    public void SetElements(int count, int cost, int threads)
    {
        int blocks = (int)(((long)count + Block - 1) / Block);
        elements = count;
        elementsPerTask = (long)Block * RowsPerTask(blocks, (long)Block * cost, threads);
        Tasks = (int)((count + elementsPerTask - 1) / elementsPerTask);
    }

    /// <inheritdoc/>
    public sealed override void Run(int task, int worker)
    {
        long start = task * elementsPerTask;
        Elements((nint)start, (nint)Math.Min(elements - start, elementsPerTask));
    }

    /// <summary>Computes count elements from start on.</summary>
    protected abstract void Elements(nint start, nint count);
}
