using System.Diagnostics;
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
            .HideCompleted(false)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context => work(new Bars(context)));
    }

    // One bar per stage. Reports come from one thread; Spectre's own locks protect the drawing.
    private sealed class Bars(ProgressContext context) : IProgress<WorkProgress>
    {
        private readonly Dictionary<string, ProgressTask> tasks = [];

        public void Report(WorkProgress value)
        {
            if (!tasks.TryGetValue(value.Stage, out var task))
            {
                foreach (var earlier in tasks.Values)
                    earlier.StopTask();
                tasks[value.Stage] = task = context.AddTask(Markup.Escape(value.Stage));
            }
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
            terminal.Note($"{value.Stage}: {value.Done} of {value.Total}");
            sinceLine.Restart();
        }
    }
}
