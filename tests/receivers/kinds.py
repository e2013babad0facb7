"""The receivers of docs/receivers as the tests start them: each language, each way to the key, and what it holds."""

import base64, contextlib, hashlib, hmac, http.client, json, os, shutil, sqlite3, subprocess, sys
from pathlib import Path

from rig import free_port

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "docs/receivers"
PYTHON = [sys.executable, "-W", "error::SyntaxWarning"]
MONO_LIBRARIES = ["System.Runtime.Serialization", "System.Xml", "System.Xml.Linq"]


class Language:
    """What it takes to start a receiver in one language."""

    def __init__(self, name, ways, command):
        self.name, self.ways, self.command = name, ways, command


def languages(folder):
    """What can be run here, and why the rest cannot."""
    plain = lambda program: lambda receiver: [*program, receiver.port, receiver.store, receiver.way, *receiver.source]
    ways = ["file", "verify", "watch"]
    found, missing = [Language("python", ways, plain([*PYTHON, EXAMPLES / "python/receiver.py"]))], {}
    if shutil.which("node"):
        found.append(Language("node", ways, plain(["node", EXAMPLES / "node/receiver.js"])))
    else:
        missing["node"] = "node is not there"
    if shutil.which("go"):
        found.append(Language("go", ways, plain([go(folder)])))
    else:
        missing["go"] = "go is not there"
    if shutil.which("dotnet"):
        found.append(Language("csharp", ["file", "push"], dotnet(folder)))
    elif shutil.which("mcs") and shutil.which("mono"):
        missing["csharp's Program.cs"] = "dotnet is not there; Receiver.cs runs under mono"
        found.append(Language("csharp", ["file", "push"], mono(folder)))
    else:
        missing["csharp"] = "neither dotnet nor mcs with mono is there"
    return found, missing


def go(folder):
    binary = folder / "go-receiver"
    environment = {**os.environ, "GOCACHE": str(folder / "go-cache"), "GOFLAGS": "-mod=mod", "GO111MODULE": "off"}
    subprocess.run(["go", "vet", str(EXAMPLES / "go/receiver.go")], env=environment, check=True)
    subprocess.run(["go", "build", "-o", str(binary), str(EXAMPLES / "go/receiver.go")], env=environment, check=True)
    return binary


def mono(folder):
    program = folder / "csharp-receiver.exe"
    sources = [EXAMPLES / "csharp/Receiver.cs", REPOSITORY / "tests/receivers/csharp/Listener.cs"]
    libraries = [f"-r:{library}.dll" for library in MONO_LIBRARIES]
    subprocess.run(["mcs", "-langversion:7", "-warnaserror", f"-out:{program}", *libraries, *map(str, sources)], check=True)
    return lambda receiver: ["mono", program, receiver.port, receiver.home, receiver.token, receiver.collection]


def dotnet(folder):
    built, source = folder / "csharp-built", folder / "csharp-source"
    shutil.copytree(EXAMPLES / "csharp", source)
    version = subprocess.run(["dotnet", "--version"], check=True, capture_output=True, text=True).stdout.split(".")[0]
    target = f"-p:TargetFramework=net{version}.0"
    subprocess.run(["dotnet", "build", str(source), target, "-c", "Release", "-o", str(built)], check=True, stdout=subprocess.DEVNULL)
    return lambda receiver: [
        "dotnet", built / "receiver.dll", "--urls", f"http://127.0.0.1:{receiver.port}", "--folder", receiver.home,
        "--tokenFile", receiver.token, "--collections", receiver.collection,
    ]


class Receiver:
    """An example in one language that gets its key in one way."""

    def __init__(self, folder, language, way, collection="clockings", name=None):
        self.name, self.language, self.way = name or f"{language.name}-{way}", language.name, way
        self.collection, self.port, self.home = collection, free_port(), folder / (name or f"{language.name}-{way}")
        self.home.mkdir(exist_ok=True)
        self.path = f"/protime/{collection}"
        self.destination = f"http://127.0.0.1:{self.port}{self.path}"
        self.key, self.token = self.home / f"{collection}.key", self.home / "token"
        self.store = self.home / f"{collection}.journal"
        self.token.write_text("a token\n")
        self.source = [self.key] if way == "file" else [folder / "control.sock", f"acme/{self.name}"]
        self.command = language.command(self)

    def sink(self):
        """How the daemon hands it the key."""
        if self.way == "file":
            return f'[[tenant.webhook.key_sink]]\nkind = "file"\npath = "{self.key}"\n'
        if self.way == "push":
            url = f"http://127.0.0.1:{self.port}/keys/{self.collection}"
            return f'[[tenant.webhook.key_sink]]\nkind = "http"\nurl = "{url}"\ntoken = {{ file = "{self.token}" }}\n'
        return ""

    def post(self, body, authorization, headers={}):
        """The status, of a body in one piece or of an iterable of chunks."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            chunked = not isinstance(body, bytes)
            headers = {"Authorization": authorization, **headers, **({"Transfer-Encoding": "chunked"} if chunked else {})}
            connection.request("POST", self.path, body, headers, encode_chunked=chunked)
            return connection.getresponse().status

    def put_key(self, value, authorization="Bearer a token"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request("PUT", f"/keys/{self.collection}", json.dumps(value), {"Authorization": authorization})
            return connection.getresponse().status

    def listens(self):
        try:
            return self.post(b"{}", "") > 0
        except (OSError, http.client.HTTPException):
            return False

    def rows(self, store=None):
        """Everything that it kept, oldest first: id as JSON wrote it, version, whether it is gone, and the object."""
        store = store or self.store
        if self.language == "python":
            with contextlib.closing(sqlite3.connect(store)) as db:
                rows = db.execute("SELECT id, version, gone, data FROM object ORDER BY stored").fetchall()
            return [(id, version, bool(gone), json.loads(data)) for id, version, gone, data in rows]
        lines = [json.loads(line.partition(" ")[2]) for line in store.read_text().split("\n")[:-1]]
        return [(line["id"], line["version"], line["gone"], line["event"]["data"]) for line in lines]

    def held(self, store=None):
        """The newest version of each object, and whether it is gone."""
        kept = {}
        for id, version, gone, _ in self.rows(store):
            known = kept.get(id, ("", False))[0]
            assert version == "" or version > known, f"{self.name} stored {id} in version {version} after {known}"
            kept[id] = (max(version, known), gone)
        return kept


def event(kind, id, version, **more):
    data = {"id": id, "changeVersion": version, **more} if version is not None else {"id": id, **more}
    return json.dumps({"changeType": kind, "data": data}, ensure_ascii=False).encode()


def sign(key, body):
    return "HMAC-SHA256 " + base64.b64encode(hmac.digest(key.encode(), body, hashlib.sha256)).decode()
