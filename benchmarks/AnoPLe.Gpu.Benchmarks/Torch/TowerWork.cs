using AnoPLe.Gpu.Benchmarks.Ceiling;
using AnoPLe.Gpu.Benchmarks.Ops;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Prompts;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Benchmarks.Torch;

/// <summary>A part of the vision tower, or all of it, at a model's sizes with operands on the device: what torch_times.py measures under the same names.</summary>
internal sealed class TowerWork : IDisposable
{
    /// <summary>All names, in the order in which they are measured.</summary>
    public static readonly string[] Names = ["linear.qkv", "linear.out", "linear.fc", "linear.proj", "attention", "layer_norm", "encoder"];

    private const int LaunchesOfOperation = 10;

    private readonly List<IDisposable> owned = [];
    private readonly Backend backend;

    /// <summary>Places the operands.</summary>
    /// <param name="backend">Device and precision.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="batch">Images.</param>
    public TowerWork(Backend backend, ClipConfig config, string name, int batch)
    {
        this.backend = backend;
        int C = config.VisionWidth, T = config.VisionTokens;
        double rows = (double)batch * T;
        (Run, Work) = name switch
        {
            "linear.qkv" => (Linear(batch, T, C, 3 * C, Activation.None, residual: false), new Work(2 * rows * C * 3 * C, "FLOP")),
            "linear.out" => (Linear(batch, T, C, C, Activation.None, residual: true), new(2 * rows * C * C, "FLOP")),
            "linear.fc" => (Linear(batch, T, C, 4 * C, config.Activation, residual: false), new(2 * rows * C * 4 * C, "FLOP")),
            "linear.proj" => (Linear(batch, T, 4 * C, C, Activation.None, residual: true), new(2 * rows * C * 4 * C, "FLOP")),
            "attention" => (Attention(batch, T, C, config.VisionHeads), new(4 * rows * T * C, "FLOP")),
            "layer_norm" => (LayerNorm(batch, T, C), new(2 * sizeof(float) * rows * C, "B")),
            _ => (Encoder(config, batch), new(batch, "image")),
        };
        Launches = name == "encoder" ? 1 : LaunchesOfOperation;
    }

    /// <summary>Enqueues the work once.</summary>
    public Action Run { get; }

    /// <summary>How much one run is.</summary>
    public Work Work { get; }

    /// <summary>Runs between two synchronisations.</summary>
    public int Launches { get; }

    public void Dispose()
    {
        for (int i = owned.Count - 1; i >= 0; i--)
            owned[i].Dispose();
    }

    private Action Linear(int batch, int T, int inner, int outer, Activation activation, bool residual)
    {
        var weight = Own(backend.Linear.Pack("w", OperationBenchmark.Random(inner * outer), OperationBenchmark.Random(outer), outer, inner));
        Tensor y = Filled(batch, T, outer), x = Filled(batch, T, inner);
        return () => backend.Linear.Forward(y, x, weight, activation, residual);
    }

    private Action Attention(int batch, int T, int C, int heads)
    {
        Tensor y = Filled(batch, T, C), qkv = Filled(batch, T, 3 * C);
        return () => backend.Attention.Forward(y, qkv, heads);
    }

    private Action LayerNorm(int batch, int T, int C)
    {
        Tensor y = Filled(batch, T, C), x = Filled(batch, T, C), weight = Filled(C), bias = Filled(C);
        return () => backend.LayerNorm.Forward(y, x, weight, bias);
    }

    private Action Encoder(ClipConfig config, int batch)
    {
        using var weights = ClipWeights.Random(config, seed: 0);
        var encoder = Own(new VisionEncoder(weights, backend));
        var activations = Own(encoder.CreateActivations(new VisionRequest(batch) { PatchTokens = true }));
        backend.Write(activations.Images, OperationBenchmark.Random(activations.Images.Count));
        return () => encoder.Forward(activations, PromptInjection.None);
    }

    private Tensor Filled(params ReadOnlySpan<int> shape)
    {
        var s = new Shape(shape);
        return Own(backend.Upload("filled", s, OperationBenchmark.Random(s.Count)));
    }

    private TThing Own<TThing>(TThing thing)
        where TThing : IDisposable
    {
        owned.Add(thing);
        return thing;
    }
}
