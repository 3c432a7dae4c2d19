using System.Text.RegularExpressions;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute.Ops;

namespace AnoPLe.Gpu.Weights.Download;

/// <summary>One public checkpoint: where it is, and how to tell that what arrived is it.</summary>
public sealed partial record ManifestEntry
{
    /// <summary>The fewest digits of a hash that count as a check: 32 bits.</summary>
    public const int MinHashDigits = 8;

    /// <summary>All digits of a SHA-256.</summary>
    public const int HashDigits = 64;

    private static readonly string[] PyTorchEndings = [".pt", ".pth", ".bin", ".ckpt"];

    // Windows takes these for devices, with any ending.
    private static readonly string[] DeviceNames = ["con", "prn", "aux", "nul"];

    /// <summary>Letters, digits, '.', '_' and '-', at most 100; the file is called by it, never by a part of the URL.</summary>
    public required string Name { get; init; }

    /// <summary>A name of <see cref="ClipConfig.Known"/>, or null when it is not known.</summary>
    public string? Architecture { get; init; }

    /// <summary>The activation the model was trained with, which files seldom say; null when it is not known.</summary>
    public Activation? Activation { get; init; }

    /// <summary>What kind of file it is.</summary>
    public required ManifestFormat Format { get; init; }

    /// <summary>Where the file is: https; plain http only with all digits of <see cref="Sha256"/>, or from this machine.</summary>
    public required Uri Url { get; init; }

    /// <summary>Size in bytes, or null when it is not known.</summary>
    public long? Bytes { get; init; }

    /// <summary>SHA-256 as lower-case hex digits: all 64, or as many of the first ones (8 or more) as are published; null when none are.</summary>
    public string? Sha256 { get; init; }

    /// <summary>The licence, for people.</summary>
    public string? Licence { get; init; }

    /// <summary>A page about the checkpoint.</summary>
    public Uri? Page { get; init; }

    /// <summary>"NAME.safetensors" or "NAME.pt".</summary>
    public string FileName => Name + (Format == ManifestFormat.Safetensors ? ".safetensors" : ".pt");

    /// <summary>The configuration that the file does not say itself, or null when architecture or activation is not known.</summary>
    public ClipConfig? Config =>
        Architecture is not null && Activation is { } activation ? ClipConfig.Find(Architecture) with { Activation = activation } : null;

    /// <summary>An entry for a file that no manifest lists. The format follows from the end of the URL's path.</summary>
    /// <param name="name">What the file will be called, without its ending.</param>
    /// <param name="url">https://.../FILE.safetensors, .pt, .pth, .bin or .ckpt.</param>
    /// <param name="sha256">Its hash, 8 to 64 hex digits, or null.</param>
    /// <exception cref="ArgumentException">The name, the URL or the hash is not of this form.</exception>
    public static ManifestEntry FromUrl(string name, string url, string? sha256 = null)
    {
        ArgumentNullException.ThrowIfNull(name);
        Uri address = ParseUrl(url);
        string path = address.AbsolutePath;
        ManifestFormat format = path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase) ? ManifestFormat.Safetensors
            : PyTorchEndings.Any(end => path.EndsWith(end, StringComparison.OrdinalIgnoreCase)) ? ManifestFormat.PyTorch
            : throw new ArgumentException($"The path of '{url}' ends in none of .safetensors, .pt, .pth, .bin, .ckpt. Give the address of the file itself.");
        return new ManifestEntry { Name = name, Format = format, Url = address, Sha256 = sha256?.ToLowerInvariant() }.Validate();
    }

    /// <summary>An absolute http or https address.</summary>
    /// <exception cref="ArgumentException">It is none.</exception>
    public static Uri ParseUrl(string url)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out Uri? address) || address.Scheme is not ("https" or "http"))
            throw new ArgumentException($"'{url}' is no address of a file, expected https://HOST/PATH.");
        return address;
    }

    /// <summary>Whether a name is safe as a file name on every platform, and stays in its folder.</summary>
    public static bool IsName(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        string stem = name.Split('.')[0].ToLowerInvariant();
        return NamePattern().IsMatch(name) && !DeviceNames.Contains(stem) && !DeviceWithNumber().IsMatch(stem);
    }

    /// <summary>Whether this is a hash or the beginning of one: 8 to 64 hex digits.</summary>
    public static bool IsHash(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Length is >= MinHashDigits and <= HashDigits && text.All(char.IsAsciiHexDigit);
    }

    /// <summary>Checks what can be checked without the file.</summary>
    /// <exception cref="ArgumentException">A part is not of the form that its property says.</exception>
    public ManifestEntry Validate()
    {
        Check(IsName(Name), $"The name '{Name}'", "letters, digits, '.', '_' and '-', a letter or digit at both ends, at most 100");
        Check(Url is { IsAbsoluteUri: true, Scheme: "https" or "http" }, $"The URL '{Url}'", "https://HOST/PATH");
        Check(Bytes is null or > 0, $"The size {Bytes}", "a number of bytes above 0");
        Check(Sha256 is null || (IsHash(Sha256) && !Sha256.Any(char.IsAsciiLetterUpper)), $"The SHA-256 '{Sha256}'", "8 to 64 lower-case hex digits");
        Check(Architecture is null || ClipConfig.Known.ContainsKey(Architecture), $"The architecture '{Architecture}'",
            $"one of {string.Join(", ", ClipConfig.Known.Keys.Order(StringComparer.Ordinal))}");
        return this;

        void Check(bool holds, string what, string expected)
        {
            if (!holds)
                throw new ArgumentException($"{Name}: {what} cannot be, expected {expected}.");
        }
    }

    // No dot at the end, which Windows drops; none at the start, which hides the file.
    [GeneratedRegex(@"\A[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?\z")]
    private static partial Regex NamePattern();

    [GeneratedRegex(@"\A(com|lpt)\d\z")]
    private static partial Regex DeviceWithNumber();
}
