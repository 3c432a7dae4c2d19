using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Compute.Resampling;

namespace AnoPLe.Gpu.Kernels.Tests.Testing;

/// <summary>One ready call of every operation, for what must hold of all of them: same bits again, nothing allocated.</summary>
/// <param name="Name">The operation and its variant.</param>
/// <param name="Prepare">Places operands and gives the call and what it writes. Calling twice must give the same output.</param>
internal sealed record OperationCase(string Name, Func<Workbench, (Action Call, Tensor[] Outputs)> Prepare)
{
    /// <summary>Every operation; each backend's simulator can run them in well under a second together.</summary>
    public static IReadOnlyList<OperationCase> All { get; } =
    [
        new("ImageResize", ImageResize),
        new("PatchEmbedding", PatchEmbedding),
        new("TokenInjection", TokenInjection),
        new("TokenInjection backward", TokenInjectionBackward),
        new("RowGather", RowGather),
        new("RowGather backward", RowGatherBackward),
        new("LayerNorm", LayerNorm),
        new("LayerNorm backward", LayerNormBackward),
        new("LayerNorm backward of parameters", LayerNormBackwardParameters),
        new("Linear", bench => Linear(bench, 37, 45, 51, Activation.None)),
        new("Linear one row", bench => Linear(bench, 1, 45, 51, Activation.None)),
        new("Linear GELU", bench => Linear(bench, 37, 45, 51, Activation.Gelu)),
        new("Linear QuickGELU", bench => Linear(bench, 37, 45, 51, Activation.QuickGelu)),
        new("Linear gradients", LinearGradients),
        new("TransposedConv2x2", TransposedConv2x2),
        new("Attention", bench => Attention(bench, causal: false)),
        new("Attention causal", bench => Attention(bench, causal: true)),
        new("Attention backward", bench => AttentionBackward(bench, causal: false)),
        new("Attention backward causal", bench => AttentionBackward(bench, causal: true)),
        new("L2Normalize", L2Normalize),
        new("L2Normalize backward", L2NormalizeBackward),
        new("CosineLogits", CosineLogits),
        new("CosineLogits backward", CosineLogitsBackward),
        new("CosineLogits backward of text", CosineLogitsBackwardText),
        new("MemoryBankDistance", MemoryBankDistance),
        new("BilinearUpsample", BilinearUpsample),
        new("BilinearUpsample backward", BilinearUpsampleBackward),
        new("GaussianBlur", GaussianBlur),
        new("Alignment", Alignment),
        new("Alignment backward", AlignmentBackward),
        new("GELU", bench => ElementwiseActivation(bench, Activation.Gelu)),
        new("QuickGELU", bench => ElementwiseActivation(bench, Activation.QuickGelu)),
        new("ViewSignal", ViewSignal),
        new("ViewSignal backward", ViewSignalBackward),
        new("LatentNoise", LatentNoise),
        new("LatentNoise backward", LatentNoiseBackward),
        new("Copy", Copy),
        new("Dice", Dice),
        new("Focal of gamma 2", bench => Focal(bench, 2)),
        new("Focal of gamma 0.5", bench => Focal(bench, 0.5f)),
        new("CrossEntropy", CrossEntropy),
        new("AdamW", AdamW),
        new("SquaredNorm", SquaredNorm),
        new("FusedScore", FusedScore),
    ];

    private static (Action, Tensor[]) ImageResize(Workbench bench)
    {
        Tensor images = bench.Output("images", 2, 3, 7, 7), values = Input(bench, "values", 3, 256);
        var pixels = new byte[3 * 20 * 13];
        new Random(5).NextBytes(pixels);
        ImageSource[] sources = [new(pixels, 20, 13, 7), new(pixels, 20, 13, 7)];
        return (() => bench.Backend.ImageResize.Forward(images, sources, values), [images]);
    }

    private static (Action, Tensor[]) PatchEmbedding(Workbench bench)
    {
        const int B = 2, S = 12, patch = 4, C = 21, tokens = 10;
        var x = bench.Output("x", B, tokens, C);
        Tensor images = Input(bench, "images", B, 3, S, S), cls = Input(bench, "class", C), positions = Input(bench, "positions", tokens, C);
        var weight = bench.Weight("conv1", Numbers.Uniform(1, C * 48), [], C, 48);
        return (() => bench.Backend.PatchEmbedding.Forward(x, images, weight, cls, positions, patch), [x]);
    }

