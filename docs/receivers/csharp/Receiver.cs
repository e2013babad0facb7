// What a receiver of Protime's events does, without any web framework: the signature, the key, the order of events,
// and a journal that keeps what is acknowledged. Plain C# 7: it runs on .NET 8, and on .NET Framework 4.8 as it is.
//
// One Receiver is one webhook, that is one collection. It keeps FOLDER/COLLECTION.journal and FOLDER/COLLECTION.key.

using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Runtime.Serialization.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using System.Threading.Tasks;
using System.Xml;
using System.Xml.Linq;

public sealed class Receiver : IDisposable
{
    public const int Largest = 10 * 1024 * 1024; // bytes

    static readonly TimeSpan Patience = TimeSpan.FromSeconds(5); // that an event may be ahead of its key

    readonly KeyFile key;
    readonly Journal journal;

    /// Refuses to start (InvalidDataException) on a journal that is damaged.
    public Receiver(string folder, string collection)
    {
        key = new KeyFile(Path.Combine(folder, collection + ".key"));
        journal = new Journal(Path.Combine(folder, collection + ".journal"));
    }

    /// Judges and keeps an event; the answer is the status for Protime. The body is what came, byte for byte.
    public async Task<int> Receive(string authorization, byte[] body)
    {
        try
        {
            var verdict = await Judge(authorization, body);
            if (verdict != 204) return verdict;
            journal.Keep(Event.Read(body));
            return 204;
        }
        catch (FormatException error)
        {
            Console.Error.WriteLine("a genuine event that is not understood: " + error.Message);
            return 422;
        }
        catch (Exception error) when (error is IOException || error is UnauthorizedAccessException)
        {
            Console.Error.WriteLine("an event could not be judged or stored: " + error.Message);
            return 503; // Protime must send it again
        }
    }

    /// Looks at the key again and again for a while: an event can be ahead of it.
    async Task<int> Judge(string authorization, byte[] body)
    {
        for (var deadline = DateTime.UtcNow + Patience; ; await Task.Delay(100))
        {
            var current = key.Read();
            if (current.Length > 0 && Signature.Fits(current, authorization, body)) return 204;
            if (DateTime.UtcNow >= deadline || !authorization.StartsWith("HMAC-SHA256 ", StringComparison.Ordinal))
                return current.Length > 0 ? 401 : 503;
        }
    }

    /// Takes a key from a key sink of the kind "http": the body of its PUT. A 2xx promises that the key is in force.
    public int PutKey(byte[] body)
    {
        try
        {
            return key.Put(body);
        }
        catch (FormatException error)
        {
            Console.Error.WriteLine("a key that is not understood: " + error.Message);
            return 400;
        }
        catch (Exception error) when (error is IOException || error is UnauthorizedAccessException)
        {
            Console.Error.WriteLine("the key could not be stored: " + error.Message);
            return 503;
        }
    }

    public void Dispose()
    {
        journal.Dispose();
    }
}

public static class Signature
{
    /// Whether `authorization` was made with `key` over exactly these bytes.
    public static bool Fits(byte[] key, string authorization, byte[] body)
    {
        using (var mac = new HMACSHA256(key))
        {
            var right = "HMAC-SHA256 " + Convert.ToBase64String(mac.ComputeHash(body));
            return Same(right, authorization);
        }
    }

    /// Compares in a time that says nothing about where the two differ.
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.NoOptimization)]
    public static bool Same(string right, string given)
    {
        var different = right.Length ^ given.Length;
        for (var at = 0; at < right.Length && at < given.Length; at++) different |= right[at] ^ given[at];
        return different == 0;
    }
}

/// The key: a file that holds it and nothing else. The daemon writes it, or Put does.
public sealed class KeyFile
{
    readonly string path;
    readonly object one = new object();
    long newest; // of this run: after a loss of the daemon's state its versions begin low, and this is to be restarted

    public KeyFile(string path)
    {
        this.path = path;
    }

