using static AnoPLe.Gpu.Weights.Checkpoints.CheckpointErrors;

namespace AnoPLe.Gpu.Weights.Checkpoints.Pickle;

/// <summary>
/// The bytes of a pickle, forwards only. Nothing is allocated by a declared length before that length was compared with what is left.
/// </summary>
/// <param name="stream">Read from its position on.</param>
/// <param name="length">How many bytes may be read: where the file or the entry ends.</param>
/// <param name="where">File and entry, for messages.</param>
internal sealed class PickleReader(Stream stream, long length, string where)
{
    /// <summary>Longest pickle that is read: names, shapes and numbers, not data. A model of a thousand tensors needs about 0.2 MB.</summary>
    public const long MaxBytes = 256L << 20;

    private readonly byte[] buffer = new byte[Math.Min(length, 1 << 14)];
    private int at, filled;
    private long bufferStart;

    /// <summary>Bytes read so far.</summary>
    public long Position => bufferStart + at;

    /// <summary>How many bytes may still be read.</summary>
    public long Remaining => Math.Min(length, MaxBytes) - Position;

    /// <summary>The next byte.</summary>
    public byte ReadByte()
    {
        if (at == filled)
            Need(1);
        return buffer[at++];
    }

    /// <summary>The next bytes; valid until the next call.</summary>
    public ReadOnlySpan<byte> Read(long count)
    {
        CheckRemaining(count);
        if (count > buffer.Length)
            return ReadLong((int)count);
        Need((int)count);
        at += (int)count;
        return buffer.AsSpan(at - (int)count, (int)count);
    }

    /// <summary>Passes over bytes.</summary>
    public void Skip(long count)
    {
        CheckRemaining(count);
        while (count > 0)
        {
            int part = (int)Math.Min(count, buffer.Length);
            Read(part);
            count -= part;
        }
    }

    /// <summary>The bytes up to the next line feed, without it; valid until the next call.</summary>
    public ReadOnlySpan<byte> ReadLine()
    {
        const int Longest = 512;
        for (int n = 0; n < Longest; n++)
        {
            Need(n + 1);
            if (buffer[at + n] != (byte)'\n')
                continue;
            at += n + 1;
            return buffer.AsSpan(at - n - 1, n);
        }
        throw Bad($"has a line of more than {Longest} bytes", Again);
    }

    /// <summary>An error at this position.</summary>
    public InvalidDataException Bad(string got, string next) => Bad(Position, got, next);

    /// <summary>An error at a position.</summary>
    public InvalidDataException Bad(long position, string got, string next) => CheckpointErrors.Bad($"{where}, byte {position}", got, next);

    private void CheckRemaining(long count)
    {
        if (count < 0 || count > Remaining)
            throw Bad($"declares {(ulong)count} bytes of which {Remaining} are left", CutOff);
    }

    private byte[] ReadLong(int count)
    {
        byte[] bytes = GC.AllocateUninitializedArray<byte>(count);
        int done = Math.Min(filled - at, count);
        buffer.AsSpan(at, done).CopyTo(bytes);
        long position = Position;
        while (done < count)
            done += ReadSome(bytes.AsSpan(done));
        bufferStart = position + count;
        at = filled = 0;
        return bytes;
    }

    // Makes count bytes lie in the buffer from at on.
    private void Need(int count)
    {
        if (filled - at >= count)
            return;
        if (count > Remaining || count > buffer.Length)
            throw Bad("ends in the middle", CutOff);
        buffer.AsSpan(at, filled - at).CopyTo(buffer);
        bufferStart += at;
        filled -= at;
        at = 0;
        while (filled < count)
            filled += ReadSome(buffer.AsSpan(filled, (int)Math.Min(buffer.Length, length - bufferStart) - filled));
    }

    private int ReadSome(Span<byte> destination)
    {
        int count;
        try
        {
            count = stream.Read(destination);
        }
        catch (InvalidDataException e)
        {
            throw CheckpointErrors.Bad(where, $"its compressed bytes are damaged ({e.Message.TrimEnd('.')})", Again, e);
        }
        return count > 0 ? count : throw Bad("ends before its declared length", CutOff);
    }
}
