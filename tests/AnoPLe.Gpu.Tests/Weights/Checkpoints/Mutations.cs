using System.Buffers.Binary;

namespace AnoPLe.Gpu.Tests.Weights.Checkpoints;

/// <summary>Small damage to files, the same for the same seed.</summary>
internal sealed class Mutations(Random random)
{
    private static readonly long[] Edges =
        [0, 1, -1, 127, 128, 255, 256, 32767, 65535, 65536, int.MaxValue, int.MinValue, uint.MaxValue, 1L << 32, 1L << 40, long.MaxValue, long.MinValue, long.MaxValue / 4];

    /// <summary>A copy with one to four kinds of damage; <paramref name="other"/> lends bytes.</summary>
    public byte[] Of(byte[] original, byte[] other)
    {
        byte[] bytes = [.. original];
        for (int left = 1 + random.Next(random.Next(4) + 1); left > 0; left--)
            bytes = bytes.Length == 0 ? [.. other] : Once(bytes, other);
        return bytes;
    }

    private byte[] Once(byte[] bytes, byte[] other)
    {
        int at = random.Next(bytes.Length), length = Math.Min(1 + random.Next(random.Next(64) + 1), bytes.Length - at);
        switch (random.Next(11))
        {
            case 0:
                bytes[at] ^= (byte)(1 << random.Next(8));
                return bytes;
            case 1:
                bytes[at] = (byte)random.Next(256);
                return bytes;
            case 2:
                bytes[at] += (byte)(random.Next(2) == 0 ? 1 : 255);
                return bytes;
            case 3:
                return bytes[..at];
            case 4:
                return [.. bytes[..at], .. bytes[(at + length)..]];
            case 5:
                return [.. bytes[..at], .. bytes[at..(at + length)], .. bytes[at..]];
            case 6:
                int from = random.Next(Math.Max(1, other.Length - length));
                return [.. bytes[..at], .. other[from..Math.Min(other.Length, from + length)], .. bytes[at..]];
            case 7:
                bytes.AsSpan(random.Next(bytes.Length - length + 1), length).ToArray().CopyTo(bytes.AsSpan(at, length));
                return bytes;
            case 8:
                BinaryPrimitives.WriteInt64LittleEndian(Wide(ref bytes, at, 8), Edges[random.Next(Edges.Length)]);
                return bytes;
            case 9:
                BinaryPrimitives.WriteInt32LittleEndian(Wide(ref bytes, at, 4), (int)Edges[random.Next(Edges.Length)]);
                return bytes;
            default:
                random.NextBytes(bytes.AsSpan(at, length));
                return bytes;
        }
    }

    private static Span<byte> Wide(ref byte[] bytes, int at, int width)
    {
        if (at + width > bytes.Length)
            Array.Resize(ref bytes, at + width);
        return bytes.AsSpan(at, width);
    }
}