    private static (Action, Tensor[]) TokenInjection(Workbench bench)
    {
        var x = bench.InOut("x", new(4, 6, 19), Numbers.Uniform(1, 4 * 6 * 19));
        Tensor tokens = Input(bench, "tokens", 2, 3, 19), positions = Input(bench, "positions", 6, 19);
        return (() => bench.Backend.TokenInjection.Forward(x, tokens, 2, positions), [x]);
    }

    private static (Action, Tensor[]) TokenInjectionBackward(Workbench bench)
    {
        Tensor dtokens = Sum(bench, "dtokens", 2, 3, 19), dx = Sum(bench, "dx", 6, 6, 19);
        return Adding(bench, () => bench.Backend.TokenInjection.BackwardTokens(dtokens, dx, 2), dtokens, dx);
    }

    private static (Action, Tensor[]) RowGather(Workbench bench)
    {
        Tensor y = bench.Output("y", 3, 19), x = Input(bench, "x", 5, 19), rows = bench.Indices("rows", 4, 0, 2);
        return (() => bench.Backend.RowGather.Forward(y, x, rows), [y]);
    }

    private static (Action, Tensor[]) RowGatherBackward(Workbench bench)
    {
        Tensor dx = Sum(bench, "dx", 5, 19), dy = Input(bench, "dy", 3, 19), rows = bench.Indices("rows", 4, 0, 2);
        return Adding(bench, () => bench.Backend.RowGather.BackwardInput(dx, dy, rows), dx);
    }

    private static (Action, Tensor[]) LayerNorm(Workbench bench)
    {
        Tensor y = bench.Output("y", 9, 67), mean = bench.Output("mean", 9), rstd = bench.Output("rstd", 9);
        Tensor x = Input(bench, "x", 9, 67), w = Input(bench, "w", 67), b = Input(bench, "b", 67);
        return (() => bench.Backend.LayerNorm.Forward(y, x, w, b, mean, rstd), [y, mean, rstd]);
    }

    // Gradients are added, so every call begins with zeros.
    private static (Action, Tensor[]) LayerNormBackward(Workbench bench)
    {
        Tensor dx = bench.Output("dx", 9, 67), dy = Input(bench, "dy", 9, 67), x = Input(bench, "x", 9, 67), w = Input(bench, "w", 67);
        Tensor mean = Input(bench, "mean", 9), rstd = Input(bench, "rstd", 9);
        return (Call, [dx]);

        void Call()
        {
            bench.Backend.Clear(dx);
            bench.Backend.LayerNorm.BackwardInput(dx, dy, x, w, mean, rstd);
        }
    }

    private static (Action, Tensor[]) LayerNormBackwardParameters(Workbench bench)
    {
        Tensor dw = bench.Output("dw", 67), db = bench.Output("db", 67), dy = Input(bench, "dy", 300, 67), x = Input(bench, "x", 300, 67);
        Tensor mean = Input(bench, "mean", 300), rstd = Input(bench, "rstd", 300);
        return (Call, [dw, db]);

        void Call()
        {
            bench.Backend.Clear(dw);
            bench.Backend.Clear(db);
            bench.Backend.LayerNorm.BackwardParameters(dw, db, dy, x, mean, rstd);
        }
    }

    private static (Action, Tensor[]) Linear(Workbench bench, int M, int N, int K, Activation activation)
    {
        Tensor y = bench.Output("y", M, N), x = Input(bench, "x", M, K);
        var weight = bench.Weight("w", Numbers.Uniform(1, N * K), Numbers.Uniform(2, N), N, K);
        return (() => bench.Backend.Linear.Forward(y, x, weight, activation), [y]);
    }

    private static (Action, Tensor[]) LinearGradients(Workbench bench)
    {
        Tensor dweight = Sum(bench, "dweight", 45, 51), dbias = Sum(bench, "dbias", 45), dy = Input(bench, "dy", 300, 45), x = Input(bench, "x", 300, 51);
        return Adding(bench, () =>
        {
            bench.Backend.Linear.BackwardParameters(dweight, dy, x);
            bench.Backend.Linear.BackwardBias(dbias, dy);
        }, dweight, dbias);
    }

