using AnoPLe.Gpu.Training;

namespace AnoPLe.Gpu;

/// <summary>How far long work has come.</summary>
/// <param name="Stage">What is being done, for people: "encoding normal images".</param>
/// <param name="Done">Units finished.</param>
/// <param name="Total">Units in all.</param>
public readonly record struct WorkProgress(string Stage, int Done, int Total)
{
    /// <summary>Losses of the last optimiser step while training, else null.</summary>
    public StepLosses? Losses { get; init; }
}
