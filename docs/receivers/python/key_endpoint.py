#!/usr/bin/env python3
# The other end of a key sink of the kind "http": takes each new key by PUT and puts it into a file.
#
#   key_endpoint.py PORT TOKEN_FILE KEY_FILE
#
# The daemon sends "Authorization: Bearer TOKEN" and JSON. A 2xx promises that the key is in force.

import hmac, json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

port, token_file, key_file = int(sys.argv[1]), sys.argv[2], sys.argv[3]


def put_in_force(key, version):
    """Replaces the key file as a whole: no one ever reads half a key, and a crash leaves the old or the new one."""
    aside = f"{key_file}.new"
    with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, key_file)
    folder = os.open(os.path.dirname(os.path.abspath(key_file)), os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
    print(f"key version {version} is in force", flush=True)


class Endpoint(BaseHTTPRequestHandler):
    timeout = 30
    newest = 0  # of this run: after a loss of the daemon's state its versions begin low, and this is to be restarted

    def do_PUT(self):
        self.send_response(self.take())
        self.send_header("Content-Length", "0")
        self.end_headers()

    def take(self):
        with open(token_file) as file:
            token = file.read().strip()
        given = self.headers.get("Authorization", "").encode("latin-1")
        if not token or not hmac.compare_digest(b"Bearer " + token.encode(), given):
            return 401
        try:
            length = int(self.headers["Content-Length"])
            if not 0 < length <= 64 * 1024:
                return 413
            told = json.loads(self.rfile.read(length))
            key, version = told["key"], told["key_version"]
            if not (isinstance(key, str) and key and type(version) is int):
                return 400
        except (ValueError, KeyError, TypeError):
            return 400
        if version < Endpoint.newest:
            # Not 2xx: it is not in force, and will not be. The daemon shows the refusal.
            print(f"key version {version} is refused: {Endpoint.newest} is in force", flush=True)
            return 409
        try:
            put_in_force(key, version)
        except OSError as error:
            print(f"the key could not be stored: {error}", flush=True)
            return 503
        Endpoint.newest = version
        return 204

    def log_message(self, *arguments):
        pass


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", port), Endpoint).serve_forever()