    /// Read for every event; empty while there is none. Anyone can sign with an empty key.
    public byte[] Read()
    {
        try
        {
            using (var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete))
            using (var copy = new MemoryStream())
            {
                file.CopyTo(copy);
                return copy.ToArray();
            }
        }
        catch (FileNotFoundException)
        {
            return new byte[0];
        }
    }

    public int Put(byte[] body)
    {
        var told = Json.Read(body);
        var key = Json.Text(told, "key");
        long version;
        if (string.IsNullOrEmpty(key)) throw new FormatException("there is no key in it");
        if (!long.TryParse(Json.Digits(told, "key_version"), out version)) throw new FormatException("there is no key_version in it");
        lock (one)
        {
            // Not 2xx: it is not in force, and will not be. The daemon shows the refusal.
            if (version < newest) return 409;
            var aside = path + ".new";
            using (var file = new FileStream(aside, FileMode.Create, FileAccess.Write, FileShare.None))
            {
                var bytes = Encoding.UTF8.GetBytes(key);
                file.Write(bytes, 0, bytes.Length);
                file.Flush(true);
            }
            // As a whole: no one ever reads half a key.
            if (File.Exists(path)) File.Replace(aside, path, null);
            else File.Move(aside, path);
            newest = version;
            return 204;
        }
    }
}

/// An event as it matters for keeping it.
public sealed class Event
{
    public string Id; // as JSON wrote it: 4711, or "4711" with its quotes
    public string Version; // empty: newer than what is known
    public bool Gone;
    public string Text; // all of it, as it came

    /// Throws a FormatException if it is not one that is known.
    public static Event Read(byte[] body)
    {
        var read = Json.Read(body);
        var change = Json.Text(read, "changeType");
        var data = Json.Last(read, "data");
        if (data == null || (change != "InsertOrUpdate" && change != "Delete"))
            throw new FormatException("it is not of a known kind, or has no data");
        var name = Json.Text(data, "id");
        var id = string.IsNullOrEmpty(name) ? Json.Digits(data, "id") : Json.Quoted(name);
        if (id == null) throw new FormatException("its object has no id");
        var version = Json.Last(data, "changeVersion");
        var type = version == null ? "null" : (string)version.Attribute("type");
        if (type != "string" && type != "null") throw new FormatException("its changeVersion is not a text");
        return new Event
        {
            Id = id,
            Version = type == "null" ? "" : version.Value,
            // A clocking can also be deleted by an InsertOrUpdate with this status.
            Gone = change == "Delete" || Json.Text(data, "status") == "Deleted",
            // Only white space between the tokens of JSON can hold a line's end.
            Text = Json.Decoded(body).Replace('\r', ' ').Replace('\n', ' '),
        };
    }
}

/// JSON with what .NET Framework has as well; numbers stay the text that they are, whatever their length.
public static class Json
{
    public static string Decoded(byte[] body)
    {
        try
        {
            return new UTF8Encoding(false, true).GetString(body).TrimStart('\uFEFF');
        }
        catch (ArgumentException error)
        {
            throw new FormatException("it is not UTF-8", error);
        }
    }

    public static XElement Read(byte[] body)
    {
        try
        {
            var bytes = Encoding.UTF8.GetBytes(Decoded(body));
            using (var reader = JsonReaderWriterFactory.CreateJsonReader(bytes, XmlDictionaryReaderQuotas.Max))
                return XElement.Load(reader);
        }
        catch (Exception error) when (error is XmlException || error is InvalidOperationException || error is ArgumentException)
        {
            throw new FormatException("it is not JSON: " + error.Message, error);
        }
    }

    /// The property of this name; where it stands twice, the last one.
    public static XElement Last(XElement element, string name)
    {
        return element.Elements(name).LastOrDefault();
    }

    public static string Text(XElement element, string name)
    {
        var found = Last(element, name);
        return found != null && (string)found.Attribute("type") == "string" ? found.Value : null;
    }

