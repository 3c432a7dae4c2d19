using static AnoPLe.Gpu.Weights.Checkpoints.CheckpointErrors;

namespace AnoPLe.Gpu.Weights.Checkpoints;

/// <summary>Reads a storage forwards, through a small window. The stream may be one that cannot seek, such as an entry of an archive.</summary>
/// <param name="stream">Its bytes.</param>
/// <param name="origin">Where the storage begins in a stream that can seek; else 0, and the stream stands at the storage's beginning.</param>
/// <param name="length">How many bytes the storage has.</param>
/// <param name="where">File and storage, for messages.</param>
/// <param name="leaveOpen">Whether the stream belongs to someone else.</param>
internal sealed class StorageCursor(Stream stream, long origin, long length, string where, bool leaveOpen = false) : IDisposable
{
    private readonly byte[] window = new byte[Math.Min(length, 1 << 16)];
    private long start;
    private int filled;

    /// <summary>The first byte that can still be read.</summary>
    public long Position => start;

    /// <summary>Copies bytes at a position that is not before <see cref="Position"/> and lies, with them, inside the storage.</summary>
    public void Copy(long position, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            if (position < start + filled)
            {
                int at = (int)(position - start), part = Math.Min(filled - at, destination.Length);
                window.AsSpan(at, part).CopyTo(destination);
                destination = destination[part..];
                position += part;
                continue;
            }
            SkipTo(position);
            if (destination.Length > window.Length)
            {
                ReadExactly(destination);
                start = position + destination.Length;
                return;
            }
            filled = (int)Math.Min(window.Length, length - position);
            start = position;
            ReadExactly(window.AsSpan(0, filled));
        }
    }

    public void Dispose()
    {
        if (!leaveOpen)
            stream.Dispose();
    }

    private void SkipTo(long position)
    {
        long end = start + filled;
        start = position;
        filled = 0;
        if (stream.CanSeek)
        {
            stream.Position = origin + position;
            return;
        }
        for (long left = position - end; left > 0;)
        {
            int part = (int)Math.Min(left, window.Length);
            ReadExactly(window.AsSpan(0, part));
            left -= part;
        }
    }

    private void ReadExactly(Span<byte> destination)
    {
        try
        {
            stream.ReadExactly(destination);
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            // Where the stream stands is unknown now: no later read may count on it.
            start = long.MaxValue;
            filled = 0;
            throw Bad(where, $"its bytes are damaged or end too early ({e.Message.TrimEnd('.')})", Again, e);
        }
    }
}
