using System.Net;

namespace AnoPLe.Gpu.Weights.Download;

/// <summary>Brings one file into its partial file, in as many attempts as it takes.</summary>
internal sealed class Transfer(HttpSource source, DownloadOptions options, TimeProvider time, Func<string, long?> freeSpace, ManifestEntry entry, PartialFile part,
    string folder, IProgress<DownloadProgress>? progress)
{
    private const long ProgressThatCounts = 1 << 20;
    private readonly TransferRate rate = new(time);
    private long? total;

    /// <summary>Bytes of earlier downloads that were of use; 0 when everything had to be fetched.</summary>
    public long ResumedFrom { get; private set; } = part.Length;

    /// <summary>Returns when every byte is in the partial file.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        long best = part.Length;
        for (int failures = 0; ;)
        {
            try
            {
                await AttemptAsync(cancellation).ConfigureAwait(false);
                return;
            }
            catch (TransientException e)
            {
                part.Checkpoint();
                // A line that drops now and then gets through a large file; a server that only ever sends the same beginning does not.
                if (part.Length >= best + ProgressThatCounts)
                {
                    best = part.Length;
                    failures = 0;
                }
                TimeSpan pause = Pause(++failures, e);
                string again = part.Length > 0 && part.State?.Condition is not null ? $". {part.Length} bytes are kept, the same download goes on from there" : "";
                if (pause > options.MaxDelay)
                    throw new DownloadException(e.Failure, $"{e.Message}; it asks to wait for {Text.Time(pause)}{again}", e.InnerException);
                if (failures >= options.Attempts)
                    throw new DownloadException(e.Failure, $"{e.Message}, after {failures} {(failures == 1 ? "attempt" : "attempts")}{again}", e.InnerException);
                progress?.Report(new(DownloadStage.Waiting, part.Length, total, 0)
                {
                    Note = $"{e.Message}; again in {Text.Time(pause)} ({failures + 1} of {options.Attempts})",
                });
                await Task.Delay(pause, time, cancellation).ConfigureAwait(false);
                rate.Restart();
            }
        }
    }

    private TimeSpan Pause(int failures, TransientException e)
    {
        TimeSpan doubled = options.FirstDelay * Math.Pow(2, failures - 1);
        TimeSpan pause = doubled < options.MaxDelay ? doubled : options.MaxDelay;
        return e.RetryAfter is { } asked && asked > pause ? asked : pause;
    }

    private async Task AttemptAsync(CancellationToken cancellation)
    {
        // Complete, but not yet placed when the earlier download ended.
        if (part.Length > 0 && part.Length == part.State?.Total)
            return;
        // A second round when the bytes so far turn out to be of no use.
        while (true)
        {
            if (part.State?.Condition is null)
                Restart();
            using HttpResponseMessage response = await source.AskAsync(entry.Url, part.Length, part.Length > 0 ? part.State!.Condition : null, cancellation).ConfigureAwait(false);
            if (Accept(response))
            {
                await ReceiveAsync(response, cancellation).ConfigureAwait(false);
                return;
            }
            Restart();
        }
    }

    private void Restart()
    {
        part.Reset();
        ResumedFrom = 0;
    }

    // Whether the answer's bytes fit behind those that are there; everything else about it is checked, too.
    private bool Accept(HttpResponseMessage response)
    {
        if (response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable && part.Length > 0)
            return false;
        if (response.StatusCode is not (HttpStatusCode.OK or HttpStatusCode.PartialContent) || (response.StatusCode == HttpStatusCode.PartialContent && part.Length == 0))
            throw new DownloadException(DownloadFailure.UnexpectedAnswer, $"{entry.Url.Host} answered {(int)response.StatusCode} to a request for the whole file");
        ContentCheck.Headers(response);
        var content = response.Content.Headers;
        if (response.StatusCode == HttpStatusCode.PartialContent)
        {
            PartState now = PartState.Of(part.State!.Url, response);
            bool fits = content.ContentRange is { Unit: "bytes", From: { } from } range && from == part.Length
                && (range.Length is null || part.State.Total is null || range.Length == part.State.Total)
                && (now.ETag is null || part.State.ETag is null || now.ETag == part.State.ETag);
            if (!fits)
                return false;
            total = content.ContentRange!.Length ?? part.State.Total;
        }
        else
        {
            // The whole file: the server knows no ranges, or the file is another one by now.
            Restart();
            total = content.ContentLength;
        }
        RequireSize(response);
        RequireSpace();
        if (part.Length == 0)
            part.Begin(PartState.Of(entry.Url.AbsoluteUri, response));
        return true;
    }

    private void RequireSize(HttpResponseMessage response)
    {
        if (entry.Bytes is { } expected && total is { } announced && announced != expected)
            throw new DownloadException(DownloadFailure.WrongSize,
                $"{(response.RequestMessage?.RequestUri ?? entry.Url).Host} has a file of {announced} bytes, expected {expected}: it is another file");
    }

    private void RequireSpace()
    {
        if ((total ?? entry.Bytes) is { } size && freeSpace(folder) is { } free && size - part.Length > free)
            throw new DownloadException(DownloadFailure.Disk,
                $"{entry.Name} needs {size - part.Length} bytes more in {folder}, which has {free}. Free disk space or choose another folder.");
    }

    private async Task ReceiveAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        using Stream body = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        byte[] buffer = new byte[1 << 17];
        rate.Advance(part.Length);
        while (true)
        {
            int read = await source.ReadAsync(body, buffer, cancellation).ConfigureAwait(false);
            if (read == 0)
                break;
            if (part.Length + read > (entry.Bytes ?? total ?? long.MaxValue))
            {
                part.Reset();
                throw new DownloadException(DownloadFailure.WrongSize, $"more than the expected {entry.Bytes ?? total} bytes arrived: it is another file. It was deleted");
            }
            part.Write(buffer.AsSpan(0, read));
            if (rate.Advance(part.Length))
                progress?.Report(new(DownloadStage.Downloading, part.Length, total, rate.BytesPerSecond));
        }
        if (part.Length < (entry.Bytes ?? total ?? 0))
            throw new TransientException(DownloadFailure.Connection, $"the connection ended after {part.Length} of {entry.Bytes ?? total} bytes");
        progress?.Report(new(DownloadStage.Downloading, part.Length, part.Length, rate.BytesPerSecond));
    }
}
