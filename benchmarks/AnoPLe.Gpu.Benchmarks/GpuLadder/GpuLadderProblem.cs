using AnoPLe.Gpu.Benchmarks.Ops;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Kernels.Ilgpu;

namespace AnoPLe.Gpu.Benchmarks.GpuLadder;

/// <summary>The operands on a device, and the result in double.</summary>
internal sealed class GpuLadderProblem : IDisposable
{
    private readonly IlgpuBackend backend;
    private readonly double[] expected, sizes;

    public GpuLadderProblem(IlgpuBackend backend, GpuLadderShape shape)
    {
        this.backend = backend;
        Shape = shape;
        float[] x = OperationBenchmark.Random(shape.M * shape.K), w = OperationBenchmark.Random(shape.K * shape.N), bias = OperationBenchmark.Random(shape.N);
        X = backend.Upload("x", new(shape.M, shape.K), x);
        W = backend.Upload("w", new(shape.K, shape.N), w);
        Bias = backend.Upload("bias", new(shape.N), bias);
        Y = backend.Allocate("y", new(shape.M, shape.N));
        Packed = backend.Linear.Pack("packed", w, bias, shape.N, shape.K, WeightLayout.InOut);
        bool rounds = backend.MatrixPrecision == MatrixPrecision.Bf16;
        (expected, sizes) = Reference(rounds ? [.. x.Select(Rounded)] : x, rounds ? [.. w.Select(Rounded)] : w, bias, shape);
    }

    public GpuLadderShape Shape { get; }

    public Tensor X { get; }

    public Tensor W { get; }

    public Tensor Bias { get; }

    public Tensor Y { get; }

    public PackedLinear Packed { get; }

    /// <summary>Runs once and gives the largest error in parts of what rounding of a sum in any order explains: up to 1 is right.</summary>
    public double Error(Action run)
    {
        var y = new float[expected.Length];
        Array.Fill(y, float.NaN);
        backend.Write(Y, y);
        run();
        backend.Synchronize();
        backend.Read(Y, y);
        double worst = 0;
        for (int i = 0; i < y.Length; i++)
        {
            // sqrt(K) roundings of half a unit of the sum of magnitudes, four times that, and what GELU adds.
            double allowed = (4 * (Math.Sqrt(Shape.K) + 1) * Math.Pow(2, -24) * sizes[i]) + 1e-6, error = Math.Abs(y[i] - expected[i]) / allowed;
            worst = double.IsNaN(error) ? double.PositiveInfinity : Math.Max(worst, error);
        }
        return worst;
    }

    public void Dispose()
    {
        Packed.Dispose();
        foreach (Tensor tensor in new[] { X, W, Bias, Y })
            tensor.Dispose();
    }

    private static (double[] Expected, double[] Sizes) Reference(float[] x, float[] w, float[] bias, GpuLadderShape s)
    {
        double[] expected = new double[s.M * s.N], sizes = new double[s.M * s.N];
        Parallel.For(0, s.M, m =>
        {
            double[] sums = [.. bias.Select(value => (double)value)], size = [.. sums.Select(Math.Abs)];
            for (int k = 0; k < s.K; k++)
                for (int n = 0; n < s.N; n++)
                {
                    double term = (double)x[m * s.K + k] * w[k * s.N + n];
                    sums[n] += term;
                    size[n] += Math.Abs(term);
                }
            for (int n = 0; n < s.N; n++)
                (expected[m * s.N + n], sizes[m * s.N + n]) = (Ladder.LadderReference.Gelu(sums[n]), size[n]);
        });
        return (expected, sizes);
    }

    private static float Rounded(float value) => HalfFloats.Widen(HalfFloats.Round(value, MatrixPrecision.Bf16), MatrixPrecision.Bf16);
}
