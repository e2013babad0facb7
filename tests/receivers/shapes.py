"""Events as Protime shapes them, and others that must not be taken for them, to every receiver."""

import contextlib, json
from concurrent.futures import ThreadPoolExecutor

from kinds import Receiver, event, sign
from rig import started, wait_for

KEY = "a key that the test knows"
BADGE = {"id": 4711, "externalReferences": {"@badge-number": "00912", "payroll": "Zoë ✓ 😀"}}
LARGEST = 10 * 1024 * 1024

version = lambda number: f"00000B1400007AE{number:05X}"

# What comes, in this order, and what is held of it in the end: version, whether it is gone.
EVENTS = [
    # clockings: one action, several events; times are minutes, references stand in the related property
    event("InsertOrUpdate", 40112233, version(31), person=BADGE, date="2031-02-03", timeOfDayInMinutes=495, status="Active",
          terminal={"id": 12, "externalReferences": {"@external-code": "T12"}}, aNewProperty={"deep": [1, None, True]}),
    event("InsertOrUpdate", 40112234, version(32), person=BADGE, date="2031-02-03", timeOfDayInMinutes=-30, status="Active"),
    event("Delete", 40112233, version(33)),
    event("InsertOrUpdate", 40112234, version(34), person=BADGE, date="2031-02-03", timeOfDayInMinutes=-30, status="Deleted"),
    # calculated-totals, counters, people, absences
    event("InsertOrUpdate", 881, version(35), person=BADGE, date="2031-02-03", durationInMinutes=456),
    event("InsertOrUpdate", 882, version(36), person={"id": 4711}, date="2031-02-03", counter={"id": 3}, status="Auto"),
    event("InsertOrUpdate", 4711, version(37), name="Zoë", firstName="O'Brien \u2028", inServiceDate="2020-01-01", isActive=True),
    event("InsertOrUpdate", 990, version(38), person={"id": 4711}, request={"id": "acme-4711-12"}, status="Open"),
    # a number and a text of the same digits are not the same, nor are two long numbers
    event("InsertOrUpdate", "4711", version(39)),
    event("InsertOrUpdate", 9007199254740992, version(40)),
    event("InsertOrUpdate", 9007199254740993, version(41)),
    event("Delete", 9007199254740992, version(42)),
    # activity-durations: without a version it is newer than what is known
    event("InsertOrUpdate", 700, None, durationInMinutes=1),
    event("InsertOrUpdate", 700, None, durationInMinutes=2),
    event("InsertOrUpdate", 701, version(50), durationInMinutes=1),
    event("InsertOrUpdate", 701, None, durationInMinutes=2),
    event("InsertOrUpdate", 701, version(49), durationInMinutes=3),
    event("InsertOrUpdate", 702, version(51), durationInMinutes=1),
    event("Delete", 702, None),
    event("InsertOrUpdate", 703, "", durationInMinutes=1),
    # a repeat, and what was overtaken
    event("InsertOrUpdate", 881, version(35), durationInMinutes=1),
    event("InsertOrUpdate", 881, version(34), durationInMinutes=2),
    event("InsertOrUpdate", 40112233, version(31), durationInMinutes=3),
    # spelling: white space, a name in other letters beside the right one, an escaped letter, a name that stands twice
    b'{\r\n  "data" : {\n "ID": 1, "changeVersion":"' + version(60).encode() + b'",\t"id" : 500 } ,\n "changeType":"Delete"\r\n}\n',
    b'{"changeType":"InsertOrUpdate","data":{"id":"\\u0041\\"","changeVersion":"1","rate":1.10}}',
    b'{"changeType":"Delete","changeType":"InsertOrUpdate","data":{"id":1,"id":501,"changeVersion":"1"}}',
    b'\xef\xbb\xbf{"changeType":"InsertOrUpdate","data":{"id":502,"changeVersion":null,"status":7}}',
]
HELD = {
    "40112233": (version(33), True), "40112234": (version(34), True), "881": (version(35), False), "882": (version(36), False),
    "4711": (version(37), False), "990": (version(38), False), '"4711"': (version(39), False),
    "9007199254740992": (version(42), True), "9007199254740993": (version(41), False), "700": ("", False),
    "701": (version(50), False), "702": (version(51), True), "703": ("", False), "500": (version(60), True),
    '"A\\""': ("1", False), "501": ("1", False), "502": ("", False),
}
NOT_UNDERSTOOD = [
    b"", b"7", b"null", b"[]", b'"x"', b"{", b'{"changeType":"Delete"}', b'{"changeType":"Delete","data":null}',
    b'{"changeType":"Delete","data":[]}', b'{"changeType":"constructor","data":{"id":1,"changeVersion":"1"}}',
    b'{"data":{"id":1,"changeVersion":"1"}}', b'{"changeType":null,"data":{"id":1,"changeVersion":"1"}}',
    b'{"changeType":"delete","data":{"id":1,"changeVersion":"1"}}',
    *(b'{"changeType":"Delete","data":{"id":%s,"changeVersion":"1"}}' % id
      for id in (b"null", b'""', b"1.5", b"1e3", b"true", b"{}", b"[1]", b"NaN", b"-")),
    b'{"changeType":"Delete","data":{"changeVersion":"1"}}', b'{"changeType":"Delete","data":{"id":1,"changeVersion":7}}',
    b'{"changeType":"Delete","data":{"id":1,"changeVersion":"1"}} trailing',
    b'{"changeType":"Delete","data":{"id":1,"changeVersion":"1","name":"\xff"}}',
]


