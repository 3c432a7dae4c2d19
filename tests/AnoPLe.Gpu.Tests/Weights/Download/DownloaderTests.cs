using AnoPLe.Gpu.Clip;
using AnoPLe.Gpu.Compute.Ops;
using AnoPLe.Gpu.Weights;
using AnoPLe.Gpu.Weights.Download;
using static AnoPLe.Gpu.Tests.Weights.Download.DownloadTesting;

namespace AnoPLe.Gpu.Tests.Weights.Download;

public sealed class DownloaderTests : IDisposable
{
    private readonly DownloadTesting test = new();
    private readonly byte[] content = Checkpoint();

    public void Dispose() => test.Dispose();

    [Fact]
    public async Task A_file_arrives_whole_is_checked_and_recorded_and_nothing_else_stays()
    {
        using FileServer server = new(new Answer { Content = content });
        Reports reports = new();
        DownloadedFile file = await test.Run(Entry(server, Sha256(content)), progress: reports);
        Assert.Equal(content, File.ReadAllBytes(test["model.pt"]));
        Assert.Equal((test["model.pt"], (long)content.Length, Sha256(content), HashCheck.Published, false, 0L),
            (file.Path, file.Bytes, file.Sha256, file.Check, file.AlreadyThere, file.ResumedFrom));
        Assert.Equal(["model.download.json", "model.pt"], test.Files());
        string record = File.ReadAllText(file.Record);
        Assert.Contains(Sha256(content), record, StringComparison.Ordinal);
        Assert.Contains(server.Url().AbsoluteUri, record, StringComparison.Ordinal);
        Assert.Equal((DownloadStage.Downloading, (long)content.Length, (long?)content.Length), (reports.All[^1].Stage, reports.All[^1].Done, reports.All[^1].Total));
    }

    [Fact]
    public async Task Without_a_published_hash_the_first_one_is_recorded_and_another_file_is_refused_later()
    {
        byte[] other = Checkpoint(seed: 1);
        using FileServer server = new(new Answer { Content = content }, new Answer { Content = content }, new Answer { Content = other });
        Assert.Equal(HashCheck.FirstUse, (await test.Run(Entry(server))).Check);
        File.Delete(test["model.pt"]);
        Assert.Equal(HashCheck.Recorded, (await test.Run(Entry(server))).Check);
        File.Delete(test["model.pt"]);
        await test.Fails(DownloadFailure.WrongHash, Entry(server), null, Sha256(content), Sha256(other), "model.download.json", "delete that record");
        Assert.Equal(["model.download.json"], test.Files());
        File.Delete(test["model.download.json"]);
        Assert.Equal(HashCheck.FirstUse, (await test.Run(Entry(server))).Check);
    }

    [Fact]
    public async Task A_published_beginning_of_the_hash_is_checked_as_such()
    {
        using FileServer server = new(new Answer { Content = content });
        DownloadedFile file = await test.Run(Entry(server, Sha256(content)[..8]));
        Assert.Equal((HashCheck.PublishedPrefix, Sha256(content)), (file.Check, file.Sha256));
        File.Delete(file.Path);
        string wrong = (Sha256(content)[0] == '0' ? '1' : '0') + Sha256(content)[1..8];
        await test.Fails(DownloadFailure.WrongHash, Entry(server, wrong), null, $"begins with {wrong}", "By hand");
    }

