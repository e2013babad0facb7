// A receiver of Protime's events and the other end of a key sink of the kind "http": ASP.NET Core 8, for IIS too.
//
//   dotnet run --urls http://127.0.0.1:8080 --folder FOLDER --tokenFile FILE --collections clockings,people
//
//   POST /protime/COLLECTION   the webhook's destination_url
//   PUT  /keys/COLLECTION      the url of its key sink
//
// Under IIS these settings stand in appsettings.json. What a receiver does is in Receiver.cs; here is HTTP alone.

var builder = WebApplication.CreateBuilder(args);
builder.WebHost.ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = Receiver.Largest);
builder.Services.Configure<IISServerOptions>(iis => iis.MaxRequestBodySize = Receiver.Largest);
string Setting(string name) => builder.Configuration[name] ?? throw new InvalidOperationException($"the setting '{name}' is missing");

var tokenFile = Setting("tokenFile");
var receivers = Setting("collections").Split(',').ToDictionary(name => name, name => new Receiver(Setting("folder"), name));

var app = builder.Build();
app.MapPost("/protime/{collection}", async (string collection, HttpRequest request) =>
{
    if (!receivers.TryGetValue(collection, out var receiver)) return Results.NotFound();
    var (status, body) = await Body(request);
    return Results.StatusCode(body == null ? status : await receiver.Receive(request.Headers.Authorization.ToString(), body));
});
app.MapPut("/keys/{collection}", async (string collection, HttpRequest request) =>
{
    // Before anything else: without the token no one learns which collections there are.
    var token = File.ReadAllText(tokenFile).Trim();
    if (token == "" || !Signature.Same("Bearer " + token, request.Headers.Authorization.ToString())) return Results.StatusCode(401);
    if (!receivers.TryGetValue(collection, out var receiver)) return Results.NotFound();
    var (status, body) = await Body(request);
    return Results.StatusCode(body == null ? status : receiver.PutKey(body));
});
app.Run();
return 0;

// The raw bytes. A parameter bound from JSON would be too late: the signature is over what came.
static async Task<(int, byte[])> Body(HttpRequest request)
{
    try
    {
        using var buffer = new MemoryStream();
        await request.Body.CopyToAsync(buffer, request.HttpContext.RequestAborted);
        return (200, buffer.ToArray());
    }
    catch (BadHttpRequestException error) // too large, or it ended too early
    {
        return (error.StatusCode, null);
    }
}
