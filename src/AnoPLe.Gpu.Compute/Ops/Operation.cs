namespace AnoPLe.Gpu.Compute.Ops;

/// <summary>
/// Base of the operation contracts. A contract owns shapes, formula, source and checks; a backend overrides the protected core
/// and owns the arithmetic. Outputs come first, then inputs, then parameters. Outputs never overlap inputs unless a contract says so.
/// </summary>
public abstract class Operation(Backend backend)
{
    /// <summary>Where the operation runs; every tensor it is given must live there.</summary>
    public Backend Backend { get; } = backend;
}
