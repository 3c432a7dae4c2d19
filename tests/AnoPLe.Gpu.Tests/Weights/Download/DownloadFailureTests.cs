using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using AnoPLe.Gpu.Weights.Download;
using static AnoPLe.Gpu.Tests.Weights.Download.DownloadTesting;

namespace AnoPLe.Gpu.Tests.Weights.Download;

/// <summary>What goes wrong on the way: each says what happened and what to do by hand.</summary>
public sealed class DownloadFailureTests : IDisposable
{
    private static readonly DownloadOptions Impatient = Options with { StallTimeout = TimeSpan.FromMilliseconds(100), Attempts = 2 };

    private readonly DownloadTesting test = new();
    private readonly byte[] content = Checkpoint();

    public void Dispose() => test.Dispose();

    [Theory]
    [InlineData(-1)]
    [InlineData(1000)]
    public async Task Silence_ends_an_attempt(int stallAfter)
    {
        using FileServer server = new(new Answer { Content = content, StallAfter = stallAfter, ETag = ETag, Ranges = true });
        await test.Fails(DownloadFailure.Stalled, Entry(server), Impatient, "nothing came for 0.1 s", "after 2 attempts", "By hand", server.Url().AbsoluteUri);
        Assert.Equal(2, server.Requests.Count);
    }

    [Fact]
    public async Task A_slow_line_may_take_longer_than_the_limit_on_silence()
    {
        using FileServer server = new(new Answer { Content = content, Piece = content.Length / 10, Pause = TimeSpan.FromMilliseconds(60) });
        var clock = Stopwatch.StartNew();
        DownloadedFile file = await test.Run(Entry(server), Options with { StallTimeout = TimeSpan.FromMilliseconds(400), Attempts = 1 });
        Assert.Equal(Sha256(content), file.Sha256);
        Assert.True(clock.ElapsedMilliseconds > 400, "The test was too fast to show anything.");
    }

    [Theory]
    [InlineData(503)]
    [InlineData(500)]
    [InlineData(429)]
    public async Task A_passing_problem_is_waited_out(int status)
    {
        using FileServer server = new(new Answer { Status = status }, new Answer { Status = status }, new Answer { Content = content });
        Assert.Equal(Sha256(content), (await test.Run(Entry(server))).Sha256);
        Assert.Equal(3, server.Requests.Count);
    }

    [Fact]
    public async Task The_server_says_how_long_to_wait()
    {
        using FileServer server = new(new Answer { Status = 503, RetryAfter = "1" }, new Answer { Status = 429, RetryAfter = "3600" });
        Reports reports = new();
        using Downloader downloader = new(Options);
        var e = await Assert.ThrowsAsync<DownloadException>(() => downloader.DownloadAsync(Entry(server), test.Folder, reports));
        Assert.Contains("again in 1 s", Assert.Single(reports.All).Note, StringComparison.Ordinal);
        Assert.Equal(DownloadFailure.TooManyRequests, e.Failure);
        Assert.Contains("asks to wait for 3600 s", e.Message, StringComparison.Ordinal);
        Assert.Equal(2, server.Requests.Count);
    }

    [Theory]
    [InlineData(401, DownloadFailure.Forbidden, "account", 1)]
    [InlineData(403, DownloadFailure.Forbidden, "account", 1)]
    [InlineData(404, DownloadFailure.NotFound, "--url", 1)]
    [InlineData(410, DownloadFailure.NotFound, "no longer", 1)]
    [InlineData(407, DownloadFailure.Proxy, "HTTPS_PROXY", 1)]
    [InlineData(418, DownloadFailure.UnexpectedAnswer, "expected the file", 1)]
    [InlineData(501, DownloadFailure.Server, "a problem", 1)]
    [InlineData(206, DownloadFailure.UnexpectedAnswer, "206", 1)]
    [InlineData(416, DownloadFailure.UnexpectedAnswer, "416", 1)]
    [InlineData(429, DownloadFailure.TooManyRequests, "too many requests", 3)]
    [InlineData(502, DownloadFailure.Server, "after 3 attempts", 3)]
    [InlineData(504, DownloadFailure.Server, "a problem", 3)]
    public async Task Every_refusal_says_what_to_do(int status, DownloadFailure failure, string part, int requests)
    {
        using FileServer server = new(new Answer { Status = status });
        await test.Fails(failure, Entry(server), null, $"{status}", part, $"By hand: download {server.Url()}, put it at {test["model.pt"]}");
        Assert.Equal(requests, server.Requests.Count);
        Assert.Empty(test.Files());
    }