def real_events_are_understood(folder, languages):
    with contextlib.ExitStack() as running:
        receivers = [Receiver(folder, language, "file") for language in languages]
        processes = [running.enter_context(started(folder, each.name, each.command)) for each in receivers]
        for receiver, process in zip(receivers, processes):
            wait_for(f"{receiver.name} to listen", receiver.listens, process)
        with ThreadPoolExecutor(len(receivers)) as pool:
            for done in [pool.submit(every_shape, receiver) for receiver in receivers]:
                done.result()


def every_shape(receiver):
    receiver.key.write_text("")
    body = event("Delete", 1, "1")
    assert receiver.post(body, sign("", body)) == 503, f"{receiver.name} judges with an empty key"
    receiver.key.write_text(KEY)
    for body in EVENTS:
        status = receiver.post(body, sign(KEY, body))
        assert status == 204, f"{receiver.name} answers {status} to {body}"
    assert receiver.held() == HELD, f"{receiver.name} holds {receiver.held()}"
    newest = {id: data for id, _, _, data in receiver.rows()}
    assert newest["701"]["durationInMinutes"] == newest["700"]["durationInMinutes"] == 2, f"{receiver.name}: {newest}"
    assert newest["990"] == json.loads(EVENTS[7])["data"] and newest["4711"]["firstName"] == "O'Brien \u2028"
    for body in NOT_UNDERSTOOD:
        status = receiver.post(body, sign(KEY, body))
        assert status == 422, f"{receiver.name} answers {status} to {body}"
    in_chunks(receiver)
    assert receiver.held() == HELD | {"800": ("1", False), "801": ("1", False)}, f"{receiver.name} holds {receiver.held()}"


def in_chunks(receiver):
    pieces = lambda body, size: (body[at:at + size] for at in range(0, len(body), size))
    for id, size, more in [(800, 7, ""), (801, 100_000, "x" * 300_000)]:
        body = event("InsertOrUpdate", id, "1", more=more)
        status = receiver.post(pieces(body, size), sign(KEY, body))
        assert status == 204, f"{receiver.name} answers {status} to chunks of {size} bytes"
    body = event("InsertOrUpdate", 802, "1")
    assert receiver.post(pieces(body, 9), sign("another key", body)) == 401, f"{receiver.name} takes forged chunks"
    body = event("InsertOrUpdate", 803, "1", more="x" * LARGEST)
    for way, too_large in [("at once", body), ("in chunks", pieces(body, 65536))]:
        try:
            status = receiver.post(too_large, sign(KEY, body))
        except OSError:
            continue  # it closed while the rest was under way
        assert status == 413, f"{receiver.name} answers {status} to a body that is too large, {way}"
