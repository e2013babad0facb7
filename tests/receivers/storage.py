"""What was acknowledged is kept: a full disk, half a line, a damaged store and kill -9, in every language."""

import contextlib, os, shutil, signal, sqlite3, subprocess, threading
from concurrent.futures import ThreadPoolExecutor

from kinds import Receiver, event, sign
from rig import started, wait_for

KEY = "a key that the test knows"
SMALL_DISK = 'mkdir -p "$0" && mount -t tmpfs -o size=256k tmpfs "$0" && head -c 131072 /dev/zero >"$0/filler" && exec "$@"'


def can_mount(folder):
    """Without root it takes user namespaces."""
    unshare = ["unshare", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), "--mount"]
    if not shutil.which("unshare"):
        return None
    done = subprocess.run([*unshare, "sh", "-c", 'mount -t tmpfs tmpfs "$0"', str(folder)], capture_output=True)
    return unshare if done.returncode == 0 else None


def what_is_acknowledged_is_kept(folder, languages, unshare):
    def every(language):
        tests = [a_full_disk, half_a_line, a_damaged_store, a_kill] if unshare else [half_a_line, a_damaged_store, a_kill]
        for test in tests:
            place = folder / f"{language.name}-{test.__name__}"
            place.mkdir()
            test(place, language, unshare)

    with ThreadPoolExecutor(len(languages)) as pool:
        for done in [pool.submit(every, language) for language in languages]:
            done.result()


def a_full_disk(folder, language, unshare):
    receiver = Receiver(folder, language, "file", name="full")
    shutil.rmtree(receiver.home)
    command = [*unshare, "sh", "-c", SMALL_DISK, receiver.home, *receiver.command]
    if language.name == "csharp":
        receiver.token = folder / "token"
        receiver.token.write_text("a token")
    with started(folder, receiver.name, command) as process:
        wait_for(f"{language.name} to listen", receiver.listens, process)
        inside = lambda path: folder.__class__(f"/proc/{process.pid}/root{path}")
        inside(receiver.key).write_text(KEY)
        acknowledged = {}

        def send(id):
            body = event("InsertOrUpdate", id, "1", text="x" * 6_000)
            status = receiver.post(body, sign(KEY, body))
            if status == 204:
                acknowledged[str(id)] = ("1", False)
            return status

        statuses = [send(id) for id in range(80)]
        assert set(statuses) == {204, 503}, f"{language.name} answers {statuses} while its disk fills up"
        refused = [id for id, status in enumerate(statuses) if status == 503]
        assert {send(id) for id in refused[-3:]} == {503}, f"{language.name} takes events on a full disk"
        at_the_crash = copy(receiver, inside(receiver.home), folder / "at-the-crash")
        before = dict(acknowledged)

        inside(receiver.home / "filler").unlink()
        answers = [send(id) for id in refused[:5]]
        assert set(answers) == {204}, f"{language.name} answers {answers} when there is space again"
        afterwards = copy(receiver, inside(receiver.home), folder / "afterwards")
    goes_on(folder, language, at_the_crash, before, "crashed")
    goes_on(folder, language, afterwards, acknowledged, "afterwards")


def copy(receiver, home, to):
    """What a crash at this moment would leave. SQLite's index of its journal is made again."""
    shutil.copytree(home, to, ignore=shutil.ignore_patterns("filler", "*-shm"))
    return to / receiver.store.name


def goes_on(folder, language, store, acknowledged, name):
    """A receiver starts on this store, holds what was acknowledged, and takes what comes."""
    receiver = Receiver(folder, language, "file", name=f"on-{name}")
    for file in store.parent.iterdir():
        shutil.copy(file, receiver.home / file.name)
    receiver.key.write_text(KEY)
    with started(folder, receiver.name, receiver.command) as process:
        wait_for(f"{language.name} on the store '{name}'", receiver.listens, process)
        held = receiver.held()
        lost = acknowledged.keys() - held.keys()
        assert not lost, f"{language.name} acknowledged and lost ({name}): {sorted(lost)}"
        for id in [*list(acknowledged)[-2:], "5000"]:  # the last ones come again, and a new one
            body = event("InsertOrUpdate", int(id), "2")
            assert receiver.post(body, sign(KEY, body)) == 204
    with started(folder, f"{receiver.name}-again", receiver.command) as process:
        wait_for(f"{language.name} on the store '{name}' again", receiver.listens, process)
        held = receiver.held()
        assert acknowledged.keys() | {"5000"} <= held.keys() and held["5000"] == ("2", False), f"{language.name}: {held}"
    return receiver


