using AnoPLe.Gpu.Parameters;
using AnoPLe.Gpu.Testing;
using AnoPLe.Gpu.Training;

namespace AnoPLe.Gpu.Tests.Golden;

/// <summary>AdamW under the cosine schedule with given gradients, for a parameter that decays at the couplings' rate and one that does not.</summary>
[Trait("Category", "Golden")]
[Collection(TestBackends.Collection)]
public sealed class OptimiserGoldenTests
{
    public static TheoryData<string, string> CasesOnBackends => GoldenFolders.CasesOn(TestBackends.All);

    [Theory, MemberData(nameof(CasesOnBackends))]
    public void Steps_match(string folder, string backendName)
    {
        using var golden = new GoldenCase(folder);
        var backend = TestBackends.Open(backendName);
        float[] start = golden.Floats("in/opt.p0"), gradients = golden.Floats("in/opt.grads");
        string[] names = ["couple.t2v.0.weight", "prompt.text.0"];
        using var parameters = new ParameterStore(backend, [.. names.Select(name => new ParameterDeclaration(name, new(start.Length), 0))]);
        var options = GoldenTraining.OptionsOf(golden);
        foreach (string name in names)
            backend.Write(parameters.Value(name), start);
        int steps = gradients.Length / start.Length;
        for (int step = 0; step < steps; step++)
        {
            foreach (string name in names)
                backend.Write(parameters.Gradient(name), gradients.AsSpan(step * start.Length, start.Length));
            parameters.Update(Trainer.Settings(options, step, golden.Steps.Total), Trainer.CouplingRate(options, step, golden.Steps.Total));
            foreach (string name in names)
                golden.AssertNear($"misc/opt.{name}.{step + 1}", backend.Download(parameters.Value(name)));
        }
    }
}
