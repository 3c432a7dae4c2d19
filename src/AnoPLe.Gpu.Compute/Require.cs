using System.Runtime.CompilerServices;

namespace AnoPLe.Gpu.Compute;

/// <summary>Checks of arguments. Every failure says what was got and what was expected.</summary>
public static class Require
{
    /// <summary>Throws unless the condition holds.</summary>
    /// <exception cref="ArgumentException">With the given message, which is only built on failure.</exception>
    public static void That(bool condition, [InterpolatedStringHandlerArgument(nameof(condition))] ref FailureMessage message)
    {
        if (!condition)
            throw new ArgumentException(message.ToString());
    }

    /// <summary>Throws unless the tensor has exactly this shape, holds floats and lives on this backend.</summary>
    /// <exception cref="ArgumentException">Another shape, element type or backend.</exception>
    public static void Tensor(Backend backend, Tensor tensor, Shape expected, [CallerArgumentExpression(nameof(tensor))] string name = "")
    {
        Floats(backend, tensor, name);
        That(tensor.Shape == expected, $"{name} ('{tensor.Name}') has shape {tensor.Shape}, expected {expected}.");
    }

    /// <summary>Throws unless the tensor has this many axes, holds floats and lives on this backend.</summary>
    /// <exception cref="ArgumentException">Another rank, element type or backend.</exception>
    public static void Rank(Backend backend, Tensor tensor, int rank, [CallerArgumentExpression(nameof(tensor))] string name = "")
    {
        Floats(backend, tensor, name);
        That(tensor.Shape.Rank == rank, $"{name} ('{tensor.Name}') has shape {tensor.Shape}, expected {rank} axes.");
    }

    /// <summary>Throws unless the tensor holds floats and lives on this backend.</summary>
    /// <exception cref="ArgumentException">Another element type or backend.</exception>
    public static void Floats(Backend backend, Tensor tensor, [CallerArgumentExpression(nameof(tensor))] string name = "")
    {
        Owned(backend, tensor, name);
        That(tensor.Type == ElementType.F32, $"{name} ('{tensor.Name}') holds {tensor.Type}, expected F32.");
    }

    /// <summary>Throws unless the tensor holds floats of 32 or 16 bits and lives on this backend.</summary>
    /// <exception cref="ArgumentException">Integers, or another backend.</exception>
    public static void Activations(Backend backend, Tensor tensor, [CallerArgumentExpression(nameof(tensor))] string name = "")
    {
        Owned(backend, tensor, name);
        That(tensor.Type != ElementType.I32, $"{name} ('{tensor.Name}') holds {tensor.Type}, expected F32 or Half.");
    }

    /// <summary>Throws unless the tensor holds integers, has this many of them and lives on this backend.</summary>
    /// <exception cref="ArgumentException">Another count, element type or backend.</exception>
    public static void Indices(Backend backend, Tensor tensor, int count, [CallerArgumentExpression(nameof(tensor))] string name = "")
    {
        Owned(backend, tensor, name);
        That(tensor.Type == ElementType.I32, $"{name} ('{tensor.Name}') holds {tensor.Type}, expected I32.");
        That(tensor.Count == count, $"{name} ('{tensor.Name}') holds {tensor.Count} indices, expected {count}.");
    }

    private static void Owned(Backend backend, Tensor tensor, string name)
    {
        if (tensor is null)
            throw new ArgumentNullException(name);
        That(ReferenceEquals(tensor.Backend, backend),
            $"{name} ('{tensor.Name}') lives on backend {tensor.Backend.Device.Id}, the operation runs on another one, {backend.Device.Id}.");
    }

    /// <summary>Builds the message of <see cref="That"/> only when the check fails.</summary>
    [InterpolatedStringHandler]
    public ref struct FailureMessage
    {
        private DefaultInterpolatedStringHandler text;
        private readonly bool failed;

        /// <summary>Called by the compiler.</summary>
        public FailureMessage(int literalLength, int formattedCount, bool condition, out bool isEnabled)
        {
            isEnabled = failed = !condition;
            text = failed ? new DefaultInterpolatedStringHandler(literalLength, formattedCount) : default;
        }

        /// <summary>Called by the compiler.</summary>
        public void AppendLiteral(string value) => text.AppendLiteral(value);

        /// <summary>Called by the compiler.</summary>
        public void AppendFormatted<T>(T value) => text.AppendFormatted(value);

        /// <summary>The message.</summary>
        public override string ToString() => failed ? text.ToStringAndClear() : "";
    }
}
