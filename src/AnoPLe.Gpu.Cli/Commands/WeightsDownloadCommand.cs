using System.CommandLine;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Cli.Output;
using AnoPLe.Gpu.Weights.Download;

namespace AnoPLe.Gpu.Cli.Commands;

/// <summary>anople weights download: fetches a public checkpoint and checks that it is the one. The only command that uses the network.</summary>
internal static class WeightsDownloadCommand
{
    /// <summary>What --json prints after a download. <c>Next</c> is the command that follows.</summary>
    private sealed record DownloadJson(string Name, string File, long Bytes, string Sha256, HashCheck Check, bool AlreadyThere, long ResumedFrom, string Record,
        string? Config, string Next);

    /// <summary>What --list --json prints.</summary>
    private sealed record ListJson(IReadOnlyList<EntryJson> Models);

    private sealed record EntryJson(string Name, string? Architecture, int? ImageSize, string? Activation, string Format, string Url, long? Bytes, string? Sha256,
        string? Licence, string? Page);

    private sealed record Request(string? Name, string Folder, string? Url, string? Sha256, string? Manifest, bool List);

    public static Command Create(TextWriter stdout, TextWriter stderr)
    {
        Argument<string?> name = CommonOptions.NoOptions(new Argument<string?>("name")
        {
            Description = "A checkpoint of --list; with --url of another file, what to call it.",
            Arity = ArgumentArity.ZeroOrOne,
        });
        Option<string> folder = new("--out") { Description = "The folder to put it in; created if it is not there.", HelpName = "DIR", DefaultValueFactory = _ => "." };
        Option<string?> url = new("--url") { Description = "Another address of the file, such as a mirror's, or of a file that is not listed.", HelpName = "URL" };
        Option<string?> sha256 = CommonOptions.Checked(new Option<string?>("--sha256")
        {
            Description = "The file's SHA-256 or its first digits, where the list has none.",
            HelpName = "HEX",
        }, hash => ManifestEntry.IsHash(hash!), "8 to 64 hex digits");
        Option<string?> manifest = new("--manifest") { Description = "A list of checkpoints of your own instead of the built-in one.", HelpName = "FILE.json" };
        Option<bool> list = new("--list") { Description = "List the checkpoints; nothing is downloaded." };
        Option<bool> json = CommonOptions.Json();
        var command = new Command("download", "Download a public CLIP checkpoint, and check that it is the one. The only command that uses the network.")
        {
            name, folder, url, sha256, manifest, list, json,
        };
        command.Examples("anople weights download --list", "anople weights download laion400m-vit-b-16-plus-240 --out weights",
            "anople weights download mine --url https://example.com/clip/model.safetensors");
        command.Validators.Add(result =>
        {
            // Its token: to ask for its value here would skip the argument's own check.
            string? given = result.GetResult(name)?.Tokens is [var token] ? token.Value : null;
            Request request = new(given, "", result.GetValue(url), result.GetValue(sha256), result.GetValue(manifest), result.GetValue(list));
            if (Misuse(request) is { } problem)
                result.AddError(problem);
        });
        command.SetAction((parse, cancellation) => RunAsync(new Terminal(stdout, stderr, parse.GetValue(json)), new(parse.GetValue(name), parse.GetValue(folder)!,
            parse.GetValue(url), parse.GetValue(sha256), parse.GetValue(manifest), parse.GetValue(list)), cancellation));
        return command;
    }

    private static string? Misuse(Request request)
    {
        // A misspelt option, which the argument's check reports.
        if (request.Name?.StartsWith('-') == true)
            return null;
        if (request.List)
            return request.Name is not null || request.Url is not null || request.Sha256 is not null ? "--list takes no name, --url or --sha256: it lists." : null;
        if (request.Name is null)
            return "<name> is missing. Expected: a checkpoint of --list.";
        // A list of one's own may be unreadable, which is a failure and not misuse.
        if (request.Manifest is not null)
            return null;
        try
        {
            Choose(request, WeightsManifest.BuiltIn);
            return null;
        }
        catch (ArgumentException e)
        {
            return e.Message;
        }
    }

    private static async Task<int> RunAsync(Terminal terminal, Request request, CancellationToken cancellation)
    {
        WeightsManifest manifest = request.Manifest is null ? WeightsManifest.BuiltIn : WeightsManifest.Load(request.Manifest);
        if (request.List)
        {
            List(terminal, manifest);
            return CommandLine.Fine;
        }
        ManifestEntry entry = Choose(request, manifest);
        string folder = OutputFiles.Folder(request.Folder);
        if (entry.Licence is not null)
            terminal.Note($"Licence: {entry.Licence}. {entry.Page}");
        try
        {
            using var downloader = new Downloader();
            DownloadedFile file = await terminal.WithDownload(entry.Name, progress => downloader.DownloadAsync(entry, folder, progress, cancellation)).ConfigureAwait(false);
            Show(terminal, entry, file, request.Folder);
            return CommandLine.Fine;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            var part = new FileInfo(Downloader.PartialPath(entry, folder));
            throw new CancelledException(part.Exists
                ? $"{Sizes.Bytes(part.Length)} are kept in {part.FullName}. The same command goes on from there."
                : "nothing was kept.");
        }
        catch (DownloadException e)
        {
            terminal.Problem(e.Message);
            if (entry.Format != ManifestFormat.Safetensors && e.Failure is not (DownloadFailure.Busy or DownloadFailure.Disk))
                terminal.Note($"Then: {Next(entry, Path.Combine(request.Folder, entry.FileName))}");
            return CommandLine.Failed;
        }
    }

