using AnoPLe.Gpu.Weights.Download;
using static AnoPLe.Gpu.Tests.Weights.Download.DownloadTesting;

namespace AnoPLe.Gpu.Tests.Weights.Download;

/// <summary>Downloads that end in the middle, and what the next one makes of it.</summary>
public sealed class ResumeTests : IDisposable
{
    private const int Half = 50_000;

    private static readonly DownloadOptions Once = Options with { Attempts = 1 };

    private readonly DownloadTesting test = new();
    private readonly byte[] content = Checkpoint();

    private Answer Good => new() { Content = content, ETag = ETag, Ranges = true };

    private Answer Cut => Good with { CutAfter = Half };

    public void Dispose() => test.Dispose();

    [Fact]
    public async Task A_cut_answer_goes_on_where_it_ended()
    {
        using FileServer server = new(Cut, Good);
        Reports reports = new();
        DownloadedFile file = await test.Run(Entry(server, Sha256(content)), progress: reports);
        Assert.Equal(Sha256(content), file.Sha256);
        Assert.Equal([null, Half], server.Requests.Select(request => request.From));
        Assert.Equal(ETag, server.Requests[1].Headers["If-Range"]);
        DownloadProgress waiting = Assert.Single(reports.All, report => report.Stage == DownloadStage.Waiting);
        Assert.Contains("cut", waiting.Note, StringComparison.Ordinal);
        Assert.Equal(["model.download.json", "model.pt"], test.Files());
    }

    [Fact]
    public async Task A_later_download_goes_on_where_the_earlier_one_gave_up()
    {
        using FileServer server = new(Cut, Good);
        await test.Fails(DownloadFailure.Connection, Entry(server, Sha256(content)), Once, $"{Half} bytes are kept", "goes on from there");
        Assert.Equal(["model.pt.part", "model.pt.part.json"], test.Files());
        Assert.Equal(content[..Half], File.ReadAllBytes(test["model.pt.part"]));
        Reports reports = new();
        DownloadedFile file = await test.Run(Entry(server, Sha256(content)), Once, reports);
        Assert.Equal((Sha256(content), (long)Half), (file.Sha256, file.ResumedFrom));
        Assert.Equal(Half, server.Requests[1].From);
        Assert.Contains(reports.All, report => report is { Stage: DownloadStage.Checking, Done: Half });
        Assert.Equal(content, File.ReadAllBytes(file.Path));
        Assert.Equal(["model.download.json", "model.pt"], test.Files());
    }

    [Fact]
    public async Task A_server_that_ignores_ranges_sends_everything_again()
    {
        using FileServer server = new(Cut, Good with { Ranges = false });
        DownloadedFile file = await test.Run(Entry(server));
        Assert.Equal(Half, server.Requests[1].From);
        Assert.Equal((Sha256(content), 0L), (file.Sha256, file.ResumedFrom));
    }

    [Theory]
    [InlineData(false, 2)]
    [InlineData(true, 3)]
    public async Task A_changed_file_begins_anew(bool ignoresIfRange, int requests)
    {
        byte[] changed = Checkpoint(seed: 1);
        Answer now = Good with { Content = changed, ETag = "\"v2\"", IgnoreIfRange = ignoresIfRange };
        using FileServer server = new(Cut, now);
        DownloadedFile file = await test.Run(Entry(server));
        Assert.Equal(Sha256(changed), file.Sha256);
        Assert.Equal(requests, server.Requests.Count);
    }

    [Fact]
    public async Task Another_range_than_asked_for_is_not_glued_on()
    {
        using FileServer server = new(Cut, Good with { RangeShift = 7 });
        DownloadedFile file = await test.Run(Entry(server));
        Assert.Equal(Sha256(content), file.Sha256);
        Assert.Equal([null, Half, null], server.Requests.Select(request => request.From));
    }

    [Fact]
    public async Task A_file_that_became_shorter_begins_anew()
    {
        byte[] shorter = Checkpoint(Half - 1000, seed: 1);
        using FileServer server = new(Cut, Good with { Content = shorter, IgnoreIfRange = true });
        Assert.Equal(Sha256(shorter), (await test.Run(Entry(server))).Sha256);
        Assert.Equal([null, Half, null], server.Requests.Select(request => request.From));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("W/\"weak\"")]
    public async Task Without_a_strong_validator_everything_is_fetched_again(string? etag)
    {
        using FileServer server = new(Cut with { ETag = etag }, Good with { ETag = etag });
        Assert.Equal(Sha256(content), (await test.Run(Entry(server))).Sha256);
        Assert.Equal([null, null], server.Requests.Select(request => request.From));
    }

    [Fact]
    public async Task A_date_is_a_validator()
    {
        const string date = "Wed, 21 Oct 2015 07:28:00 GMT";
        using FileServer server = new(Cut with { ETag = null, LastModified = date }, Good with { ETag = null, LastModified = date });
        DownloadedFile file = await test.Run(Entry(server));
        Assert.Equal(Sha256(content), file.Sha256);
        Assert.Equal((Half, date), (server.Requests[1].From, server.Requests[1].Headers["If-Range"]));
    }

