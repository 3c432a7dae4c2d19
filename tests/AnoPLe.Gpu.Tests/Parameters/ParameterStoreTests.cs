using AnoPLe.Gpu.Decoder;
using AnoPLe.Gpu.Parameters;
using AnoPLe.Gpu.Prompts;
using AnoPLe.Gpu.Testing;

namespace AnoPLe.Gpu.Tests.Parameters;

[Collection(TestBackends.Collection)]
public sealed class ParameterStoreTests
{
    private static readonly PromptShape Shape = new(PromptMode.Bidirectional, Depth: 2, TextTokens: 3, VisualTokens: 2, TextWidth: 20, VisionWidth: 28);

    [Fact]
    public void Names_and_shapes_are_those_of_the_method()
    {
        var all = Shape.Declare().Concat(new DecoderShape(3, 28, 10, 12).Declare()).ToDictionary(d => d.Name, d => d.Shape.ToString());
        Assert.Equal(2 * 6 + 10, all.Count);
        Assert.Equal("[3, 20]", all["prompt.text.1"]);
        Assert.Equal("[2, 28]", all["prompt.visual.0"]);
        Assert.Equal("[28, 20]", all["couple.t2v.0.weight"]);
        Assert.Equal("[20]", all["couple.v2t.1.bias"]);
        Assert.Equal("[28, 10, 2, 2]", all["decoder.up1.weight"]);
        Assert.Equal("[12, 10]", all["decoder.out.weight"]);
    }

    [Theory]
    [InlineData(PromptMode.Bidirectional, 5, 5, true, true)]
    [InlineData(PromptMode.TextToVisual, 3, 5, true, false)]
    [InlineData(PromptMode.VisualToText, 5, 2, false, true)]
    [InlineData(PromptMode.TextOnly, 3, 0, false, false)]
    [InlineData(PromptMode.VisualOnly, 0, 2, false, false)]
    public void A_mode_has_its_prompts_and_couplings(PromptMode mode, int textRows, int visualRows, bool t2v, bool v2t)
    {
        var shape = Shape with { Mode = mode };
        string[] names = [.. shape.Declare().Select(d => d.Name)];
        Assert.Equal((textRows, visualRows), (shape.TextRows, shape.VisualRows));
        Assert.Equal(textRows > 0, names.Contains("prompt.text.0"));
        Assert.Equal(visualRows > 0, names.Contains("prompt.visual.0"));
        Assert.Equal(t2v, names.Contains("couple.t2v.0.weight"));
        Assert.Equal(v2t, names.Contains("couple.v2t.0.weight"));
    }

    [Fact]
    public void First_values_have_the_method_s_deviations_and_depend_on_seed_and_name_alone()
    {
        var backend = TestBackends.Open("cpu");
        ParameterDeclaration[] some = [new("couple.t2v.0.weight", new(300, 64), 1 / 8.0), new("decoder.ln1.weight", new(7), 0, Constant: 1), new("prompt.text.0", new(64, 100), 0.02)];
        using ParameterStore a = new(backend, some), b = new(backend, [some[2], some[0]]);
        a.Initialize(5);
        b.Initialize(5);
        float[] coupling = backend.Download(a.Value("couple.t2v.0.weight")), prompt = backend.Download(a.Value("prompt.text.0"));
        Assert.Equal(1 / 8.0, Math.Sqrt(coupling.Average(v => (double)v * v)), 0.005);
        Assert.Equal(0.02, Math.Sqrt(prompt.Average(v => (double)v * v)), 0.001);
        Assert.All(backend.Download(a.Value("decoder.ln1.weight")), v => Assert.Equal(1, v));
        Assert.Equal(coupling, backend.Download(b.Value("couple.t2v.0.weight")));
        b.Initialize(6);
        Assert.NotEqual(coupling, backend.Download(b.Value("couple.t2v.0.weight")));
    }

    [Fact]
    public void An_update_decays_matrices_alone_and_moves_couplings_at_their_own_rate()
    {
        var backend = TestBackends.Open("cpu");
        ParameterDeclaration[] some =
        [
            new("prompt.text.0", new(3), 0), new("couple.t2v.0.weight", new(3), 0), new("couple.t2v.0.bias", new(3), 0),
            new("decoder.out.weight", new(3), 0), new("decoder.ln1.weight", new(3), 0),
        ];
        using var store = new ParameterStore(backend, some);
        foreach (var declaration in some)
        {
            backend.Write(store.Value(declaration.Name), [2f, 2f, 2f]);
            backend.Write(store.Gradient(declaration.Name), [1f, -1f, 0f]);
        }
        store.Update(new(LearningRate: 0.1, WeightDecay: 0.5, Beta1: 0.9, Beta2: 0.95, Epsilon: 1e-8, Step: 1), couplingRate: 0.01);
        // The first step is eta times the sign of the gradient.
        AssertClose([1.9f, 2.1f, 2f], "prompt.text.0");
        AssertClose([2 * 0.995f - 0.01f, 2 * 0.995f + 0.01f, 2 * 0.995f], "couple.t2v.0.weight");
        AssertClose([1.99f, 2.01f, 2f], "couple.t2v.0.bias");
        AssertClose([2 * 0.95f - 0.1f, 2 * 0.95f + 0.1f, 2 * 0.95f], "decoder.out.weight");
        AssertClose([1.9f, 2.1f, 2f], "decoder.ln1.weight");
        Assert.Equal(Math.Sqrt(10), store.GradientNorm(), 1e-6);
        store.ClearGradients();
        Assert.Equal(0, store.GradientNorm());

        void AssertClose(float[] want, string name) => Assert.All(backend.Download(store.Value(name)).Zip(want), pair => Assert.Equal(pair.Second, pair.First, 1e-6));
    }

    [Fact]
    public void The_gradient_norm_notices_what_is_not_finite()
    {
        var backend = TestBackends.Open("cpu");
        using var store = new ParameterStore(backend, [new("prompt.text.0", new(40), 0)]);
        float[] gradient = new float[40];
        gradient[37] = float.NaN;
        backend.Write(store.Gradient("prompt.text.0"), gradient);
        Assert.False(float.IsFinite(store.GradientNorm()));
        gradient[37] = float.PositiveInfinity;
        backend.Write(store.Gradient("prompt.text.0"), gradient);
        Assert.False(float.IsFinite(store.GradientNorm()));
    }

    [Fact]
    public void A_store_for_scoring_has_no_gradients()
    {
        using var store = new ParameterStore(TestBackends.Open("cpu"), [new("prompt.text.0", new(4), 0)], isTrainable: false);
        Assert.False(store.IsTrainable);
        Assert.Throws<InvalidOperationException>(() => store.Gradient("prompt.text.0"));
        Assert.Throws<InvalidOperationException>(store.ClearGradients);
    }
}
