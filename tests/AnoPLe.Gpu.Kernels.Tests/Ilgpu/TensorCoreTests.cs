using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Kernels.Ilgpu;
using AnoPLe.Gpu.Kernels.Tests.References;
using AnoPLe.Gpu.Kernels.Tests.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Ilgpu;

/// <summary>
/// Products and attention on tensor cores: on the simulator, whose warps of 32 emulate their instructions, and on a GPU that has them. The reference rounds
/// both factors to bf16 as well, so what remains is fp32 rounding of sums in another order.
/// </summary>
public abstract class TensorCoreTests(string device)
{
    // Tensor cores cut their sums off where floats round them.
    private const double Tolerance = 4e-6;

    [Theory]
    [InlineData(1, 1, 1, Activation.None, true, MatrixPrecision.Bf16)]
    [InlineData(1, 1, 1, Activation.None, true, MatrixPrecision.Tf32)]
    [InlineData(3, 130, 7, Activation.None, false, MatrixPrecision.Bf16)] // two tiles along the columns, rows that are no multiple of 16 bytes
    [InlineData(131, 5, 40, Activation.Gelu, true, MatrixPrecision.Bf16)] // two tiles along the rows, a slice and a part of one
    [InlineData(17, 33, 96, Activation.QuickGelu, false, MatrixPrecision.Bf16)] // three slices: every stage once
    [InlineData(20, 24, 161, Activation.None, true, MatrixPrecision.Bf16)] // six slices: stages are reused
    [InlineData(5, 130, 7, Activation.None, false, MatrixPrecision.Tf32)] // the same of slices half as long
    [InlineData(131, 5, 20, Activation.Gelu, true, MatrixPrecision.Tf32)]
    [InlineData(20, 24, 81, Activation.None, true, MatrixPrecision.Tf32)]
    public void Linear_agrees_with_the_reference(int rows, int outFeatures, int inFeatures, Activation activation, bool hasBias, MatrixPrecision precision)
    {
        using var backend = Open(precision);
        var random = new Random(rows + outFeatures);
        float[] x = Values(random, rows * inFeatures), w = Values(random, outFeatures * inFeatures), bias = hasBias ? Values(random, outFeatures) : [], old = Values(random, rows * outFeatures);
        using PackedLinear packed = backend.Linear.Pack("w", w, bias, outFeatures, inFeatures);
        using Tensor tx = backend.Upload("x", new(rows, inFeatures), x), ty = backend.Upload("y", new(rows, outFeatures), old);
        backend.Linear.Forward(ty, tx, packed, activation);
        Check(backend.Download(ty), x, w, bias, null, rows, outFeatures, inFeatures, activation, Rounding(precision));
        if (activation != Activation.None)
            return;
        backend.Write(ty, old);
        backend.Linear.Forward(ty, tx, packed, accumulate: true);
        Check(backend.Download(ty), x, w, bias, old, rows, outFeatures, inFeatures, activation, Rounding(precision));
    }

    [Theory]
    [InlineData(1, 1, 1, MatrixPrecision.Bf16)]
    [InlineData(35, 70, 9, MatrixPrecision.Bf16)] // two tiles, two slices of rows
    [InlineData(150, 24, 66, MatrixPrecision.Fp16)] // chunks of rows, each with partial sums of its own
    [InlineData(1, 1, 1, MatrixPrecision.Tf32)]
    [InlineData(35, 70, 9, MatrixPrecision.Tf32)]
    [InlineData(150, 24, 68, MatrixPrecision.Tf32)]
    public void Parameter_gradients_agree_with_the_reference(int rows, int outFeatures, int inFeatures, MatrixPrecision precision)
    {
        using var backend = Open(precision);
        Func<float, float> round = Rounding(precision);
        var random = new Random(rows);
        float[] dy = Values(random, rows * outFeatures), x = Values(random, rows * inFeatures), old = Values(random, outFeatures * inFeatures);
        using Tensor tdy = backend.Upload("dy", new(rows, outFeatures), dy), tx = backend.Upload("x", new(rows, inFeatures), x), gradient = backend.Upload("dw", new(outFeatures, inFeatures), old);
        backend.Linear.BackwardParameters(gradient, tdy, tx);
        float[] actual = backend.Download(gradient);
        for (int o = 0; o < outFeatures; o++)
            for (int i = 0; i < inFeatures; i++)
            {
                double expected = old[(o * inFeatures) + i], size = Math.Abs(expected);
                for (int r = 0; r < rows; r++)
                {
                    double term = (double)round(dy[(r * outFeatures) + o]) * round(x[(r * inFeatures) + i]);
                    expected += term;
                    size += Math.Abs(term);
                }
                Assert.Equal(expected, actual[(o * inFeatures) + i], Tolerance * (1 + size));
            }
    }

