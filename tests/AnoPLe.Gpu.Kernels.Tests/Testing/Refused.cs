namespace AnoPLe.Gpu.Kernels.Tests.Testing;

/// <summary>Bad arguments.</summary>
internal static class Refused
{
    /// <summary>Asserts an ArgumentException whose message holds every fragment: what was got and what was expected.</summary>
    public static void With(Action action, params string[] fragments)
    {
        var exception = Assert.ThrowsAny<ArgumentException>(action);
        foreach (string fragment in fragments)
            Assert.Contains(fragment, exception.Message, StringComparison.Ordinal);
    }
}
