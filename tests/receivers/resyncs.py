"""resync.py against a strict list, collection by collection: what exists stays, what is new comes, no token strays."""

import contextlib, datetime, importlib.util, json, sqlite3, subprocess, sys

from kinds import EXAMPLES
from tenant import DATED, Tenant

TODAY = datetime.date.today()
LONG_AGO = TODAY - datetime.timedelta(days=300)


def a_list_is_read_as_protime_gives_it(folder):
    for collection in ["clockings", "assignments", "paid-presences", "people"]:
        place = folder / collection
        place.mkdir()
        one_collection(place, collection)
    everything_is_asked_for_year_by_year(folder)


def one_collection(folder, collection):
    receiver, tenant, database = program("receiver"), Tenant(), folder / "store"
    receiver.open_store(database)
    dated = DATED.get(collection)
    day = lambda when: {dated: str(when)} if dated else {}
    keep = lambda kind, id, version, **more: receiver.keep(
        database, {"changeType": kind, "data": {"id": id, **({"changeVersion": version} if version else {}), **day(TODAY), **more}}
    )
    shown = lambda id, version, **more: {"id": id, **({"changeVersion": version} if version else {}), **day(TODAY), **more}
    for id, version in [(1, "01"), (2, "01"), (3, "01"), ("3", "01"), (8, None), (9, None)]:
        keep("InsertOrUpdate", id, version, name="known")
    keep("InsertOrUpdate", 4, "01", **day(LONG_AGO))
    keep("Delete", 5, "09")
    tenant.objects[collection] = [
        shown(1, "01"), shown(2, "02", name="newer"), shown("3", "01"), shown(5, "08"), shown(7, "01", person={"id": 4711}),
        shown(8, None, name="newer"), shown(9, None, name="older"),
    ]
    # Events that come while the list is on its way know better than the list.
    tenant.during = lambda: (keep("InsertOrUpdate", 6, "01"), keep("InsertOrUpdate", 9, None, name="event"))
    tenant.conflicts = 1
    run(folder, tenant, collection, database)
    found = rows(database)
    gone = {id: gone for id, (_, gone, _) in found.items()}
    expected = {"1": 0, "2": 0, "3": 2, '"3"': 0, "4": 0 if dated else 2, "5": 1, "6": 0, "7": 0, "8": 0, "9": 0}
    assert gone == expected, f"{collection}: {gone}"
    assert found["2"][0] == "02" and found["5"][0] == "09" and found["8"][2]["name"] == "newer", f"{collection}: {found}"
    assert found["9"][2]["name"] == "event", f"{collection}: the list has overtaken an event: {found['9']}"
    scope = "calculated-totals" if collection == "paid-presences" else collection
    assert set(tenant.scopes) == {f"connector-protimeapi-{scope}.read"}, tenant.scopes

    # What was only not shown comes back with the same version, by a list or by an event.
    tenant.objects[collection].append(shown(3, "01"))
    run(folder, tenant, collection, database)
    assert rows(database)["3"][1] == 0, f"{collection}: what is shown again stays away"
    tenant.objects[collection].pop()
    run(folder, tenant, collection, database)
    assert rows(database)["3"][1] == 2
    keep("InsertOrUpdate", 3, "01")
    assert rows(database)["3"][1] == 0, f"{collection}: an event does not bring back what a list did not show"

    # An empty list, as 204; and a list that cannot be read to its end changes nothing that it does not show.
    tenant.conflicts = 1_000
    before = rows(database)
    assert run(folder, tenant, collection, database, succeeds=False) != 0
    assert {id: gone for id, (_, gone, _) in rows(database).items()} == {id: gone for id, (_, gone, _) in before.items()}
    tenant.objects[collection], tenant.conflicts = [], 0
    run(folder, tenant, collection, database)
    assert rows(database)["1"][1] == 2


def everything_is_asked_for_year_by_year(folder):
    tenant, database = Tenant(), folder / "everything"
    program("receiver").open_store(database)
    tenant.objects["clockings"] = [{"id": id, "changeVersion": "01", "date": f"{TODAY.year - 3 + id}-07-01"} for id in range(5)]
    run(folder, tenant, "clockings", database, gap=None, earliest=f"{TODAY.year - 3}-01-01")
    reached = TODAY + datetime.timedelta(days=366)
    expected = {str(id) for id in range(5) if f"{TODAY.year - 3 + id}-07-01" <= str(reached)}
    assert rows(database).keys() == expected, rows(database).keys()


def run(folder, tenant, collection, database, succeeds=True, gap=str(TODAY) + "T08:00:00Z", **more):
    (folder / "secret").write_text("a secret\n")
    settings = {
        "api": tenant.origin, "token_url": f"{tenant.origin}/connect/token", "client_id": "c",
        "client_secret_file": str(folder / "secret"), "database": str(database), **more,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "python/resync.py"), str(folder / "settings.json")], capture_output=True, text=True,
        input=json.dumps({"collection": collection, "from": gap}) + "\n", timeout=60,
    )
    assert not succeeds or done.returncode == 0, f"{collection}: {done.stdout}{done.stderr}"
    return done.returncode


def rows(database):
    with contextlib.closing(sqlite3.connect(database)) as db:
        found = db.execute("SELECT id, version, gone, data FROM object").fetchall()
    return {id: (version, gone, json.loads(data)) for id, version, gone, data in found}


def program(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"python/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
