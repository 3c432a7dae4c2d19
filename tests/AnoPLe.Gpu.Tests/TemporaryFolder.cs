using AnoPLe.Gpu.Imaging;

namespace AnoPLe.Gpu.Tests;

/// <summary>A folder that is gone after the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("anople-test-").FullName;

    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <summary>Makes empty files; names with a slash at the end become folders.</summary>
    public TemporaryFolder With(params string[] names)
    {
        foreach (string name in names)
            if (name.EndsWith('/'))
                Directory.CreateDirectory(this[name]);
            else
                Write(name, "");
        return this;
    }

    public TemporaryFolder Write(string name, string text)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(this[name])!);
        File.WriteAllText(this[name], text);
        return this;
    }

    public TemporaryFolder Image(string name, int width, int height, params byte[] rgb)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(this[name])!);
        byte[] pixels = new byte[3 * width * height];
        rgb.CopyTo(pixels, 0);
        new RgbImage(width, height, pixels).SavePng(this[name]);
        return this;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
