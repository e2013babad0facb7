#!/usr/bin/env python3
# A resync command that reads the collection's list from Protime into the database of receiver.py.
#
#   resync.py SETTINGS      a JSON file: api, token_url, client_id, client_secret_file, database; optional: earliest
#
# A list does not say that an object is gone; it only does not show it, and there are other reasons for that (its date
# was moved out of the dates that are asked for). So such an object is marked with 2 and not with 1, and comes back as
# soon as it is shown again. A kept delta tells of deletions: resync of the kind "delta" with keep_warm.

import datetime, json, sqlite3, sys, urllib.error, urllib.parse, urllib.request

# Lists that demand a range of dates, of at most a year, with the property that holds the date.
DATED = dict.fromkeys(
    """absences access-clockings activity-durations breaks calculated-totals clockings counters paid-presences
    work-interruptions""".split(),
    "date",
) | {"assignments": "from"}
# What changes today can be of a day long ago, or to come.
BACK, AHEAD = datetime.timedelta(days=92), datetime.timedelta(days=366)

settings = json.load(open(sys.argv[1]))
gap = json.loads(sys.stdin.readline())
collection, today = gap["collection"], datetime.date.today()


class Expired(Exception):
    """The list's next page is not known any more: Protime says 409."""


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """The token goes to the address that was configured, and nowhere else."""

    def redirect_request(self, *arguments):
        return None


opener = urllib.request.build_opener(NoRedirect)


def ask(url, form=None, headers={}):
    data = urllib.parse.urlencode(form).encode() if form else None
    headers = {"User-Agent": "Resync/v1 (Your Company)", **headers}
    with opener.open(urllib.request.Request(url, data, headers), timeout=60) as answer:
        return json.loads(answer.read() or b"{}") or {}


def token():
    readable = "calculated-totals" if collection == "paid-presences" else collection
    return ask(settings["token_url"], {
        "grant_type": "client_credentials",
        "client_id": settings["client_id"],
        "client_secret": open(settings["client_secret_file"]).read().strip(),
        "scope": f"connector-protimeapi-{readable}.read",
    })["access_token"]


def windows():
    """The dates to ask for, a year at most in each; once None where the list demands none."""
    if collection not in DATED:
        return [None]
    if gap["from"]:
        first = datetime.date.fromisoformat(gap["from"][:10]) - BACK
    else:
        first = datetime.date.fromisoformat(settings.get("earliest", f"{today.year - 1}-01-01"))
    found = []
    while first <= today + AHEAD:
        last = min(first + datetime.timedelta(days=364), today + AHEAD)
        found.append((str(first), str(last)))
        first = last + datetime.timedelta(days=1)
    return found


def pages(window):
    """The objects of one list. An empty page is not the end: only a missing nextLink is."""
    access, refused = token(), None
    start = f"/connector/protimeapi/api/v1/{collection}"
    if window:
        start += "?" + urllib.parse.urlencode({"filter": f"date ge '{window[0]}' and date le '{window[1]}'"})
    page = start
    while page:
        try:
            answer = ask(settings["api"] + page, headers={"Authorization": f"Bearer {access}"})
        except urllib.error.HTTPError as error:
            if error.code == 409 and page != start:
                raise Expired from error
            if error.code != 401 or refused == page:
                raise
            access, refused = token(), page  # it lives for half an hour or so, which a long list can outlast
            continue
        yield from answer.get("value") or []
        # It has raw spaces and apostrophes. Its path is asked on our own origin: the token goes nowhere else.
        link = urllib.parse.urlsplit(answer.get("nextLink") or "")
        page = link.path and urllib.parse.quote(f"{link.path}?{link.query}", safe="/?&=%+:;,@()*-._~$!")


def read(window):
    """Stores what the list shows, and marks what it does not show."""
    shown = set()
    for data in pages(window):
        id, version, gone = json.dumps(data["id"]), data.get("changeVersion") or "", data.get("status") == "Deleted"
        shown.add(id)
        db.execute(
            """INSERT INTO object SELECT ?, ?, ?, ?, COALESCE(MAX(stored), 0) + 1 FROM object WHERE true
               ON CONFLICT (id) DO UPDATE
               SET version = MAX(excluded.version, version), gone = excluded.gone, data = excluded.data,
                   stored = excluded.stored
               WHERE excluded.version > version OR (gone = 2 AND excluded.version = version)
                  OR (excluded.version = '' AND stored <= ?)""",
            (id, version, int(gone), json.dumps(data, ensure_ascii=False), mark),
        )
    for id, data in db.execute("SELECT id, data FROM object WHERE gone = 0 AND stored <= ?", (mark,)).fetchall():
        day = str(json.loads(data).get(DATED.get(collection), ""))[:10]
        if id not in shown and (window is None or window[0] <= day <= window[1]):
            db.execute(
                """UPDATE object SET gone = 2, stored = (SELECT MAX(stored) + 1 FROM object)
                   WHERE id = ? AND gone = 0 AND stored <= ?""",
                (id, mark),
            )
    return len(shown)


db = sqlite3.connect(settings["database"], timeout=60, isolation_level=None)
db.execute("PRAGMA synchronous = FULL")
# What an event stores from now on knows better than a list that was asked for now.
mark = db.execute("SELECT COALESCE(MAX(stored), 0) FROM object").fetchone()[0]
objects = 0
for window in windows():
    for tries in range(5):
        try:
            objects += read(window)
            break
        except Expired:
            print("Protime does not know the next page any more; the list starts over", flush=True)
    else:
        sys.exit("the list could not be read to its end: its next page was not known any more, five times")
print(f"{objects} objects of {collection}, for the gap since {gap['from'] or 'ever'}")
