using System.Globalization;
using System.Security.Cryptography;
using AnoPLe.Gpu.Cli.Output;
using AnoPLe.Gpu.Cli.Tests.Testing;
using AnoPLe.Gpu.Tests;
using AnoPLe.Gpu.Weights.Download;

namespace AnoPLe.Gpu.Cli.Tests.Commands;

public sealed class WeightsDownloadTests(SmallData data) : IDisposable
{
    private readonly TempFolder folder = new();
    private readonly byte[] weights = File.ReadAllBytes(data.Weights);

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task The_list_is_the_manifest_and_needs_no_network()
    {
        var result = (await Anople.Run("weights", "download", "--list")).Fine();
        var models = (await Anople.Run("weights", "download", "--list", "--json")).Fine().Json.GetProperty("models").EnumerateArray().ToArray();
        Assert.Equal(WeightsManifest.BuiltIn.Entries.Select(entry => entry.Name), models.Select(model => model.GetProperty("name").GetString()));
        Assert.Equal(240, models[0].GetProperty("imageSize").GetInt32());
        Assert.Equal(1 + models.Length, result.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.All(WeightsManifest.BuiltIn.Entries, entry => Assert.Contains(entry.Name, result.Out, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_safetensors_file_can_be_used_as_it_is()
    {
        using FileServer server = new(new Answer { Content = weights });
        string url = server.Url("/clip/open_clip_model.safetensors").AbsoluteUri;
        var result = (await Anople.Run("weights", "download", "mine", "--url", url, "--out", folder["new"])).Fine();
        Assert.Equal(["new/mine.download.json", "new/mine.safetensors"], folder.Files());
        Assert.Contains("Not checked: no hash is published", result.Out, StringComparison.Ordinal);
        Assert.Contains(Convert.ToHexStringLower(SHA256.HashData(weights)), result.Out, StringComparison.Ordinal);
        Assert.Contains($"Nothing to convert. Look at it: anople weights inspect {folder["new", "mine.safetensors"]}", result.Out, StringComparison.Ordinal);
        (await Anople.Run("weights", "inspect", folder["new", "mine.safetensors"])).Fine();
        var again = (await Anople.Run("weights", "download", "mine", "--url", url, "--out", folder["new"], "--json")).Fine();
        Assert.True(again.Json.GetProperty("alreadyThere").GetBoolean());
        Assert.Equal("recorded", again.Json.GetProperty("check").GetString());
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task A_manifest_of_ones_own_is_followed_by_the_command_that_converts()
    {
        byte[] zip = [.. "PK\x03\x04"u8, .. new byte[100], .. "PK\x05\x06"u8, .. new byte[18]];
        using FileServer server = new(new Answer { Content = zip }, new Answer { Status = 404 });
        File.WriteAllText(folder["list.json"], $$"""
            {"version": 1, "models": [{"name": "ours", "architecture": "vit-b-16", "activation": "gelu", "format": "torchscript", "url": "{{server.Url()}}", "licence": "ours alone"}]}
            """);
        string[] args = ["weights", "download", "ours", "--manifest", folder["list.json"], "--out", folder.Root];
        string file = folder["ours.pt"], next = $"anople weights convert {file} --out {folder["ours.safetensors"]} --activation gelu";
        var result = (await Anople.Run([.. args, "--sha256", Convert.ToHexString(SHA256.HashData(zip))[..10], "--json"])).Fine();
        Assert.Equal(("publishedPrefix", next, zip.Length), (result.Json.GetProperty("check").GetString(), result.Json.GetProperty("next").GetString(), result.Json.GetProperty("bytes").GetInt32()));
        Assert.Contains("Licence: ours alone", result.Error, StringComparison.Ordinal);

        File.Delete(file);
        result = await Anople.Run(args);
        result.FailedWith("404", server.Url().AbsoluteUri, $"put it at {file}");
        Assert.Contains($"Then: {next}", result.Error, StringComparison.Ordinal);
        Assert.Empty(result.Out);
        File.WriteAllBytes(file, zip);
        Assert.Contains("Already there", (await Anople.Run(args)).Fine().Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bad_manifests_and_folders_fail_before_the_network()
    {
        File.WriteAllText(folder["list.json"], "{}");
        (await Anople.Run("weights", "download", "x", "--manifest", folder["list.json"])).FailedWith("list.json", "version");
        (await Anople.Run("weights", "download", "--list", "--manifest", folder["none.json"])).FailedWith("none.json");
        (await Anople.Run("weights", "download", "openai-vit-b-32", "--out", folder["list.json"])).FailedWith("list.json", "is a file");
    }

    [Fact]
    public async Task A_wrong_hash_fails_and_leaves_nothing()
    {
        using FileServer server = new(new Answer { Content = weights });
        (await Anople.Run("weights", "download", "mine", "--url", server.Url("/m.safetensors").AbsoluteUri, "--sha256", new string('0', 64), "--out", folder.Root))
            .FailedWith("SHA-256", "It was deleted", "By hand");
        Assert.Empty(folder.Files());
    }

    [Fact]
    public async Task Cancelling_says_what_is_kept()
    {
        using FileServer server = new(new Answer { Content = weights, StallAfter = weights.Length / 2, ETag = "\"v1\"", Ranges = true }, new Answer { Content = weights, ETag = "\"v1\"", Ranges = true });
        using CancellationTokenSource cancellation = new();
        string[] args = ["weights", "download", "mine", "--url", server.Url("/m.safetensors").AbsoluteUri, "--out", folder.Root, "--json"];
        using StringWriter stderr = new(CultureInfo.InvariantCulture);
        Task<CliResult> running = Anople.Run(stderr, cancellation.Token, args);
        FileInfo part = new(folder["mine.safetensors.part"]);
        while (!part.Exists || part.Length < weights.Length / 4)
        {
            await Task.Delay(5);
            part.Refresh();
        }
        await cancellation.CancelAsync();
        CliResult result = await running;
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("cancelled: ", result.Error, StringComparison.Ordinal);
        Assert.Contains($"are kept in {part.FullName}. The same command goes on from there.", result.Error, StringComparison.Ordinal);
        result = (await Anople.Run(args)).Fine();
        Assert.True(result.Json.GetProperty("resumedFrom").GetInt64() >= weights.Length / 4);
    }

    [Fact]
    public async Task A_proxy_of_the_environment_is_used()
    {
        using FileServer proxy = new(new Answer { Content = weights });
        // A host that does not exist: only the proxy can answer.
        string hash = Convert.ToHexStringLower(SHA256.HashData(weights));
        var result = await Anople.RunProcess(folder.Root, new Dictionary<string, string> { ["http_proxy"] = $"http://127.0.0.1:{proxy.Port}", ["no_proxy"] = "" },
            "weights", "download", "mine", "--url", "http://weights.invalid/m.safetensors", "--sha256", hash);
        result.Fine();
        Assert.Equal("http://weights.invalid/m.safetensors", Assert.Single(proxy.Requests).Target);
        Assert.Contains("mine.safetensors", folder.Files());
    }

    [Fact]
    public void Progress_says_size_rate_and_time_left()
    {
        Assert.Equal("x: 1.0 MiB of 4.0 MiB, 512.0 KiB/s, 6 s left", DownloadDisplay.Describe("x", new(DownloadStage.Downloading, 1 << 20, 4 << 20, 1 << 19)));
        Assert.Equal("x: 1.0 MiB, 512.0 KiB/s", DownloadDisplay.Describe("x", new(DownloadStage.Downloading, 1 << 20, null, 1 << 19)));
        Assert.Equal("x: 1.0 MiB of 4.0 MiB, checking what is there", DownloadDisplay.Describe("x", new(DownloadStage.Checking, 1 << 20, 4 << 20, 0)));
        Assert.Equal("x: 0 bytes of 1.0 GiB, 1.0 MiB/s, 17 min left", DownloadDisplay.Describe("x", new(DownloadStage.Downloading, 0, 1 << 30, 1 << 20)));
    }
}
