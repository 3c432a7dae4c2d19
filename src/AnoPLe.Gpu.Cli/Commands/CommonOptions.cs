using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text.RegularExpressions;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Cli.Commands;

/// <summary>Options that several commands share, and what they stand for.</summary>
internal static partial class CommonOptions
{
    /// <summary>What names devices, for messages.</summary>
    public const string DeviceNames = "auto, cpu, cuda:N, opencl:N or simulator, and /bf16, /fp16 or /tf32 after it for tensor cores, or /bf16 for weights in half the memory on cpu";

    /// <summary>What --weights calls the model that comes with the library.</summary>
    public const string BuiltIn = "nano";

    private const string RandomPrefix = "random:";

    /// <summary>--json.</summary>
    public static Option<bool> Json() => new("--json") { Description = "Print one JSON document to stdout; notes and progress go to stderr." };

    /// <summary>--device. What cannot be the name of a device is bad usage; one that is merely not there fails when it is opened.</summary>
    public static Option<string> Device() => Checked(new Option<string>("--device")
    {
        Description = $"auto, cpu, cuda:0, opencl:0 or simulator; cuda:0/bf16 and cuda:0/fp16 compute linear layers and attention on tensor cores, cuda:0/tf32 linear layers alone, cpu/bf16 keeps weights in half the memory. {Backends.DeviceVariable} sets what auto means.",
        DefaultValueFactory = _ => "auto",
        HelpName = "DEVICE",
    }, IsDevice, DeviceNames);

    /// <summary>--threads.</summary>
    public static Option<int> Threads() => Checked(new Option<int>("--threads")
    {
        Description = "Threads of the cpu device; 0 takes all processors.",
        HelpName = "N",
    }, threads => threads is >= 0 and <= Backends.MaxThreads, $"0 to {Backends.MaxThreads}");

    /// <summary>--weights.</summary>
    public static Option<string> Weights(bool required = true) => Checked(new Option<string>("--weights")
    {
        Description = "CLIP weights: a safetensors file, nano for the small model that comes with the program, or random:CONFIG[:SEED] for random ones.",
        HelpName = "FILE",
        Required = required,
    }, name => !IsRandom(name) || TryRandom(name, out _, out _),
        $"a file, {BuiltIn} or random:CONFIG[:SEED], such as random:nano:0, where CONFIG is a JSON file or one of: {string.Join(", ", ClipConfig.Known.Keys.Order(StringComparer.Ordinal))}");

    /// <summary>--threshold.</summary>
    public static Option<float?> Threshold() => Checked(
        new Option<float?>("--threshold") { Description = "Score above which an image is anomalous; derived from the normal images otherwise.", HelpName = "SCORE" },
        t => t is null || float.IsFinite(t.Value), "a finite number");

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
    public static Option<NumberList> Numbers(string name, string description, params int[] standard) => new(name)
    {
        Description = description,
        HelpName = "N,N,...",
        DefaultValueFactory = _ => new(standard),
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
            return new([.. numbers.Distinct()]);
        },
    };

    /// <summary>Opens what --weights names.</summary>
    public static ClipWeights OpenWeights(string value) => value == BuiltIn ? ClipWeights.Nano()
        : TryRandom(value, out string config, out ulong seed) ? ClipWeights.Random(ClipConfig.Find(config), seed) : ClipWeights.Load(value);

    /// <summary>Whether --weights asks for random ones.</summary>
    public static bool IsRandom(string value) => value.StartsWith(RandomPrefix, StringComparison.Ordinal);

    /// <summary>Whether this can name a device, there or not.</summary>
    public static bool IsDevice(string name) => DeviceName().IsMatch(name);

    /// <summary>Whether this can name a configuration: a known one, or a JSON file, there or not.</summary>
    public static bool IsConfig(string name) =>
        ClipConfig.Known.ContainsKey(name) || File.Exists(name) || name.EndsWith(".json", StringComparison.OrdinalIgnoreCase);

    // "random:CONFIG" or "random:CONFIG:SEED"; the configuration's file may have a colon in its path.
    private static bool TryRandom(string value, out string config, out ulong seed)
    {
        seed = 0;
        config = IsRandom(value) ? value[RandomPrefix.Length..] : "";
        if (IsConfig(config))
            return true;
        int colon = config.LastIndexOf(':');
        if (colon < 0 || !ulong.TryParse(config.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out seed))
            return false;
        config = config[..colon];
        return IsConfig(config);
    }

    [GeneratedRegex(@"^\s*(auto|cpu|simulator|(cuda|opencl)(:\d{1,4})?)?(/(fp32|bf16|fp16|tf32))?\s*$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex DeviceName();

    /// <summary>Opens the weights, then the device, then puts the model on it; both are disposed together.</summary>
    public static LoadedModel OpenModel(string weights, string device, int threads)
    {
        // Cheap checks first: a wrong file should not wait for a GPU to start.
        ClipWeights opened = OpenWeights(weights);
        Backend? backend = null;
        try
        {
            // Every command that opens a model makes or loads a detector, which asks for the hash.
            opened.BeginHash();
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

/// <summary>Numbers as the command line writes them, "1,2,4": also where the help shows them as a default.</summary>
internal sealed record NumberList(IReadOnlyList<int> Values)
{
    public override string ToString() => string.Join(',', Values);
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