    [Fact]
    public void Both_in_fp16_agree_with_the_reference()
    {
        using var backend = Open(MatrixPrecision.Fp16);
        Assert.StartsWith("fp16", backend.Precision, StringComparison.Ordinal);
        var random = new Random(3);
        float[] x = Values(random, 20 * 70), w = Values(random, 9 * 70), qkv = [.. Values(random, 37 * 3 * 64).Select(value => 2 * value)];
        using PackedLinear packed = backend.Linear.Pack("w", w, [], 9, 70);
        using Tensor tx = backend.Upload("x", new(20, 70), x), ty = backend.Allocate("y", new(20, 9)), input = backend.Upload("qkv", new(1, 37, 192), qkv), output = backend.Allocate("o", new(1, 37, 64));
        backend.Linear.Forward(ty, tx, packed);
        Check(backend.Download(ty), x, w, [], null, 20, 9, 70, Activation.None, Fp16);
        backend.Attention.Forward(output, input, heads: 2);
        float[] actual = backend.Download(output);
        for (int h = 0; h < 2; h++)
            for (int t = 0; t < 37; t++)
                CheckQuery(actual.AsSpan((t * 64) + (h * 32), 32), qkv.AsSpan(h * 32), 64, t, 37, Fp16, 1.0 / 2048);
    }

    // What passes between the operations of a block in inference: 16 bits in memory instead of on the way to the product, so the same factors.
    [Theory]
    [InlineData(1, 2, 32, Activation.None, MatrixPrecision.Bf16)]
    [InlineData(131, 130, 64, Activation.Gelu, MatrixPrecision.Bf16)] // two tiles either way: rows beyond the last are read as the last
    [InlineData(17, 34, 96, Activation.QuickGelu, MatrixPrecision.Fp16)] // three slices: every stage once
    [InlineData(20, 24, 192, Activation.None, MatrixPrecision.Fp16)] // six
    public void Linear_takes_and_gives_16_bits(int rows, int outFeatures, int inFeatures, Activation activation, MatrixPrecision precision)
    {
        using var backend = Open(precision);
        Assert.Equal(ElementType.Half, backend.ActivationType);
        var random = new Random(rows + inFeatures);
        float[] x = Values(random, rows * inFeatures), w = Values(random, outFeatures * inFeatures), bias = Values(random, outFeatures), old = Values(random, rows * outFeatures);
        using PackedLinear packed = backend.Linear.Pack("w", w, bias, outFeatures, inFeatures);
        using Tensor tx = backend.Allocate("x", new(rows, inFeatures), ElementType.Half), floats = backend.Upload("x", new(rows, inFeatures), x), ty = backend.Upload("y", new(rows, outFeatures), old),
            rounded = backend.Allocate("y", new(rows, outFeatures), ElementType.Half);
        backend.Write(tx, x);
        Assert.Equal(x.Select(Rounding(precision)), backend.Download(tx));
        backend.Linear.Forward(ty, tx, packed, activation);
        float[] exact = backend.Download(ty);
        Check(exact, x, w, bias, null, rows, outFeatures, inFeatures, activation, Rounding(precision));
        foreach (Tensor input in new[] { tx, floats })
        {
            backend.Write(rounded, old);
            backend.Linear.Forward(rounded, input, packed, activation);
            Assert.Equal(exact.Select(Rounding(precision)), backend.Download(rounded));
        }
        if (activation != Activation.None)
            return;
        backend.Write(ty, old);
        backend.Linear.Forward(ty, tx, packed, accumulate: true);
        Check(backend.Download(ty), x, w, bias, old, rows, outFeatures, inFeatures, activation, Rounding(precision));
    }