    [Fact]
    public async Task Redirects_are_followed_also_relative_ones_and_for_ranges()
    {
        using FileServer server = new((i, request) => request.Target switch
        {
            "/model.pt" => new Answer { Status = 302, Location = "there/?a=b" },
            "/there/?a=b" => new Answer { Status = 307, Location = "/file" },
            _ => new Answer { Content = content, ETag = ETag, Ranges = true, CutAfter = i < 3 ? 1000 : null },
        });
        Assert.Equal(Sha256(content), (await test.Run(Entry(server))).Sha256);
        Assert.Equal(["/model.pt", "/there/?a=b", "/file", "/model.pt", "/there/?a=b", "/file"], server.Requests.Select(request => request.Target));
        Assert.Equal(1000, server.Requests[^1].From);
    }

    [Theory]
    [InlineData("/model.pt", "in circles", 11)]
    [InlineData(null, "where to", 1)]
    [InlineData("ftp://127.0.0.1/model.pt", "ftp://127.0.0.1/model.pt", 1)]
    [InlineData("file:///etc/passwd", "file:///etc/passwd", 1)]
    public async Task Redirects_that_lead_nowhere_end(string? location, string part, int requests)
    {
        using FileServer server = new(new Answer { Status = 301, Location = location });
        await test.Fails(DownloadFailure.Redirect, Entry(server), null, part, "By hand");
        Assert.Equal(requests, server.Requests.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task From_https_to_http_is_refused(bool clientFollowsByItself)
    {
        List<string> asked = [];
        using FakeNetwork network = new(request =>
        {
            asked.Add(request.RequestUri!.Scheme);
            var answer = clientFollowsByItself ? new HttpResponseMessage(HttpStatusCode.OK) : new HttpResponseMessage(HttpStatusCode.Found);
            answer.Headers.Location = new("http://example.com/model.pt");
            answer.RequestMessage = clientFollowsByItself ? new(HttpMethod.Get, answer.Headers.Location) : request;
            return answer;
        });
        using HttpClient client = new(network);
        var e = await FailsWith(client, DownloadFailure.Redirect);
        Assert.Contains("only https is safe", e.Message, StringComparison.Ordinal);
        Assert.Equal(["https"], asked);
    }

    [Theory]
    [InlineData(HttpRequestError.NameResolutionError, DownloadFailure.NameResolution, "no network, no DNS", 1)]
    [InlineData(HttpRequestError.ProxyTunnelError, DownloadFailure.Proxy, "HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT", 1)]
    [InlineData(HttpRequestError.SecureConnectionError, DownloadFailure.Tls, "certificate", 1)]
    [InlineData(HttpRequestError.InvalidResponse, DownloadFailure.Connection, "did not answer properly", 3)]
    public async Task Every_way_not_to_get_there_is_told_apart(HttpRequestError error, DownloadFailure failure, string part, int requests)
    {
        int asked = 0;
        using FakeNetwork network = new(_ =>
        {
            asked++;
            throw new HttpRequestException(error, "said so");
        });
        using HttpClient client = new(network);
        var e = await FailsWith(client, failure);
        Assert.Contains(part, e.Message, StringComparison.Ordinal);
        Assert.Contains("example.com", e.Message, StringComparison.Ordinal);
        Assert.Contains("By hand", e.Message, StringComparison.Ordinal);
        Assert.Equal(requests, asked);
    }

    [Fact]
    public async Task What_speaks_no_TLS_is_no_secure_connection()
    {
        using FileServer server = new(new Answer { Content = content });
        await test.Fails(DownloadFailure.Tls, Entry(server) with { Url = server.Url(scheme: "https") }, null, "no secure connection to 127.0.0.1");
    }

    [Fact]
    public async Task Nobody_there_is_tried_again_and_told()
    {
        TcpListener closed = new(IPAddress.Loopback, 0);
        closed.Start();
        int port = ((IPEndPoint)closed.LocalEndpoint).Port;
        closed.Stop();
        ManifestEntry entry = ManifestEntry.FromUrl("model", $"http://127.0.0.1:{port}/model.pt");
        await test.Fails(DownloadFailure.Connection, entry, null, $"no connection to 127.0.0.1:{port}", "after 3 attempts");
    }

    private async Task<DownloadException> FailsWith(HttpClient client, DownloadFailure failure)
    {
        using Downloader downloader = new(client, Options);
        var e = await Assert.ThrowsAsync<DownloadException>(() => downloader.DownloadAsync(ManifestEntry.FromUrl("model", "https://example.com/model.pt"), test.Folder));
        Assert.Equal(failure, e.Failure);
        Assert.Empty(test.Files());
        return e;
    }
}
