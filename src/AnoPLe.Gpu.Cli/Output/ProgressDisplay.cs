using System.Diagnostics;
using System.Globalization;
using Spectre.Console;

namespace AnoPLe.Gpu.Cli.Output;

/// <summary>Shows how far long work has come: moving bars on a terminal; elsewhere a line per stage that takes longer than a few seconds.</summary>
internal static class ProgressDisplay
{
    /// <summary>Runs work that reports its progress; the bars go to stderr and vanish when it ends.</summary>
    public static T WithProgress<T>(this Terminal terminal, Func<IProgress<WorkProgress>, T> work)
    {
        if (terminal.RichErrors is not { } console)
            return work(new Lines(terminal));
        return console.Progress()
            .AutoClear(true)
            .HideCompleted(true)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context => work(new Bars(context)));
    }

    // "training 120/400, loss 1.23"
    private static string Describe(WorkProgress value) => value.Losses is { } losses
        ? string.Create(CultureInfo.InvariantCulture, $"{value.Stage} {value.Done}/{value.Total}, loss {losses.Total:G3}")
        : $"{value.Stage} {value.Done}/{value.Total}";

    // One bar per stage, of which the last is seen. Reports come from one thread; Spectre's own locks protect the drawing.
    private sealed class Bars(ProgressContext context) : IProgress<WorkProgress>
    {
        private ProgressTask? task;
        private string stage = "";

        public void Report(WorkProgress value)
        {
            if (task is null || stage != value.Stage)
            {
                task?.StopTask();
                task = context.AddTask(Markup.Escape(stage = value.Stage));
            }
            task.Description = Markup.Escape(Describe(value));
            task.MaxValue = Math.Max(value.Total, 1);
            task.Value = value.Done;
        }
    }

    // In a log file a line now and then: nobody wants one per image.
    private sealed class Lines(Terminal terminal) : IProgress<WorkProgress>
    {
        private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);
        private readonly Stopwatch sinceLine = Stopwatch.StartNew();

        public void Report(WorkProgress value)
        {
            if (sinceLine.Elapsed < Pause)
                return;
            terminal.Note(Describe(value));
            sinceLine.Restart();
        }
    }
}
