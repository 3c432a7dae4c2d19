using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Cli.Commands;

/// <summary>Options that several commands share, and what they stand for.</summary>
internal static class CommonOptions
{
    private const string RandomPrefix = "random:";

    /// <summary>--json.</summary>
    public static Option<bool> Json() => new("--json") { Description = "Print one JSON document to stdout; notes and progress go to stderr." };

    /// <summary>--device.</summary>
    public static Option<string> Device() => new("--device")
    {
        Description = $"auto, cpu, cuda:0, opencl:0 or simulator. {Backends.DeviceVariable} sets what auto means.",
        DefaultValueFactory = _ => "auto",
        HelpName = "DEVICE",
    };

    /// <summary>--threads.</summary>
    public static Option<int> Threads() => Checked(new Option<int>("--threads")
    {
        Description = "Threads of the cpu device; 0 takes all processors.",
        HelpName = "N",
    }, threads => threads is >= 0 and <= 4096, "0 to 4096");

    /// <summary>--weights.</summary>
    public static Option<string> Weights(bool required = true) => new("--weights")
    {
        Description = "CLIP weights: a safetensors file, or random:CONFIG[:SEED] for random ones in memory, such as random:nano:0.",
        HelpName = "FILE",
        Required = required,
    };

    /// <summary>--seed.</summary>
    public static Option<int> Seed(string description) => Checked(new Option<int>("--seed") { Description = description, HelpName = "N" },
        seed => seed >= 0, "0 or more");

    /// <summary>Adds a check of the value to an option; a value that fails is bad usage.</summary>
    public static Option<T> Checked<T>(Option<T> option, Predicate<T> valid, string expected)
    {
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && !(TryConvert(result, out T? value) && valid(value!)))
                result.AddError($"{option.Name} is '{result.Tokens[0].Value}', expected {expected}.");
        });
        return option;
    }

    /// <summary>Refuses what looks like an option as the value of an argument: it is a misspelt one.</summary>
    public static Argument<T> NoOptions<T>(Argument<T> argument)
    {
        argument.Validators.Add(result =>
        {
            foreach (var token in result.Tokens.Where(token => token.Value.StartsWith('-')))
                result.AddError($"There is no option '{token.Value}'. A file of that name is written ./{token.Value}.");
        });
        return argument;
    }

    private static bool TryConvert<T>(OptionResult result, out T? value)
    {
        try
        {
            value = result.GetValueOrDefault<T>();
            return true;
        }
        catch (InvalidOperationException)
        {
            // The parser's way to say that the text is no T.
            value = default;
            return false;
        }
    }

    /// <summary>A parser for lists such as "1,2,4".</summary>
    public static Option<int[]> Numbers(string name, string description, int[] standard) => new(name)
    {
        Description = description,
        HelpName = "N,N,...",
        DefaultValueFactory = _ => standard,
        CustomParser = result =>
        {
            List<int> numbers = [];
            foreach (string part in result.Tokens[0].Value.Split(','))
            {
                if (!int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int number) || number < 1)
                {
                    result.AddError($"{name} is '{result.Tokens[0].Value}', expected whole numbers of at least 1 between commas, such as 1,2,4.");
                    return null;
                }
                numbers.Add(number);
            }
            return [.. numbers.Distinct()];
        },
    };

    /// <summary>Opens what --weights names.</summary>
    /// <exception cref="ArgumentException">An unknown configuration or seed after "random:".</exception>
    public static ClipWeights OpenWeights(string value)
    {
        if (!value.StartsWith(RandomPrefix, StringComparison.Ordinal))
            return ClipWeights.Load(value);
        string[] parts = value[RandomPrefix.Length..].Split(':');
        ulong seed = 0;
        if (parts.Length > 2 || (parts.Length == 2 && !ulong.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out seed)))
            throw new ArgumentException($"'{value}' is no name of random weights, expected random:CONFIG or random:CONFIG:SEED, such as random:nano:0.");
        return ClipWeights.Random(ClipConfig.Find(parts[0]), seed);
    }

    /// <summary>Whether --weights asks for random ones.</summary>
    public static bool IsRandom(string value) => value.StartsWith(RandomPrefix, StringComparison.Ordinal);

    /// <summary>Opens the weights, then the device, then puts the model on it; both are disposed together.</summary>
    public static LoadedModel OpenModel(string weights, string device, int threads)
    {
        // Cheap checks first: a wrong file should not wait for a GPU to start.
        ClipWeights opened = OpenWeights(weights);
        Backend? backend = null;
        try
        {
            backend = Backends.Open(device, threads);
            return new LoadedModel(ClipModel.Create(opened, backend), backend, opened);
        }
        catch
        {
            backend?.Dispose();
            opened.Dispose();
            throw;
        }
    }
}

/// <summary>A model with the device it lives on.</summary>
internal sealed record LoadedModel(ClipModel Clip, Backend Backend, ClipWeights Weights) : IDisposable
{
    /// <summary>For people: "240 px / 16 ... on Xeon (cpu, fp32)".</summary>
    public string Describe() => $"{Weights.Source} on {Backend.Device.Name} ({Backend.Device.Id}, {Backend.Precision})";

    /// <summary>For machines.</summary>
    public ModelJson ToJson() => new(Weights.Source, Clip.Config.KnownName, Clip.WeightsHash, Backend.Device.Id, Backend.Device.Name, Backend.Precision);

    public void Dispose()
    {
        Clip.Dispose();
        Backend.Dispose();
    }
}

/// <summary>Which weights computed on which device.</summary>
internal sealed record ModelJson(string Weights, string? Config, string Sha256, string Device, string DeviceName, string Precision);
