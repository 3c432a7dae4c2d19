using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Prompts;
using AnoPLe.Gpu.Training;

namespace AnoPLe.Gpu.Tests.Golden;

/// <summary>A golden case as the trainer sees it: options, model with the initial parameters, the batch, one step.</summary>
internal sealed class GoldenTraining : IDisposable
{
    public GoldenTraining(GoldenCase golden, Backend backend)
    {
        Clip = ClipModel.Load(golden.Backbone, backend);
        Options = OptionsOf(golden);
        Options.Validate(Clip.Config);
        int[][] rows = [.. golden.Integers("in/text_ids").Select(id => (int)id).Chunk(Clip.Config.ContextLength)];
        Model = new AnopleModel(Clip, Options, rows);
        foreach (var declaration in Model.Parameters.Declarations)
        {
            Assert.Equal(declaration.Shape, new Shape(golden.Shape("param/" + declaration.Name)));
            backend.Write(Model.Parameters.Value(declaration.Name), golden.Initial(declaration.Name));
        }
        Assert.Equal(golden.Expected("grad/").Order(StringComparer.Ordinal), Model.Parameters.Declarations.Select(d => d.Name).Order(StringComparer.Ordinal));
        int[] shape = golden.Shape("in/views"), grid = golden.Shape("in/lat_mask");
        Batch = new TrainingBatch(shape[0], shape[1], shape[3], grid[3], Clip.Config.VisionWidth);
        golden.Floats("in/views").CopyTo(Batch.Pixels, 0);
        golden.Floats("in/textures").CopyTo(Batch.Textures, 0);
        golden.Floats("in/pix_mask").CopyTo(Batch.PixelMask, 0);
        golden.Floats("in/lat_mask").CopyTo(Batch.LatentMask, 0);
        golden.Floats("in/beta").CopyTo(Batch.Beta, 0);
        golden.Floats("in/lat_noise").CopyTo(Batch.LatentNoise, 0);
        golden.Floats("in/cls_noise").CopyTo(Batch.ClassNoise, 0);
        golden.Integers("in/class_index").Select(k => (int)k).ToArray().CopyTo(Batch.ClassIndex, 0);
        int[] images = [.. Enumerable.Range(0, shape[0])];
        Step = new TrainingStep(Model, images.Length, images.Length);
        Step.Load(Batch, images);
    }

    public ClipModel Clip { get; }

    public TrainingOptions Options { get; }

    public AnopleModel Model { get; }

    public TrainingBatch Batch { get; }

    public TrainingStep Step { get; }

    public static TrainingOptions OptionsOf(GoldenCase golden) => new()
    {
        Mode = golden.Mode switch
        {
            "bidirectional" => PromptMode.Bidirectional,
            "t2v" => PromptMode.TextToVisual,
            "v2t" => PromptMode.VisualToText,
            "text" => PromptMode.TextOnly,
            "visual" => PromptMode.VisualOnly,
            _ => throw new InvalidDataException($"The case has mode '{golden.Mode}'."),
        },
        ViewMode = golden.ViewMode switch
        {
            "decoder" => ViewMode.Decoder,
            "encoder" => ViewMode.Encoder,
            "none" => ViewMode.None,
            _ => throw new InvalidDataException($"The case has view mode '{golden.ViewMode}'."),
        },
        Views = golden.Views,
        Depth = (int)golden.Option("depth"),
        TextTokens = (int)golden.Option("m_t"),
        VisualTokens = (int)golden.Option("m_v"),
        Hidden = (int)golden.Option("hidden"),
        ImageTemperature = golden.ImageTemperature,
        PixelTemperature = (float)golden.Option("tau_pix"),
        NoiseSigma = (float)golden.Option("noise_sigma"),
        LatentGlobalWeight = (float)golden.Option("w_latent_global"),
        FocalGamma = (float)golden.Option("gamma"),
        DiceEpsilon = (float)golden.Option("dice_eps"),
        AlignmentEpsilon = (float)golden.Option("align_eps"),
        DetachAlignment = golden.Switch("align_detach"),
        DiceWeight = (float)golden.Option("w_dice"),
        FocalWeight = (float)golden.Option("w_focal"),
        ImageWeight = (float)golden.Option("w_img"),
        AlignmentWeight = (float)golden.Option("w_align"),
        LearningRate = golden.Option("lr"),
        CouplingLearningRate = golden.Option("lr_couple"),
        FinalLearningRate = golden.Option("lr_final"),
        Beta1 = golden.Option("beta1"),
        Beta2 = golden.Option("beta2"),
        AdamEpsilon = golden.Option("adam_eps"),
        WeightDecay = golden.Option("weight_decay"),
        MemoryLayers = golden.MemoryLayers,
        HarmonicEpsilon = (float)golden.Option("harm_eps"),
        SmoothSigma = (float)golden.Option("smooth_sigma"),
    };

    public void Dispose()
    {
        Step.Dispose();
        Model.Dispose();
        Clip.Dispose();
    }
}
