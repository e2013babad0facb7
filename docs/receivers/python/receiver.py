#!/usr/bin/env python3
# A receiver of Protime's events: Python 3.9, standard library only.
#
#   receiver.py PORT DATABASE file KEY_FILE          reads the key from the daemon's key file, for every event
#   receiver.py PORT DATABASE verify SOCKET WEBHOOK  asks the daemon about every event and never has a key
#   receiver.py PORT DATABASE watch SOCKET WEBHOOK   holds the key, and is told by the daemon when there is a new one
#
# SOCKET is the daemon's control socket, WEBHOOK is TENANT/NAME. DATABASE holds the objects of one collection.

import base64, contextlib, hashlib, hmac, http.client, json, socket, sqlite3, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PATIENCE = 5.0  # seconds that an event may be ahead of its key
GRACE = 60.0  # seconds that the previous key is good for
LARGEST = 10 * 1024 * 1024  # bytes

GENUINE, REFUSED, TOO_LARGE, TRY_LATER = 204, 401, 413, 503


def signed(key, authorization, body):
    """Whether `authorization` was made with `key` over exactly these bytes."""
    signature = base64.b64encode(hmac.digest(key, body, hashlib.sha256))
    return hmac.compare_digest(b"HMAC-SHA256 " + signature, authorization.encode("latin-1"))


def patiently(keys, authorization, body):
    """Looks at the keys again and again for a while: an event can be ahead of its key."""
    deadline = time.monotonic() + PATIENCE
    while True:
        known = keys()
        if any(signed(key, authorization, body) for key in known):
            return GENUINE
        if time.monotonic() >= deadline or not authorization.startswith("HMAC-SHA256 "):
            return REFUSED if known else TRY_LATER
        time.sleep(0.1)


class KeyFile:
    """Way 1: the key file."""

    def __init__(self, path):
        self.path = path

    def judge(self, authorization, body):
        try:
            return patiently(self.keys, authorization, body)
        except OSError as error:
            print(f"the key cannot be read: {error}", file=sys.stderr, flush=True)
            return TRY_LATER

    def keys(self):
        try:
            with open(self.path, "rb") as file:
                key = file.read()
        except FileNotFoundError:
            return []  # no webhook yet
        return [key] if key else []  # anyone can sign with an empty key


class Daemon(http.client.HTTPConnection):
    """HTTP over the daemon's Unix socket."""

    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Verify:
    """Way 2: the daemon judges every event."""

    def __init__(self, path, webhook):
        self.path, self.webhook = path, webhook

    def judge(self, authorization, body):
        daemon = Daemon(self.path, timeout=PATIENCE + 10)
        try:
            daemon.request("POST", f"/v1/webhooks/{self.webhook}/verify", body, {"Authorization": authorization})
            answer = daemon.getresponse()
            problem = answer.read()
        except (OSError, http.client.HTTPException) as error:
            print(f"the daemon does not answer: {error}", file=sys.stderr, flush=True)
            return TRY_LATER
        finally:
            daemon.close()
        if answer.status in (GENUINE, REFUSED, TOO_LARGE):
            return answer.status
        # 503: no key yet. 404: the daemon knows no such webhook, which is our mistake and not the sender's.
        print(f"the daemon cannot judge: {answer.status} {problem.decode(errors='replace')}", file=sys.stderr, flush=True)
        return TRY_LATER


class Watch:
    """Way 3: a thread waits for the next key."""

    def __init__(self, path, webhook):
        self.path, self.webhook = path, webhook
        self.current, self.previous, self.previous_until = None, None, 0.0
        threading.Thread(target=self.follow, daemon=True).start()

    def judge(self, authorization, body):
        return patiently(self.keys, authorization, body)

    def keys(self):
        previous = self.previous if time.monotonic() < self.previous_until else None
        return [key for key in (self.current, previous) if key]

    def follow(self):
        version = 0
        while True:
            daemon = Daemon(self.path, timeout=60)
            try:
                while True:
                    daemon.request("GET", f"/v1/webhooks/{self.webhook}/key?after={version}&wait=30s")
                    answer = daemon.getresponse()
                    body = answer.read()
                    if answer.status == 200:
                        found = json.loads(body)
                        version, previous = found["version"], found["previous"]
                        self.previous = previous and previous["key"].encode()
                        self.previous_until = time.monotonic() + GRACE
                        self.current = found["key"].encode()
                        print(f"key version {version} since {found['rotated_at']}", flush=True)
                    elif answer.status != 304:
                        raise ConnectionError(f"{answer.status} {body.decode(errors='replace')}")
            except (OSError, http.client.HTTPException) as error:
                print(f"the daemon gives no key ({error}); trying again", file=sys.stderr, flush=True)
                version = 0  # its state may have been restored from a backup: take whatever key it has
                time.sleep(1)
            finally:
                daemon.close()


