//! What the sockets answer, to whom, and how they and the daemon's files are protected.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::support::{Process, World, program, words};

const LONG: &[&str] = &["--lifetime", "1h"];

#[test]
fn the_endpoints_answer_as_the_contract_says() {
    let world = World::running(LONG, &["clockings", "people"]);
    let pid = world.daemon.pid();
    for socket in [&world.daemon.status, &world.daemon.control] {
        let health = socket.get("/v1/health");
        assert_eq!((health.status, health.json()), (200, json!({"healthy": true})));

        let status = socket.get("/v1/status").json();
        let daemon = &status["daemon"];
        assert_eq!(daemon["pid"], pid);
        assert_eq!(daemon["version"], env!("CARGO_PKG_VERSION"));
        assert!(daemon["started_at"].is_string(), "{status}");
        assert!(status.to_string().contains("config.toml"), "{status}");
        let tenant = &status["tenants"][0];
        assert_eq!(tenant["name"], "acme");
        for known in ["last_poll_at", "token_expires_at"] {
            assert!(tenant[known].is_string(), "{known}: {status}");
        }
        assert!(
            tenant["last_poll_error"].is_null() && tenant.get("clock_skew_seconds").is_some(),
            "{status}"
        );

        let all = socket.get("/v1/webhooks").json();
        assert_eq!(all["webhooks"].as_array().unwrap().len(), 2);
        assert_eq!(socket.get("/v1/webhooks?tenant=acme&state=active").json(), all);
        assert_eq!(socket.get("/v1/webhooks?state=blocked").json(), json!({"webhooks": []}));
        assert_eq!(socket.get("/v1/webhooks?tenant=nobody").json(), json!({"webhooks": []}));

        let one = socket.get("/v1/webhooks/acme/people").json();
        let fields = [
            "tenant",
            "name",
            "collection",
            "destination_url",
            "external_references",
            "state",
            "remote",
            "key",
            "next_renewal_at",
            "renewal",
            "last_renewal",
            "owed_resync",
            "last_error",
        ];
        for field in fields {
            assert!(one.get(field).is_some(), "no {field} in {one}");
        }
        assert_eq!((&one["name"], &one["state"]), (&json!("people"), &json!("active")));
        assert_eq!(one["remote"]["status"], "Enabled");

        let history = socket.get("/v1/webhooks/acme/people/history?limit=1").json();
        let renewal = &history["renewals"][0];
        for field in ["id", "reason", "outcome", "started_at", "finished_at", "steps"] {
            assert!(renewal.get(field).is_some(), "no {field} in {renewal}");
        }
        for field in ["step", "started_at", "finished_at", "outcome", "error", "output"] {
            assert!(renewal["steps"][0].get(field).is_some(), "no {field} in {renewal}");
        }
    }
    assert_eq!(world.daemon.cli(&["status"]).status.code(), Some(0));
    let json = world.daemon.cli(&["status", "--json"]);
    assert!(serde_json::from_slice::<Value>(&json.stdout).is_ok(), "{json:?}");
}

#[test]
fn mistakes_are_problems() {
    let world = World::running(LONG, &["clockings"]);
    let (status, control) = (&world.daemon.status, &world.daemon.control);
    for (answer, expected) in [
        (status.get("/v1/webhooks/acme/nobody"), 404),
        (control.get("/v1/webhooks/acme/nobody/key"), 404),
        (control.post("/v1/webhooks/acme/nobody/renew"), 404),
        (status.get("/v1/nothing"), 404),
        (status.get("/v1/webhooks?state=sleepy"), 400),
        (status.get("/v1/webhooks/acme/clockings/history?limit=0"), 400),
        (control.get("/v1/webhooks/acme/clockings/key?after=one"), 400),
        (control.get("/v1/webhooks/acme/clockings/key?after=1&wait=long"), 400),
        (control.request("DELETE", "/v1/webhooks/acme/clockings"), 405),
        (status.get("/v1/webhooks/acme/clockings/key"), 403),
        (status.post("/v1/webhooks/acme/clockings/renew"), 403),
        (status.post("/v1/poll"), 403),
    ] {
        assert_eq!(
            (answer.status, answer.content_type.as_str()),
            (expected, "application/problem+json"),
            "{answer:?}"
        );
        let problem = answer.json();
        assert_eq!(problem["status"], expected);
        assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
    }
    assert_eq!(world.sandbox.creates("clockings").len(), 1);
}