    [Theory]
    [InlineData(1, 1, 1, 8, false, MatrixPrecision.Bf16)]
    [InlineData(2, 33, 2, 24, false, MatrixPrecision.Fp16)]
    [InlineData(1, 70, 2, 64, true, MatrixPrecision.Bf16)]
    [InlineData(1, 35, 1, 128, false, MatrixPrecision.Bf16)]
    public void Attention_takes_and_gives_16_bits(int batch, int tokens, int heads, int width, bool causal, MatrixPrecision precision)
    {
        using var backend = Open(precision);
        int C = heads * width;
        float[] qkv = [.. Values(new Random(tokens), batch * tokens * 3 * C).Select(value => 2 * value)];
        using Tensor floats = backend.Upload("qkv", new(batch, tokens, 3 * C), qkv), exact = backend.Allocate("y", new(batch, tokens, C));
        using Tensor input = backend.Allocate("qkv", floats.Shape, ElementType.Half), output = backend.Allocate("y", exact.Shape, ElementType.Half);
        backend.Write(input, qkv);
        backend.Attention.Forward(exact, floats, heads, causal);
        backend.Attention.Forward(output, input, heads, causal);
        Assert.Equal(backend.Download(exact).Select(Rounding(precision)), backend.Download(output));
    }

    [Theory]
    [InlineData(3, 2, MatrixPrecision.Bf16)]
    [InlineData(2, 130, MatrixPrecision.Fp16)]
    public void LayerNorm_and_RowGather_give_16_bits(int rows, int width, MatrixPrecision precision)
    {
        using var backend = Open(precision);
        var random = new Random(width);
        using Tensor x = backend.Upload("x", new(rows, width), Values(random, rows * width)), weight = backend.Upload("w", new(width), Values(random, width)), bias = backend.Upload("b", new(width), Values(random, width));
        using Tensor exact = backend.Allocate("y", x.Shape), rounded = backend.Allocate("y", x.Shape, ElementType.Half), chosen = backend.Allocate("z", new(1, width), ElementType.Half), last = backend.Upload("rows", new(1), [rows - 1]);
        backend.LayerNorm.Forward(exact, x, weight, bias);
        backend.LayerNorm.Forward(rounded, x, weight, bias);
        float[] expected = [.. backend.Download(exact).Select(Rounding(precision))];
        Assert.Equal(expected, backend.Download(rounded));
        backend.RowGather.Forward(chosen, rounded, last);
        Assert.Equal(expected[^width..], backend.Download(chosen));
    }

    [Theory]
    [InlineData(2, 8, 4, 6, 3, MatrixPrecision.Bf16)] // prompts behind the patches, which stay
    [InlineData(3, 20, 5, 130, 0, MatrixPrecision.Bf16)] // patches that are no multiple of four, two tiles of columns
    [InlineData(1, 48, 4, 5, 1, MatrixPrecision.Fp16)] // 144 patches: two tiles of rows
    [InlineData(2, 16, 8, 24, 2, MatrixPrecision.Tf32)]
    public void PatchEmbedding_agrees_with_the_reference(int batch, int size, int patch, int C, int extra, MatrixPrecision precision)
    {
        using var backend = Open(precision);
        Func<float, float> round = Rounding(precision);
        int tokens = (size / patch * (size / patch)) + 1, inner = 3 * patch * patch;
        var random = new Random(size);
        float[] images = Values(random, batch * 3 * size * size), w = Values(random, C * inner), cls = Values(random, C), positions = Values(random, tokens * C), before = Values(random, batch * (tokens + extra) * C);
        using PackedLinear packed = backend.Linear.Pack("conv1", w, [], C, inner);
        using Tensor x = backend.Upload("x", new(batch, tokens + extra, C), before), ti = backend.Upload("images", new(batch, 3, size, size), images),
            tc = backend.Upload("class", new(C), cls), tp = backend.Upload("positions", new(tokens, C), positions);
        backend.PatchEmbedding.Forward(x, ti, packed, tc, tp, patch);
        float[] actual = backend.Download(x);
        double[] expected = PatchEmbeddingReference.Forward(Array.ConvertAll(images, v => (double)round(v)), Array.ConvertAll(w, v => (double)round(v)), Array.ConvertAll(cls, v => (double)v),
            Array.ConvertAll(positions, v => (double)v), size, patch);
        for (int b = 0; b < batch; b++)
            for (int i = 0; i < (tokens + extra) * C; i++)
            {
                int at = (b * (tokens + extra) * C) + i;
                Assert.Equal(i < tokens * C ? expected[(b * tokens * C) + i] : before[at], actual[at], Tolerance * inner);
            }
    }

