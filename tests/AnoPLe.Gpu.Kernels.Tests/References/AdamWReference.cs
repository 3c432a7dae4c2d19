using System.Numerics;
using AnoPLe.Gpu.Compute.Ops;

namespace AnoPLe.Gpu.Kernels.Tests.References;

/// <summary>The plain recurrence of AdamW in the arithmetic of T, in the order of operations of torch.optim.AdamW.</summary>
internal static class AdamWReference
{
    /// <summary>One step, in place.</summary>
    public static void Update<T>(T[] parameters, T[] firstMoment, T[] secondMoment, T[] gradients, AdamWStep step)
        where T : IBinaryFloatingPointIeee754<T>
    {
        T eta = T.CreateChecked(step.LearningRate), b1 = T.CreateChecked(step.Beta1), b2 = T.CreateChecked(step.Beta2);
        T new1 = T.CreateChecked(1 - step.Beta1), new2 = T.CreateChecked(1 - step.Beta2);
        T correction1 = T.CreateChecked(1 - Math.Pow(step.Beta1, step.Step)), correction2 = T.CreateChecked(Math.Sqrt(1 - Math.Pow(step.Beta2, step.Step)));
        for (int i = 0; i < parameters.Length; i++)
        {
            T g = gradients[i];
            parameters[i] *= T.One - eta * T.CreateChecked(step.WeightDecay);
            firstMoment[i] = b1 * firstMoment[i] + new1 * g;
            secondMoment[i] = b2 * secondMoment[i] + new2 * g * g;
            parameters[i] -= eta / correction1 * (firstMoment[i] / (T.Sqrt(secondMoment[i]) / correction2 + T.CreateChecked(step.Epsilon)));
        }
    }
}
