namespace AnoPLe.Gpu.Weights.Download;

/// <summary>Whether what arrived looks like a checkpoint at all: a login page or a truncated archive must not be recorded as the model.</summary>
internal static class ContentCheck
{
    // The end of a ZIP archive: 22 bytes, then a comment of up to 65535.
    private const int ZipEndBytes = 22, MaxZipComment = ushort.MaxValue;

    /// <summary>Refuses answers that cannot be the file, before any byte is read.</summary>
    public static void Headers(HttpResponseMessage response)
    {
        var headers = response.Content.Headers;
        if (headers.ContentType?.MediaType is "text/html" or "application/xhtml+xml")
            throw new DownloadException(DownloadFailure.WrongContent, "the answer is a web page, not the file: a login or a licence may be in the way");
        if (headers.ContentEncoding.Any(encoding => encoding != "identity"))
            throw new DownloadException(DownloadFailure.WrongContent, $"the answer is compressed ({Text.OneLine(string.Join(", ", headers.ContentEncoding))}), which was not asked for");
    }

    /// <summary>What is wrong with a file of this format, or null.</summary>
    /// <param name="stream">All of it; the position is moved.</param>
    /// <param name="path">What messages call it.</param>
    /// <param name="format">What it should be.</param>
    public static string? Problem(Stream stream, string path, ManifestFormat format)
    {
        stream.Position = 0;
        return format == ManifestFormat.Safetensors ? SafetensorsProblem(stream, path) : ArchiveProblem(stream);
    }

    // The header names every byte of the file, so a cut or extended one is found.
    private static string? SafetensorsProblem(Stream stream, string path)
    {
        try
        {
            byte[] start = new byte[SafetensorsHeader.LengthBytes];
            byte[] json = new byte[SafetensorsHeader.ReadLength(path, start.AsSpan(0, stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)), stream.Length)];
            stream.ReadExactly(json);
            SafetensorsHeader.Parse(path, json, stream.Length);
            return null;
        }
        catch (InvalidDataException e)
        {
            return e.Message;
        }
    }

    private static string? ArchiveProblem(Stream stream)
    {
        byte[] start = new byte[Math.Min(8, stream.Length)];
        stream.ReadExactly(start);
        // torch.save wrote a bare pickle until PyTorch 1.6.
        if (start is [0x80, >= 2 and <= 5, ..])
            return null;
        if (!start.AsSpan().StartsWith("PK\x03\x04"u8))
            return $"it is {ForeignFormat.Name(start) ?? "of an unknown format"}, expected a PyTorch checkpoint (a ZIP archive or a pickle)";
        byte[] end = new byte[Math.Min(ZipEndBytes + MaxZipComment, stream.Length)];
        stream.Position = stream.Length - end.Length;
        stream.ReadExactly(end);
        return end.AsSpan().LastIndexOf("PK\x05\x06"u8) >= 0 ? null : "it is a ZIP archive without its end, so it is not whole";
    }
}
