"""What the scripts of the tests share: processes that end with the test, and the sandbox's admin API."""

import contextlib, http.client, json, socket, subprocess, sys, time, urllib.request


@contextlib.contextmanager
def started(folder, name, command):
    with open(folder / f"{name}.log", "w") as log:
        process = subprocess.Popen([*map(str, command)], cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield process
    except BaseException:
        print(f"--- {name}:", (folder / f"{name}.log").read_text()[-3000:], sep="\n", file=sys.stderr)
        raise
    finally:
        process.terminate()
        try:
            process.wait(25)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(what, condition, process, detail=lambda: "", seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, f"the process ended before {what}"
        assert time.monotonic() < deadline, f"not within {seconds} s: {what} {detail()}"
        time.sleep(0.1)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def admin(origin, method, path, body=None):
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(f"{origin}/_sandbox/{path}", data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read() or b"null")


def post(port, body, authorization):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.request("POST", "/protime/clockings", body, {"Authorization": authorization})
        return connection.getresponse().status