def filled(folder, language, count=4):
    """The store of a receiver that took some events."""
    receiver = Receiver(folder, language, "file", name="filled")
    receiver.key.write_text(KEY)
    with started(folder, receiver.name, receiver.command) as process:
        wait_for(f"{language.name} to listen", receiver.listens, process)
        reader = contextlib.nullcontext()
        if language.name == "python":  # as long as someone reads, SQLite keeps its journal
            reader = contextlib.closing(sqlite3.connect(receiver.store))
            reader.thing.execute("SELECT COUNT(*) FROM object").fetchone()
        with reader:
            for id in range(count):
                body = event("InsertOrUpdate", id, "1", person={"id": 4711}, name=f"Zoë {id}")
                assert receiver.post(body, sign(KEY, body)) == 204
            return copy(receiver, receiver.home, folder / "copy")


def half_a_line(folder, language, _):
    """A crash in the middle of a write: what came before it is kept, and nothing is appended to half a line."""
    store = filled(folder, language)
    if language.name == "python":  # SQLite appends to its own journal
        journal = store.with_name(store.name + "-wal")
        whole = journal.read_bytes()
        variants = {"one-byte-less": whole[:-1], "zeros": whole[:-4000] + bytes(4000), "more": whole + whole[:1000]}
    else:
        journal, whole = store, store.read_bytes()
        last = whole[whole.rindex(b"\n", 0, -1) + 1:]
        variants = {
            "no-end": whole[:-1], "half": whole[:-len(last) // 2], "one-byte": whole + last[:1], "zeros": whole + bytes(4096),
            "in-a-letter": whole[:-len(last)] + last[:last.rindex("Zoë".encode()) + 3],
        }
    for name, content in variants.items():
        place = folder / f"half-{name}"
        shutil.copytree(store.parent, place)
        (place / journal.name).write_bytes(content)
        kept = {str(id): ("1", False) for id in range(4 if name in ("one-byte", "more") else 3)}
        goes_on(folder, language, place / store.name, kept, f"goes-on-{name}")


def a_damaged_store(folder, language, _):
    """What was acknowledged cannot be read any more: it does not start, says where, and changes nothing."""
    store = filled(folder, language)
    if language.name == "python":
        with contextlib.closing(sqlite3.connect(store)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        content = store.read_bytes()
        variants = {"page": content[:8192] + b"\x55" * 300 + content[8492:], "head": b"x" * 100 + content[100:]}
        expected = "cannot be used"
    else:
        content = store.read_bytes()
        second = content.index(b"\n") + 1
        damaged = lambda at: content[:at] + bytes([content[at] ^ 1]) + content[at + 1:]
        variants = {
            "sum": damaged(second), "id": damaged(content.index(b'"id"', second) + 6),
            "object": damaged(content.index("Zoë".encode(), second)), "two-in-one": content.replace(b"\n", b" ", 1),
            "cut": content[:second + 30] + content[second + 40:], "zeros": content[:second] + bytes(60) + content[second + 60:],
            "empty-line": content[:second] + b"\n" + content[second:],
        }
        expected = "is damaged in line "
    for name, bytes_of in variants.items():
        receiver = Receiver(folder, language, "file", name=f"damaged-{name}")
        receiver.key.write_text(KEY)
        receiver.store.write_bytes(bytes_of)
        done = subprocess.run([*map(str, receiver.command)], cwd=folder, capture_output=True, text=True, timeout=60)
        said = done.stdout + done.stderr
        assert done.returncode > 0 and expected in said, f"{language.name} ({name}): {done.returncode} {said}"
        assert receiver.store.read_bytes() == bytes_of, f"{language.name} ({name}) changed what it cannot read"


def a_kill(folder, language, _):
    """kill -9 while events come from all sides."""
    receiver = Receiver(folder, language, "file", name="killed")
    receiver.key.write_text(KEY)
    acknowledged, enough = {}, threading.Event()

    def send(worker):
        for number in range(10_000):
            body = event("InsertOrUpdate", worker * 100_000 + number, "1", text="x" * 500)
            try:
                if receiver.post(body, sign(KEY, body)) == 204:
                    acknowledged[str(worker * 100_000 + number)] = ("1", False)
            except OSError:
                return
            if len(acknowledged) > 40:
                enough.set()

    with started(folder, receiver.name, receiver.command) as process:
        wait_for(f"{language.name} to listen", receiver.listens, process)
        workers = [threading.Thread(target=send, args=(worker,)) for worker in range(1, 5)]
        for worker in workers:
            worker.start()
        assert enough.wait(60), f"{language.name} took {len(acknowledged)} events in a minute"
        process.send_signal(signal.SIGKILL)
        for worker in workers:
            worker.join()
    (folder / "after").mkdir()
    for file in receiver.home.iterdir():
        shutil.copy(file, folder / "after" / file.name)
    goes_on(folder, language, folder / "after" / receiver.store.name, acknowledged, "after-the-kill")
