using AnoPLe.Gpu.Cli;

// The first Ctrl-C asks the command to stop and keep what is finished; the second one ends the process at once.
using var cancellation = new CancellationTokenSource();
Console.CancelKeyPress += (_, press) =>
{
    if (cancellation.IsCancellationRequested)
        return;
    press.Cancel = true;
    cancellation.Cancel();
};
return await CommandLine.RunAsync(args, Console.Out, Console.Error, cancellation.Token).ConfigureAwait(false);
