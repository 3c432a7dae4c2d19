using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;

namespace AnoPLe.Gpu.Training;

/// <summary>
/// What the decoder and the losses read of 3N samples, and its gradients: the class rows and the patch tokens after ln_post and z_0.
/// The groups lie one after another (normal, pixel-anomalous, latent-anomalous), so that every group is a view.
/// </summary>
internal sealed class SampleFeatures
{
    private readonly int N;

    /// <summary>Takes memory from an arena. The gradient of the patch tokens is the decoder's.</summary>
    public SampleFeatures(Arena arena, ClipConfig config, int samplesPerGroup)
    {
        N = samplesPerGroup;
        int C = config.VisionWidth;
        All = new(arena.Take("smp.cls", new(3 * N, C)), arena.Take("smp.patches", new(3 * N, config.Patches, C)));
        Normal = Group(All, 0, 1);
        Pixel = Group(All, 1, 1);
        Towers = Group(All, 0, 2);
        Latent = Group(All, 2, 1);
        ClassGradient = arena.Take("grad.smp.cls", new(3 * N, C));
        ClassFeature = arena.Take("smp.z0", new(3 * N, config.EmbedDim));
        ClassFeatureGradient = arena.Take("grad.smp.z0", new(3 * N, config.EmbedDim));
    }

    /// <summary>All 3N samples.</summary>
    public Features All { get; }

    /// <summary>Group 1.</summary>
    public Features Normal { get; }

    /// <summary>Group 2.</summary>
    public Features Pixel { get; }

    /// <summary>Groups 1 and 2: the vision tower's samples.</summary>
    public Features Towers { get; }

    /// <summary>Group 3.</summary>
    public Features Latent { get; }

    /// <summary>Gradient of the class rows, (3N, d_v).</summary>
    public Tensor ClassGradient { get; }

    /// <summary>z_0, (3N, d).</summary>
    public Tensor ClassFeature { get; }

    /// <summary>Gradient of z_0.</summary>
    public Tensor ClassFeatureGradient { get; }

    /// <summary>A tensor of 3N samples by group.</summary>
    public SampleGroups Split(Tensor all) => new(Slice(all, 0, 1), Slice(all, 2, 1), Slice(all, 0, 2));

    private Features Group(Features all, int first, int count) => new(Slice(all.Class, first, count), Slice(all.Patches, first, count));

    private Tensor Slice(Tensor all, int first, int count)
    {
        int perGroup = all.Count / 3;
        Shape shape = all.Shape.Rank == 2 ? new(count * N, all.Width) : new(count * N, all.Shape[1], all.Width);
        return all.View($"{all.Name}.{first}", shape, first * perGroup);
    }
}

/// <summary>Class rows and patch tokens of some samples, both after ln_post.</summary>
/// <param name="Class">(n, d_v).</param>
/// <param name="Patches">(n, g*g, d_v).</param>
internal sealed record Features(Tensor Class, Tensor Patches);

/// <summary>Views of a tensor of 3N samples.</summary>
/// <param name="Normal">Group 1.</param>
/// <param name="Latent">Group 3.</param>
/// <param name="Towers">Groups 1 and 2.</param>
internal sealed record SampleGroups(Tensor Normal, Tensor Latent, Tensor Towers);
