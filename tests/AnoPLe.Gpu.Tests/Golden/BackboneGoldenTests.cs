using System.Text.Json;
using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Tests.Golden;

/// <summary>The backbone of every case loads, and its configuration, inferred from tensors and metadata, is the one its config.json states.</summary>
[Trait("Category", "Golden")]
public sealed class BackboneGoldenTests
{
    [Fact]
    public void Every_backbone_loads_with_its_stated_configuration()
    {
        foreach (string folder in GoldenFolders.Find("anople").SelectMany(Directory.GetDirectories).Where(f => File.Exists(Path.Combine(f, "backbone.safetensors"))))
        {
            JsonElement clip = JsonSerializer.Deserialize<JsonElement>(File.ReadAllBytes(Path.Combine(folder, "config.json"))).GetProperty("clip");
            int Stated(string name) => clip.GetProperty(name).GetInt32();
            using ClipWeights weights = ClipWeights.Load(Path.Combine(folder, "backbone.safetensors"));
            Assert.Equal(new ClipConfig
            {
                ImageSize = Stated("image_size"), PatchSize = Stated("patch_size"), VisionWidth = Stated("v_width"), VisionLayers = Stated("v_layers"),
                VisionHeads = Stated("v_heads"), TextWidth = Stated("t_width"), TextLayers = Stated("t_layers"), TextHeads = Stated("t_heads"),
                EmbedDim = Stated("embed_dim"), VocabSize = Stated("vocab_size"), ContextLength = Stated("context_length"),
                Activation = clip.GetProperty("act").GetString() == "gelu" ? Activation.Gelu : Activation.QuickGelu,
            }, weights.Config);
            Assert.All(weights.Tensors, tensor => Assert.Equal(tensor.Shape.Count, weights.Floats(tensor.Name).Length));
        }
    }
}
