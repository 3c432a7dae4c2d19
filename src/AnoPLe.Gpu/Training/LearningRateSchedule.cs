namespace AnoPLe.Gpu.Training;

/// <summary>Cosine schedule: f_t = f + (1 - f)(1 + cos(pi t / R)) / 2 for t = 0 .. R - 1. Source: SPEC section 11.</summary>
internal static class LearningRateSchedule
{
    /// <summary>The share of the learning rate in step t.</summary>
    /// <param name="final">f, the share at the end.</param>
    /// <param name="step">t.</param>
    /// <param name="steps">R.</param>
    public static double Share(double final, int step, int steps) => final + (1 - final) * (1 + Math.Cos(Math.PI * step / steps)) / 2;
}
