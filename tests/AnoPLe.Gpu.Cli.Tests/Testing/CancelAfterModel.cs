using System.Globalization;

namespace AnoPLe.Gpu.Cli.Tests.Testing;

/// <summary>Stands for a user who presses Ctrl-C when the model is loaded.</summary>
internal sealed class CancelAfterModel(CancellationTokenSource cancellation) : StringWriter(CultureInfo.InvariantCulture)
{
    public override void WriteLine(string? value)
    {
        base.WriteLine(value);
        if (value?.StartsWith("Model:", StringComparison.Ordinal) == true)
            cancellation.Cancel();
    }
}