#[test]
fn only_the_control_socket_shows_a_destination_whole() {
    let mut world = World::new(LONG);
    let mut config = world.config(&["clockings"]);
    let host = world.receiver.destination("clockings").replace("http://", "");
    let whole = format!("http://user:letmein@{host}?token=s3cr3t");
    config.webhooks[0].destination_url.clone_from(&whole);
    world.start(&config);
    world.eventually("it is created", || world.sandbox.webhook("clockings"));
    let shown = world.daemon.status.get("/v1/webhooks/acme/clockings").json();
    assert_eq!(shown["destination_url"], format!("http://{host}?…"));
    for path in ["/v1/webhooks", "/v1/status", "/v1/health", "/v1/webhooks/acme/clockings/history"] {
        let text = world.daemon.status.get(path).text;
        assert!(!text.contains("letmein") && !text.contains("s3cr3t"), "{path}: {text}");
    }
    assert_eq!(world.daemon.webhook("clockings")["destination_url"], whole.as_str());
}

#[test]
fn who_waits_for_a_key_gets_it_when_it_rotates() {
    let world = World::running(LONG, &["clockings"]);
    let path = "/v1/webhooks/acme/clockings/key";
    let first = world.daemon.control.get(path).json();
    assert_eq!((&first["version"], &first["previous"]), (&json!(1), &Value::Null));
    let began = Instant::now();
    let none = world.daemon.control.get(&format!("{path}?after=1&wait=500ms"));
    assert_eq!((none.status, none.text.as_str()), (304, ""));
    assert!(began.elapsed() >= Duration::from_millis(500));
    let at_once = world.daemon.control.get(&format!("{path}?after=0&wait=5m"));
    assert_eq!(at_once.json()["version"], 1);

    let waiting = {
        let control = world.daemon.control.clone();
        std::thread::spawn(move || control.get(&format!("{path}?after=1&wait=1m")))
    };
    world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    let second = waiting.join().unwrap();
    assert_eq!(second.status, 200, "{second:?}");
    let second = second.json();
    assert_eq!((&second["version"], &second["previous"]["version"]), (&json!(2), &json!(1)));
    assert_eq!(second["previous"]["key"], first["key"]);
    assert_ne!(second["key"], first["key"]);
    assert_eq!(second["key"], world.sandbox.webhook("clockings").unwrap()["key"]);
}

#[test]
fn renewals_that_run_are_not_doubled_and_polls_answer() {
    let world = World::running(LONG, &["clockings"]);
    world.sandbox.fault(&json!({"endpoint": "create", "action": {"kind": "delay-before", "ms": 2000}}));
    let first = world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    let second = world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    assert_eq!((first.status, second.status), (202, 202));
    assert!(first.json()["renewal_id"].is_i64());
    assert_eq!(first.json(), second.json());
    world.renewed("clockings", "manual");
    assert_eq!(world.sandbox.creates("clockings").len(), 2);

    let lists = world.sandbox.requests("list").len();
    assert_eq!(world.daemon.control.post("/v1/poll").status, 200);
    assert!(world.sandbox.requests("list").len() > lists, "it polled before it answered");
}

#[test]
fn files_and_sockets_are_protected() {
    let mut world = World::new(LONG);
    let mut config = world.config(&["clockings"]);
    let readable = world.path("readable.key");
    config.webhooks[0]
        .sinks
        .push(format!("kind = \"file\"\npath = \"{}\"\nmode = \"0644\"", readable.display()));
    world.start(&config);
    world.settled("clockings");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    for (name, expected) in [
        ("state", 0o700),
        ("state/state.db", 0o600),
        ("state/state.db-wal", 0o600),
        ("state/lock", 0o600),
        ("status.sock", 0o666),
        ("control.sock", 0o660),
        ("clockings.key", 0o600),
        ("readable.key", 0o644),
    ] {
        let found = mode(&world.path(name));
        assert_eq!(found, expected, "{name} has mode {found:o} and not {expected:o}");
    }
    world.daemon.stop();
    for name in ["state/state.db", "state/lock"] {
        assert_eq!(mode(&world.path(name)), 0o600, "{name}");
    }
}

