using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Benchmarks.Torch;

/// <summary>compare-torch: the parts of the vision tower and all of it on a device, in every precision, beside PyTorch's times of the same.</summary>
internal static class CompareTorchCommand
{
    private const int FewestRuns = 3;

    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private static readonly ResultTable Table = new("compare-torch.md", "The vision tower against PyTorch",
        "`compare-torch`: medians, operands on the device, eager PyTorch in a process of its own (`benchmarks/peers/torch_times.py`). The ceiling is what the same device was measured to reach: " +
        "products in registers, or a copy. A ratio above 1 says that we are faster.", 5,
        "device", "model", "precision", "work", "batch", "ours, ms", "rate", "of ceiling", "PyTorch, ms", "ratio", "PyTorch", "runtime", "date");

    /// <summary>What --json prints.</summary>
    private sealed record Result(string Device, string Model, string Precision, string Work, int Batch, double OursMs, double Rate, string Unit, double? Ceiling, double? TorchMs, double? Ratio, string? Torch, string Date)
    {
        public string Line => string.Create(CultureInfo.InvariantCulture,
            $"{Precision,-10}{Work,-12}{Batch,6}{OursMs,10:f3}  {Rates.Text(Rate, Unit),18}{Rates.Part(Rate, Ceiling),9}") + $"{ResultTable.Number(TorchMs, "f3"),12}{ResultTable.Number(Ratio, "f2"),8}";

        public void Put(string? results) => Table.Put(results, Device, Model, Precision, Work, ResultTable.Number(Batch), ResultTable.Number(OursMs, "f3"), Rates.Text(Rate, Unit), Rates.Part(Rate, Ceiling),
            ResultTable.Number(TorchMs, "f3"), ResultTable.Number(Ratio, "f2"), Torch ?? "", Machine.Runtime, ResultTable.Day(Date));
    }

    public static Task<int> Run(string[] args) => BenchmarkCommand.Run(Build(), args);

    private static RootCommand Build()
    {
        Option<string> device = new("--device") { Description = "cuda:0, opencl:0, cpu or simulator.", DefaultValueFactory = _ => "cuda:0" };
        Option<string> model = new("--model") { Description = "A name of weights/configs.", DefaultValueFactory = _ => "vit-b-16-plus-240" };
        Option<string> precisions = new("--precision") { Description = "Of fp32, tf32, fp16 and bf16, with commas between.", DefaultValueFactory = _ => "fp32,tf32,fp16,bf16" };
        Option<string> batches = new("--batch") { Description = "Images at once, with commas between.", DefaultValueFactory = _ => "1,32" };
        Option<string?> torch = new("--torch") { Description = "What torch_times.py has written; without it nothing is compared." };
        Option<double> seconds = new("--seconds") { Description = "Time for each work; 0 runs each once more than it takes to compile.", DefaultValueFactory = _ => 1 };
        Option<bool> json = new("--json") { Description = "One JSON object a line." };
        Option<string?> results = ResultTable.CreateOption();
        RootCommand command = new("Linear layers, attention, layer norm and the whole vision tower on a device, beside PyTorch's times.") { device, model, precisions, batches, torch, seconds, json, results };
        command.SetAction((parsed, cancellation) =>
        {
            IReadOnlyList<TorchTime> peer = parsed.GetValue(torch) is { } path ? TorchTime.Read(path) : [];
            string[] wanted = parsed.GetValue(precisions)!.Split(',');
            foreach (string precision in wanted)
                if (precision is not ("fp32" or "tf32" or "fp16" or "bf16"))
                    throw new ArgumentException($"--precision takes fp32, tf32, fp16 and bf16 with commas between, got '{precision}'.");
            bool asJson = parsed.GetValue(json);
            if (!asJson)
                Console.WriteLine($"{"precision",-10}{"work",-12}{"batch",6}{"ours, ms",10}  {"rate",18}{"ceiling",9}{"PyTorch, ms",12}{"ratio",8}");
            foreach (Result result in Measure(parsed.GetValue(device)!, parsed.GetValue(model)!, wanted, BenchmarkCommand.Numbers(batches.Name, parsed.GetValue(batches)!, 4096),
                peer, BenchmarkCommand.Seconds(parsed.GetValue(seconds)), cancellation))
            {
                Console.WriteLine(asJson ? JsonSerializer.Serialize(result, Json) : result.Line);
                result.Put(parsed.GetValue(results));
            }
            return Task.FromResult(0);
        });
        return command;
    }

    private static IEnumerable<Result> Measure(string device, string model, string[] precisions, int[] batches, IReadOnlyList<TorchTime> peer, double seconds, CancellationToken cancellation)
    {
        ClipConfig config = ClipConfig.Find(model);
        foreach (string precision in precisions)
        {
            string name = $"{device}/{precision}";
            using Backend backend = Backends.Open(name);
            foreach (int batch in batches)
                foreach (string work in TowerWork.Names)
                {
                    cancellation.ThrowIfCancellationRequested();
                    using TowerWork tower = new(backend, config, work, batch);
                    double time = Median(backend, tower, seconds), rate = tower.Work.Amount / time;
                    TorchTime? other = peer.LastOrDefault(t => t.Model == model && t.Work == work && t.Batch == batch && t.Precision == precision);
                    // Attention in tf32 is attention in fp32.
                    string measured = work == "attention" && backend.MatrixPrecision == MatrixPrecision.Tf32 ? device : name;
                    yield return new(backend.Device.Name, model, precision, work, batch, 1e3 * time, rate, tower.Work.Unit, seconds > 0 ? Ceilings.Of(measured, tower.Work.Unit) : null,
                        1e3 * other?.Seconds, other?.Seconds / time, other is null ? null : $"{other.Torch} on {other.Device}", Machine.Now);
                }
        }
    }

    private static double Median(Backend backend, TowerWork work, double seconds)
    {
        work.Run(); // compiles
        backend.Synchronize();
        return seconds > 0 ? DeviceTiming.Median(backend, work.Run, work.Launches, FewestRuns, seconds) : DeviceTiming.Median(backend, work.Run, launches: 1, fewest: 1, seconds);
    }
}
