using System.CommandLine;
using System.CommandLine.Parsing;
using AnoPLe.Gpu.Cli.Evaluation;
using AnoPLe.Gpu.Datasets;
using AnoPLe.Gpu.Scoring;

namespace AnoPLe.Gpu.Cli.Commands;

/// <summary>The normal images of one product, as files.</summary>
internal sealed record ClassFiles(string Name, IReadOnlyList<string> Paths);

/// <summary>One product of a detector, for machines.</summary>
internal sealed record ClassJson(string Name, Calibration Calibration, IReadOnlyList<FittedImage> Fitted)
{
    /// <summary>Every product of a detector with the images it was made of.</summary>
    public static IReadOnlyList<ClassJson> Of(AnomalyDetector detector, IReadOnlyList<ClassImages> classes) =>
        [.. classes.Select(c => new ClassJson(c.Name, detector.CalibrationOf(c.Name), [.. c.Shots.Select(shot => new FittedImage(shot.Name, shot.Sha256))]))];
}

/// <summary>
/// Which normal images a detector is made of, for fit and train: one product (--class NAME IMAGES...) or several (--class NAME=PATH, once
/// per product), of each of which some may be drawn.
/// </summary>
internal sealed class NormalImages
{
    // All images are decoded before the work begins, and every one adds its patches to the bank.
    private const int MostImages = 64;

    private readonly Argument<string[]> images = CommonOptions.NoOptions(new Argument<string[]>("images")
    {
        Description = "Images without defects, or folders of them (a dataset's category counts: its training images).",
        Arity = ArgumentArity.ZeroOrMore,
    });

    private readonly Option<string[]> classes = new("--class")
    {
        Description = "The product in plain words, such as \"metal nut\". For several products: --class NAME=PATH for each, instead of images.",
        HelpName = "NAME[=PATH]",
    };

    private readonly Option<int?> shots = CommonOptions.Checked(
        new Option<int?>("--shots") { Description = "Draw this many images of each product; all of them otherwise.", HelpName = "K" }, k => k is null or >= 1, "1 or more");

    /// <param name="seed">What --seed is for.</param>
    /// <param name="classRequired">Whether --class must be there; without it the name is empty.</param>
    public NormalImages(string seed, bool classRequired = true)
    {
        Seed = CommonOptions.Seed(seed);
        classes.Required = classRequired;
    }

    /// <summary>--seed.</summary>
    public Option<int> Seed { get; }

    /// <summary>Gives a command the options and the check that they fit together.</summary>
    public void AddTo(Command command)
    {
        command.Arguments.Add(images);
        foreach (Option option in new Option[] { classes, shots, Seed })
            command.Options.Add(option);
        command.Validators.Add(Check);
    }

    /// <summary>Whether --class is there.</summary>
    public bool NamesClass(CommandResult result) => result.GetResult(classes) is { Tokens.Count: > 0 };

    /// <summary>The files of every product.</summary>
    /// <exception cref="DirectoryNotFoundException">No such file or folder.</exception>
    /// <exception cref="InvalidDataException">No normal images there.</exception>
    /// <exception cref="ArgumentException">Fewer images than shots, or far too many.</exception>
    public IReadOnlyList<ClassFiles> Find(ParseResult parse)
    {
        string[] named = parse.GetValue(classes) is { Length: > 0 } given ? given : [""];
        var pairs = IsPair(named[0])
            ? named.Select(text => text.Split('=', 2)).GroupBy(pair => pair[0], pair => pair[1])
            : parse.GetValue(images)!.GroupBy(_ => named[0]);
        return [.. pairs.Select(pair => new ClassFiles(pair.Key, Draw([.. pair.SelectMany(ImageFiles.Normal).Distinct()], parse.GetValue(shots), parse.GetValue(Seed))))];
    }

    private static bool IsPair(string text) => text.Contains('=', StringComparison.Ordinal);

    private void Check(CommandResult result)
    {
        // A required option that is missing is reported by the parser itself.
        IReadOnlyList<Token> named = result.GetResult(classes)?.Tokens ?? [];
        // What looks like an option is a misspelt one, and reported as such.
        bool anyImages = result.GetResult(images) is { } given && given.Tokens.Any(token => !token.Value.StartsWith('-'));
        if (named.Any(token => IsPair(token.Value)))
        {
            foreach (var token in named.Where(token => token.Value.Split('=', 2) is not [{ Length: > 0 }, { Length: > 0 }]))
                result.AddError($"--class is '{token.Value}', expected NAME=PATH: with several products each has its own path.");
            if (anyImages)
                result.AddError("There are images beside --class NAME=PATH. Give the images as PATH of a product, or one --class NAME without a path.");
        }
        else if (named.Count > 1)
            result.AddError($"--class occurs {named.Count} times without a path, expected NAME=PATH for each of several products.");
        else if (!anyImages)
            result.AddError($"<{images.Name}> is missing. Expected: {images.Description}");
    }

    // File names decide where they can, so that the draw does not depend on where the folder lies.
    private static IReadOnlyList<string> Draw(IReadOnlyList<string> files, int? shots, int seed)
    {
        if (shots is { } count)
        {
            bool distinct = files.Select(Path.GetFileName).Distinct().Count() == files.Count;
            Dictionary<string, string> byName = files.ToDictionary(path => distinct ? Path.GetFileName(path) : path);
            files = [.. ShotSelector.Choose(byName.Keys, count, seed).Select(name => byName[name])];
        }
        return files.Count <= MostImages ? files : throw new ArgumentException(
            $"{files.Count} normal images were found, expected at most {MostImages}: a few are enough. Draw some of them with --shots 4.");
    }
}
