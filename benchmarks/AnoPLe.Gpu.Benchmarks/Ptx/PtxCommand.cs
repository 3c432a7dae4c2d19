using System.CommandLine;
using System.Globalization;
using AnoPLe.Gpu.Kernels.Ilgpu;
using AnoPLe.Gpu.Weights.Download;

namespace AnoPLe.Gpu.Benchmarks.Ptx;

/// <summary>ptx: the assembly that CUDA's driver would be given for every kernel, compiled without a GPU, and what it consists of.</summary>
internal static class PtxCommand
{
    public static Task<int> Run(string[] args) => BenchmarkCommand.Run(Build(), args);

    private static RootCommand Build()
    {
        Option<string?> filter = new("--filter") { Description = "Only kernels whose name contains this text, in any case: Linear, Attention." };
        Option<string?> output = new("--out") { Description = "Also write KERNEL.ptx files to this folder." };
        RootCommand command = new("PTX of the kernels for sm_80, compiled without a GPU.") { filter, output };
        command.SetAction(parsed =>
        {
            string wanted = parsed.GetValue(filter) ?? "";
            PtxKernel[] kernels = [.. PtxCompiler.Compile(name => name.Contains(wanted, StringComparison.OrdinalIgnoreCase))];
            if (kernels.Length == 0)
                throw new ArgumentException($"--filter '{wanted}' matches no kernel. Their names begin with operations: {string.Join(", ", Operations())}.");
            Print(kernels);
            if (parsed.GetValue(output) is { } folder)
                Write(Directory.CreateDirectory(folder).FullName, kernels);
            return 0;
        });
        return command;
    }

    private static IEnumerable<string> Operations() => PtxCompiler.Kernels().Select(kernel => kernel.Name.Split('.')[0]).Distinct();

    private static void Print(PtxKernel[] kernels)
    {
        int width = kernels.Max(kernel => kernel.Name.Length);
        Console.WriteLine($"{"kernel".PadRight(width)} hot  instr   mul  mma  global  16 B  shared  16 B  bar  bra  shared B  local B");
        foreach (PtxKernel kernel in kernels)
        {
            PtxStatistics s = PtxStatistics.Of(kernel.Ptx);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{kernel.Name.PadRight(width)} {(kernel.Hot ? "hot" : "   ")} {s.Instructions,6} {s.Products,5} {s.Mma,4} {s.Global,7} {s.WideGlobal,5} {s.Shared,7} {s.WideShared,5} {s.Barriers,4} {s.Branches,4} {s.SharedBytes,9} {s.LocalBytes,8}"));
        }
    }

    private static void Write(string folder, PtxKernel[] kernels)
    {
        foreach (PtxKernel kernel in kernels)
            JsonFile.WriteText(Path.Combine(folder, FileName(kernel.Name)), kernel.Ptx);
        Console.WriteLine($"{kernels.Length} files in {folder}");
    }

    // "Linear.ForwardKernel<Tile128, Gelu>" to "Linear.ForwardKernel.Tile128.Gelu.ptx"
    private static string FileName(string kernel) => kernel.Replace(">", "", StringComparison.Ordinal).Replace("<", ".", StringComparison.Ordinal).Replace(", ", ".", StringComparison.Ordinal) + ".ptx";
}
