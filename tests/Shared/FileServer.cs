using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace AnoPLe.Gpu.Tests;

/// <summary>One request as it came.</summary>
internal sealed record ServerRequest(string Line, IReadOnlyDictionary<string, string> Headers)
{
    /// <summary>What stands between the method and the version.</summary>
    public string Target => Line.Split(' ')[1];

    /// <summary>The first byte of a range that is asked for, or null.</summary>
    public long? From => Headers.TryGetValue("Range", out string? range) ? long.Parse(range["bytes=".Length..].TrimEnd('-'), CultureInfo.InvariantCulture) : null;
}

/// <summary>What the server says to one request.</summary>
internal sealed record Answer
{
    public int Status { get; init; } = 200;

    public byte[] Content { get; init; } = [];

    public string? ETag { get; init; }

    public string? LastModified { get; init; }

    public string? Location { get; init; }

    public string? RetryAfter { get; init; }

    public string ContentType { get; init; } = "application/octet-stream";

    /// <summary>Whether "Range" is understood; If-Range is honoured with it.</summary>
    public bool Ranges { get; init; }

    /// <summary>Whether a range is sent whatever If-Range says.</summary>
    public bool IgnoreIfRange { get; init; }

    /// <summary>Added to the first byte of the ranges that are sent, as a broken server does.</summary>
    public int RangeShift { get; init; }

    /// <summary>Closes the connection after so many bytes of the body.</summary>
    public int? CutAfter { get; init; }

    /// <summary>Sends nothing more after so many bytes of the body, until the client goes or <see cref="Release"/> is completed; -1: not even headers.</summary>
    public int? StallAfter { get; init; }

    /// <summary>Ends a stall: the rest is sent.</summary>
    public Task? Release { get; init; }

    /// <summary>What Content-Length says when it lies; null for the truth.</summary>
    public long? DeclaredLength { get; init; }

    /// <summary>No Content-Length: the end of the connection is the end of the file.</summary>
    public bool NoLength { get; init; }

    /// <summary>Size of the pieces that are sent with a pause between them; 0 for all at once.</summary>
    public int Piece { get; init; }

    /// <summary>The pause.</summary>
    public TimeSpan Pause { get; init; }
}

/// <summary>An HTTP server on the loopback that misbehaves as told: raw sockets, because a good server would not cut its own answers.</summary>
internal sealed class FileServer : IDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource end = new();
    private readonly Func<int, ServerRequest, Answer> answers;
    private readonly ConcurrentQueue<ServerRequest> requests = new();
    private readonly Task loop;

    // A proxy of the machine that runs the tests would be asked for the loopback, too.
    static FileServer() => HttpClient.DefaultProxy = new WebProxy();

    /// <summary>Gives these answers one after another, the last one from then on.</summary>
    public FileServer(params Answer[] answers)
        : this((i, _) => answers[Math.Min(i, answers.Length - 1)])
    {
    }

    /// <summary>Answers by the number of the request, from 0, and what it says.</summary>
    public FileServer(Func<int, ServerRequest, Answer> answers)
    {
        this.answers = answers;
        listener.Start();
        loop = AcceptAsync();
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>All requests so far.</summary>
    public IReadOnlyList<ServerRequest> Requests => [.. requests];

    public Uri Url(string path = "/model.pt", string scheme = "http") => new($"{scheme}://127.0.0.1:{Port}{path}");

    public void Dispose()
    {
        end.Cancel();
        listener.Stop();
        loop.Wait();
        end.Dispose();
    }

    private async Task AcceptAsync()
    {
        List<Task> clients = [];
        try
        {
            while (true)
                clients.Add(ServeAsync(await listener.AcceptTcpClientAsync(end.Token)));
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
        await Task.WhenAll(clients);
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                NetworkStream stream = client.GetStream();
                if (await ReadAsync(stream) is not { } request)
                    return;
                int number = requests.Count;
                requests.Enqueue(request);
                await WriteAsync(stream, request, answers(number, request));
                // Everything was sent: a polite end, after which the client still reads it.
                client.Client.Shutdown(SocketShutdown.Send);
                while (await stream.ReadAsync(new byte[1], end.Token) > 0)
                {
                }
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or SocketException)
            {
                // The client went first.
            }
        }
    }

    // Null when what comes is no HTTP, such as the beginning of a TLS connection.
    private async Task<ServerRequest?> ReadAsync(NetworkStream stream)
    {
        List<byte> head = [];
        byte[] one = new byte[1];
        while (!(head.Count >= 4 && head[^4] == '\r' && head[^3] == '\n' && head[^2] == '\r' && head[^1] == '\n'))
        {
            if (await stream.ReadAsync(one, end.Token) == 0 || (head.Count == 0 && !char.IsAsciiLetterUpper((char)one[0])))
                return null;
            head.Add(one[0]);
        }
        string[] lines = Encoding.ASCII.GetString([.. head]).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        return new(lines[0], lines[1..].Select(line => line.Split(": ", 2)).ToDictionary(pair => pair[0], pair => pair[1], StringComparer.OrdinalIgnoreCase));
    }

    private async Task WriteAsync(NetworkStream stream, ServerRequest request, Answer answer)
    {
        if (answer.StallAfter == -1)
            await StallAsync(stream, answer);
        int status = answer.Status, from = 0;
        bool same = answer.IgnoreIfRange || !request.Headers.TryGetValue("If-Range", out string? condition) || condition == (answer.ETag ?? answer.LastModified);
        if (answer.Ranges && request.From is { } first && same)
            (status, from) = first < answer.Content.Length ? (206, (int)first + answer.RangeShift) : (416, 0);
        byte[] body = status == 416 ? [] : answer.Content[from..];
        StringBuilder head = new($"HTTP/1.1 {status} Said\r\nConnection: close\r\nContent-Type: {answer.ContentType}\r\n");
        if (!answer.NoLength)
            head.Append(CultureInfo.InvariantCulture, $"Content-Length: {answer.DeclaredLength ?? body.Length}\r\n");
        if (status == 206)
            head.Append(CultureInfo.InvariantCulture, $"Content-Range: bytes {from}-{answer.Content.Length - 1}/{answer.Content.Length}\r\n");
        foreach (var (name, value) in new[] { ("ETag", answer.ETag), ("Last-Modified", answer.LastModified), ("Location", answer.Location), ("Retry-After", answer.RetryAfter) })
            if (value is not null)
                head.Append(CultureInfo.InvariantCulture, $"{name}: {value}\r\n");
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head.Append("\r\n").ToString()), end.Token);
        await WriteBodyAsync(stream, answer, body);
    }

    private async Task WriteBodyAsync(NetworkStream stream, Answer answer, byte[] body)
    {
        int until = Math.Min(answer.CutAfter ?? body.Length, body.Length), at = 0;
        if (answer.StallAfter is >= 0 and var stall)
        {
            await stream.WriteAsync(body.AsMemory(0, at = Math.Min(stall, until)), end.Token);
            await StallAsync(stream, answer);
        }
        while (at < until)
        {
            int count = answer.Piece > 0 ? Math.Min(answer.Piece, until - at) : until - at;
            await stream.WriteAsync(body.AsMemory(at, count), end.Token);
            at += count;
            if (answer.Piece > 0)
                await Task.Delay(answer.Pause, end.Token);
        }
    }

    private async Task StallAsync(NetworkStream stream, Answer answer)
    {
        if (answer.Release is not null)
            await answer.Release.WaitAsync(end.Token);
        else if (await stream.ReadAsync(new byte[1], end.Token) == 0)
            throw new IOException("The client gave up.");
    }
}
