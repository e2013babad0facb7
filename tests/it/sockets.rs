//! What the sockets answer, to whom, and how they and the daemon's files are protected.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::support::{Process, World, program};

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
fn whoever_waits_for_a_key_gets_it_when_it_rotates() {
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
    assert_eq!(world.sandbox.creates("clockings").len(), 1, "a restart is no reason for a POST");
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
