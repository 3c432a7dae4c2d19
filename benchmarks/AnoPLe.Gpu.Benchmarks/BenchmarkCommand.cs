using System.CommandLine;
using System.Globalization;
using AnoPLe.Gpu.Compute;
using Microsoft.ML.OnnxRuntime;

namespace AnoPLe.Gpu.Benchmarks;

/// <summary>What the commands of this program have in common: how they end, and lists of numbers.</summary>
internal static class BenchmarkCommand
{
    /// <summary>Exit codes.</summary>
    public const int Failure = 1, BadArguments = 2;

    /// <summary>Parses and runs. What can go wrong becomes one line on stderr and an exit code; a defect of ours is not caught.</summary>
    public static async Task<int> Run(RootCommand command, string[] args)
    {
        var parsed = command.Parse(args);
        if (parsed.Errors.Count > 0)
            return await End(BadArguments, string.Join(Environment.NewLine, parsed.Errors.Select(error => error.Message)));
        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (ArgumentException e)
        {
            return await End(BadArguments, e.Message);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException or DeviceException or OnnxRuntimeException)
        {
            return await End(Failure, e.Message);
        }
        catch (OperationCanceledException)
        {
            return Failure;
        }
    }

    /// <summary>The numbers of "1,2,8".</summary>
    /// <exception cref="ArgumentException">It is no such list, or a number is not from 1 to <paramref name="largest"/>.</exception>
    public static int[] Numbers(string option, string list, int largest)
    {
        string[] parts = list.Split(',');
        var numbers = new int[parts.Length];
        for (int i = 0; i < parts.Length; i++)
            if (!int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out numbers[i]) || numbers[i] < 1 || numbers[i] > largest)
                throw new ArgumentException($"{option} takes numbers from 1 to {largest} with commas between, got '{list}'.");
        return numbers;
    }

    /// <summary>A number in its range.</summary>
    /// <exception cref="ArgumentException">It is not.</exception>
    public static int InRange(string option, int value, int smallest, int largest)
        => value >= smallest && value <= largest ? value : throw new ArgumentException($"{option} is {smallest} to {largest}, got {value}.");

    /// <summary>Time for each measurement, from --seconds.</summary>
    /// <exception cref="ArgumentException">It is not 0 to 60.</exception>
    public static double Seconds(double value)
        => value is >= 0 and <= 60 ? value : throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"--seconds is 0 to 60, got {value}."));

    private static async Task<int> End(int code, string message)
    {
        await Console.Error.WriteLineAsync(message);
        return code;
    }
}
