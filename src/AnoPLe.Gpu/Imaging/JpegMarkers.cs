using System.Buffers.Binary;

namespace AnoPLe.Gpu.Imaging;

/// <summary>
/// Finds cut progressive JPEG files. Each of their scans refines the whole picture, so the decoder takes the scans that are there for all of
/// them and returns a blurred picture without a word. (ITU-T T.81, annex B.)
/// </summary>
internal static class JpegMarkers
{
    private const byte EndOfImage = 0xD9, Temporary = 0x01, FirstRestart = 0xD0, LastRestart = 0xD7;

    /// <summary>Whether a frame is progressive and the end-of-image marker is missing.</summary>
    public static bool IsCutProgressive(ReadOnlySpan<byte> file)
    {
        bool progressive = false;
        int at = 2; // behind the start-of-image marker
        while (at < file.Length)
        {
            int next = file[at..].IndexOf((byte)0xFF);
            if (next < 0 || at + next + 1 >= file.Length)
                break;
            at += next + 1;
            byte marker = file[at];
            if (marker == EndOfImage)
                return false;
            if (marker == 0xFF) // a fill byte
                continue;
            at++;
            if (marker is 0 or Temporary or (>= FirstRestart and <= LastRestart)) // a stuffed data byte, or markers without a segment
                continue;
            progressive |= marker is 0xC2 or 0xC6 or 0xCA or 0xCE;
            at += at + 2 <= file.Length ? Math.Max((int)BinaryPrimitives.ReadUInt16BigEndian(file[at..]), 2) : 2;
        }
        return progressive;
    }
}
