using System.CommandLine;
using System.Globalization;
using AnoPLe.Gpu.Benchmarks.Ptx;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Ilgpu;

namespace AnoPLe.Gpu.Benchmarks.GpuLadder;

/// <summary>gpu-ladder: one matrix product in six ways on a device of ILGPU, from a thread per output to tensor cores; see benchmarks/gpu-ladder.md.</summary>
internal static class GpuLadderCommand
{
    private const int LargestSize = 1 << 16, FewestRuns = 3, Launches = 10;

    public static Task<int> Run(string[] args) => BenchmarkCommand.Run(Build(), args);

    private static RootCommand Build()
    {
        Option<string?> device = new("--device") { Description = "cuda:0, opencl:0 or simulator; the first that is no simulator when not given." };
        Option<int> m = new("--m") { Description = "Rows: tokens.", DefaultValueFactory = _ => 226 };
        Option<int> n = new("--n") { Description = "Columns: outputs of the layer.", DefaultValueFactory = _ => 3584 };
        Option<int> k = new("--k") { Description = "Terms of a sum: inputs of the layer.", DefaultValueFactory = _ => 896 };
        Option<double> seconds = new("--seconds") { Description = "Time for each rung; 0 checks the results and measures nothing.", DefaultValueFactory = _ => 0.5 };
        RootCommand command = new("y = GELU(x W + bias) in six ways, each checked and timed, with what its PTX consists of. Default: the first layer of an MLP of ViT-B/16+ 240.")
        {
            device, m, n, k, seconds,
        };
        command.SetAction((parsed, cancellation) => Task.FromResult(Climb(Device(parsed.GetValue(device)),
            new() { M = Size(parsed, m), N = Size(parsed, n), K = Size(parsed, k) }, BenchmarkCommand.Seconds(parsed.GetValue(seconds)), cancellation)));
        return command;
    }

    private static int Climb(DeviceInfo device, GpuLadderShape shape, double seconds, CancellationToken cancellation)
    {
        Console.WriteLine($"y[{shape.M}, {shape.N}] = GELU(x[{shape.M}, {shape.K}] W + bias)\n{device.Id}: {device.Name}; {Machine.Runtime}\n" +
            $"{"rung",-5}{"what is new",-52}{"precision",-10}{"ms",9}{"GFLOP/s",10}{"factor",8}{"error",7}  {"PTX: mma",8}{"global",8}{"16 B",6}{"shared",8}{"16 B",6}");
        bool fine = true;
        double before = double.NaN;
        foreach (var group in GpuLadderRung.All.GroupBy(rung => rung.Precision))
        {
            if (Open(device.Id, group.Key) is not { } backend)
            {
                Console.WriteLine($"Rungs {string.Join(", ", group.Select(rung => rung.Id))} need tensor cores, which {device.Id} does not have; the simulator emulates them.");
                continue;
            }
            using (backend)
            using (GpuLadderProblem problem = new(backend, shape))
                foreach (GpuLadderRung rung in group)
                {
                    cancellation.ThrowIfCancellationRequested();
                    Action run = rung.Prepare(backend, problem);
                    double error = problem.Error(run), time = seconds > 0 ? DeviceTiming.Median(backend, run, Launches, FewestRuns, seconds) : double.NaN;
                    Console.WriteLine(Line(rung, shape, time, before, error));
                    if (!(error <= 1))
                        Console.Error.WriteLine($"Rung {rung.Id}: an error of {error:g3} times what rounding explains.");
                    fine &= error <= 1;
                    before = time;
                }
        }
        return fine ? 0 : BenchmarkCommand.Failure;
    }

    private static string Line(GpuLadderRung rung, GpuLadderShape shape, double time, double before, double error)
    {
        var assembly = rung.Kernel.StartsWith(nameof(GpuLadderKernels), StringComparison.Ordinal) ? typeof(GpuLadderKernels).Assembly : null;
        PtxStatistics ptx = PtxStatistics.Of(PtxCompiler.Compile(name => name == rung.Kernel, assembly).Single().Ptx);
        string measured = double.IsNaN(time) ? $"{"-",9}{"-",10}{"-",8}" : string.Create(CultureInfo.InvariantCulture,
            $"{1e3 * time,9:f3}{2.0 * shape.M * shape.N * shape.K / time / 1e9,10:f1}{(double.IsNaN(before) ? "" : (before / time).ToString("f2", CultureInfo.InvariantCulture)),8}");
        return string.Create(CultureInfo.InvariantCulture, $"{rung.Id,-5}{rung.Idea,-52}{rung.Precision.ToString().ToLowerInvariant(),-10}{measured}{error,7:f2}  {ptx.Mma,8}{ptx.Global,8}{ptx.WideGlobal,6}{ptx.Shared,8}{ptx.WideShared,6}");
    }

    private static IlgpuBackend? Open(string device, MatrixPrecision precision)
    {
        try
        {
            return IlgpuBackend.Open(device, precision);
        }
        catch (DeviceException) when (precision == MatrixPrecision.Bf16)
        {
            return null;
        }
    }

    private static DeviceInfo Device(string? name)
    {
        IReadOnlyList<DeviceInfo> devices = IlgpuBackend.Devices();
        return (name is null ? devices.FirstOrDefault(found => found.Kind != DeviceKind.Simulator) : devices.FirstOrDefault(found => found.Id == name))
            ?? throw new ArgumentException(name is null ? "There is no CUDA or OpenCL device. Name --device simulator, with small sizes, to check the rungs."
                : $"--device '{name}' is not on this machine. Present: {string.Join(", ", devices.Select(found => found.Id))}.");
    }

    private static int Size(ParseResult parsed, Option<int> option) => BenchmarkCommand.InRange(option.Name, parsed.GetValue(option), 1, LargestSize);
}
