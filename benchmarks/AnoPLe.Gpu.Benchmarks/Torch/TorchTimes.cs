using System.Text.Json;

namespace AnoPLe.Gpu.Benchmarks.Torch;

/// <summary>One line that torch_times.py has written.</summary>
/// <param name="Model">A name of weights/configs.</param>
/// <param name="Work">One of <see cref="TowerWork.Names"/>.</param>
/// <param name="Batch">Images.</param>
/// <param name="Precision">"fp32", "tf32", "fp16" or "bf16".</param>
/// <param name="Seconds">Median of a run.</param>
/// <param name="Device">The device by its own name.</param>
/// <param name="Torch">PyTorch's version.</param>
internal sealed record TorchTime(string Model, string Work, int Batch, string Precision, double Seconds, string Device, string Torch)
{
    private const int LargestBatch = 4096;

    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true };

    /// <summary>Reads such a file.</summary>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    /// <exception cref="InvalidDataException">A line is not one of those, or there is none.</exception>
    public static IReadOnlyList<TorchTime> Read(string path)
    {
        if (!File.Exists(path))
            throw new FileNotFoundException($"There is no file '{path}'. Write it with: python3 benchmarks/peers/torch_times.py > {path}");
        List<TorchTime> times = [];
        foreach (string line in File.ReadLines(path).Where(line => line.Trim().Length > 0))
            times.Add(Parse(line, $"{path}, line {times.Count + 1}"));
        return times.Count > 0 ? times : throw new InvalidDataException($"{path} is empty. Write it with: python3 benchmarks/peers/torch_times.py > {path}");
    }

    private static TorchTime Parse(string line, string place)
    {
        try
        {
            if (JsonSerializer.Deserialize<TorchTime>(line, Json) is { Seconds: > 0, Batch: >= 1 and <= LargestBatch } time && TowerWork.Names.Contains(time.Work))
                return time;
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{place} is no line of torch_times.py: {e.Message}", e);
        }
        throw new InvalidDataException($"{place} has no work, batch and time of torch_times.py: {line}");
    }
}