SCHEMA = """
    CREATE TABLE IF NOT EXISTS object (
        id      TEXT PRIMARY KEY,  -- as JSON writes it: 4711, or "4711" with its quotes
        version TEXT NOT NULL,     -- the greatest changeVersion that came; empty if none ever did
        gone    INTEGER NOT NULL,  -- 0: it exists; 1: Protime said that it is gone; 2: a list did not show it
        data    TEXT NOT NULL,
        stored  INTEGER NOT NULL   -- counts up with every change of this table
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS object_stored ON object (stored);
"""


def connect(database):
    db = sqlite3.connect(database, timeout=10, isolation_level=None)
    db.execute("PRAGMA synchronous = FULL")  # some builds of SQLite say 2xx before it is on the disk
    return db


def open_store(database):
    """Makes the table, and refuses to start on one that is damaged or not ours."""
    with contextlib.closing(connect(database)) as db:
        found = db.execute("PRAGMA quick_check").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(SCHEMA)
        db.execute("SELECT id, version, gone, data, stored FROM object LIMIT 1")


def keep(database, event):
    """Stores an object durably, unless a version that is as new is there already."""
    data, change = event["data"], event["changeType"]
    id, version = data["id"], data.get("changeVersion") or ""  # without a version it is newer than what is known
    if not (type(id) is int or (isinstance(id, str) and id)) or not isinstance(version, str):
        raise TypeError("data.id or data.changeVersion is of another type")
    # A clocking can also be deleted by an InsertOrUpdate with this status.
    gone = {"InsertOrUpdate": data.get("status") == "Deleted", "Delete": True}[change]
    with contextlib.closing(connect(database)) as db:
        db.execute(
            """INSERT INTO object SELECT ?, ?, ?, ?, COALESCE(MAX(stored), 0) + 1 FROM object WHERE true
               ON CONFLICT (id) DO UPDATE
               SET version = MAX(excluded.version, version), gone = excluded.gone, data = excluded.data,
                   stored = excluded.stored
               WHERE excluded.version = '' OR excluded.version > version
                  OR (gone = 2 AND excluded.version = version)""",
            (json.dumps(id), version, int(gone), json.dumps(data, ensure_ascii=False)),
        )


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds that a sender may be silent

    def do_POST(self):
        self.answer(self.receive())

    def receive(self):
        try:
            body = self.body()
        except ValueError as error:
            print(f"a request that is not valid HTTP: {error}", file=sys.stderr, flush=True)
            body = 400
        if isinstance(body, int):
            self.close_connection = True  # what follows on it cannot be told apart
            return body
        verdict = way.judge(self.headers.get("Authorization", ""), body)
        if verdict != GENUINE:
            return verdict
        try:
            keep(database, json.loads(body, parse_constant=not_json))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            print(f"a genuine event that is not understood: {error!r}", file=sys.stderr, flush=True)
            return 422
        except sqlite3.Error as error:
            print(f"an event could not be stored: {error}", file=sys.stderr, flush=True)
            return TRY_LATER
        return 204

    def body(self):
        """The raw body, or the status to refuse it with."""
        coding, length = self.headers.get("Transfer-Encoding"), self.headers.get("Content-Length")
        if coding is not None:
            return self.chunks() if coding.strip().lower() == "chunked" and length is None else 400
        if length is None:
            return 411
        if not (length.isascii() and length.isdecimal()):
            return 400
        if len(length) > 9 or int(length) > LARGEST:
            return TOO_LARGE
        return self.exactly(int(length))

    def chunks(self):
        parts, length = [], 0
        while size := self.size():
            length += size
            if length > LARGEST:
                return TOO_LARGE
            parts.append(self.exactly(size))
            if self.line():
                raise ValueError("a chunk is longer than it says")
        for _ in range(100):  # trailers, which say nothing here
            if not self.line():
                return b"".join(parts)
        raise ValueError("too many trailers")

    def size(self):
        digits = self.line().partition(b";")[0].strip()
        if not digits or digits.strip(b"0123456789abcdefABCDEF"):
            raise ValueError("a chunk's length is not hexadecimal")
        return int(digits, 16)

    def line(self):
        line = self.rfile.readline(8192)
        if not line.endswith(b"\n"):
            raise ValueError("a line is too long, or ends too early")
        return line.rstrip(b"\r\n")

    def exactly(self, length):
        part = self.rfile.read(length)
        if len(part) < length:
            raise ValueError("the body ends too early")
        return part

    def answer(self, status):
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


def not_json(constant):
    raise ValueError(f"{constant} is not JSON")


if __name__ == "__main__":
    port, database, name, *arguments = sys.argv[1:]
    try:
        open_store(database)
    except sqlite3.Error as error:
        sys.exit(f"the database '{database}' cannot be used: {error}; repair it, or move it away and have everything resynchronised")
    way = {"file": KeyFile, "verify": Verify, "watch": Watch}[name](*arguments)
    ThreadingHTTPServer(("127.0.0.1", int(port)), Receiver).serve_forever()
