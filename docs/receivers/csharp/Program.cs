// A receiver of Protime's events: ASP.NET Core 8, nothing beyond the framework.
//
//   dotnet run PORT JOURNAL file KEY_FILE          reads the key from the daemon's key file, for every event
//   dotnet run PORT JOURNAL verify SOCKET WEBHOOK  asks the daemon about every event and never has a key
//   dotnet run PORT JOURNAL watch SOCKET WEBHOOK   holds the key, and is told by the daemon when there is a new one
//
// SOCKET is the daemon's control socket, WEBHOOK is TENANT/NAME. JOURNAL is where events are kept, one a line.

using System.Diagnostics;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

if (args.Length < 4 || (args[2] != "file" && args.Length < 5))
{
    Console.Error.WriteLine("usage: PORT JOURNAL (file KEY_FILE | verify SOCKET WEBHOOK | watch SOCKET WEBHOOK)");
    return 2;
}
IWay way = args[2] switch
{
    "file" => new KeyFile(args[3]),
    "verify" => new Verify(args[3], args[4]),
    "watch" => new Watch(args[3], args[4]),
    _ => throw new ArgumentException($"'{args[2]}' is not file, verify or watch"),
};
using var journal = new Journal(args[1]);

var builder = WebApplication.CreateBuilder();
builder.WebHost.ConfigureKestrel(kestrel =>
{
    kestrel.ListenLocalhost(int.Parse(args[0]));
    kestrel.Limits.MaxRequestBodySize = 10 * 1024 * 1024;
});
var app = builder.Build();
// The body is read as bytes. A parameter bound from JSON would be too late: the signature is over what came.
app.MapPost("/{**path}", async (HttpRequest request, CancellationToken cancelled) =>
{
    using var buffer = new MemoryStream();
    await request.Body.CopyToAsync(buffer, cancelled);
    var body = buffer.ToArray();
    var verdict = await way.Judge(request.Headers.Authorization.ToString(), body, cancelled);
    if (verdict != Status.Genuine) return Results.StatusCode(verdict);
    try
    {
        journal.Keep(body);
        return Results.NoContent();
    }
    catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException)
    {
        app.Logger.LogError(error, "a genuine event that is not understood");
        return Results.StatusCode(422);
    }
    catch (IOException error)
    {
        app.Logger.LogError(error, "an event could not be stored");
        return Results.StatusCode(Status.TryLater);
    }
});
app.Run();
return 0;

static class Status
{
    public const int Genuine = 204, Refused = 401, TooLarge = 413, TryLater = 503;
}

/// Judges an event; the answer is the status for Protime.
interface IWay
{
    Task<int> Judge(string authorization, byte[] body, CancellationToken cancelled);
}

static class Signature
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// Whether `authorization` was made with `key` over exactly these bytes.
    public static bool Signed(byte[] key, string authorization, byte[] body)
    {
        var right = "HMAC-SHA256 " + Convert.ToBase64String(HMACSHA256.HashData(key, body));
        return CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(right), Encoding.UTF8.GetBytes(authorization));
    }

    /// Looks at the keys again and again for a while: an event can be ahead of its key.
    public static async Task<int> Patiently(
        Func<IReadOnlyList<byte[]>> keys, string authorization, byte[] body, CancellationToken cancelled)
    {
        var waited = Stopwatch.StartNew();
        while (true)
        {
            var known = keys();
            if (known.Any(key => Signed(key, authorization, body))) return Status.Genuine;
            if (waited.Elapsed >= Patience || !authorization.StartsWith("HMAC-SHA256 ", StringComparison.Ordinal))
                return known.Count > 0 ? Status.Refused : Status.TryLater;
            await Task.Delay(100, cancelled);
        }
    }
}

/// Way 1: the key file.
sealed class KeyFile(string path) : IWay
{
    public Task<int> Judge(string authorization, byte[] body, CancellationToken cancelled) =>
        Signature.Patiently(Keys, authorization, body, cancelled);

    IReadOnlyList<byte[]> Keys()
    {
        try { return [File.ReadAllBytes(path)]; }
        catch (FileNotFoundException) { return []; } // no webhook yet
    }
}

static class Daemon
{
    /// A client of the daemon's Unix socket.
    public static HttpClient At(string socket) => new(new SocketsHttpHandler
    {
        ConnectCallback = async (_, cancelled) =>
        {
            var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket), cancelled);
                return new NetworkStream(connection, ownsSocket: true);
            }
            catch
            {
                connection.Dispose();
                throw;
            }
        },
    })
    { BaseAddress = new Uri("http://daemon/"), Timeout = TimeSpan.FromMinutes(1) };
}

/// Way 2: the daemon judges every event.
sealed class Verify(string socket, string webhook) : IWay
{
    readonly HttpClient daemon = Daemon.At(socket);

