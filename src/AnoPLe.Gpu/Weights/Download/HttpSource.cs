using System.Net;
using System.Net.Http.Headers;
using System.Security.Authentication;

namespace AnoPLe.Gpu.Weights.Download;

/// <summary>An attempt failed in a way that may pass.</summary>
internal sealed class TransientException(DownloadFailure failure, string what, TimeSpan? retryAfter = null, Exception? inner = null) : Exception(what, inner)
{
    public DownloadFailure Failure => failure;

    /// <summary>How long the server asks to wait.</summary>
    public TimeSpan? RetryAfter => retryAfter;
}

/// <summary>Asks for a file or the rest of it, follows redirects, and says in words why there is none. Reads with a limit on silence, not on time.</summary>
internal sealed class HttpSource(HttpClient client, DownloadOptions options)
{
    /// <summary>The answer with the file (200, or 206 for a part of it), or 416 when the asked range is not there.</summary>
    /// <param name="url">Where to ask first.</param>
    /// <param name="from">The first byte wanted.</param>
    /// <param name="condition">What the bytes before it belong to; null to ask for everything.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <exception cref="TransientException">It may work later.</exception>
    /// <exception cref="DownloadException">It will not.</exception>
    public async Task<HttpResponseMessage> AskAsync(Uri url, long from, RangeConditionHeaderValue? condition, CancellationToken cancellation)
    {
        Uri at = url;
        for (int redirects = 0; ; redirects++)
        {
            HttpResponseMessage response = await SendAsync(at, from, condition, cancellation).ConfigureAwait(false);
            try
            {
                // A client that follows redirects by itself ends elsewhere than asked.
                RequireSafe(at, response.RequestMessage?.RequestUri ?? at);
                if (response.StatusCode is HttpStatusCode.OK or HttpStatusCode.PartialContent or HttpStatusCode.RequestedRangeNotSatisfiable)
                    return response;
                if ((int)response.StatusCode is not (301 or 302 or 303 or 307 or 308))
                    throw Refusal(response, at);
                if (redirects == options.MaxRedirects)
                    throw new DownloadException(DownloadFailure.Redirect, $"{url.Host} redirects in circles: {redirects} redirects did not reach a file");
                Uri next = new(at, response.Headers.Location
                    ?? throw new DownloadException(DownloadFailure.Redirect, $"{at.Host} redirects ({(int)response.StatusCode}) but does not say where to"));
                RequireSafe(at, next);
                at = next;
            }
            catch
            {
                response.Dispose();
                throw;
            }
            response.Dispose();
        }
    }

    /// <summary>The next bytes; 0 at the end.</summary>
    /// <exception cref="TransientException">The connection was cut, or nothing came for too long.</exception>
    public async ValueTask<int> ReadAsync(Stream body, Memory<byte> buffer, CancellationToken cancellation)
    {
        using var stall = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        stall.CancelAfter(options.StallTimeout);
        try
        {
            return await body.ReadAsync(buffer, stall.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw Stalled(e);
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            throw new TransientException(DownloadFailure.Connection, "the connection was cut before the end", inner: e);
        }
    }

    private async Task<HttpResponseMessage> SendAsync(Uri at, long from, RangeConditionHeaderValue? condition, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, at);
        // A transparently compressed answer would have other sizes and ranges.
        request.Headers.AcceptEncoding.Add(new("identity"));
        if (condition is not null)
        {
            request.Headers.Range = new(from, null);
            request.Headers.IfRange = condition;
        }
        using var stall = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        stall.CancelAfter(options.StallTimeout);
        try
        {
            return await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stall.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw Stalled(e);
        }
        catch (HttpRequestException e)
        {
            throw Unreachable(e, at);
        }
    }

    private TransientException Stalled(Exception e) => new(DownloadFailure.Stalled, $"nothing came for {Text.Time(options.StallTimeout)}", inner: e);

    private static void RequireSafe(Uri from, Uri to)
    {
        if (to.Scheme != "https" && !(to.Scheme == "http" && from.Scheme == "http"))
            throw new DownloadException(DownloadFailure.Redirect,
                $"{from.Host} redirects from {from.Scheme} to {to.GetLeftPart(UriPartial.Path)}, which is not followed: only https is safe there");
    }

    private static Exception Unreachable(HttpRequestException e, Uri at) => e.HttpRequestError switch
    {
        HttpRequestError.NameResolutionError => new DownloadException(DownloadFailure.NameResolution,
            $"the host {at.Host} is not known: there is no network, no DNS, or no such host. A proxy is taken from HTTPS_PROXY", e),
        HttpRequestError.SecureConnectionError => new DownloadException(DownloadFailure.Tls,
            $"no secure connection to {at.Host} ({Inner<AuthenticationException>(e)?.Message.TrimEnd('.') ?? e.Message.TrimEnd('.')}). " +
            "The clock may be wrong, or a proxy replaces certificates: its root certificate must then be trusted by the system", e),
        HttpRequestError.ProxyTunnelError => new DownloadException(DownloadFailure.Proxy,
            $"the proxy refused to connect to {at.Host} ({e.Message.TrimEnd('.')}). Give name and password as HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT", e),
        HttpRequestError.ResponseEnded or HttpRequestError.InvalidResponse => new TransientException(DownloadFailure.Connection,
            $"{at.Host} did not answer properly ({e.Message.TrimEnd('.')})", inner: e),
        _ => new TransientException(DownloadFailure.Connection, $"no connection to {at.Host}:{at.Port} ({e.Message.TrimEnd('.')})", inner: e),
    };

    private static T? Inner<T>(Exception e)
        where T : Exception
    {
        for (Exception? inner = e.InnerException; inner is not null; inner = inner.InnerException)
            if (inner is T found)
                return found;
        return null;
    }

    private static Exception Refusal(HttpResponseMessage response, Uri at)
    {
        int status = (int)response.StatusCode;
        string answered = $"{at.Host} answered {status} {Text.OneLine(response.ReasonPhrase ?? "")}".TrimEnd();
        TimeSpan? after = response.Headers.RetryAfter switch
        {
            { Delta: { } delta } => delta,
            { Date: { } date } => date - DateTimeOffset.UtcNow,
            _ => null,
        };
        return status switch
        {
            401 or 403 => new DownloadException(DownloadFailure.Forbidden,
                $"{answered}: the file is not given to everyone; it may need an account or the acceptance of a licence, or a firewall is in the way"),
            404 or 410 => new DownloadException(DownloadFailure.NotFound, $"{answered}: the file is not there, or no longer. Its new address can be given as --url"),
            407 => new DownloadException(DownloadFailure.Proxy,
                $"the proxy answered 407: it wants a name and password. Give them as HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT"),
            429 => new TransientException(DownloadFailure.TooManyRequests, $"{answered}: too many requests from this address", after),
            408 or 425 or 500 or 502 or 503 or 504 => new TransientException(DownloadFailure.Server, $"{answered}: the server has a problem", after),
            >= 500 => new DownloadException(DownloadFailure.Server, $"{answered}: the server has a problem"),
            _ => new DownloadException(DownloadFailure.UnexpectedAnswer, $"{answered}, expected the file"),
        };
    }
}
