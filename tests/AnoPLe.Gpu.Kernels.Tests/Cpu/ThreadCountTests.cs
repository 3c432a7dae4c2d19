using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Kernels.Cpu;
using AnoPLe.Gpu.Kernels.Tests.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Cpu;

/// <summary>The number of threads changes how work is cut, never a bit of the result.</summary>
public sealed class ThreadCountTests
{
    private delegate Tensor Operation(CpuBackend backend);

    [Theory, InlineData(2), InlineData(3), InlineData(8)]
    public void Any_number_of_threads_gives_the_same_bits(int threads)
    {
        using CpuBackend one = new(threads: 1), several = new(threads);
        foreach (var (name, operation) in Operations)
            Close.VerifySame($"{name} on {threads} threads", several.Download(operation(several)), one.Download(operation(one)));
    }

    // Sizes at which the work is cut differently for 1, 2, 3 and 8 threads. What is not disposed here is freed by the collector.
    private static IEnumerable<(string, Operation)> Operations =>
    [
        ("Linear", b => Linear(b, M: 250, N: 131, K: 901)),
        ("Linear of few rows", b => Linear(b, M: 3, N: 2000, K: 500)),
        ("Linear with rows 4 KiB apart", b => Linear(b, M: 130, N: 70, K: 1024)),
        ("Attention", b => Attention(b, causal: false)),
        ("Attention causal", b => Attention(b, causal: true)),
        ("Attention backward", AttentionBackward),
        ("LayerNorm", LayerNorm),
        ("Linear gradients", LinearGradients),
        ("CosineLogits backward of text", CosineLogitsBackwardText),
        ("TokenInjection backward", TokenInjectionBackward),
        ("BilinearUpsample backward", BilinearUpsampleBackward),
        ("Alignment", Alignment),
        ("Alignment backward", AlignmentBackward),
        ("LayerNorm backward of parameters", LayerNormBackwardParameters),
        ("Activation", ElementwiseActivation),
        ("ViewSignal backward", ViewSignalBackward),
        ("Copies and zeros", CopyAndClear),
        ("Dice", Dice),
        ("Focal backward", FocalBackward),
        ("AdamW", AdamW),
        ("SquaredNorm", SquaredNorm),
        ("PatchEmbedding", PatchEmbedding),
        ("MemoryBankDistance", MemoryBankDistance),
    ];

    private static Tensor Linear(CpuBackend backend, int M, int N, int K)
    {
        var y = backend.Allocate("y", new(M, N));
        using var weight = backend.Linear.Pack("w", Numbers.Uniform(1, N * K), Numbers.Uniform(2, N), N, K);
        backend.Linear.Forward(y, Input(backend, M, K), weight, Activation.Gelu);
        return y;
    }

    private static Tensor Attention(CpuBackend backend, bool causal)
    {
        var y = backend.Allocate("y", new(1, 200, 40));
        backend.Attention.Forward(y, Input(backend, 1, 200, 120), heads: 2, causal);
        return y;
    }

    private static Tensor AttentionBackward(CpuBackend backend)
    {
        var dqkv = backend.Allocate("dqkv", new(2, 200, 120));
        Tensor dy = Input(backend, 2, 200, 40), qkv = Input(backend, 2, 200, 120), y = Input(backend, 2, 200, 40);
        backend.Attention.BackwardInput(dqkv, dy, qkv, y, Input(backend, 2, 2, 200), heads: 2, causal: true);
        return dqkv;
    }

    private static Tensor LayerNorm(CpuBackend backend)
    {
        var y = backend.Allocate("y", new(500, 130));
        backend.LayerNorm.Forward(y, Input(backend, 500, 130), Input(backend, 130), Input(backend, 130));
        return y;
    }

    private static Tensor LinearGradients(CpuBackend backend)
    {
        var gradients = Input(backend, 65 * 97 + 65);
        // Rows enough to be cut into parts.
        Tensor dy = Input(backend, 5000, 65), x = Input(backend, 5000, 97);
        backend.Linear.BackwardParameters(gradients.View("dweight", new(65, 97)), dy, x);
        backend.Linear.BackwardBias(gradients.View("dbias", new(65), 65 * 97), dy);
        return gradients;
    }

    private static Tensor CosineLogitsBackwardText(CpuBackend backend)
    {
        Tensor dtext = Input(backend, 4, 300), dlogits = Input(backend, 3, 700), x = Input(backend, 3, 700, 300);
        backend.CosineLogits.BackwardText(dtext, dlogits, x, backend.Upload("classes", new(3), [1, 0, 1]), tau: 100);
        return dtext;
    }

    private static Tensor TokenInjectionBackward(CpuBackend backend)
    {
        Tensor dtokens = Input(backend, 5, 40, 130), dx = Input(backend, 15, 50, 130);
        backend.TokenInjection.BackwardTokens(dtokens, dx, start: 7);
        return dtokens;
    }

