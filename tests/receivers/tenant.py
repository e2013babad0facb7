"""A small strict Protime for resync.py: lists alone, with every oddity that the documentation shows."""

import json, re, threading, urllib.parse
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROOT = "/connector/protimeapi/api/v1/"
DATED = {"clockings": "date", "assignments": "from", "paid-presences": "date"}
FILTER = re.compile(r"date ge '(\d{4}-\d\d-\d\d)' and date le '(\d{4}-\d\d-\d\d)'")
SIZE = 2


class Tenant:
    """Objects by collection; `conflicts` is how many pages are answered with 409 first."""

    def __init__(self):
        self.objects, self.conflicts, self.scopes, self.requests = {}, 0, [], []
        self.during = lambda: None  # what happens while the first page is under way
        tenant = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                tenant.scopes += form["scope"]
                self.answer(200, {"access_token": "t", "expires_in": 1800, "token_type": "Bearer", "scope": form["scope"][0]})

            def do_GET(self):
                self.answer(*tenant.page(self))

            def answer(self, status, body):
                text = b"" if status == 204 else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def page(self, request):
        path, _, query = request.path.partition("?")
        self.requests.append(request.path)
        collection = path.removeprefix(ROOT)
        found = urllib.parse.parse_qs(query, keep_blank_values=True)
        refused = lambda why: (400, {"error": {"code": "BadRequest", "message": "", "reasons": [why]}})
        if request.headers["Authorization"] != "Bearer t":
            return 401, {}
        if not re.fullmatch(r"[^/]+/\S+ \(.+\)", request.headers["User-Agent"] or ""):
            return refused("no User-Agent")
        filter = found.get("filter", [None])[0]
        objects = self.objects[collection]
        if collection in DATED:
            match = FILTER.fullmatch(filter or "")
            if not match:
                return refused(f"date is required: {filter}")
            first, last = map(date.fromisoformat, match.groups())
            if (last - first).days > 365:
                return refused("more than a year")
            objects = [each for each in objects if str(first) <= each[DATED[collection]] <= str(last)]
        elif filter:
            return refused("no filter")
        page = int(found.get("continuationToken", ["0"])[0])
        if page == 0:
            self.during()
        elif self.conflicts:
            self.conflicts -= 1
            return 409, {"error": {"code": "Conflict", "message": "the paging token has expired"}}
        if not objects:
            return 204, None
        # Every second page is empty, and the last one is.
        begin = page // 2 * SIZE
        answer = {"value": [] if page % 2 else objects[begin:begin + SIZE]}
        if page % 2 == 0 or begin + SIZE < len(objects):
            # As Protime shows it: the filter stands there with its spaces and apostrophes.
            filtered = f"filter={filter}&" if filter else ""
            answer["nextLink"] = f"{path}?{filtered}continuationToken={page + 1}"
        return 200, answer
