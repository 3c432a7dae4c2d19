using System.Globalization;

namespace AnoPLe.Gpu.Weights.Download;

/// <summary>Parts of messages.</summary>
internal static class Text
{
    /// <summary>"60 s", "0.2 s".</summary>
    public static string Time(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.##} s");

    /// <summary>What a server wrote, as at most 100 harmless characters on one line.</summary>
    public static string OneLine(string foreign) =>
        string.Concat(foreign.Take(100).Select(c => char.IsControl(c) || char.IsSurrogate(c) ? ' ' : c));
}
