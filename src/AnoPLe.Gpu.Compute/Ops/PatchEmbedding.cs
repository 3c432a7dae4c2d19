namespace AnoPLe.Gpu.Compute.Ops;

/// <summary>Images to the first rows of a token sequence: class token, then one token per patch, plus positions.</summary>
/// <remarks>
/// images: (B, 3, S, S), normalised; weight: [C, 3 p^2] (CLIP's conv1 flattened in channel, row, column order; no bias);
/// classEmbedding: (C); positions: (g^2 + 1, C) with g = S/p; x: (B, T, C) with T >= g^2 + 1.
/// x[b, 0] = classEmbedding + positions[0]; x[b, 1 + i] = patch_i weight^T + positions[1 + i], patches row-major.
/// Rows from g^2 + 1 on are left untouched: they are for view and prompt tokens (<see cref="TokenInjection"/>).
/// No backward: images and weights are frozen. Source: openai/CLIP clip/model.py, VisionTransformer.forward.
/// </remarks>
public abstract class PatchEmbedding(Backend backend) : Operation(backend)
{
    /// <summary>Embeds a batch of square images.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit.</exception>
    public void Forward(Tensor x, Tensor images, PackedLinear weight, Tensor classEmbedding, Tensor positions, int patch)
    {
        Require.Rank(Backend, images, 4);
        Require.Rank(Backend, x, 3);
        Linear.CheckWeight(Backend, weight);
        int B = images.Shape[0], S = images.Shape[2], C = weight.OutFeatures;
        Require.That(images.Shape[1] == 3 && images.Shape[3] == S, $"images ('{images.Name}') have shape {images.Shape}, expected [B, 3, S, S].");
        Require.That(patch > 0 && S % patch == 0, $"Patches of {patch} do not tile images of {S} x {S}.");
        int tokens = S / patch * (S / patch) + 1;
        Require.That(weight.InFeatures == 3 * patch * patch && !weight.HasBias,
            $"'{weight.Name}' takes {weight.InFeatures} values{(weight.HasBias ? " and a bias" : "")}, expected 3 * {patch} * {patch} and no bias.");
        Require.Tensor(Backend, classEmbedding, new(C));
        Require.Tensor(Backend, positions, new(tokens, C));
        Require.That(x.Shape[0] == B && x.Width == C && x.Shape[1] >= tokens,
            $"x ('{x.Name}') has shape {x.Shape}, expected [{B}, at least {tokens}, {C}].");
        ForwardCore(x, images, weight, classEmbedding, positions, patch);
    }

    /// <summary>Arithmetic of <see cref="Forward"/>; arguments have been checked.</summary>
    protected abstract void ForwardCore(Tensor x, Tensor images, PackedLinear weight, Tensor classEmbedding, Tensor positions, int patch);
}
