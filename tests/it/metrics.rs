//! `GET /metrics`: the names of the contract, what they count, and who may listen where.

use std::{collections::BTreeMap, net::TcpListener};

use super::support::{World, eventually, fetch, sign};

const LONG: &[&str] = &["--lifetime", "1h"];

/// Every sample of an answer, by name and labels.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let samples: Vec<(String, f64)> = lines
        .map(|line| line.rsplit_once(' ').expect("a sample"))
        .map(|(name, value)| (name.to_owned(), value.parse().expect("a number")))
        .collect();
    let count = samples.len();
    let map: BTreeMap<String, f64> = samples.into_iter().collect();
    assert_eq!(map.len(), count, "no series is there twice: {text}");
    map
}

#[test]
fn every_metric_of_the_contract_is_there() {
    let world = World::running(LONG, &["clockings"]);
    let body = b"{}".to_vec();
    let good = sign(&world.daemon.key("clockings").unwrap(), &body);
    let verify = "/v1/webhooks/acme/clockings/verify";
    assert_eq!(world.daemon.control.verify(verify, &good, body.clone()).status, 204);
    assert_eq!(world.daemon.control.verify(verify, &sign("another", &body), body.clone()).status, 401);
    assert_eq!(world.daemon.control.verify(verify, "nonsense", body).status, 401);
    for socket in [&world.daemon.status, &world.daemon.control] {
        let text = world.eventually("the renewal is counted", || {
            let answer = socket.get("/metrics");
            assert_eq!(answer.status, 200);
            assert_eq!(answer.content_type, "text/plain; version=0.0.4; charset=utf-8");
            answer.text.contains("renewals_total{").then_some(answer.text)
        });
        let webhook = world.daemon.webhook("clockings");
        let samples = samples(&text);
        let value = |name: &str| {
            *samples.get(&format!("protime_webhookd_{name}")).unwrap_or_else(|| panic!("no {name} in {text}"))
        };
        let of = |name: &str| value(&format!("{name}{{tenant=\"acme\",webhook=\"clockings\"}}"));
        let moment =
            |at: &serde_json::Value| at.as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second();
        let whole = |value: f64| format!("{:.0}", value.floor()).parse::<i64>().unwrap();
        let valid_until = of("webhook_valid_until_timestamp_seconds");
        assert_eq!(whole(valid_until), moment(&webhook["remote"]["valid_until"]));
        let next = of("next_renewal_timestamp_seconds");
        assert_eq!(whole(next), moment(&webhook["next_renewal_at"]));
        let is = |value: f64, expected: i64| assert_eq!(whole(value), expected, "{text}");
        is(of("webhook_enabled"), 1);
        is(of("owed_resync"), 0);
        for state in ["pending", "active", "renewing", "retrying", "blocked", "contended"] {
            let name = format!("webhook_state{{tenant=\"acme\",webhook=\"clockings\",state=\"{state}\"}}");
            is(value(&name), i64::from(state == "active"));
        }
        is(value("renewals_total{reason=\"created\",outcome=\"succeeded\"}"), 1);
        for step in ["resync", "post", "rotate", "hand_off", "catch_up"] {
            let name = "renewal_step_duration_seconds";
            is(value(&format!("{name}_bucket{{step=\"{step}\",le=\"+Inf\"}}")), 1);
            is(value(&format!("{name}_count{{step=\"{step}\"}}")), 1);
            assert!(value(&format!("{name}_sum{{step=\"{step}\"}}")) >= 0.0);
        }
        is(value("api_requests_total{tenant=\"acme\",endpoint=\"post\",code=\"201\"}"), 1);
        assert!(value("api_requests_total{tenant=\"acme\",endpoint=\"list\",code=\"200\"}") >= 1.0);
        assert!(value("last_poll_timestamp_seconds{tenant=\"acme\"}") > 1_700_000_000.0);
        assert!(value("clock_skew_seconds{tenant=\"acme\"}").abs() < 5.0);
        for (outcome, count) in [("valid", 1), ("mismatch", 1), ("malformed", 1), ("no_key", 0)] {
            is(value(&format!("verify_total{{outcome=\"{outcome}\"}}")), count);
        }
        is(value("healthy"), 1);
        for (name, kind) in [("renewals_total", "counter"), ("renewal_step_duration_seconds", "histogram")] {
            assert!(text.contains(&format!("# TYPE protime_webhookd_{name} {kind}\n")), "{text}");
        }
        assert!(!text.contains(&world.daemon.key("clockings").unwrap()));
    }
}

