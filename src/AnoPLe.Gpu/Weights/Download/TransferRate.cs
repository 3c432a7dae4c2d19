namespace AnoPLe.Gpu.Weights.Download;

/// <summary>Bytes a second over the last few seconds, and when it is time to report.</summary>
internal sealed class TransferRate(TimeProvider time)
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(8), Pause = TimeSpan.FromMilliseconds(200);
    private readonly Queue<(long At, long Done)> samples = new();
    private long lastReport;

    /// <summary>Bytes per second between the oldest sample that is kept and the newest.</summary>
    public double BytesPerSecond { get; private set; }

    /// <summary>Takes a sample now and then; true when it did, which is when to report.</summary>
    public bool Advance(long done)
    {
        long now = time.GetTimestamp();
        if (samples.Count > 0 && time.GetElapsedTime(lastReport, now) < Pause)
            return false;
        lastReport = now;
        samples.Enqueue((now, done));
        while (samples.Count > 2 && time.GetElapsedTime(samples.Peek().At, now) > Window)
            samples.Dequeue();
        TimeSpan span = time.GetElapsedTime(samples.Peek().At, now);
        BytesPerSecond = span > TimeSpan.Zero ? Math.Max(0, done - samples.Peek().Done) / span.TotalSeconds : 0;
        return true;
    }

    /// <summary>Forgets the past: a pause or a restart would distort the rate.</summary>
    public void Restart()
    {
        samples.Clear();
        BytesPerSecond = 0;
    }
}
