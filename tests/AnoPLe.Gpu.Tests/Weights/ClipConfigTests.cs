using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Weights;

namespace AnoPLe.Gpu.Tests.Weights;

public sealed class ClipConfigTests
{
    private const string HuggingFace = """{"model_type":"clip","projection_dim":768,"vision_config":{"hidden_size":1024,"intermediate_size":4096,"num_hidden_layers":24,"num_attention_heads":16,"patch_size":14,"image_size":336},"text_config":{"hidden_size":768,"intermediate_size":3072,"num_attention_heads":12}}""";

    /// <summary>Parameters of both towers, as published by OpenAI; open_clip gives B-16-plus-240 as 208.38 million.</summary>
    [Theory]
    [InlineData("vit-b-32", 151_277_313)]
    [InlineData("vit-b-16", 149_620_737)]
    [InlineData("vit-b-16-plus-240", 208_377_345)]
    [InlineData("vit-l-14", 427_616_513)]
    [InlineData("vit-l-14-336", 427_944_193)]
    public void Known_configurations_have_the_published_parameter_counts(string name, long parameters) =>
        Assert.Equal(parameters, ClipTensors.All(ClipConfig.Known[name]).Sum(tensor => (long)tensor.Shape.Count));

    [Fact]
    public void Nano_stays_below_six_million_parameters() =>
        Assert.InRange(ClipTensors.All(ClipConfig.Known["nano"]).Sum(tensor => (long)tensor.Shape.Count), 4_000_000, 6_000_000);

    [Fact]
    public void B16_plus_240_is_that_of_the_paper()
    {
        ClipConfig config = ClipConfig.Find("ViT-B-16-plus-240");
        Assert.Equal((240, 16, 15, 226), (config.ImageSize, config.PatchSize, config.Grid, config.VisionTokens));
        Assert.Equal((896, 12, 14, 64), (config.VisionWidth, config.VisionLayers, config.VisionHeads, config.VisionHeadWidth));
        Assert.Equal((640, 12, 10, 64), (config.TextWidth, config.TextLayers, config.TextHeads, config.TextHeadWidth));
        Assert.Equal((640, 49408, 77, Activation.Gelu), (config.EmbedDim, config.VocabSize, config.ContextLength, config.Activation));
        Assert.Equal("vit-b-16-plus-240", config.KnownName);
    }

    [Fact]
    public void Every_known_configuration_survives_its_own_json()
    {
        Assert.Equal(7, ClipConfig.Known.Count);
        Assert.All(ClipConfig.Known, pair =>
        {
            Assert.Equal(pair.Value, ClipConfig.Parse(pair.Value.ToJson()));
            Assert.Equal(File.ReadAllText(Repository.Path("weights", "configs", pair.Key + ".json")), pair.Value.ToJson());
        });
    }

    [Fact]
    public void Reads_open_clip_config_and_hugging_face_config()
    {
        ClipConfig known = ClipConfig.Known["vit-l-14-336"];
        Assert.Equal(known, ClipConfig.Parse("{\"model_cfg\":" + known.ToJson() + ",\"preprocess_cfg\":{}}"));
        Assert.Equal(known, ClipConfig.Parse(HuggingFace));
        Assert.Equal(known with { Activation = Activation.Gelu }, ClipConfig.Parse(HuggingFace
            .Replace("\"image_size\"", "\"hidden_act\":\"gelu\",\"image_size\"", StringComparison.Ordinal)
            .Replace("\"num_attention_heads\":12", "\"num_attention_heads\":12,\"hidden_act\":\"gelu\"", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("\"layers\": 12,\n    \"width\": 768", "\"layers\": [3, 4, 6, 3],\n    \"width\": 768", "ResNet")]
    [InlineData("\"patch_size\": 32", "\"patch_size\": 33", "no multiple of the patch size 33")]
    [InlineData("\"patch_size\": 32", "\"patch_size\": 0", "patch size is 1 to 256")]
    [InlineData("\"patch_size\": 32", "\"patch_size\": 1e99", "expected a whole number")]
    [InlineData("\"patch_size\": 32", "\"patch_size\": \"32\"", "expected a whole number")]
    [InlineData("\"patch_size\": 32", "\"patch_size\": 32, \"patch_size\": 16", "patch_size")]
    [InlineData("\"patch_size\": 32", "\"patch_size\": 32, \"timm_model_name\": \"x\"", "timm_model_name")]
    [InlineData("\"patch_size\": 32", "\"patch_size\": 32, \"mlp_ratio\": 4.3637", "mlp_ratio")]
    [InlineData("\"patch_size\": 32", "\"patch_size\": 32, \"head_width\": 0", "head width 0")]
    [InlineData("\"embed_dim\": 512", "\"embed_dim\": -1", "embedding dimension is 1")]
    [InlineData("\"embed_dim\": 512,", "", "'embed_dim' is missing")]
    [InlineData("\"heads\": 8", "\"heads\": 7", "no multiple of its 7 heads")]
    [InlineData("\"vision_cfg\": {", "\"vision_cfg\": [], \"x\": {", "'vision_cfg' is no JSON object")]
    [InlineData("\"vision_cfg\"", "\"vision\"", "holds neither")]
    [InlineData("}", "", "configuration: ")]
    public void Bad_json_says_what_is_wrong(string what, string with, string word)
    {
        string json = ClipConfig.Known["vit-b-32"].ToJson().Replace(what, with, StringComparison.Ordinal);
        Assert.Contains(word, Assert.Throws<InvalidDataException>(() => ClipConfig.Parse(json)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"model_type\":\"clip\"", "\"model_type\":\"siglip\"", "'siglip'")]
    [InlineData("\"intermediate_size\":4096", "\"intermediate_size\":4000", "MLP widths 4000")]
    [InlineData("\"image_size\":336", "\"image_size\":336,\"hidden_act\":\"gelu\"", "different 'hidden_act'")]
    [InlineData("\"image_size\":336", "\"image_size\":336,\"hidden_act\":\"relu\"", "'relu'")]
    public void Bad_hugging_face_json_says_what_is_wrong(string what, string with, string word) => Assert.Contains(word,
        Assert.Throws<InvalidDataException>(() => ClipConfig.Parse(HuggingFace.Replace(what, with, StringComparison.Ordinal))).Message, StringComparison.Ordinal);

    [Fact]
    public void An_unknown_name_lists_the_known_ones()
    {
        string message = Assert.Throws<ArgumentException>(() => ClipConfig.Find("vit-z-99")).Message;
        Assert.Contains("nano, tiny, vit-b-16, vit-b-16-plus-240", message, StringComparison.Ordinal);
    }
}
