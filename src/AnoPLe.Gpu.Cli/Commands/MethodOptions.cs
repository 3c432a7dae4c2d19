using System.CommandLine;
using System.CommandLine.Parsing;
using AnoPLe.Gpu.Prompts;
using AnoPLe.Gpu.Training;

namespace AnoPLe.Gpu.Cli.Commands;

/// <summary>The options of the method and its training, for every command that trains: one line each, with what it sets.</summary>
internal sealed class MethodOptions
{
    private static readonly (string Name, PromptMode Value)[] Modes =
    [
        ("bidirectional", PromptMode.Bidirectional), ("t2v", PromptMode.TextToVisual), ("v2t", PromptMode.VisualToText),
        ("text", PromptMode.TextOnly), ("visual", PromptMode.VisualOnly),
    ];

    private static readonly (string Name, ViewMode Value)[] ViewModes =
        [("decoder", ViewMode.Decoder), ("encoder", ViewMode.Encoder), ("none", ViewMode.None)];

    private static readonly (string Name, int Value)[] ViewCounts = [("5", 5), ("1", 1)];

    private readonly TrainingOptions standard;
    private readonly List<(Option Option, Func<ParseResult, TrainingOptions, TrainingOptions> Set)> all = [];

    /// <param name="standard">What holds where nothing is given: the defaults in the help.</param>
    public MethodOptions(TrainingOptions standard)
    {
        this.standard = standard;
        Whole("--epochs", "Passes over the normal images; 0 trains nothing.", standard.Epochs, 0, 1_000_000, (o, v) => o with { Epochs = v });
        Whole("--min-steps", "Train at least this many steps, whatever --epochs says: a few images make few steps per epoch.", standard.MinSteps, 0, 100_000_000,
            (o, v) => o with { MinSteps = v });
        Whole("--batch", "Images per step.", standard.Batch, 1, 1024, (o, v) => o with { Batch = v });
        Number("--lr", "Learning rate.", standard.LearningRate, (o, v) => o with { LearningRate = v });
        Number("--lr-couple", "Learning rate of the couplings between the prompts.", standard.CouplingLearningRate, (o, v) => o with { CouplingLearningRate = v });
        Choice("--mode", "Prompts in both towers, coupled both ways or one way (t2v: text into vision, v2t: vision into text), or in one tower alone.", Modes,
            standard.Mode, (o, v) => o with { Mode = v });
        Choice("--view-mode", "Where the view signal enters.", ViewModes, standard.ViewMode, (o, v) => o with { ViewMode = v });
        Choice("--views", "The whole image and its quadrants, or the whole image alone.", ViewCounts, standard.Views, (o, v) => o with { Views = v });
        Whole("--depth", "Layers with prompts; a tower may have fewer.", standard.Depth, 1, 1000, (o, v) => o with { Depth = v });
        Whole("--text-tokens", "Learnable text tokens per layer.", standard.TextTokens, 1, 64, (o, v) => o with { TextTokens = v });
        Whole("--visual-tokens", "Learnable visual tokens per layer.", standard.VisualTokens, 1, 64, (o, v) => o with { VisualTokens = v });
        Whole("--hidden", "Channels inside the decoder.", standard.Hidden, 1, 4096, (o, v) => o with { Hidden = v });
        Number("--w-dice", "Weight of the dice loss.", standard.DiceWeight, (o, v) => o with { DiceWeight = (float)v });
        Number("--w-focal", "Weight of the focal loss.", standard.FocalWeight, (o, v) => o with { FocalWeight = (float)v });
        Number("--w-image", "Weight of the image loss.", standard.ImageWeight, (o, v) => o with { ImageWeight = (float)v });
        Number("--w-align", "Weight of the alignment loss.", standard.AlignmentWeight, (o, v) => o with { AlignmentWeight = (float)v });
        Number("--noise", "Standard deviation of the latent noise, relative to the features.", standard.NoiseSigma, (o, v) => o with { NoiseSigma = (float)v });
        Option<string?> textures = new("--textures") { Description = "Folder of pictures of any surfaces: textures of the pseudo-anomalies.", HelpName = "DIR" };
        // The full path, so that a training can go on from another working folder.
        all.Add((textures, (parse, o) => parse.GetValue(textures) is { } folder ? o with { TextureFolder = Path.GetFullPath(folder) } : o));
        Option<bool> noMemory = new("--no-memory") { Description = "Leave the memory bank out: the map is the decoder's alone." };
        all.Add((noMemory, (parse, o) => parse.GetValue(noMemory) ? o with { UseMemoryBank = false } : o));
    }

    /// <summary>Gives a command all of them.</summary>
    public void AddTo(Command command)
    {
        foreach (var (option, _) in all)
            command.Options.Add(option);
    }

    /// <summary>What the command line says.</summary>
    public TrainingOptions Read(ParseResult parse) => all.Aggregate(standard, (options, one) => one.Set(parse, options));

    /// <summary>The first of them that was written on the command line, or null.</summary>
    public string? Given(CommandResult result) => all.Select(one => one.Option).FirstOrDefault(option => result.GetResult(option) is { Implicit: false })?.Name;

    private void Whole(string name, string description, int standard, int least, int most, Func<TrainingOptions, int, TrainingOptions> set)
    {
        var option = CommonOptions.Checked(new Option<int>(name) { Description = description, DefaultValueFactory = _ => standard, HelpName = "N" },
            value => value >= least && value <= most, $"a whole number, {least} to {most}");
        all.Add((option, (parse, options) => set(options, parse.GetValue(option))));
    }

    private void Number(string name, string description, double standard, Func<TrainingOptions, double, TrainingOptions> set)
    {
        var option = CommonOptions.Checked(new Option<double>(name) { Description = description, DefaultValueFactory = _ => standard, HelpName = "X" },
            value => double.IsFinite(value) && value >= 0, "a number of at least 0");
        all.Add((option, (parse, options) => set(options, parse.GetValue(option))));
    }

    private void Choice<T>(string name, string description, (string Name, T Value)[] choices, T standard, Func<TrainingOptions, T, TrainingOptions> set)
    {
        string[] names = [.. choices.Select(choice => choice.Name)];
        string usual = choices.First(choice => EqualityComparer<T>.Default.Equals(choice.Value, standard)).Name;
        var option = CommonOptions.Checked(
            new Option<string>(name) { Description = description, DefaultValueFactory = _ => usual, HelpName = string.Join('|', names) },
            value => names.Contains(value), $"one of: {string.Join(", ", names)}");
        option.CompletionSources.Add(names);
        all.Add((option, (parse, options) => set(options, choices.First(choice => choice.Name == parse.GetValue(option)).Value)));
    }
}
