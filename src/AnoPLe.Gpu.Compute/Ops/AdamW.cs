namespace AnoPLe.Gpu.Compute.Ops;

/// <summary>Settings of one optimiser step.</summary>
/// <param name="LearningRate">eta.</param>
/// <param name="WeightDecay">Decoupled; 0 for biases, norms, prompts and signals.</param>
/// <param name="Beta1">Memory of the mean.</param>
/// <param name="Beta2">Memory of the square.</param>
/// <param name="Epsilon">Added to the root.</param>
/// <param name="Step">k = 1, 2, ...: how many steps there are with this one.</param>
public readonly record struct AdamWStep(double LearningRate, double WeightDecay, double Beta1, double Beta2, double Epsilon, int Step);

/// <summary>
/// AdamW with decoupled weight decay, torch semantics: theta *= 1 - eta wd; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
/// theta -= eta / (1 - b1^k) * m / (sqrt(v) / sqrt(1 - b2^k) + eps).
/// </summary>
/// <remarks>All tensors: any shape, the same number of elements. The factors that depend on k alone are computed in double. Source: arXiv 1711.05101; torch.optim.AdamW.</remarks>
public abstract class AdamW(Backend backend) : Operation(backend)
{
    /// <summary>Moves the parameters by one step and updates both moments.</summary>
    /// <exception cref="ArgumentException">Sizes do not fit, or a setting is out of range.</exception>
    public void Update(Tensor parameters, Tensor firstMoment, Tensor secondMoment, Tensor gradients, AdamWStep step)
    {
        Require.Floats(Backend, parameters);
        Require.Tensor(Backend, firstMoment, parameters.Shape);
        Require.Tensor(Backend, secondMoment, parameters.Shape);
        Require.Tensor(Backend, gradients, parameters.Shape);
        Require.That(step.Step >= 1, $"Steps count from 1, got {step.Step}.");
        Require.That(step is { LearningRate: >= 0, WeightDecay: >= 0, Epsilon: > 0, Beta1: >= 0 and < 1, Beta2: >= 0 and < 1 },
            $"Expected a learning rate and a decay of at least 0, betas in [0, 1) and a positive epsilon, got {step}.");
        UpdateCore(parameters, firstMoment, secondMoment, gradients, step);
    }

    /// <summary>1 - eta wd.</summary>
    public static float Shrink(in AdamWStep step) => (float)(1 - step.LearningRate * step.WeightDecay);

    /// <summary>eta / (1 - b1^k).</summary>
    public static float StepSize(in AdamWStep step) => (float)(step.LearningRate / (1 - Math.Pow(step.Beta1, step.Step)));

    /// <summary>1 / sqrt(1 - b2^k).</summary>
    public static float RootScale(in AdamWStep step) => (float)(1 / Math.Sqrt(1 - Math.Pow(step.Beta2, step.Step)));

    /// <summary>Arithmetic of <see cref="Update"/>; arguments have been checked.</summary>
    protected abstract void UpdateCore(Tensor parameters, Tensor firstMoment, Tensor secondMoment, Tensor gradients, in AdamWStep settings);
}