    [Fact]
    public async Task Cancelling_keeps_what_has_arrived()
    {
        byte[] large = Checkpoint(1_000_000);
        using FileServer server = new(Good with { Content = large, StallAfter = 800_000 }, Good with { Content = large });
        using CancellationTokenSource cancellation = new();
        Task<DownloadedFile> running = test.Run(Entry(server), cancellation: cancellation.Token);
        FileInfo part = new(Downloader.PartialPath(Entry(server), test.Folder));
        // The last few bytes may still be on their way.
        while (!part.Exists || part.Length < 600_000)
        {
            await Task.Delay(5);
            part.Refresh();
        }
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        part.Refresh();
        long kept = part.Length;
        Assert.InRange(kept, 600_000, 800_000);
        DownloadedFile file = await test.Run(Entry(server));
        Assert.Equal((Sha256(large), kept), (file.Sha256, file.ResumedFrom));
    }

    [Fact]
    public async Task Cancelling_before_the_first_byte_leaves_nothing()
    {
        using FileServer server = new(Good with { StallAfter = -1 });
        using CancellationTokenSource cancellation = new(100);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => test.Run(Entry(server), cancellation: cancellation.Token));
        Assert.Empty(test.Files());
    }

    [Fact]
    public async Task Bytes_that_were_not_flushed_are_not_trusted()
    {
        using FileServer server = new(Cut, Good);
        await test.Fails(DownloadFailure.Connection, Entry(server), Once);
        // After a power cut a file may be longer than what was brought onto the disk, with anything in the rest.
        using (FileStream garbage = new(test["model.pt.part"], FileMode.Append))
            garbage.Write(new byte[500]);
        DownloadedFile file = await test.Run(Entry(server));
        Assert.Equal((Sha256(content), (long)Half), (file.Sha256, file.ResumedFrom));
    }

    [Theory]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData(null)]
    public async Task A_part_that_belongs_to_nothing_known_is_dropped(string? state)
    {
        using FileServer server = new(Cut, Good);
        await test.Fails(DownloadFailure.Connection, Entry(server), Once);
        File.Delete(test["model.pt.part.json"]);
        if (state is not null)
            File.WriteAllText(test["model.pt.part.json"], state);
        Assert.Equal(0, (await test.Run(Entry(server))).ResumedFrom);
        Assert.Null(server.Requests[1].From);
    }

    [Fact]
    public async Task A_part_of_another_address_is_dropped()
    {
        using FileServer server = new(Cut, Good);
        await test.Fails(DownloadFailure.Connection, Entry(server), Once);
        Assert.Equal(Sha256(content), (await test.Run(Entry(server, path: "/other.pt"))).Sha256);
        Assert.Null(server.Requests[1].From);
    }

    [Fact]
    public async Task A_changed_part_is_found_by_the_hash_and_deleted()
    {
        using FileServer server = new(Cut, Good);
        await test.Fails(DownloadFailure.Connection, Entry(server, Sha256(content)), Once);
        using (FileStream part = new(test["model.pt.part"], FileMode.Open))
        {
            part.Position = 1000;
            part.WriteByte((byte)~content[1000]);
        }
        await test.Fails(DownloadFailure.WrongHash, Entry(server, Sha256(content)), Once, "deleted");
        Assert.Empty(test.Files());
        Assert.Equal(HashCheck.Published, (await test.Run(Entry(server, Sha256(content)))).Check);
    }

    [Fact]
    public async Task A_complete_part_is_placed_without_a_request()
    {
        using FileServer server = new(Cut);
        await test.Fails(DownloadFailure.Connection, Entry(server), Once);
        File.WriteAllBytes(test["model.pt.part"], content);
        string state = File.ReadAllText(test["model.pt.part.json"]);
        File.WriteAllText(test["model.pt.part.json"], state.Replace($"\"flushed\": {Half}", $"\"flushed\": {content.Length}", StringComparison.Ordinal));
        Assert.Equal((Sha256(content), (long)content.Length), (await test.Run(Entry(server)) is var file ? (file.Sha256, file.ResumedFrom) : default));
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task A_line_that_drops_again_and_again_gets_through_if_it_gets_on()
    {
        byte[] large = Checkpoint(5 << 20);
        using FileServer server = new(Good with { Content = large, CutAfter = (1 << 20) + 1 });
        DownloadedFile file = await test.Run(Entry(server, Sha256(large)), Options with { Attempts = 2 });
        Assert.Equal(Sha256(large), file.Sha256);
        Assert.Equal(5, server.Requests.Count);
    }

    [Fact]
    public async Task A_server_that_only_ever_sends_the_beginning_is_given_up()
    {
        byte[] large = Checkpoint(3 << 20);
        using FileServer server = new(Good with { Content = large, CutAfter = 2 << 20, Ranges = false });
        await test.Fails(DownloadFailure.Connection, Entry(server), Options with { Attempts = 2 }, "after 2 attempts");
        Assert.Equal([null, 2 << 20], server.Requests.Select(request => request.From));
    }
}
