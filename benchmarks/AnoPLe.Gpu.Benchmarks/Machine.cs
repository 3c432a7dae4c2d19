using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using AnoPLe.Gpu.Kernels.Cpu;
using Microsoft.ML.OnnxRuntime;

namespace AnoPLe.Gpu.Benchmarks;

/// <summary>What a result must say about where and when it was measured.</summary>
internal static partial class Machine
{
    /// <summary>Processor and vectors.</summary>
    public static string Cpu => $"{CpuBackend.Describe().Name}, {InstructionSet.Description}";

    /// <summary>Width of the vectors in use, which environment variables can make narrower.</summary>
    public static int VectorBits => InstructionSet.Bits;

    /// <summary>.NET's version.</summary>
    public static string Runtime => RuntimeInformation.FrameworkDescription;

    /// <summary>.NET's version and ONNX Runtime's.</summary>
    public static string BothRuntimes => $"{Runtime}, ONNX Runtime {OrtEnv.Instance().GetVersionString()}";

    /// <summary>Now, UTC, to the second.</summary>
    public static string Now => DateTime.UtcNow.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);

    /// <summary>Where this machine's results lie below benchmarks/results: the processor's name and how many threads it runs at once, amd-epyc-9r14-2-threads.</summary>
    public static string Folder => FolderName(CpuBackend.Describe().Name, Environment.ProcessorCount);

    private static string FolderName(string processor, int threads)
        => $"{NoNamePart().Replace(Trademark().Replace(processor.ToLowerInvariant(), " "), "-").Trim('-')}-{threads}-{(threads == 1 ? "thread" : "threads")}";

    [GeneratedRegex(@"\((r|tm|c)\)")]
    private static partial Regex Trademark();

    [GeneratedRegex("[^a-z0-9]+")]
    private static partial Regex NoNamePart();
}
