using System.Globalization;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Randomness;

namespace AnoPLe.Gpu.Weights;

/// <summary>
/// Seeded random CLIP weights for tests, benchmarks and training from scratch. A model of such weights understands nothing, but every
/// activation has a realistic scale. The bits depend on the configuration and the seed alone.
/// </summary>
/// <remarks>
/// Standard deviations are those of openai/CLIP's initialize_parameters, used for both towers: attention input w^-1/2; attention and MLP
/// outputs w^-1/2 (2 L)^-1/2; MLP input (2 w)^-1/2; tokens 0.02; text positions 0.01; class token, patch positions and projections w^-1/2.
/// The patch embedding has (9 p^2)^-1/2, the deviation of torch's default for a convolution with 3 p^2 inputs. Layer norms
/// are 1 and 0, biases 0, logit_scale ln(1 / 0.07). The numbers are described at <see cref="CounterNormal"/>.
/// </remarks>
public static class ClipWeightsInit
{
    private const int Piece = 1 << 16;
    private const float InitialLogitScale = 2.6592600f;

    /// <summary>Writes random weights to a safetensors file under canonical names, with everything in the metadata that no shape tells.</summary>
    /// <param name="config">The model's sizes.</param>
    /// <param name="seed">Any number.</param>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <param name="type">F32, or F16 or BF16 for half the size.</param>
    /// <param name="progress">Gets the fraction that is done, 0 to 1.</param>
    /// <param name="cancellationToken">Stops between tensors; nothing stays.</param>
    /// <exception cref="ArgumentException">The configuration is not valid, or the type is none of the three.</exception>
    /// <exception cref="DirectoryNotFoundException">The folder does not exist.</exception>
    /// <exception cref="IOException">The disk is full or failed.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static void Create(ClipConfig config, ulong seed, string path, SafetensorsType type = SafetensorsType.F32,
        IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        IReadOnlyList<ClipTensor> tensors = ClipTensors.All(config);
        Require.That(type is SafetensorsType.F32 or SafetensorsType.F16 or SafetensorsType.BF16, $"Weights are written as F32, F16 or BF16, got {type}.");
        using SafetensorsWriter writer = SafetensorsWriter.Create(path, tensors.Select(tensor => new SafetensorsDeclaration(tensor.Name, type, tensor.Shape)),
            Metadata(config, seed));
        float[] buffer = new float[1 << 22];
        long done = 0, all = tensors.Sum(tensor => (long)tensor.Shape.Count);
        foreach (ClipTensor tensor in tensors)
        {
            for (int start = 0, count = tensor.Shape.Count; start < count; start += buffer.Length)
            {
                cancellationToken.ThrowIfCancellationRequested();
                int length = Math.Min(buffer.Length, count - start);
                Fill(config, seed, tensor.Name, start, buffer.AsMemory(0, length));
                writer.Write(tensor.Name, buffer.AsSpan(0, length));
                done += length;
                progress?.Report((double)done / all);
            }
        }
        writer.Commit();
    }

    private static Dictionary<string, string> Metadata(ClipConfig config, ulong seed)
    {
        Dictionary<string, string> metadata = ClipMetadata.Of(config, "anople weights init");
        metadata.Add("seed", seed.ToString(CultureInfo.InvariantCulture));
        return metadata;
    }

    /// <summary>Elements of a tensor from <paramref name="start"/> on, on all processors.</summary>
    internal static void Fill(ClipConfig config, ulong seed, string name, long start, Memory<float> destination)
    {
        if (destination.Length <= Piece)
            FillPart(config, seed, name, start, destination.Span);
        else
            Parallel.For(0, (destination.Length + Piece - 1) / Piece, piece =>
            {
                int first = piece * Piece;
                FillPart(config, seed, name, start + first, destination.Span[first..Math.Min(first + Piece, destination.Length)]);
            });
    }

    /// <summary>Elements of a tensor from <paramref name="start"/> on.</summary>
    internal static void FillPart(ClipConfig config, ulong seed, string name, long start, Span<float> destination)
    {
        if (Constant(name) is { } constant)
            destination.Fill(constant);
        else
            CounterNormal.Fill(CounterNormal.Key(seed, name), start, Deviation(config, name), destination);
    }

    private static float? Constant(string name)
    {
        if (name == ClipTensors.LogitScale)
            return InitialLogitScale;
        if (name.EndsWith("bias", StringComparison.Ordinal))
            return 0f;
        return name.Contains("ln_", StringComparison.Ordinal) ? 1f : null;
    }

    // Square roots and divisions are exact to the last bit everywhere.
    private static float Deviation(ClipConfig config, string name)
    {
        bool vision = name.StartsWith("visual.", StringComparison.Ordinal);
        double width = vision ? config.VisionWidth : config.TextWidth, layers = vision ? config.VisionLayers : config.TextLayers;
        return name switch
        {
            ClipTensors.TokenEmbedding => 0.02f,
            ClipTensors.TextPositions => 0.01f,
            ClipTensors.PatchEmbedding => (float)(1 / Math.Sqrt(9.0 * config.PatchSize * config.PatchSize)),
            _ when name.EndsWith(ClipTensors.Weight(ClipTensors.Block.OutProj), StringComparison.Ordinal)
                || name.EndsWith(ClipTensors.Weight(ClipTensors.Block.Proj), StringComparison.Ordinal) => (float)(1 / Math.Sqrt(width * 2 * layers)),
            _ when name.EndsWith(ClipTensors.Weight(ClipTensors.Block.Fc), StringComparison.Ordinal) => (float)(1 / Math.Sqrt(2 * width)),
            _ => (float)(1 / Math.Sqrt(width)),
        };
    }
}
