using System.Text.RegularExpressions;
using System.Xml.Linq;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Imaging;
using AnoPLe.Gpu.Kernels.Cpu;
using AnoPLe.Gpu.Kernels.Ilgpu;

namespace AnoPLe.Gpu.Tests.Architecture;

/// <summary>The direction of dependencies: Compute, the kernel projects, the library, the command line; each sees only what is left of it.</summary>
public sealed class DependencyTests
{
    [Fact]
    public void Compute_knows_no_kernels_and_no_ILGPU() =>
        Assert.DoesNotContain(References(typeof(Backend)), name => IsOurs(name) || IsIlgpu(name));

    [Fact]
    public void Cpu_kernels_know_Compute_only()
    {
        Assert.Equal(["AnoPLe.Gpu.Compute"], References(typeof(CpuBackend)).Where(IsOurs));
        Assert.DoesNotContain(References(typeof(CpuBackend)), IsIlgpu);
    }

    [Fact]
    public void Ilgpu_kernels_know_Compute_and_ILGPU_only()
    {
        Assert.Equal(["AnoPLe.Gpu.Compute"], References(typeof(IlgpuBackend)).Where(IsOurs));
        Assert.Contains(References(typeof(IlgpuBackend)), IsIlgpu);
    }

    [Fact]
    public void Library_sees_no_ILGPU_types() => Assert.DoesNotContain(References(typeof(RgbImage)), IsIlgpu);

    [Fact]
    public void Only_Backends_names_the_kernel_projects() =>
        Assert.Empty(Sources.Lines(Sources.Files("src/AnoPLe.Gpu").Where(file => Path.GetFileName(file) != "Backends.cs"),
            line => Regex.IsMatch(line, @"\b(Kernels\.(Cpu|Ilgpu)|CpuBackend|IlgpuBackend)\b")));

    [Fact]
    public void Clip_does_not_mention_ILGPU() =>
        Assert.Empty(Sources.Lines(Sources.Files("src/AnoPLe.Gpu/Clip"), line => line.Contains("ilgpu", StringComparison.OrdinalIgnoreCase)));

    [Fact]
    public void Metrics_use_nothing_else_of_the_project() =>
        Assert.Empty(Sources.Lines(Sources.Files("src/AnoPLe.Gpu/Metrics"),
            line => line.Contains("AnoPLe.Gpu.", StringComparison.Ordinal) && line.Trim() != "namespace AnoPLe.Gpu.Metrics;"));

    [Fact]
    public void Only_downloads_use_the_network()
    {
        string[] network = [.. Sources.Lines(Sources.Files("src").Concat(Sources.Files("kernels")), line => Regex.IsMatch(line, @"\b(HttpClient|HttpMessage\w+|Sockets?|WebRequest|TcpClient)\b"))];
        Assert.NotEmpty(network);
        Assert.All(network, line => Assert.StartsWith(Path.Combine("src", "AnoPLe.Gpu", "Weights", "Download"), line, StringComparison.Ordinal));
        string user = Assert.Single(Sources.Lines(Sources.Files("src"), line => Regex.IsMatch(line, @"\bnew Downloader\(")));
        Assert.StartsWith(Path.Combine("src", "AnoPLe.Gpu.Cli", "Commands", "WeightsDownloadCommand.cs"), user, StringComparison.Ordinal);
    }

    [Fact]
    public void Project_files_keep_the_direction()
    {
        Assert.Empty(ProjectReferences("src/AnoPLe.Gpu.Compute"));
        Assert.Equal(["AnoPLe.Gpu.Compute"], ProjectReferences("kernels/AnoPLe.Gpu.Kernels.Cpu"));
        Assert.Equal(["AnoPLe.Gpu.Compute"], ProjectReferences("kernels/AnoPLe.Gpu.Kernels.Ilgpu"));
        Assert.Equal(["AnoPLe.Gpu.Compute", "AnoPLe.Gpu.Kernels.Cpu", "AnoPLe.Gpu.Kernels.Ilgpu"], ProjectReferences("src/AnoPLe.Gpu"));
        // Compute because the library's public API speaks of its backends, devices and errors; never a kernel project.
        Assert.Equal(["AnoPLe.Gpu", "AnoPLe.Gpu.Compute"], ProjectReferences("src/AnoPLe.Gpu.Cli"));
    }

    [Fact]
    public void Command_line_uses_only_the_public_API()
    {
        foreach (string project in new[] { "src/AnoPLe.Gpu.Compute", "src/AnoPLe.Gpu", "kernels/AnoPLe.Gpu.Kernels.Cpu", "kernels/AnoPLe.Gpu.Kernels.Ilgpu" })
            Assert.DoesNotContain(Items(project, "InternalsVisibleTo"), name => name is "anople" or "AnoPLe.Gpu.Cli");
        Assert.DoesNotContain(Sources.Lines(Sources.Files("src"), line => line.Contains("InternalsVisibleTo(", StringComparison.Ordinal)), _ => true);
    }

    private static string[] References(Type type) =>
        [.. type.Assembly.GetReferencedAssemblies().Select(name => name.Name!).Order(StringComparer.Ordinal)];

    private static bool IsOurs(string name) => name.StartsWith("AnoPLe.", StringComparison.Ordinal);

    private static bool IsIlgpu(string name) => name.StartsWith("ILGPU", StringComparison.Ordinal);

    private static string[] ProjectReferences(string project) =>
        [.. Items(project, "ProjectReference").Select(path => Path.GetFileNameWithoutExtension(path.Replace('\\', '/'))).Order(StringComparer.Ordinal)];

    private static IEnumerable<string> Items(string project, string element) =>
        XDocument.Load(Repository.Path(project, Path.GetFileName(project) + ".csproj")).Descendants(element).Select(item => item.Attribute("Include")!.Value);
}
