namespace AnoPLe.Gpu.Kernels.Tests.References;

/// <summary>Gradients by central differences, in double: what the references' own gradients are checked against.</summary>
internal static class NumericGradient
{
    /// <summary>d/dx of sum(dy * f(x)).</summary>
    public static double[] Of(Func<double[], double[]> f, double[] x, double[] dy, double h = 1e-6)
    {
        double[] moved = [.. x], gradient = new double[x.Length];
        for (int i = 0; i < x.Length; i++)
        {
            gradient[i] = (Loss(i, h) - Loss(i, -h)) / (2 * h);
            moved[i] = x[i];
        }
        return gradient;

        double Loss(int i, double step)
        {
            moved[i] = x[i] + step;
            return f(moved).Zip(dy, (y, d) => y * d).Sum();
        }
    }
}