#[test]
fn a_second_daemon_names_the_first_and_leaves_it_alone() {
    let mut world = World::running(LONG, &["clockings"]);
    let pid = world.daemon.pid();
    let second = world.daemon.cli(&["run"]);
    let text = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{text}");
    assert!(text.contains(&pid.to_string()), "no process id {pid} in {text}");
    assert_eq!(world.daemon.status.get("/v1/health").status, 200);
    assert!(world.daemon.key("clockings").is_some());
    assert!(world.daemon.process().ended().is_none());
}

#[test]
fn sockets_that_a_killed_daemon_left_are_replaced() {
    let mut world = World::running(LONG, &["clockings"]);
    world.daemon.kill();
    assert!(world.path("status.sock").exists() && world.path("control.sock").exists());
    assert_eq!(world.daemon.cli(&["status"]).status.code(), Some(3));
    world.daemon.start();
    world.settled("clockings");
    assert_eq!(world.sandbox.creates("clockings").len(), 1, "a restart is not a reason for a POST");
    world.daemon.stop();
    assert!(!world.path("status.sock").exists(), "an orderly end takes its sockets along");
}

#[test]
fn what_is_not_a_socket_is_not_replaced() {
    let world = World::new(LONG);
    world.write(&world.config(&["clockings"]));
    fs::write(world.path("control.sock"), "precious").unwrap();
    let mut run = program();
    run.arg("--config").arg(world.daemon.config()).arg("run").stderr(std::process::Stdio::null());
    let status = Process::spawn(&mut run).wait(Duration::from_secs(30)).expect("it refuses to run");
    assert_eq!(status.code(), Some(1));
    assert_eq!(fs::read_to_string(world.path("control.sock")).unwrap(), "precious");
}

/// Sends a request's head and then its body, as many clients do, and gives the status of the answer.
fn in_two_pieces(socket: &Path, method: &str, path: &str, body: &[u8]) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    let head = format!("{method} {path} HTTP/1.1\r\nhost: daemon\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    Ok(String::from_utf8_lossy(&status).into_owned())
}

#[test]
fn a_client_that_is_refused_gets_the_answer_and_no_broken_pipe() {
    let world = World::running(LONG, &["clockings"]);
    let webhook = "/v1/webhooks/acme/clockings";
    for (socket, method, path, length, expected) in [
        ("status.sock", "POST", format!("{webhook}/renew"), 2, "403"),
        ("status.sock", "POST", format!("{webhook}/key"), 1_000, "403"),
        ("status.sock", "POST", format!("{webhook}/verify"), 60_000, "403"),
        ("status.sock", "POST", "/v1/health".to_owned(), 100, "405"),
        ("status.sock", "PUT", "/v1/webhooks".to_owned(), 1_000, "405"),
        ("status.sock", "POST", "/v1/nothing".to_owned(), 1_000, "404"),
        ("status.sock", "POST", "/v1/poll".to_owned(), 500_000, "413"),
        ("control.sock", "POST", "/v1/webhooks/acme/nobody/renew".to_owned(), 1_000, "404"),
        ("control.sock", "POST", format!("{webhook}/renew?now=yes"), 1_000, "400"),
        ("control.sock", "POST", format!("{webhook}/key"), 500_000, "413"),
        ("control.sock", "DELETE", webhook.to_owned(), 1_000, "405"),
    ] {
        let body = vec![b'x'; length];
        for time in 0..60 {
            match in_two_pieces(&world.path(socket), method, &path, &body) {
                Ok(status) => assert_eq!(status, format!("HTTP/1.1 {expected}"), "{method} {path}"),
                Err(error) => panic!("{method} {path} of {length} bytes, time {time}: {error}"),
            }
        }
    }
    // One that never sends what it announced gets its answer all the same.
    let mut stream = UnixStream::connect(world.path("status.sock")).unwrap();
    stream.write_all(b"POST /v1/poll HTTP/1.1\r\nhost: daemon\r\ncontent-length: 100\r\n\r\n").unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    assert_eq!(String::from_utf8_lossy(&status), "HTTP/1.1 403");
}

