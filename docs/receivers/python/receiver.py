#!/usr/bin/env python3
# A receiver of Protime's events: Python 3.9, standard library only.
#
#   receiver.py PORT DATABASE file KEY_FILE          reads the key from the daemon's key file, for every event
#   receiver.py PORT DATABASE verify SOCKET WEBHOOK  asks the daemon about every event and never has a key
#   receiver.py PORT DATABASE watch SOCKET WEBHOOK   holds the key, and is told by the daemon when there is a new one
#
# SOCKET is the daemon's control socket, WEBHOOK is TENANT/NAME.

import base64, hashlib, hmac, http.client, json, socket, sqlite3, sys, threading, time
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
        return patiently(self.keys, authorization, body)

    def keys(self):
        try:
            with open(self.path, "rb") as file:
                return [file.read()]
        except FileNotFoundError:
            return []  # no webhook yet


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


def keep(database, event):
    """Stores an object durably, unless a version that is as new is there already."""
    data, gone = event["data"], {"InsertOrUpdate": 0, "Delete": 1}[event["changeType"]]
    db = sqlite3.connect(database, timeout=10)
    try:
        with db:
            db.execute(
                """INSERT INTO object (id, version, gone, data) VALUES (?, ?, ?, ?)
                   ON CONFLICT (id) DO UPDATE
                   SET version = excluded.version, gone = excluded.gone, data = excluded.data
                   WHERE excluded.version > object.version""",
                (data["id"], data["changeVersion"], gone, json.dumps(data)),
            )
    finally:
        db.close()


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.answer(self.receive())

    def receive(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            self.close_connection = True
            return 411
        if int(length) > LARGEST:
            self.close_connection = True
            return TOO_LARGE
        body = self.rfile.read(int(length))
        verdict = way.judge(self.headers.get("Authorization", ""), body)
        if verdict != GENUINE:
            return verdict
        try:
            keep(database, json.loads(body))
        except (ValueError, KeyError, TypeError) as error:
            print(f"a genuine event that is not understood: {error!r}", file=sys.stderr, flush=True)
            return 422
        except sqlite3.Error as error:
            print(f"an event could not be stored: {error}", file=sys.stderr, flush=True)
            return TRY_LATER
        return 204

    def answer(self, status):
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


if __name__ == "__main__":
    port, database, name, *arguments = sys.argv[1:]
    db = sqlite3.connect(database)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE IF NOT EXISTS object (id TEXT PRIMARY KEY, version TEXT, gone INTEGER, data TEXT)")
    db.close()
    way = {"file": KeyFile, "verify": Verify, "watch": Watch}[name](*arguments)
    ThreadingHTTPServer(("127.0.0.1", int(port)), Receiver).serve_forever()
