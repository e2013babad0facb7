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
    """Replaces the key file as a whole: nobody ever reads half a key, and a crash leaves the old or the new one."""
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
    newest = 0  # of this run; the daemon sends the newest key last, and again after a failure

    def do_PUT(self):
        self.send_response(self.take())
        self.send_header("Content-Length", "0")
        self.end_headers()

    def take(self):
        with open(token_file) as file:
            expected = "Bearer " + file.read().strip()
        if not hmac.compare_digest(expected.encode(), self.headers.get("Authorization", "").encode("latin-1")):
            return 401
        try:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            key, version = told["key"], told["key_version"]
            if not (isinstance(key, str) and key and isinstance(version, int)):
                return 400
        except (ValueError, KeyError, TypeError):
            return 400
        if version >= Endpoint.newest:
            put_in_force(key, version)
            Endpoint.newest = version
        return 204

    def log_message(self, *arguments):
        pass


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", port), Endpoint).serve_forever()