    // The list's entry, with what the command line says in its place; or one that the list does not have.
    private static ManifestEntry Choose(Request request, WeightsManifest manifest)
    {
        string? sha256 = request.Sha256?.ToLowerInvariant();
        if (manifest.Find(request.Name!) is { } listed)
        {
            if (sha256 is not null && listed.Sha256 is { } known && !known.StartsWith(sha256, StringComparison.Ordinal) && !sha256.StartsWith(known, StringComparison.Ordinal))
                throw new ArgumentException($"--sha256 is {sha256}, but {listed.Name} is known to have {known}. Call another file by another name.");
            return listed with
            {
                Url = request.Url is null ? listed.Url : ManifestEntry.ParseUrl(request.Url),
                Sha256 = (sha256?.Length ?? 0) > (listed.Sha256?.Length ?? 0) ? sha256 : listed.Sha256,
            };
        }
        if (request.Url is null)
            throw new ArgumentException($"There is no checkpoint '{request.Name}'. Expected one of: {string.Join(", ", manifest.Entries.Select(entry => entry.Name))}; or give --url.");
        return ManifestEntry.FromUrl(request.Name!, request.Url, sha256);
    }

    private static void List(Terminal terminal, WeightsManifest manifest)
    {
        terminal.ShowJson(new ListJson([.. manifest.Entries.Select(entry => new EntryJson(entry.Name, entry.Architecture, entry.Config?.ImageSize,
            entry.Activation is { } activation ? WeightsManifest.ActivationName(activation) : null, WeightsManifest.FormatName(entry.Format), entry.Url.AbsoluteUri,
            entry.Bytes, entry.Sha256, entry.Licence, entry.Page?.AbsoluteUri))]));
        var table = new ResultTable("name", "architecture", ">image", "activation", "format", ">size", "SHA-256 known", "licence");
        foreach (ManifestEntry entry in manifest.Entries)
            table.Add(entry.Name, entry.Architecture ?? "?", entry.Architecture is { } known ? $"{ClipConfig.Find(known).ImageSize}" : "?",
                entry.Activation is { } activation ? WeightsManifest.ActivationName(activation) : "?", WeightsManifest.FormatName(entry.Format),
                entry.Bytes is { } bytes ? Sizes.Bytes(bytes) : "?",
                entry.Sha256?.Length switch { null => "no", ManifestEntry.HashDigits => "yes", var digits => $"{digits} digits" }, entry.Licence ?? "?");
        terminal.Show(table);
    }

    private static void Show(Terminal terminal, ManifestEntry entry, DownloadedFile file, string folder)
    {
        string next = Next(entry, Path.Combine(folder, entry.FileName));
        terminal.ShowJson(new DownloadJson(entry.Name, file.Path, file.Bytes, file.Sha256, file.Check, file.AlreadyThere, file.ResumedFrom, file.Record, file.Config, next));
        terminal.Say($"{(file.AlreadyThere ? "Already there" : "Downloaded")}: {file.Path}, {Sizes.Bytes(file.Bytes)}" +
            (file.ResumedFrom > 0 ? $", of which {Sizes.Bytes(file.ResumedFrom)} were there from an interrupted download" : ""));
        terminal.Say($"SHA-256: {file.Sha256}");
        terminal.Say(file.Check switch
        {
            HashCheck.Published => "Checked: all digits are the known ones.",
            HashCheck.PublishedPrefix => $"Checked: the first {entry.Sha256!.Length} digits are the published ones; no more are published. All of them are recorded in {file.Record} and compared next time.",
            HashCheck.Recorded => $"Checked: it is the same file as recorded in {file.Record}. No hash is published for it.",
            _ => $"Not checked: no hash is published for it. This one is recorded in {file.Record}, and what comes next time must have it.",
        });
        if (file.Config is not null)
            terminal.Say($"Configuration, which the file does not hold itself: {file.Config}");
        terminal.Say(entry.Format == ManifestFormat.Safetensors ? $"Nothing to convert. Look at it: {next}" : $"Next: {next}");
    }

    private static string Next(ManifestEntry entry, string path) => entry.Format == ManifestFormat.Safetensors
        ? $"anople weights inspect {Quoted(path)}"
        : $"anople weights convert {Quoted(path)} --out {Quoted(Path.ChangeExtension(path, ".safetensors"))}" +
            (entry.Activation is { } activation ? $" --activation {WeightsManifest.ActivationName(activation)}" : "");

    private static string Quoted(string path) => path.Contains(' ', StringComparison.Ordinal) ? $"\"{path}\"" : path;
}