#[test]
fn a_loopback_address_answers_for_metrics_and_nothing_else() {
    let mut world = World::new(LONG);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    let mut config = world.config(&["clockings"]);
    config.api = format!("{}\n\n[metrics]\nlisten = \"{listen}\"", config.api);
    world.write(&config);

    world.daemon.launch();
    let status = eventually("a port in use ends the start", || world.daemon.process().ended());
    let log = world.daemon.log();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("[metrics] listen") && log.contains(&listen.to_string()), "{log}");
    assert!(!world.path("control.sock").exists(), "the sockets are gone again");
    world.daemon.kill();

    drop(taken);
    world.daemon.start();
    world.settled("clockings");
    let get = |path: &str| fetch(&format!("http://{listen}{path}"));
    let answer = get("/metrics");
    assert_eq!((answer.status, answer.content_type.starts_with("text/plain")), (200, true), "{answer:?}");
    assert!(
        answer.text.contains("protime_webhookd_webhook_enabled{tenant=\"acme\",webhook=\"clockings\"} 1")
    );
    for path in ["/v1/status", "/v1/health", "/v1/webhooks", "/v1/events", "/v1/webhooks/acme/clockings/key"]
    {
        assert_eq!(get(path).status, 404, "{path}");
    }
    world.daemon.stop();
    assert!(TcpListener::bind(listen).is_ok(), "the port is free again");
}

#[test]
fn another_address_than_loopback_is_refused() {
    let world = World::new(LONG);
    for (listen, why) in [
        ("0.0.0.0:9464", "is reachable from other machines"),
        ("192.0.2.1:9464", "is reachable from other machines"),
        ("[::]:9464", "is reachable from other machines"),
        ("127.0.0.1:0", "has port 0"),
        ("localhost:9464", "is not an address with a port"),
        ("127.0.0.1", "is not an address with a port"),
    ] {
        let mut config = world.config(&["clockings"]);
        config.api = format!("{}\n\n[metrics]\nlisten = \"{listen}\"", config.api);
        world.write(&config);
        let check = world.daemon.cli(&["check"]);
        let said = String::from_utf8_lossy(&check.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(check.status.code(), Some(78), "{listen}: {said}");
        assert!(said.contains(why) && said.contains("127.0.0.1:9464"), "{listen}: {said}");
    }
}

#[test]
fn the_webhooks_of_a_tenant_are_one_series_where_there_are_too_many() {
    let mut world = World::new(LONG);
    let mut config = world.config(&["clockings", "people"]);
    let api = config.api.clone();
    config.api = format!("{api}\n\n[metrics]\nfold_above = 1");
    world.start(&config);
    for webhook in ["clockings", "people"] {
        world.settled(webhook);
    }
    let text = world.daemon.status.get("/metrics").text;
    let samples = samples(&text);
    let value = |name: &str| samples.get(&format!("protime_webhookd_{name}")).copied();
    assert!(!text.contains("webhook=\""), "{text}");
    assert_eq!(value("webhook_enabled{tenant=\"acme\"}"), Some(1.0));
    assert_eq!(value("webhook_state{tenant=\"acme\",state=\"active\"}"), Some(2.0));
    assert_eq!(value("owed_resync{tenant=\"acme\"}"), Some(0.0));
    let first = ["clockings", "people"].map(|webhook| {
        let at = world.daemon.webhook(webhook)["remote"]["valid_until"].as_str().unwrap().to_owned();
        at.parse::<jiff::Timestamp>().unwrap().as_second()
    });
    let shown = value("webhook_valid_until_timestamp_seconds{tenant=\"acme\"}").unwrap();
    assert_eq!(format!("{:.0}", shown.floor()), first.into_iter().min().unwrap().to_string());

    // A reload is enough for another limit.
    config.api = format!("{api}\n\n[metrics]\nfold_above = 2");
    world.write(&config);
    world.daemon.control.post("/v1/reload");
    let text = world.daemon.status.get("/metrics").text;
    assert!(text.contains("webhook_enabled{tenant=\"acme\",webhook=\"people\"} 1\n"), "{text}");
}

#[test]
fn a_list_is_what_the_webhooks_are_while_polls_come() {
    let world = World::running(LONG, &["clockings", "people"]);
    let list = || world.daemon.status.get("/v1/webhooks").json();
    let mut seen = std::collections::BTreeSet::new();
    world.eventually("three polls show in it", || {
        let before = list();
        let one = world.daemon.status.get("/v1/webhooks/acme/people").json();
        // Unless something came between.
        if list() == before {
            assert_eq!(before["webhooks"][1], one);
            seen.insert(one["remote"]["seen_at"].as_str().unwrap().to_owned());
        }
        (seen.len() >= 3).then_some(())
    });
}