    public static string Digits(XElement element, string name)
    {
        var found = Last(element, name);
        var whole = found != null && (string)found.Attribute("type") == "number" && Regex.IsMatch(found.Value, @"\A-?[0-9]+\z");
        return whole ? found.Value : null;
    }

    public static string Quoted(string text)
    {
        var json = new StringBuilder("\"");
        foreach (var unit in text)
        {
            if (unit == '"' || unit == '\\') json.Append('\\').Append(unit);
            else if (unit < ' ' || char.IsSurrogate(unit)) json.Append("\\u").Append(((int)unit).ToString("x4"));
            else json.Append(unit);
        }
        return json.Append('"').ToString();
    }
}

/// Keeps events, one a line, and knows the newest version of every object. In your receiver this is a database.
/// A line is a sum, a space, and JSON. No other process can open it for writing meanwhile.
public sealed class Journal : IDisposable
{
    readonly FileStream file;
    readonly Dictionary<string, string> versions = new Dictionary<string, string>(StringComparer.Ordinal);
    long length; // of the lines that are whole

    public Journal(string path)
    {
        file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, 1); // without a buffer of its own
        using (var copy = new MemoryStream())
        {
            file.CopyTo(copy);
            var bytes = copy.ToArray();
            length = Array.LastIndexOf(bytes, (byte)'\n') + 1; // behind it: half a line, of a crash; it was never answered for
            var lines = Encoding.UTF8.GetString(bytes, 0, (int)length).Split('\n');
            for (var number = 1; number < lines.Length; number++) // behind the last line's end is nothing
            {
                var line = lines[number - 1];
                var text = line.Length > 17 ? line.Substring(17) : "";
                if (line != Sum(text) + " " + text)
                {
                    file.Dispose();
                    throw new InvalidDataException(
                        "the journal '" + path + "' is damaged in line " + number + ", and was left as it is: repair it, or " +
                        "move it away and have everything resynchronised");
                }
                var kept = Json.Read(Encoding.UTF8.GetBytes(text));
                Remember(Json.Text(kept, "id"), Json.Text(kept, "version"));
            }
        }
        Clean();
        file.Flush(true); // a line may have been written, but not to the disk, when this program ended
    }

    /// Stores an object durably, unless a version that is as new is there already.
    public void Keep(Event told)
    {
        lock (versions) // comparing and storing are one step
        {
            string known;
            if (told.Version != "" && versions.TryGetValue(told.Id, out known) && string.CompareOrdinal(told.Version, known) <= 0)
                return;
            var text = "{\"id\":" + Json.Quoted(told.Id) + ",\"version\":" + Json.Quoted(told.Version) +
                ",\"gone\":" + (told.Gone ? "true" : "false") + ",\"event\":" + told.Text + "}";
            var line = Encoding.UTF8.GetBytes(Sum(text) + " " + text + "\n");
            Clean();
            file.Write(line, 0, line.Length);
            file.Flush(true);
            length += line.Length;
            Remember(told.Id, told.Version);
        }
    }

    /// Takes away what a failure left behind the last whole line: nothing may be appended to half a line.
    void Clean()
    {
        if (file.Length != length) file.SetLength(length);
        file.Position = length;
    }

    /// The greatest version, that of a deleted object, too.
    void Remember(string id, string version)
    {
        string known;
        if (!versions.TryGetValue(id, out known) || string.CompareOrdinal(version, known) > 0) versions[id] = version;
    }

    /// The beginning of a line's SHA-256: it tells a damaged line from a whole one.
    static string Sum(string text)
    {
        using (var hash = SHA256.Create())
        {
            var whole = hash.ComputeHash(Encoding.UTF8.GetBytes(text));
            return string.Concat(whole.Take(8).Select(each => each.ToString("x2")));
        }
    }

    public void Dispose()
    {
        file.Dispose();
    }
}