    private static (Action, Tensor[]) TransposedConv2x2(Workbench bench)
    {
        Tensor y = bench.Output("y", 2, 6, 8, 19), cells = bench.Output("cells", 2, 3, 4, 76), dcells = bench.Output("dcells", 2, 3, 4, 76);
        Tensor x = Input(bench, "x", 2, 3, 4, 7), bias = Input(bench, "bias", 19), values = Input(bench, "values", 7 * 76);
        var weight = bench.Weight("w", Numbers.Uniform(1, 7 * 76), [], 76, 7, WeightLayout.InOut);
        return (Call, [y, cells, dcells]);

        void Call()
        {
            bench.Backend.Linear.Repack(weight, values, null, WeightLayout.InOut);
            bench.Backend.TransposedConv2x2.Forward(y, cells, x, weight, bias);
            bench.Backend.TransposedConv2x2.GatherCells(dcells, y);
        }
    }

    private static (Action, Tensor[]) Attention(Workbench bench, bool causal)
    {
        Tensor y = bench.Output("y", 2, 23, 32), logSumExp = bench.Output("logSumExp", 2, 2, 23), qkv = Input(bench, "qkv", 2, 23, 96);
        return (() => bench.Backend.Attention.Forward(y, qkv, 2, causal, logSumExp), [y, logSumExp]);
    }

    private static (Action, Tensor[]) AttentionBackward(Workbench bench, bool causal)
    {
        Tensor dqkv = bench.Output("dqkv", 2, 23, 96), dy = Input(bench, "dy", 2, 23, 32), qkv = Input(bench, "qkv", 2, 23, 96);
        // Any y and logSumExp will do, as long as the weights do not overflow.
        Tensor y = Input(bench, "y", 2, 23, 32), logSumExp = Input(bench, "logSumExp", 2, 2, 23);
        return (() => bench.Backend.Attention.BackwardInput(dqkv, dy, qkv, y, logSumExp, 2, causal), [dqkv]);
    }

    private static (Action, Tensor[]) L2Normalize(Workbench bench)
    {
        Tensor y = bench.Output("y", 9, 67), x = Input(bench, "x", 9, 67);
        return (() => bench.Backend.L2Normalize.Forward(y, x), [y]);
    }

    private static (Action, Tensor[]) L2NormalizeBackward(Workbench bench)
    {
        Tensor dx = Sum(bench, "dx", 9, 67), dy = Input(bench, "dy", 9, 67), x = Input(bench, "x", 9, 67);
        return Adding(bench, () => bench.Backend.L2Normalize.BackwardInput(dx, dy, x), dx);
    }

    private static (Action, Tensor[]) CosineLogits(Workbench bench)
    {
        Tensor logits = bench.Output("logits", 2, 9), x = Input(bench, "x", 2, 9, 35), text = Input(bench, "text", 6, 35), classes = bench.Indices("classes", 2, 0);
        return (() => bench.Backend.CosineLogits.Forward(logits, x, text, classes, 100), [logits]);
    }

    private static (Action, Tensor[]) CosineLogitsBackward(Workbench bench)
    {
        Tensor dx = Sum(bench, "dx", 2, 9, 35), dlogits = Input(bench, "dlogits", 2, 9), x = Input(bench, "x", 2, 9, 35);
        Tensor text = Input(bench, "text", 6, 35), classes = bench.Indices("classes", 2, 0);
        return Adding(bench, () => bench.Backend.CosineLogits.BackwardInput(dx, dlogits, x, text, classes, 100), dx);
    }

    private static (Action, Tensor[]) CosineLogitsBackwardText(Workbench bench)
    {
        Tensor dtext = Sum(bench, "dtext", 6, 35), dlogits = Input(bench, "dlogits", 3, 150), x = Input(bench, "x", 3, 150, 35);
        var classes = bench.Indices("classes", 2, 0, 2);
        return Adding(bench, () => bench.Backend.CosineLogits.BackwardText(dtext, dlogits, x, classes, 100), dtext);
    }

    private static (Action, Tensor[]) MemoryBankDistance(Workbench bench)
    {
        Tensor distance = bench.Output("distance", 21), features = Input(bench, "features", 21, 35);
        var bank = bench.Weight("bank", Numbers.UnitRows(1, 70, 35), [], 70, 35);
        return (() => bench.Backend.MemoryBankDistance.Forward(distance, features, bank), [distance]);
    }

