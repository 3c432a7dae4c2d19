using AnoPLe.Gpu.Datasets;

namespace AnoPLe.Gpu.Cli.Tests.Testing;

/// <summary>A small drawn dataset, tiny random weights as a file and a detector fitted with them, made once for all tests, which only read them.</summary>
public sealed class SmallData : IAsyncLifetime
{
    /// <summary>The same weights as in <see cref="Weights"/>, without a file.</summary>
    public const string Random = "random:tiny:0";

    private readonly TempFolder folder = new();

    /// <summary>MVTec AD layout, four categories, images of 48 x 48: 4 to fit on; 3 good and 1 of each of three defects to score.</summary>
    public string Dataset => folder["data"];

    /// <summary>A category of it.</summary>
    public string Category(params string[] below) => Path.Combine([Dataset, "fabric", .. below]);

    /// <summary>tiny, seed 0.</summary>
    public string Weights => folder["tiny.safetensors"];

    /// <summary>tiny, seed 1.</summary>
    public string OtherWeights => folder["other.safetensors"];

    /// <summary>Fitted on the fabric with <see cref="Weights"/>.</summary>
    public string Detector => folder["fabric.anople"];

    public async ValueTask InitializeAsync()
    {
        DemoImages.Write(Dataset, 0, new DemoOptions { Size = 48, Train = 4, TestNormal = 3, PerDefect = 1 });
        (await Anople.Run("weights", "init", "--config", "tiny", "--out", Weights)).Fine();
        (await Anople.Run("weights", "init", "--config", "tiny", "--seed", "1", "--out", OtherWeights)).Fine();
        (await Anople.Run("fit", "--weights", Weights, "--class", "fabric", "--out", Detector, Category())).Fine();
    }

    public ValueTask DisposeAsync()
    {
        folder.Dispose();
        return ValueTask.CompletedTask;
    }
}
