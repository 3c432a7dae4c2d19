namespace AnoPLe.Gpu.Weights.Conversion;

/// <summary>Progress of a stage that counts bytes or elements, of which there may be more than an int holds, in thousandths.</summary>
internal sealed class StageProgress(string stage, long total, IProgress<WorkProgress>? progress)
{
    private int last = -1;

    /// <summary>Reports how much is done, when a thousandth more of it is.</summary>
    public void Report(long done)
    {
        int part = total <= 0 ? 1000 : (int)(1000 * (double)done / total);
        if (part == last)
            return;
        last = part;
        progress?.Report(new WorkProgress(stage, part, 1000));
    }
}