    private static (Action, Tensor[]) BilinearUpsample(Workbench bench)
    {
        Tensor y = bench.Output("y", 2, 23, 31), x = Input(bench, "x", 2, 5, 7);
        return (() => bench.Backend.BilinearUpsample.Forward(y, x), [y]);
    }

    private static (Action, Tensor[]) BilinearUpsampleBackward(Workbench bench)
    {
        Tensor dx = Sum(bench, "dx", 2, 5, 7), dy = Input(bench, "dy", 2, 23, 31);
        return Adding(bench, () => bench.Backend.BilinearUpsample.BackwardInput(dx, dy), dx);
    }

    private static (Action, Tensor[]) GaussianBlur(Workbench bench)
    {
        Tensor y = bench.Output("y", 2, 11, 13), x = Input(bench, "x", 2, 11, 13), scratch = bench.Output("scratch", 2, 11, 13);
        return (() => bench.Backend.GaussianBlur.Forward(y, x, scratch, 1.5f), [y]);
    }

    private static (Action, Tensor[]) Alignment(Workbench bench)
    {
        Tensor loss = bench.Output("loss", 2), pooled = bench.Output("pooled", 2, 35), mass = bench.Output("mass", 2), z0 = Input(bench, "z0", 2, 35);
        Tensor features = Input(bench, "features", 2, 150, 35), logits = Input(bench, "logits", 2, 150), weights = Input(bench, "weights", 2);
        return (() => bench.Backend.Alignment.Forward(loss, pooled, mass, z0, features, logits, weights, 1e-6f), [loss, pooled, mass]);
    }

    private static (Action, Tensor[]) AlignmentBackward(Workbench bench)
    {
        Tensor dz0 = Sum(bench, "dz0", 2, 35), dfeatures = Sum(bench, "dfeatures", 2, 9, 35), dlogits = Sum(bench, "dlogits", 2, 9);
        Tensor z0 = Input(bench, "z0", 2, 35), features = Input(bench, "features", 2, 9, 35), logits = Input(bench, "logits", 2, 9);
        // Any pooled features and mass will do.
        Tensor weights = Input(bench, "weights", 2), pooled = Input(bench, "pooled", 2, 35), mass = bench.Input("mass", new(2), [4, 5]);
        return Adding(bench, () => bench.Backend.Alignment.BackwardInput(dz0, dfeatures, dlogits, z0, features, logits, weights, pooled, mass, 0.5f),
            dz0, dfeatures, dlogits);
    }

    private static (Action, Tensor[]) ElementwiseActivation(Workbench bench, Activation activation)
    {
        Tensor y = bench.Output("y", 9, 671), dx = bench.Output("dx", 9, 671), dy = Input(bench, "dy", 9, 671), x = Input(bench, "x", 9, 671);
        return (Call, [y, dx]);

        void Call()
        {
            bench.Backend.ElementwiseActivation.Forward(y, x, activation);
            bench.Backend.ElementwiseActivation.BackwardInput(dx, dy, x, activation);
        }
    }

    private static (Action, Tensor[]) ViewSignal(Workbench bench)
    {
        Tensor y = bench.Output("y", 4, 5, 67), x = Input(bench, "x", 4, 5, 67), signal = Input(bench, "signal", 2, 67);
        return (() => bench.Backend.ViewSignal.Forward(y, x, signal), [y]);
    }

    private static (Action, Tensor[]) ViewSignalBackward(Workbench bench)
    {
        Tensor dsignal = bench.Output("dsignal", 2, 67), dy = Input(bench, "dy", 4, 140, 67);
        return (Call, [dsignal]);

        void Call()
        {
            bench.Backend.Clear(dsignal);
            bench.Backend.ViewSignal.BackwardParameters(dsignal, dy);
        }
    }

    private static (Action, Tensor[]) LatentNoise(Workbench bench)
    {
        Tensor y = bench.Output("y", 9, 67), x = Input(bench, "x", 9, 67), noise = Input(bench, "noise", 9, 67), mask = Input(bench, "mask", 9);
        return (() => bench.Backend.LatentNoise.Forward(y, x, noise, mask, 0.3f), [y]);
    }

    private static (Action, Tensor[]) LatentNoiseBackward(Workbench bench)
    {
        Tensor dx = bench.Output("dx", 9, 67), dy = Input(bench, "dy", 9, 67);
        return (Call, [dx]);

        void Call()
        {
            bench.Backend.Clear(dx);
            bench.Backend.LatentNoise.BackwardInput(dx, dy);
        }
    }

