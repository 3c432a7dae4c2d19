namespace AnoPLe.Gpu.Training;

/// <summary>A loss or a gradient is not a finite number any more. The parameters are those before the step; nothing was saved after it.</summary>
public sealed class TrainingDivergedException : Exception
{
    /// <summary>Says at which step, and what to try.</summary>
    public TrainingDivergedException(int step, string what)
        : base($"Training stopped in step {step}: {what}. Use a lower learning rate, look at the images, and check the weights with 'anople weights inspect --check'.") =>
        Step = step;

    /// <summary>Without a message.</summary>
    public TrainingDivergedException()
    {
    }

    /// <summary>With a message.</summary>
    public TrainingDivergedException(string message)
        : base(message)
    {
    }

    /// <summary>With a message and a cause.</summary>
    public TrainingDivergedException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>The step, counted from 1.</summary>
    public int Step { get; }
}
