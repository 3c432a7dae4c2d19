namespace AnoPLe.Gpu.Tests;

/// <summary>Finds files of the checkout from wherever the tests were built to.</summary>
internal static class Repository
{
    /// <summary>The folder that holds AnoPLe.Gpu.sln.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>A path below the root.</summary>
    public static string Path(params string[] parts) => System.IO.Path.Combine([Root, .. parts]);

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(System.IO.Path.Combine(folder.FullName, "AnoPLe.Gpu.sln")))
                return folder.FullName;
        throw new DirectoryNotFoundException($"No AnoPLe.Gpu.sln above {AppContext.BaseDirectory}.");
    }
}