#[test]
fn what_a_program_printed_is_for_those_who_may_use_the_control_socket() {
    let mut world = World::new(LONG);
    let mut config = world.config(&["clockings"]);
    let script = |text: &str| format!("cat > /dev/null; echo {text}");
    let resync = words(&["/bin/sh", "-c", &script("password-of-a-database")]);
    config.webhooks[0].resync = format!("kind = \"command\"\ncommand = {resync}");
    let failing = words(&["/bin/sh", "-c", &format!("{}; exit 1", script("token-of-a-receiver"))]);
    config.webhooks[0].sinks.push(format!("kind = \"command\"\ncommand = {failing}"));
    world.start(&config);
    let path = "/v1/webhooks/acme/clockings/history";
    let printed = ["password-of-a-database", "token-of-a-receiver"];
    let whole = world.eventually("both have printed", || {
        let text = world.daemon.control.get(path).text;
        printed.iter().all(|it| text.contains(it)).then_some(text)
    });
    assert!(whole.contains("\"output\":\""), "{whole}");
    for path in [path, "/v1/webhooks", "/v1/webhooks/acme/clockings", "/v1/health", "/v1/status", "/metrics"]
    {
        let text = world.daemon.status.get(path).text;
        assert!(!printed.iter().any(|it| text.contains(it)), "{path}: {text}");
    }
    let history = world.daemon.status.get(path).json();
    let steps = history["renewals"][0]["steps"].as_array().unwrap().clone();
    assert!(
        steps.len() > 2 && steps.iter().all(|step| step.get("output") == Some(&Value::Null)),
        "{history}"
    );

    // The command asks where it is told more, and makes do with less.
    for words in [&["history", "clockings"][..], &["history", "clockings", "--json"]] {
        let output = world.daemon.cli(words);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && printed.iter().all(|it| text.contains(it)), "{text}");
    }
    fs::remove_file(world.path("control.sock")).unwrap();
    let output = world.daemon.cli(&["history", "clockings"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("resync"), "{output:?}");
    assert!(!printed.iter().any(|it| text.contains(it)), "{text}");
}

#[test]
fn check_and_run_agree_on_how_long_a_path_may_be() {
    let mut world = World::new(LONG);
    let folder = world.folder().as_os_str().len() + 1;
    let name = |length: usize, last: &str| format!("{}{last}", "s".repeat(length - folder - 1));
    for length in [100, 103, 104, 105, 107, 108] {
        let config = world.config(&["clockings"]);
        world.write(&config);
        let text = fs::read_to_string(world.path("config.toml")).unwrap();
        let (status, control) = (name(length, "1"), name(length, "2"));
        let text = text.replace("status.sock", &status).replace("control.sock", &control);
        fs::write(world.path("config.toml"), text).unwrap();
        let check = world.daemon.cli(&["check"]);
        if length > 107 {
            assert_eq!(check.status.code(), Some(78), "{check:?}");
            assert_eq!(world.daemon.cli(&["run"]).status.code(), Some(78));
            continue;
        }
        assert_eq!(check.status.code(), Some(0), "{check:?}");
        world.daemon.launch();
        world.eventually("a command reaches it", || {
            world.daemon.cli(&["status"]).status.success().then_some(())
        });
        world.eventually("an order reaches it, once there is a key", || {
            world.daemon.cli(&["key", "show", "clockings"]).status.success().then_some(())
        });
        world.daemon.stop();
        let left = fs::read_dir(world.folder())
            .unwrap()
            .filter(|it| it.as_ref().unwrap().file_name().to_string_lossy().starts_with("sss"));
        assert_eq!(left.count(), 0, "both sockets went with the daemon");
    }
}
