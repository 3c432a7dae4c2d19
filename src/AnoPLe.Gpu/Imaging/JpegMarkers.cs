using System.Buffers.Binary;

namespace AnoPLe.Gpu.Imaging;

/// <summary>What the markers of a JPEG file say about how it is coded (ITU-T T.81, annex B), read without decoding anything.</summary>
/// <param name="IsProgressive">
/// Scans refine the whole picture. When such a file is cut, the decoder takes the scans that are there for all of them and returns a blurred
/// picture without a word.
/// </param>
/// <param name="IsHuffman">Huffman, not arithmetic coding.</param>
/// <param name="Scans">How many scans begin.</param>
/// <param name="IsEnded">The end-of-image marker is there.</param>
internal readonly record struct JpegMarkers(bool IsProgressive, bool IsHuffman, int Scans, bool IsEnded)
{
    /// <summary>Programs write about ten; each takes the time of a whole picture.</summary>
    public const int MaxScans = 100;

    private const byte StartOfScan = 0xDA, EndOfImage = 0xD9, Temporary = 0x01, FirstRestart = 0xD0, LastRestart = 0xD7;

    /// <summary>Walks the markers from the start of the file to the end-of-image marker or the end of the file.</summary>
    public static JpegMarkers Read(ReadOnlySpan<byte> file)
    {
        bool progressive = false, huffman = true;
        int scans = 0, at = 2; // behind the start-of-image marker
        while (at < file.Length)
        {
            int next = file[at..].IndexOf((byte)0xFF);
            if (next < 0 || at + next + 1 >= file.Length)
                break;
            at += next + 1;
            byte marker = file[at];
            if (marker == EndOfImage)
                return new(progressive, huffman, scans, true);
            if (marker == 0xFF) // a fill byte
                continue;
            at++;
            if (marker is 0 or Temporary or (>= FirstRestart and <= LastRestart)) // a stuffed data byte, or markers without a segment
                continue;
            progressive |= marker is 0xC2 or 0xC6 or 0xCA or 0xCE;
            huffman &= marker is not (0xC9 or 0xCA or 0xCB or 0xCD or 0xCE or 0xCF);
            scans += marker == StartOfScan ? 1 : 0;
            at += at + 2 <= file.Length ? Math.Max((int)BinaryPrimitives.ReadUInt16BigEndian(file[at..]), 2) : 2;
        }
        return new(progressive, huffman, scans, false);
    }
}