    [Fact]
    public void Halves_that_no_kernel_can_take_are_refused()
    {
        using var backend = Open(MatrixPrecision.Bf16);
        using Tensor x = backend.Allocate("x", new(2, 48), ElementType.Half), y = backend.Allocate("y", new(2, 4)), odd = backend.Allocate("odd", new(2, 3), ElementType.Half),
            qkv = backend.Allocate("qkv", new(1, 2, 12), ElementType.Half), heads = backend.Allocate("heads", new(1, 2, 4), ElementType.Half), mean = backend.Allocate("mean", new(2)), w = backend.Allocate("w", new(48)),
            wide = backend.Allocate("wide", new(2, 64)), rounded = backend.Allocate("rounded", new(2, 4), ElementType.Half), twins = backend.Allocate("twins", new(2, 48));
        using PackedLinear narrow = backend.Linear.Pack("narrow", new float[4 * 48], [], 4, 48), three = backend.Linear.Pack("three", new float[3 * 64], [], 3, 64),
            exact = backend.Linear.Pack("exact", new float[4 * 64], [], 4, 64, exact: true), four = backend.Linear.Pack("four", new float[4 * 64], [], 4, 64);
        Refused.With(() => backend.Linear.Forward(y, x, narrow), "x", "48", "32");
        Refused.With(() => backend.Linear.Forward(odd, wide, three), "odd", "even");
        Refused.With(() => backend.Linear.Forward(rounded, wide, four, accumulate: true), "rounded", "accumulation");
        Refused.With(() => backend.Linear.Forward(rounded, wide, exact), "exact", "Half");
        Refused.With(() => backend.Attention.Forward(heads, qkv, 1), "heads", "8");
        Refused.With(() => backend.LayerNorm.Forward(x, twins, w, w, mean, mean), "x", "mean");
        Refused.With(() => x.View("view", new(4), 4), "view", "8");
        Refused.With(() => backend.Copy(x, x), "Half", "F32");
    }

    [Fact]
    public void Repacked_weights_are_rounded_again()
    {
        using var backend = Open(MatrixPrecision.Bf16);
        var random = new Random(5);
        float[] x = Values(random, 3 * 9), w = Values(random, 4 * 9);
        using PackedLinear packed = backend.Linear.Pack("w", new float[w.Length], [], 4, 9);
        using Tensor tw = backend.Upload("w", new(4, 9), w), tx = backend.Upload("x", new(3, 9), x), ty = backend.Allocate("y", new(3, 4));
        backend.Linear.Repack(packed, tw);
        backend.Linear.Forward(ty, tx, packed);
        Check(backend.Download(ty), x, w, [], null, 3, 4, 9, Activation.None);
    }

