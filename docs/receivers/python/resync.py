# A resync command that reads the list of clockings from Protime: resync.py SETTINGS
import datetime, json, sqlite3, sys, urllib.parse, urllib.request

settings = json.load(open(sys.argv[1]))  # api, token_url, client_id, client_secret_file, database
gap = json.loads(sys.stdin.readline())
agent = {"User-Agent": "Resync/v1 (Your Company)"}


def ask(url, form=None, headers={}):
    data = urllib.parse.urlencode(form).encode() if form else None
    with urllib.request.urlopen(urllib.request.Request(url, data, {**agent, **headers}), timeout=60) as answer:
        return json.load(answer)


token = ask(settings["token_url"], {
    "grant_type": "client_credentials",
    "client_id": settings["client_id"],
    "client_secret": open(settings["client_secret_file"]).read().strip(),
    "scope": f"connector-protimeapi-{gap['collection']}.read",
})["access_token"]

# Clockings demand a range of dates, of at most a year. A change can concern a date well before the gap.
today = datetime.date.today()
first, last = today - datetime.timedelta(days=60), today + datetime.timedelta(days=60)
query = urllib.parse.urlencode({"filter": f"date ge {first} and date le {last}"})

db = sqlite3.connect(settings["database"], timeout=10, isolation_level=None)
known = {
    id: version
    for id, version, data in db.execute("SELECT id, version, data FROM object WHERE NOT gone")
    if str(first) <= json.loads(data)["date"] <= str(last)
}
page = f"{settings['api']}/connector/protimeapi/api/v1/{gap['collection']}?{query}"
while page:  # an empty page is not the end: only a missing nextLink is
    answer = ask(page, headers={"Authorization": f"Bearer {token}"})
    for data in answer["value"]:
        known.pop(data["id"], None)
        db.execute(
            """INSERT INTO object (id, version, gone, data) VALUES (?, ?, 0, ?)
               ON CONFLICT (id) DO UPDATE SET version = excluded.version, gone = 0, data = excluded.data
               WHERE excluded.version > object.version""",
            (data["id"], data["changeVersion"], json.dumps(data)),
        )
    page = answer.get("nextLink") and urllib.parse.urljoin(page, answer["nextLink"])
# A list shows what was deleted only by its absence. An event that came meanwhile knows better.
for id, version in known.items():
    db.execute("UPDATE object SET gone = 1 WHERE id = ? AND version = ?", (id, version))
print("resynchronised for the gap since", gap["from"] or "ever")
