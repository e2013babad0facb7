// Runs docs/receivers/csharp/Receiver.cs where there is no ASP.NET Core: the same two addresses on HttpListener.
//
//   Listener.exe PORT FOLDER TOKEN_FILE COLLECTION...

using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net;
using System.Threading.Tasks;

static class Listener
{
    static int Main(string[] args)
    {
        Dictionary<string, Receiver> receivers;
        try
        {
            receivers = args.Skip(3).ToDictionary(name => name, name => new Receiver(args[1], name));
        }
        catch (Exception error)
        {
            Console.Error.WriteLine(error.Message);
            return 1;
        }
        var listener = new HttpListener();
        listener.Prefixes.Add("http://127.0.0.1:" + args[0] + "/");
        listener.Start();
        while (true)
        {
            var context = listener.GetContext();
            Task.Run(() => Answer(context, receivers, args[2]));
        }
    }

    static async Task Answer(HttpListenerContext context, Dictionary<string, Receiver> receivers, string tokenFile)
    {
        try
        {
            context.Response.StatusCode = await Status(context.Request, receivers, tokenFile);
            context.Response.Close();
        }
        catch (Exception error)
        {
            Console.Error.WriteLine(error);
            context.Response.Abort();
        }
    }

    static async Task<int> Status(HttpListenerRequest request, Dictionary<string, Receiver> receivers, string tokenFile)
    {
        var parts = request.Url.AbsolutePath.Trim('/').Split('/');
        var authorization = request.Headers["Authorization"] ?? "";
        var put = request.HttpMethod == "PUT" && parts[0] == "keys";
        if (put && !Signature.Same("Bearer " + File.ReadAllText(tokenFile).Trim(), authorization)) return 401;
        Receiver receiver;
        if (parts.Length != 2 || !receivers.TryGetValue(parts[1], out receiver)) return 404;
        var body = new MemoryStream();
        var part = new byte[65536];
        for (int read; (read = request.InputStream.Read(part, 0, part.Length)) > 0;)
        {
            body.Write(part, 0, read);
            if (body.Length > Receiver.Largest) return 413;
        }
        return put ? receiver.PutKey(body.ToArray()) : await receiver.Receive(authorization, body.ToArray());
    }
}
