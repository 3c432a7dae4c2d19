using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Kernels.Tests.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.References;

/// <summary>The references themselves, against numbers known from elsewhere and against each other.</summary>
public sealed class ReferenceTests
{
    [Theory]
    [InlineData(0, 0)]
    [InlineData(1e-10, 1.1283791670955126e-10)]
    [InlineData(0.5, 0.5204998778130465)]
    [InlineData(1, 0.8427007929497149)]
    [InlineData(2, 0.9953222650189527)]
    [InlineData(2.9999, 0.9999778955735178)]
    [InlineData(3, 0.9999779095030014)]
    [InlineData(4, 0.9999999845827421)]
    [InlineData(30, 1)]
    public void Erf_has_its_known_values(double x, double expected)
    {
        Assert.Equal(expected, SpecialFunctions.Erf(x), 4e-16);
        Assert.Equal(-expected, SpecialFunctions.Erf(-x), 4e-16);
    }

    [Fact]
    public void Activations_have_their_known_values()
    {
        Assert.Equal(0.8413447460685429, SpecialFunctions.Activate(Activation.Gelu, 1.0), 1e-15);
        Assert.Equal(-0.15865525393145707, SpecialFunctions.Activate(Activation.Gelu, -1.0), 1e-15);
        Assert.Equal(0.8457957659328212, SpecialFunctions.Activate(Activation.QuickGelu, 1.0), 1e-12);
        Assert.Equal(-0.15420423406717886, SpecialFunctions.Activate(Activation.QuickGelu, -1.0), 1e-12);
    }

    [Fact]
    public void Layer_norm_by_hand()
    {
        // (1, 2, 3): mean 2, variance 2/3.
        var (y, mean, rstd) = LayerNormReference.Forward([1.0, 2, 3], [1, 1, 2], [0, 10, 0]);
        double r = 1 / Math.Sqrt(2.0 / 3 + 1e-5);
        Assert.Equal(2, mean[0], 1e-15);
        Assert.Equal(r, rstd[0], 1e-10);
        Assert.Equal([-r, 10, 2 * r], y, (a, b) => Math.Abs(a - b) < 1e-10);
    }

    [Fact]
    public void Linear_by_hand()
    {
        // [1 2; 3 4] times [1 0; 1 1; 2 -1] transposed, plus bias.
        double[] y = LinearReference.Forward([1.0, 2, 3, 4], [1, 0, 1, 1, 2, -1], [0, 10, 100], 2);
        Assert.Equal([1.0, 13, 100, 3, 17, 102], y);
        Assert.Equal([1.0, 3, 5, 2, 4, 6], LinearReference.Transpose([1.0, 2, 3, 4, 5, 6], 2));
    }

    [Fact]
    public void Attention_by_hand()
    {
        // One head of one channel: q = (1, 2), k = (ln 2, ln 3), v = (10, 20). Row 0 weighs 2 : 3, row 1 weighs 4 : 9.
        double[] qkv = [1, Math.Log(2), 10, 2, Math.Log(3), 20];
        var (full, logSumExp) = AttentionReference.Forward(qkv, 2, 1, 1, causal: false);
        Assert.Equal(16, full[0], 1e-12);
        Assert.Equal((4 * 10 + 9 * 20) / 13.0, full[1], 1e-12);
        Assert.Equal(Math.Log(5), logSumExp[0], 1e-12);
        Assert.Equal(Math.Log(13), logSumExp[1], 1e-12);
        var (causal, causalSum) = AttentionReference.Forward(qkv, 2, 1, 1, causal: true);
        Assert.Equal(10, causal[0], 1e-12);
        Assert.Equal(full[1], causal[1], 1e-12);
        Assert.Equal(Math.Log(2), causalSum[0], 1e-12);
    }

    [Fact]
    public void Gaussian_border_is_scipys_reflect()
    {
        // d c b a | a b c d | d c b a, and again when the radius exceeds the map.
        Assert.Equal([3, 2, 1, 0, 0, 1, 2, 3, 3, 2, 1, 0, 0], Enumerable.Range(-4, 13).Select(i => GaussianBlurReference.Reflect(i, 4)));
        Assert.All(Enumerable.Range(-9, 20), i => Assert.Equal(0, GaussianBlurReference.Reflect(i, 1)));
    }

    [Fact]
    public void Bilinear_by_hand()
    {
        // Two columns to four: sources -0.25 (clamped), 0.25, 0.75, 1.25 (clamped by the second neighbour).
        Assert.Equal([0.0, 1, 3, 4], BilinearUpsampleReference.Forward([0.0, 4], 1, 2, 1, 4));
    }

    [Fact]
    public void Patch_embedding_is_a_linear_layer_on_patches()
    {
        // 4 x 4 image, patches of 2, one output channel that picks pixel (1, 0) of channel 2.
        double[] image = [.. Enumerable.Range(0, 48).Select(i => (double)i)], weight = new double[12];
        weight[2 * 4 + 1 * 2 + 0] = 1;
        double[] x = PatchEmbeddingReference.Forward(image, weight, [0.5], [100.0, 200, 300, 400, 500], 4, 2);
        Assert.Equal([100.5, 200 + 36, 300 + 38, 400 + 44, 500 + 46], x);
    }

    [Fact]
    public void Cosine_logits_and_bank_distance_by_hand()
    {
        double[] logits = CosineLogitsReference.Forward([0.0, 5, 3, 4], [1.0, 0, 0, 1], [0], 2, 10.0);
        Assert.Equal(10, logits[0], 1e-10);
        Assert.Equal(10 * (0.8 - 0.6), logits[1], 1e-10);
        double[] distance = MemoryBankDistanceReference.Forward([0.6, 0.8], [1.0, 0, 0, 1, -1, 0], 2, 2.0, [7.0]);
        Assert.Equal(7 + 2 * (1 - 0.8) / 2, distance[0], 1e-15);
    }

    [Fact]
    public void Float_twins_follow_the_doubles()
    {
        float[] x = Numbers.Uniform(1, 6 * 24), w = Numbers.Uniform(2, 24), b = Numbers.Uniform(3, 24);
        double[] xd = Numbers.As<double>(x);
        Near(LayerNormReference.Forward(x, w, b).Y, LayerNormReference.Forward(xd, Numbers.As<double>(w), Numbers.As<double>(b)).Y);
        Near(AttentionReference.Forward(x, 6, 8, 2, true).Y, AttentionReference.Forward(xd, 6, 8, 2, true).Y);
        Near(LinearReference.Forward(x, x, [], 24, Activation.Gelu), LinearReference.Forward(xd, xd, [], 24, Activation.Gelu));
        Near(GaussianBlurReference.Forward(x, 12, 12, 2), GaussianBlurReference.Forward(xd, 12, 12, 2));
        Near(BilinearUpsampleReference.Forward(x, 12, 12, 19, 31), BilinearUpsampleReference.Forward(xd, 12, 12, 19, 31));

        static void Near(float[] actual, double[] expected) => Assert.Equal(expected, actual.Select(v => (double)v), (a, e) => Math.Abs(a - e) < 1e-5);
    }
}