    [Fact]
    public async Task The_record_decides_where_only_the_first_digits_are_published_and_not_where_all_are()
    {
        using FileServer server = new(new Answer { Content = content });
        string hash = Sha256(content), other = hash[..63] + (hash[63] == '0' ? '1' : '0');
        DownloadedFile file = await test.Run(Entry(server));
        File.WriteAllText(file.Record, File.ReadAllText(file.Record).Replace(hash, other, StringComparison.Ordinal));
        await test.Fails(DownloadFailure.WrongHash, Entry(server, hash[..8]), null, hash, other, file.Record);
        Assert.Equal(HashCheck.Published, (await test.Run(Entry(server, hash))).Check);
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task A_wrong_file_is_deleted_and_never_placed()
    {
        using FileServer server = new(new Answer { Content = content });
        string published = Sha256(Checkpoint(seed: 1));
        await test.Fails(DownloadFailure.WrongHash, Entry(server, published), null, Sha256(content), published, "It was deleted",
            $"download {server.Url()}", test["model.pt"]);
        Assert.Empty(test.Files());
    }

    [Fact]
    public async Task A_file_that_is_there_is_checked_and_not_fetched_again()
    {
        using FileServer server = new(new Answer { Content = content });
        Directory.CreateDirectory(test.Folder);
        File.WriteAllBytes(test["model.pt"], content);
        DownloadedFile file = await test.Run(Entry(server));
        Assert.Equal((true, HashCheck.FirstUse, Sha256(content)), (file.AlreadyThere, file.Check, file.Sha256));
        Assert.Equal(HashCheck.Recorded, (await test.Run(Entry(server))).Check);
        Assert.Equal(HashCheck.Published, (await test.Run(Entry(server, Sha256(content)))).Check);
        Assert.Empty(server.Requests);
    }

    [Fact]
    public async Task A_wrong_file_that_is_there_is_left_alone_and_named()
    {
        using FileServer server = new(new Answer { Content = content });
        Directory.CreateDirectory(test.Folder);
        byte[] mine = Checkpoint(seed: 1);
        File.WriteAllBytes(test["model.pt"], mine);
        await test.Fails(DownloadFailure.WrongHash, Entry(server, Sha256(content)), null, test["model.pt"], "there already", "Move it away");
        await test.Fails(DownloadFailure.WrongSize, Entry(server) with { Bytes = 7 }, null, "7", "there already");
        File.WriteAllText(test["model.pt"], "<!doctype html>");
        await test.Fails(DownloadFailure.WrongContent, Entry(server), null, "a web page", "there already");
        Assert.Equal(["model.pt"], test.Files());
        Assert.Empty(server.Requests);
    }

    [Fact]
    public async Task A_damaged_record_is_not_taken_for_none()
    {
        using FileServer server = new(new Answer { Content = content });
        Directory.CreateDirectory(test.Folder);
        foreach (string damaged in new[] { "{", "{}", "{\"sha256\": \"12\"}" })
        {
            File.WriteAllText(test["model.download.json"], damaged);
            await test.Fails(DownloadFailure.WrongContent, Entry(server), null, "model.download.json", "delete it");
        }
        Assert.Empty(server.Requests);
    }

    [Fact]
    public async Task Another_size_than_expected_is_refused_before_the_first_byte()
    {
        using FileServer server = new(new Answer { Content = content });
        await test.Fails(DownloadFailure.WrongSize, Entry(server) with { Bytes = content.Length + 1 }, null, $"{content.Length}", $"{content.Length + 1}");
        Assert.Single(server.Requests);
        Assert.Empty(test.Files());
    }

    [Fact]
    public async Task More_than_expected_without_a_declared_length_is_refused()
    {
        using FileServer server = new(new Answer { Content = content, NoLength = true });
        await test.Fails(DownloadFailure.WrongSize, Entry(server) with { Bytes = 1000 }, null, "more than the expected 1000 bytes");
        Assert.Empty(test.Files());
    }

    [Fact]
    public async Task More_than_declared_is_not_read()
    {
        // The rest of the answer belongs to nothing; the file is what was declared, and its hash says that it is not the file.
        using FileServer server = new(new Answer { Content = content, DeclaredLength = content.Length - 10 });
        await test.Fails(DownloadFailure.WrongHash, Entry(server, Sha256(content)), null, Sha256(content[..^10]));
        Assert.Empty(test.Files());
    }

    [Theory]
    [InlineData("text/html", "PK", "a web page")]
    [InlineData("application/octet-stream", "<!doctype html><p>Please log in", "a web page")]
    [InlineData("application/octet-stream", "version https://git-lfs.github.com/spec/v1", "Git LFS")]
    [InlineData("application/octet-stream", "PK\x03\x04 and then the line broke", "not whole")]
    [InlineData("application/octet-stream", "", "unknown format")]
    public async Task What_is_no_checkpoint_is_refused(string type, string text, string expected)
    {
        using FileServer server = new(new Answer { Content = System.Text.Encoding.ASCII.GetBytes(text), ContentType = type, NoLength = true });
        await test.Fails(DownloadFailure.WrongContent, Entry(server), null, expected, "By hand");
        Assert.Empty(test.Files());
    }

    [Fact]
    public async Task A_safetensors_file_gets_the_activation_that_it_does_not_hold()
    {
        using TemporaryFolder source = new();
        ClipWeightsInit.Create(ClipConfig.Find("tiny"), 0, source["tiny.safetensors"]);
        byte[] tiny = File.ReadAllBytes(source["tiny.safetensors"]);
        using FileServer server = new(new Answer { Content = tiny[..^1], NoLength = true }, new Answer { Content = tiny });
        ManifestEntry entry = Entry(server) with { Format = ManifestFormat.Safetensors, Architecture = "tiny", Activation = Activation.Gelu };
        await test.Fails(DownloadFailure.WrongContent, entry, null);
        DownloadedFile file = await test.Run(entry);
        Assert.Equal(test["model.json"], file.Config);
        using (ClipWeights weights = ClipWeights.Load(file.Path))
            Assert.Equal(Activation.Gelu, weights.Config.Activation);
        // What the user wrote there stays.
        File.WriteAllText(test["model.json"], ClipConfig.Find("tiny").ToJson());
        Assert.Null((await test.Run(entry)).Config);
        Assert.Equal(ClipConfig.Find("tiny").ToJson(), File.ReadAllText(test["model.json"]));
    }

    [Theory]
    [InlineData("/%2e%2e/%2e%2e/evil.pt")]
    [InlineData("/..%2f..%2fevil.pt")]
    [InlineData("/a/b%5cc.pt?name=../../evil.pt")]
    public async Task The_url_never_names_a_file(string path)
    {
        using FileServer server = new(new Answer { Content = content });
        await test.Run(Entry(server, path: path));
        Assert.Equal(["model.download.json", "model.pt"], test.Files());
    }

    [Theory]
    [InlineData("../evil")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("a\\b")]
    [InlineData("/etc/evil")]
    [InlineData("C:evil")]
    [InlineData("con")]
    [InlineData("COM1.x")]
    [InlineData(".hidden")]
    [InlineData("end.")]
    [InlineData("end ")]
    [InlineData("a\n")]
    [InlineData("")]
    public async Task A_name_that_is_no_file_name_is_refused(string name)
    {
        using FileServer server = new(new Answer { Content = content });
        await Assert.ThrowsAsync<ArgumentException>(() => test.Run(Entry(server) with { Name = name }));
        Assert.Empty(server.Requests);
        Assert.Empty(test.Files());
    }

    [Fact]
    public async Task Plain_http_from_elsewhere_needs_the_whole_hash()
    {
        List<Uri> asked = [];
        using FakeNetwork network = new(request =>
        {
            asked.Add(request.RequestUri!);
            return new(System.Net.HttpStatusCode.OK) { Content = new ByteArrayContent(content), RequestMessage = request };
        });
        using HttpClient client = new(network);
        using Downloader downloader = new(client, Options);
        ManifestEntry entry = ManifestEntry.FromUrl("model", "http://example.com/model.pt", Sha256(content)[..63]);
        var e = await Assert.ThrowsAsync<DownloadException>(() => downloader.DownloadAsync(entry, test.Folder));
        Assert.Equal(DownloadFailure.UnsafeUrl, e.Failure);
        Assert.Empty(asked);
        await downloader.DownloadAsync(entry with { Sha256 = Sha256(content) }, test.Folder);
        Assert.Single(asked);
    }

    [Fact]
    public async Task A_full_disk_is_found_before_the_first_byte()
    {
        using FileServer server = new(new Answer { Content = content });
        using HttpClient client = new();
        using Downloader downloader = new(client, ownsClient: false, Options, TimeProvider.System, _ => content.Length - 1);
        var e = await Assert.ThrowsAsync<DownloadException>(() => downloader.DownloadAsync(Entry(server), test.Folder));
        Assert.Equal(DownloadFailure.Disk, e.Failure);
        Assert.Contains($"needs {content.Length} bytes more", e.Message, StringComparison.Ordinal);
        Assert.Empty(test.Files());
        using Downloader larger = new(client, ownsClient: false, Options, TimeProvider.System, _ => content.Length);
        await larger.DownloadAsync(Entry(server), test.Folder);
    }

    [Fact]
    public async Task A_second_download_of_the_same_checkpoint_fails_at_once_and_harms_nothing()
    {
        TaskCompletionSource release = new(TaskCreationOptions.RunContinuationsAsynchronously), begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using FileServer server = new((i, _) =>
        {
            begun.TrySetResult();
            return new Answer { Content = content, StallAfter = 1000, Release = release.Task };
        });
        Task<DownloadedFile> first = test.Run(Entry(server));
        await begun.Task;
        await test.Fails(DownloadFailure.Busy, Entry(server), null, "model.pt.part", "another download");
        release.SetResult();
        Assert.Equal(Sha256(content), (await first).Sha256);
        Assert.Equal(["model.download.json", "model.pt"], test.Files());
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task A_folder_in_the_way_is_named()
    {
        using FileServer server = new(new Answer { Content = content });
        Directory.CreateDirectory(test["model.pt"]);
        await test.Fails(DownloadFailure.Disk, Entry(server), null, test["model.pt"], "folder");
    }
}
