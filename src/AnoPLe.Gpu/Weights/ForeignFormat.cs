using System.Text;

namespace AnoPLe.Gpu.Weights;

/// <summary>Names files that are often taken for safetensors, by their first bytes, and makes foreign text safe to print.</summary>
internal static class ForeignFormat
{
    private const string Pytorch = "a PyTorch checkpoint (pickle)";
    private const string Archive = "a ZIP archive, such as a PyTorch checkpoint";
    private const string Json = "JSON, such as the index of several safetensors files";
    private const string GitLfs = "a Git LFS pointer";

    /// <summary>What a file with this beginning is, or null.</summary>
    public static string? Name(ReadOnlySpan<byte> start) =>
        start.StartsWith("PK\x03\x04"u8) ? Archive
        : start.Length >= 2 && start[0] == 0x80 && start[1] is >= 2 and <= 5 && start[2..8].ContainsAnyExcept((byte)0) ? Pytorch
        : start.StartsWith("L1195470"u8) ? Pytorch
        : start.Length > 0 && start[0] == (byte)'{' && !start.Contains((byte)0) ? Json
        : start.StartsWith("version "u8) ? GitLfs
        : start.StartsWith("GGUF"u8) ? "a GGUF file"
        : start.Length >= 4 && start[0] == 0x89 && start[1..4].SequenceEqual("HDF"u8) ? "an HDF5 file"
        : start.StartsWith("<!"u8) || start.StartsWith("<html"u8) || start.StartsWith("<HTML"u8) ? "a web page"
        : null;

    /// <summary>What to do about it.</summary>
    public static string NextStep(string format, string file) => format switch
    {
        GitLfs => "Fetch the file itself with 'git lfs pull'.",
        "a web page" => "Download the file itself.",
        Pytorch or Archive or Json => $"If it holds CLIP weights, convert it first: {Conversion.ConvertCommand.For(file)}",
        _ => "Use the model's safetensors or PyTorch file.",
    };

    /// <summary>A name from a file in quotes: at most 100 characters, control characters replaced, so that a message stays one line.</summary>
    public static string Quote(string name)
    {
        StringBuilder text = new("'");
        foreach (char c in name.AsSpan(0, Math.Min(name.Length, 100)))
            text.Append(char.IsControl(c) || char.IsSurrogate(c) ? '\uFFFD' : c);
        return text.Append(name.Length > 100 ? "…'" : "'").ToString();
    }
}