    // Scores are sharp (values up to 2 in a head), so that a weight at the wrong key would show.
    [Theory]
    [InlineData(1, 1, 1, 4, false)]
    [InlineData(2, 33, 2, 24, false)] // two sequences; two tiles of keys, the second with one key
    [InlineData(1, 70, 1, 33, true)] // two tiles of queries, three of keys; rows that are no multiple of 16 bytes
    [InlineData(1, 40, 2, 64, true)]
    [InlineData(1, 35, 1, 128, false)]
    [InlineData(1, 66, 1, 96, true)]
    public void Attention_agrees_with_the_reference(int batch, int tokens, int heads, int width, bool causal)
    {
        using var backend = Open(MatrixPrecision.Bf16);
        int C = heads * width;
        float[] qkv = [.. Values(new Random(tokens), batch * tokens * 3 * C).Select(value => 2 * value)];
        using Tensor input = backend.Upload("qkv", new(batch, tokens, 3 * C), qkv), output = backend.Allocate("y", new(batch, tokens, C));
        backend.Attention.Forward(output, input, heads, causal);
        float[] actual = backend.Download(output);
        for (int b = 0; b < batch; b++)
            for (int h = 0; h < heads; h++)
                for (int t = 0; t < tokens; t++)
                    CheckQuery(actual.AsSpan((b * tokens + t) * C + h * width, width), qkv.AsSpan(b * tokens * 3 * C + h * width), C, t, causal ? t + 1 : tokens);
    }

    // The weights and what y was comes from the kernel's own forward; the bound is the rounding of weights and score gradients.
    [Theory]
    [InlineData(1, 1, 1, 4, false, MatrixPrecision.Bf16)]
    [InlineData(2, 33, 2, 24, false, MatrixPrecision.Bf16)]
    [InlineData(1, 70, 1, 33, true, MatrixPrecision.Bf16)]
    [InlineData(1, 40, 2, 64, true, MatrixPrecision.Fp16)]
    [InlineData(1, 35, 1, 128, false, MatrixPrecision.Fp16)]
    public void Attention_gradients_agree_with_the_reference(int batch, int tokens, int heads, int width, bool causal, MatrixPrecision precision)
    {
        using var backend = Open(precision);
        Func<float, float> round = Rounding(precision);
        double unit = precision == MatrixPrecision.Fp16 ? 1.0 / 2048 : 1.0 / 256, scale = 1 / Math.Sqrt(width);
        int C = heads * width;
        float[] qkv = [.. Values(new Random(tokens), batch * tokens * 3 * C).Select(value => 2 * value)], dy = Values(new Random(2), batch * tokens * C);
        using Tensor input = backend.Upload("qkv", new(batch, tokens, 3 * C), qkv), output = backend.Allocate("y", new(batch, tokens, C)), upper = backend.Upload("dy", new(batch, tokens, C), dy),
            sums = backend.Allocate("lse", new(batch, heads, tokens)), gradient = backend.Allocate("dqkv", new(batch, tokens, 3 * C));
        backend.Attention.Forward(output, input, heads, causal, sums);
        backend.Attention.BackwardInput(gradient, upper, input, output, sums, heads, causal);
        float[] actual = backend.Download(gradient), y = backend.Download(output), lse = backend.Download(sums);
        double[] expected = new double[qkv.Length], size = new double[qkv.Length];
        for (int b = 0; b < batch; b++)
            for (int h = 0; h < heads; h++)
                for (int i = 0; i < tokens; i++)
                    for (int j = 0; j < (causal ? i + 1 : tokens); j++)
                        AddPair(b, h, i, j);
        for (int k = 0; k < expected.Length; k++)
            Assert.True(Math.Abs(expected[k] - actual[k]) <= (1.1 * unit * size[k]) + 1e-4, $"at {k}: {actual[k]}, expected {expected[k]} within {(1.1 * unit * size[k]) + 1e-4}");

        void AddPair(int b, int h, int i, int j)
        {
            int q = (((b * tokens) + i) * 3 * C) + (h * width), k = (((b * tokens) + j) * 3 * C) + C + (h * width), v = k + C, o = (((b * tokens) + i) * C) + (h * width);
            double score = 0, da = 0, delta = 0;
            for (int d = 0; d < width; d++)
            {
                score += (double)round(qkv[q + d]) * round(qkv[k + d]);
                da += (double)round(dy[o + d]) * round(qkv[v + d]);
                delta += (double)dy[o + d] * y[o + d];
            }
            double p = Math.Exp((score * scale) - lse[(((b * heads) + h) * tokens) + i]), ds = p * (da - delta) * scale;
            for (int d = 0; d < width; d++)
            {
                Add(q + d, ds * round(qkv[k + d]));
                Add(k + d, ds * round(qkv[q + d]));
                Add(v + d, p * round(dy[o + d]));
            }
        }

        void Add(int at, double term)
        {
            expected[at] += term;
            size[at] += Math.Abs(term);
        }
    }

