using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Weights.Download;

namespace AnoPLe.Gpu.Tests.Weights.Download;

public sealed class WeightsManifestTests
{
    private const string Minimal = """{"version": 1, "models": [{"name": "a", "format": "pt", "url": "https://example.com/a.pt"}]}""";

    public static TheoryData<string> Names => [.. WeightsManifest.BuiltIn.Entries.Select(entry => entry.Name)];

    [Fact]
    public void The_built_in_one_is_the_repositorys()
    {
        WeightsManifest file = WeightsManifest.Load(Repository.Path("weights", "manifest.json"));
        Assert.Equal(file.Entries, WeightsManifest.BuiltIn.Entries);
        Assert.Contains(file.Entries, entry => entry.Architecture == "vit-b-16-plus-240");
    }

    [Theory, MemberData(nameof(Names))]
    public void Every_entry_is_complete_and_agrees_with_its_url(string name)
    {
        ManifestEntry entry = WeightsManifest.BuiltIn.Find(name.ToUpperInvariant())!;
        Assert.Equal("https", entry.Url.Scheme);
        Assert.NotNull(entry.Config);
        Assert.NotNull(entry.Licence);
        Assert.NotNull(entry.Page);
        string[] path = entry.Url.AbsolutePath.Split('/');
        switch (entry.Url.Host)
        {
            case "openaipublic.azureedge.net":
                // OpenAI's folders are called by the file's hash.
                Assert.Equal(path[^2], entry.Sha256);
                break;
            case "github.com":
                // open_clip's files end with the first digits.
                Assert.StartsWith(Path.GetFileNameWithoutExtension(path[^1]).Split('-')[^1], entry.Sha256!, StringComparison.Ordinal);
                break;
            default:
                // A revision, not a branch, whose file may change.
                Assert.Equal("huggingface.co", entry.Url.Host);
                Assert.Matches("^[0-9a-f]{40}$", path[^2]);
                break;
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void The_page_about_weights_lists_it(string name)
    {
        ManifestEntry entry = WeightsManifest.BuiltIn.Find(name)!;
        string row = Assert.Single(File.ReadLines(Repository.Path("weights", "README.md")), line => line.StartsWith($"| `anople weights download {name}` ", StringComparison.Ordinal));
        string[] cells = [.. row.Split('|', StringSplitOptions.TrimEntries)];
        Assert.Equal([$"`{entry.Architecture}`", $"{entry.Config!.ImageSize}", entry.Activation == Activation.Gelu ? "GELU" : "QuickGELU"], cells[2..5]);
        Assert.Equal(entry.Sha256?.Length switch { null => "first use", 64 => "all digits", var digits => $"{digits} digits" }, cells[7]);
        Assert.Equal(entry.Licence, cells[10]);
        Assert.EndsWith($"]({entry.Page!.AbsoluteUri.TrimEnd('/')})", cells[11], StringComparison.Ordinal);
    }

    [Fact]
    public void The_activation_is_part_of_the_configuration()
    {
        Assert.Equal(Activation.Gelu, WeightsManifest.BuiltIn.Find("laion2b-vit-b-32")!.Config!.Activation);
        Assert.Equal(ClipConfig.Find("vit-b-32"), WeightsManifest.BuiltIn.Find("openai-vit-b-32")!.Config);
    }

    [Fact]
    public void What_may_be_missing_may_be_missing()
    {
        ManifestEntry entry = Assert.Single(WeightsManifest.Parse(Minimal).Entries);
        Assert.Equal("a.pt", entry.FileName);
        Assert.Null(entry.Config);
        Assert.Null(entry.Sha256);
    }

    [Theory]
    [InlineData("\"version\": 1", "\"version\": 2", "\"version\": 2")]
    [InlineData("\"version\": 1, ", "", "none")]
    [InlineData("\"models\"", "\"modles\"", "modles")]
    [InlineData("\"name\": \"a\"", "\"name\": \"../a\"", "../a")]
    [InlineData("\"name\": \"a\", ", "", "name")]
    [InlineData("\"pt\"", "\"gguf\"", "safetensors, torchscript or pt")]
    [InlineData("https://example.com/a.pt", "ftp://example.com/a.pt", "ftp://")]
    [InlineData("\"format\"", "\"sha256\": \"12345\", \"format\"", "12345")]
    [InlineData("\"format\"", "\"bytes\": 0, \"format\"", "above 0")]
    [InlineData("\"format\"", "\"architecture\": \"vit-x\", \"format\"", "vit-b-16")]
    [InlineData("\"format\"", "\"activation\": \"relu\", \"format\"", "quick_gelu or gelu")]
    [InlineData("}]", "}, {\"name\": \"A\", \"format\": \"pt\", \"url\": \"https://example.com/a.pt\"}]", "twice")]
    [InlineData("{\"version\"", "[\"version\"", "manifest")]
    public void A_mistake_is_named(string from, string to, string part)
    {
        Assert.Contains(from, Minimal, StringComparison.Ordinal);
        var e = Assert.Throws<InvalidDataException>(() => WeightsManifest.Parse(Minimal.Replace(from, to, StringComparison.Ordinal), "mine.json"));
        Assert.Contains("mine.json", e.Message, StringComparison.Ordinal);
        Assert.Contains(part, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://example.com/a/model.safetensors?download=true", "m.safetensors")]
    [InlineData("https://example.com/pytorch_model.bin", "m.pt")]
    [InlineData("https://example.com/model.PTH", "m.pt")]
    public void A_url_says_the_format(string url, string file) => Assert.Equal(file, ManifestEntry.FromUrl("m", url).FileName);

    [Theory]
    [InlineData("https://example.com/model")]
    [InlineData("https://example.com/?file=model.pt")]
    [InlineData("model.pt")]
    [InlineData("file:///model.pt")]
    public void A_url_of_no_checkpoint_is_refused(string url) => Assert.Throws<ArgumentException>(() => ManifestEntry.FromUrl("m", url));

    [Theory]
    [InlineData(50, 100L, 10.0, 5.0)]
    [InlineData(50, null, 10.0, null)]
    [InlineData(50, 100L, 0.0, null)]
    [InlineData(50, 100L, 1e-9, null)]
    public void The_time_left_is_said_when_it_is_known(long done, long? total, double rate, double? seconds) =>
        Assert.Equal(seconds, new DownloadProgress(DownloadStage.Downloading, done, total, rate).Remaining?.TotalSeconds);
}