    private static Tensor BilinearUpsampleBackward(CpuBackend backend)
    {
        Tensor dx = Input(backend, 3, 30, 30), dy = Input(backend, 3, 120, 121);
        backend.BilinearUpsample.BackwardInput(dx, dy);
        return dx;
    }

    private static Tensor Alignment(CpuBackend backend)
    {
        Tensor loss = backend.Allocate("loss", new(3)), pooled = backend.Allocate("pooled", new(3, 300)), mass = backend.Allocate("mass", new(3));
        backend.Alignment.Forward(loss, pooled, mass, Input(backend, 3, 300), Input(backend, 3, 700, 300), Input(backend, 3, 700), Input(backend, 3), 1e-6f);
        return pooled;
    }

    private static Tensor AlignmentBackward(CpuBackend backend)
    {
        Tensor dz0 = Input(backend, 3, 300), dfeatures = Input(backend, 3, 700, 300), dlogits = Input(backend, 3, 700);
        backend.Alignment.BackwardInput(dz0, dfeatures, dlogits, Input(backend, 3, 300), Input(backend, 3, 700, 300), Input(backend, 3, 700), Input(backend, 3),
            Input(backend, 3, 300), Input(backend, 3), scale: 1);
        return dfeatures;
    }

    private static Tensor LayerNormBackwardParameters(CpuBackend backend)
    {
        var sums = backend.Allocate("sums", new(2, 130));
        Tensor x = Input(backend, 1500, 130), dy = Input(backend, 1500, 130), mean = Input(backend, 1500), rstd = Input(backend, 1500);
        backend.Clear(sums);
        backend.LayerNorm.BackwardParameters(sums.View("dweight", new(130)), sums.View("dbias", new(130), 130), dy, x, mean, rstd);
        return sums;
    }

    // 70,001 elements end in a tail, which must not meet other elements when the cut is another.
    private static Tensor ElementwiseActivation(CpuBackend backend)
    {
        Tensor y = backend.Allocate("y", new(1, 70_001)), x = Input(backend, 1, 70_001);
        backend.ElementwiseActivation.Forward(y, x, Activation.Gelu);
        backend.ElementwiseActivation.BackwardInput(y, y, x, Activation.Gelu);
        return y;
    }

    private static Tensor ViewSignalBackward(CpuBackend backend)
    {
        var dsignal = backend.Allocate("dsignal", new(3, 130));
        backend.Clear(dsignal);
        backend.ViewSignal.BackwardParameters(dsignal, Input(backend, 6, 300, 130));
        return dsignal;
    }

    private static Tensor CopyAndClear(CpuBackend backend)
    {
        var y = backend.Allocate("y", new(200_001));
        backend.Copy(y, Input(backend, 200_001));
        backend.Clear(y.View("middle", new(150_000), 7));
        return y;
    }

    private static Tensor Dice(CpuBackend backend)
    {
        var sums = backend.Allocate("sums", new(3, 2));
        backend.Dice.Forward(backend.Allocate("loss", new(3)), sums, Input(backend, 3, 9001), Input(backend, 3, 9001), 1e4f);
        return sums;
    }

    private static Tensor FocalBackward(CpuBackend backend)
    {
        var dlogits = Input(backend, 3, 9001);
        backend.Focal.BackwardInput(dlogits, Input(backend, 3, 9001), Input(backend, 3, 9001), gamma: 2, scale: 9001);
        return dlogits;
    }

    private static Tensor AdamW(CpuBackend backend)
    {
        var parameters = Input(backend, 20_001);
        backend.AdamW.Update(parameters, Input(backend, 20_001), backend.Upload("second", new(20_001), Numbers.Uniform(1, 20_001, 1, 1)), Input(backend, 20_001),
            new AdamWStep(1e-2, 1e-2, 0.9, 0.999, 1e-8, 3));
        return parameters;
    }

    private static Tensor SquaredNorm(CpuBackend backend)
    {
        var result = backend.Allocate("result", new(1));
        backend.SquaredNorm.Forward(result, Input(backend, 50_001));
        return result;
    }

    private static Tensor PatchEmbedding(CpuBackend backend)
    {
        const int S = 96, patch = 8, C = 70, tokens = 145;
        var x = backend.Allocate("x", new(2, tokens, C));
        using var weight = backend.Linear.Pack("conv1", Numbers.Uniform(1, C * 192), [], C, 192);
        backend.PatchEmbedding.Forward(x, Input(backend, 2, 3, S, S), weight, Input(backend, C), Input(backend, tokens, C), patch);
        return x;
    }

    private static Tensor MemoryBankDistance(CpuBackend backend)
    {
        var distance = backend.Allocate("distance", new(300));
        using var bank = backend.Linear.Pack("bank", Numbers.UnitRows(1, 500, 60), [], 500, 60);
        backend.MemoryBankDistance.Forward(distance, Input(backend, 300, 60), bank);
        return distance;
    }

    private static Tensor Input(CpuBackend backend, params ReadOnlySpan<int> sizes)
    {
        var shape = new Shape(sizes);
        return backend.Upload("input", shape, Numbers.Uniform(shape.Count, shape.Count));
    }
}