    private IlgpuBackend Open(MatrixPrecision precision)
    {
        var found = IlgpuBackend.Devices().FirstOrDefault(d => d.Id.Split(':')[0] == device);
        if (found is null)
            Assert.Skip($"No {device} device on this machine.");
        try
        {
            return IlgpuBackend.Open(found.Id, precision);
        }
        catch (DeviceException e)
        {
            Assert.Skip(e.Message);
            throw;
        }
    }

    private protected static void Check(float[] actual, float[] x, float[] w, float[] bias, float[]? old, int rows, int outFeatures, int inFeatures, Activation activation, Func<float, float>? round = null)
    {
        round ??= Bf16;
        for (int r = 0; r < rows; r++)
            for (int o = 0; o < outFeatures; o++)
            {
                double sum = bias.Length > 0 ? bias[o] : 0, size = Math.Abs(sum);
                for (int k = 0; k < inFeatures; k++)
                {
                    double term = (double)round(x[r * inFeatures + k]) * round(w[o * inFeatures + k]);
                    sum += term;
                    size += Math.Abs(term);
                }
                double expected = activation switch
                {
                    Activation.Gelu => 0.5 * sum * (1 + SpecialFunctions.Erf(sum / Math.Sqrt(2))),
                    Activation.QuickGelu => sum / (1 + Math.Exp(-1.702 * sum)),
                    _ => sum,
                } + (old?[r * outFeatures + o] ?? 0);
                Assert.Equal(expected, actual[r * outFeatures + o], Tolerance * (1 + size));
            }
    }

    // One query of one head; qkv begins at q of token 0. Weights are rounded after the softmax's exponentials: bf16, by at most 2^-8 of themselves.
    private static void CheckQuery(ReadOnlySpan<float> actual, ReadOnlySpan<float> qkv, int C, int query, int keys, Func<float, float>? round = null, double unit = 1.0 / 256)
    {
        round ??= Bf16;
        int D = actual.Length;
        var scores = new double[keys];
        for (int k = 0; k < keys; k++)
            for (int d = 0; d < D; d++)
                scores[k] += (double)round(qkv[query * 3 * C + d]) * round(qkv[k * 3 * C + C + d]) / Math.Sqrt(D);
        double max = scores.Max(), sum = scores.Sum(score => Math.Exp(score - max));
        for (int d = 0; d < D; d++)
        {
            double expected = 0, size = 0;
            for (int k = 0; k < keys; k++)
            {
                double term = Math.Exp(scores[k] - max) / sum * round(qkv[k * 3 * C + 2 * C + d]);
                expected += term;
                size += Math.Abs(term);
            }
            Assert.Equal(expected, actual[d], (unit * size) + 1e-5);
        }
    }

    private static Func<float, float> Rounding(MatrixPrecision precision) => precision switch
    {
        MatrixPrecision.Fp16 => Fp16,
        MatrixPrecision.Tf32 => Tf32,
        _ => Bf16,
    };

    private static float Fp16(float value) => (float)(Half)value;

    // 10 bits of mantissa, a half away from zero: in double, so that it is another way than the kernel's.
    private static float Tf32(float value)
    {
        double unit = Math.ScaleB(1, value == 0 ? 0 : Math.ILogB(value) - 10);
        return (float)(Math.Round(value / unit, MidpointRounding.AwayFromZero) * unit);
    }

    private static float Bf16(float value) => HalfFloats.Widen(HalfFloats.Round(value, MatrixPrecision.Bf16), MatrixPrecision.Bf16);

    private protected static float[] Values(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 2 - 1)];
}
