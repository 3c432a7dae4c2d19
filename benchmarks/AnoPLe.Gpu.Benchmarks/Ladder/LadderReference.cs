namespace AnoPLe.Gpu.Benchmarks.Ladder;

/// <summary>What a rung's result is off by.</summary>
/// <param name="MaxError">Largest absolute difference from the reference; infinite where a value is no number.</param>
/// <param name="Row">Where it is.</param>
/// <param name="Column">Where it is.</param>
/// <param name="Got">The rung's value there.</param>
/// <param name="Expected">The reference's.</param>
internal readonly record struct LadderError(double MaxError, int Row, int Column, float Got, double Expected);

/// <summary>The same product in double, one plain loop, and how far a rung may be from it.</summary>
internal sealed unsafe class LadderReference
{
    private readonly LadderProblem problem;
    private readonly double[] c;

    public LadderReference(LadderProblem problem)
    {
        this.problem = problem;
        c = new double[problem.M * problem.N];
        var largest = new double[problem.M];
        Parallel.For(0, problem.M, i => largest[i] = Row(i));
        // Rounding errors of K terms add up like sqrt(K) steps of half a unit in the last place of the largest partial sum (Higham and
        // Mary 2019, "A new approach to probabilistic rounding error analysis"); four times that, and one millionth for the activation.
        Allowed = 4 * (Math.Sqrt(problem.K) + 1) * Math.Pow(2, -24) * largest.Max() + 1e-6;
    }

    /// <summary>Largest absolute error that rounding explains.</summary>
    public double Allowed { get; }

    /// <summary>Compares the problem's C.</summary>
    public LadderError Compare()
    {
        LadderError worst = new(-1, 0, 0, 0, 0);
        for (int i = 0; i < c.Length; i++)
        {
            float got = problem.C[i];
            double error = Math.Abs(got - c[i]);
            error = double.IsNaN(error) ? double.PositiveInfinity : error;
            if (error > worst.MaxError)
                worst = new(error, i / problem.N, i % problem.N, got, c[i]);
        }
        return worst;
    }

    /// <summary>One row of the reference; returns the largest sum of its terms' absolute values.</summary>
    private double Row(int i)
    {
        double largest = 0;
        float* a = problem.A + (nint)i * problem.K;
        for (int j = 0; j < problem.N; j++)
        {
            float* w = problem.W + (nint)j * problem.K;
            double sum = problem.Bias[j], absolute = Math.Abs(sum);
            for (int k = 0; k < problem.K; k++)
            {
                double term = (double)a[k] * w[k];
                sum += term;
                absolute += Math.Abs(term);
            }
            c[i * problem.N + j] = Gelu(sum);
            largest = Math.Max(largest, absolute);
        }
        return largest;
    }

    /// <summary>x Phi(x).</summary>
    public static double Gelu(double x) => x * NormalCdf(x);

    /// <summary>Phi(x) = 1/2 + phi(x) (x + x^3/3 + x^5/(3·5) + …), absolute error about 1e-15. Source: Marsaglia 2004, "Evaluating the Normal Distribution".</summary>
    private static double NormalCdf(double x)
    {
        if (Math.Abs(x) > 8)
            return x > 0 ? 1 : 0;
        double sum = x, term = x;
        for (int i = 3; Math.Abs(term) > 1e-17; i += 2)
            sum += term *= x * x / i;
        return 0.5 + sum * Math.Exp(-0.5 * x * x) / Math.Sqrt(2 * Math.PI);
    }
}