    public async Task<int> Judge(string authorization, byte[] body, CancellationToken cancelled)
    {
        using var question = new HttpRequestMessage(HttpMethod.Post, $"v1/webhooks/{webhook}/verify");
        question.Headers.TryAddWithoutValidation("Authorization", authorization);
        question.Content = new ByteArrayContent(body);
        try
        {
            using var answer = await daemon.SendAsync(question, cancelled);
            var status = (int)answer.StatusCode;
            if (status is Status.Genuine or Status.Refused or Status.TooLarge) return status;
            // 503: no key yet. 404: the daemon knows no such webhook, which is our mistake and not the sender's.
            Console.Error.WriteLine($"the daemon cannot judge: {status} {await answer.Content.ReadAsStringAsync(cancelled)}");
        }
        catch (Exception error) when (error is HttpRequestException or TaskCanceledException)
        {
            Console.Error.WriteLine($"the daemon does not answer: {error.Message}");
        }
        return Status.TryLater;
    }
}

/// Way 3: a task waits for the next key.
sealed class Watch : IWay
{
    static readonly TimeSpan Grace = TimeSpan.FromMinutes(1);

    sealed record Held(byte[] Current, byte[]? Previous, Stopwatch Since);

    volatile Held? held;

    public Watch(string socket, string webhook) => _ = Task.Run(() => Follow(Daemon.At(socket), webhook));

    public Task<int> Judge(string authorization, byte[] body, CancellationToken cancelled) =>
        Signature.Patiently(Keys, authorization, body, cancelled);

    IReadOnlyList<byte[]> Keys() => held switch
    {
        null => [],
        { Previous: { } previous } now when now.Since.Elapsed < Grace => [now.Current, previous],
        var now => [now.Current],
    };

    async Task Follow(HttpClient daemon, string webhook)
    {
        for (long version = 0; ;)
        {
            try
            {
                using var answer = await daemon.GetAsync($"v1/webhooks/{webhook}/key?after={version}&wait=30s");
                var text = await answer.Content.ReadAsStringAsync();
                if ((int)answer.StatusCode == 304) continue;
                if ((int)answer.StatusCode != 200) throw new HttpRequestException($"{(int)answer.StatusCode} {text}");
                using var found = JsonDocument.Parse(text);
                var previous = found.RootElement.GetProperty("previous");
                version = found.RootElement.GetProperty("version").GetInt64();
                held = new Held(Key(found.RootElement), previous.ValueKind == JsonValueKind.Null ? null : Key(previous), Stopwatch.StartNew());
                Console.WriteLine($"key version {version} since {found.RootElement.GetProperty("rotated_at")}");
            }
            catch (Exception error)
            {
                Console.Error.WriteLine($"the daemon gives no key ({error.Message}); trying again");
                version = 0; // its state may have been restored from a backup: take whatever key it has
                await Task.Delay(TimeSpan.FromSeconds(1));
            }
        }
    }

    static byte[] Key(JsonElement element) => Encoding.UTF8.GetBytes(element.GetProperty("key").GetString()!);
}

/// Keeps events, one a line, and knows the newest version of every object. In your receiver this is a database.
sealed class Journal : IDisposable
{
    readonly FileStream file;
    readonly Dictionary<string, string> versions = new(StringComparer.Ordinal);

    public Journal(string path)
    {
        file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite);
        using var copy = new MemoryStream();
        file.CopyTo(copy);
        var text = copy.ToArray();
        var whole = Array.LastIndexOf(text, (byte)'\n') + 1;
        file.SetLength(whole); // a crash in the middle of a line: it was never answered for
        file.Seek(0, SeekOrigin.End);
        foreach (var line in Encoding.UTF8.GetString(text, 0, whole).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            using var kept = JsonDocument.Parse(line);
            versions[kept.RootElement.GetProperty("id").GetString()!] = kept.RootElement.GetProperty("version").GetString()!;
        }
    }

    /// Stores an object durably, unless a version that is as new is there already.
    public void Keep(byte[] body)
    {
        using var parsed = JsonDocument.Parse(body);
        var data = parsed.RootElement.GetProperty("data");
        var id = data.GetProperty("id").GetString() ?? throw new JsonException("data.id is null");
        var version = data.GetProperty("changeVersion").GetString() ?? throw new JsonException("data.changeVersion is null");
        var gone = parsed.RootElement.GetProperty("changeType").GetString() switch
        {
            "InsertOrUpdate" => false,
            "Delete" => true,
            var other => throw new JsonException($"changeType is '{other}'"),
        };
        lock (versions) // comparing and storing are one step
        {
            if (versions.TryGetValue(id, out var known) && string.CompareOrdinal(version, known) <= 0) return;
            file.Write(JsonSerializer.SerializeToUtf8Bytes(new { id, version, gone, data }));
            file.WriteByte((byte)'\n');
            file.Flush(flushToDisk: true);
            versions[id] = version; // that of a deleted object, too
        }
    }

    public void Dispose() => file.Dispose();
}
