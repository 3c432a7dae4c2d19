using System.Diagnostics;
using System.Globalization;
using AnoPLe.Gpu.Weights.Download;
using Spectre.Console;

namespace AnoPLe.Gpu.Cli.Output;

/// <summary>Shows how far a download has come: size, rate and remaining time in a moving bar on a terminal, in a line now and then elsewhere.</summary>
internal static class DownloadDisplay
{
    /// <summary>Runs a download that reports its progress; the bar goes to stderr and vanishes when it ends.</summary>
    public static async Task<T> WithDownload<T>(this Terminal terminal, string name, Func<IProgress<DownloadProgress>, Task<T>> work)
    {
        if (terminal.RichErrors is not { } console)
            return await work(new Lines(terminal, name)).ConfigureAwait(false);
        return await console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn())
            .StartAsync(context => work(new Bar(terminal, context, name))).ConfigureAwait(false);
    }

    /// <summary>"NAME: 123.4 MiB of 570.8 MiB, 12.3 MiB/s, 36 s left".</summary>
    public static string Describe(string name, DownloadProgress value)
    {
        List<string> parts = [Sizes.Bytes(value.Done) + (value.Total is { } total ? $" of {Sizes.Bytes(total)}" : "")];
        if (value.Stage == DownloadStage.Checking)
            parts.Add("checking what is there");
        if (value.BytesPerSecond > 0)
            parts.Add($"{Sizes.Bytes((long)value.BytesPerSecond)}/s");
        if (value.Remaining is { } left)
            parts.Add($"{Duration(left)} left");
        return $"{name}: {string.Join(", ", parts)}";
    }

    private static string Duration(TimeSpan time) => time.TotalSeconds < 90
        ? string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling(time.TotalSeconds):0} s")
        : time.TotalMinutes < 90 ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalMinutes:0} min") : string.Create(CultureInfo.InvariantCulture, $"{time.TotalHours:0.0} h");

    private sealed class Bar(Terminal terminal, ProgressContext context, string name) : IProgress<DownloadProgress>
    {
        private readonly ProgressTask task = context.AddTask(Markup.Escape(name));

        public void Report(DownloadProgress value)
        {
            if (value.Note is not null)
                terminal.Note($"{name}: {value.Note}");
            task.IsIndeterminate = value.Total is null;
            task.Description = Markup.Escape(Describe(name, value));
            task.MaxValue = Math.Max(value.Total ?? 1, 1);
            task.Value = value.Total is null ? 0 : value.Done;
        }
    }

    // In a log file a line now and then; what goes wrong is always a line.
    private sealed class Lines(Terminal terminal, string name) : IProgress<DownloadProgress>
    {
        private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);
        private readonly Stopwatch sinceLine = Stopwatch.StartNew();

        public void Report(DownloadProgress value)
        {
            if (value.Note is not null)
                terminal.Note($"{name}: {value.Note}");
            else if (sinceLine.Elapsed >= Pause)
            {
                terminal.Note(Describe(name, value));
                sinceLine.Restart();
            }
        }
    }
}