    private static (Action, Tensor[]) Copy(Workbench bench)
    {
        Tensor y = bench.Output("y", 9, 671), x = Input(bench, "x", 9, 671);
        return (() => bench.Backend.Copy(y, x), [y]);
    }

    private static (Action, Tensor[]) Dice(Workbench bench)
    {
        Tensor loss = bench.Output("loss", 2), sums = bench.Output("sums", 2, 2), da = bench.Output("da", 2, 57, 77);
        Tensor a = Input(bench, "a", 2, 57, 77), y = Input(bench, "y", 2, 57, 77);
        return (Call, [loss, sums, da]);

        void Call()
        {
            bench.Backend.Dice.Forward(loss, sums, a, y, 100);
            bench.Backend.Clear(da);
            bench.Backend.Dice.BackwardInput(da, a, y, sums, 100, 0.5f);
        }
    }

    private static (Action, Tensor[]) Focal(Workbench bench, float gamma)
    {
        Tensor loss = bench.Output("loss", 2), da = bench.Output("da", 2, 57, 77), a = Input(bench, "a", 2, 57, 77), y = Input(bench, "y", 2, 57, 77);
        return (Call, [loss, da]);

        void Call()
        {
            bench.Backend.Focal.Forward(loss, a, y, gamma);
            bench.Backend.Clear(da);
            bench.Backend.Focal.BackwardInput(da, a, y, gamma, 0.5f);
        }
    }

    private static (Action, Tensor[]) CrossEntropy(Workbench bench)
    {
        Tensor loss = bench.Output("loss", 67), db = bench.Output("db", 67), b = Input(bench, "b", 67), labels = Input(bench, "labels", 67), weights = Input(bench, "weights", 67);
        return (Call, [loss, db]);

        void Call()
        {
            bench.Backend.CrossEntropy.Forward(loss, b, labels, weights);
            bench.Backend.Clear(db);
            bench.Backend.CrossEntropy.BackwardInput(db, b, labels, weights, 0.5f);
        }
    }

    private static (Action, Tensor[]) AdamW(Workbench bench)
    {
        Tensor p = bench.Output("p", 2051), m = bench.Output("m", 2051), v = bench.Output("v", 2051), initial = Input(bench, "initial", 2051), g = Input(bench, "g", 2051);
        return (Call, [p, m, v]);

        void Call()
        {
            bench.Backend.Copy(p, initial);
            bench.Backend.Clear(m);
            bench.Backend.Clear(v);
            for (int k = 1; k <= 2; k++)
                bench.Backend.AdamW.Update(p, m, v, g, new AdamWStep(1e-2, 1e-2, 0.9, 0.999, 1e-8, k));
        }
    }

    private static (Action, Tensor[]) SquaredNorm(Workbench bench)
    {
        Tensor result = bench.Output("result", 1), x = Input(bench, "x", 9001);
        return (() => bench.Backend.SquaredNorm.Forward(result, x), [result]);
    }

    private static (Action, Tensor[]) FusedScore(Workbench bench)
    {
        Tensor y = bench.Output("y", 2, 23, 31), a = Input(bench, "a", 2, 23, 31), q = Input(bench, "q", 2, 23, 31);
        return (() => bench.Backend.FusedScore.Forward(y, a, q, 5), [y]);
    }

    private static Tensor Input(Workbench bench, string name, params ReadOnlySpan<int> sizes)
    {
        var shape = new Shape(sizes);
        return bench.Input(name, shape, Numbers.Uniform(shape.Count, shape.Count));
    }

    /// <summary>A tensor that a call adds to.</summary>
    private static Tensor Sum(Workbench bench, string name, params ReadOnlySpan<int> sizes)
    {
        var shape = new Shape(sizes);
        return bench.InOut(name, shape, Numbers.Uniform(shape.Count + 1, shape.Count));
    }

    /// <summary>A call that adds: what it adds to is put back first, or the second call would give another output.</summary>
    private static (Action, Tensor[]) Adding(Workbench bench, Action call, params Tensor[] sums)
    {
        float[][] before = [.. sums.Select(bench.Read)];
        return (() =>
        {
            for (int i = 0; i < sums.Length; i++)
                bench.Backend.Write(sums[i], before[i]);
            call();
        }, sums);
    }
}
