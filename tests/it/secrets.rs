//! Secrets stay secret, even where everything is logged.

use std::fs;

use serde_json::json;

use super::support::{TokenTap, World};

#[test]
fn no_secret_is_anywhere_but_where_it_belongs() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let client_secret = fs::read_to_string(&world.sandbox.secret_file).unwrap().trim().to_owned();
    assert!(client_secret.len() > 8, "a secret that nothing else could be mistaken for");
    let mut config = world.config(&["clockings"]);
    config.daemon = config.daemon.replace("debug", "info");
    world.write(&config);
    let tap = TokenTap::start(&world.sandbox.origin);
    let text = fs::read_to_string(world.daemon.config()).unwrap();
    let line = text.lines().find(|line| line.starts_with("token_url")).unwrap();
    fs::write(world.daemon.config(), text.replace(line, &format!("token_url = \"{}\"", tap.url))).unwrap();
    world.daemon.env("RUST_LOG", "trace");
    world.daemon.start();
    world.settled("clockings");
    let mut secrets = vec![client_secret, "Bearer ".to_owned(), key(&world)];

    for action in [
        json!({"kind": "status", "status": 500}),
        json!({"kind": "status", "status": 401}),
        json!({"kind": "reset-after"}),
        json!({"kind": "truncate", "bytes": 100}),
        json!({"kind": "not-json"}),
        json!({"kind": "key-field", "name": "other"}),
    ] {
        world.sandbox.revoke_tokens();
        world.sandbox.fault(&json!({"endpoint": "token", "action": {"kind": "truncate", "bytes": 30}}));
        world.sandbox.fault(&json!({"endpoint": "create", "action": action}));
        let posts = world.sandbox.creates("clockings").len();
        world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
        world.eventually("the fault is met", || {
            (world.sandbox.creates("clockings").len() > posts).then_some(())
        });
        secrets.push(key(&world));
        world.sandbox.clear_faults();
        world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
        world.settled("clockings");
        secrets.push(key(&world));
    }

    let tokens = tap.tokens();
    assert!(tokens.len() > 6, "every revocation leads to another token: {}", tokens.len());
    secrets.extend(tokens);

    let mut places = vec![("the log".to_owned(), world.daemon.log())];
    for path in ["/v1/status", "/v1/health", "/v1/webhooks", "/v1/webhooks/acme/clockings/history?limit=100"]
    {
        places.push((format!("{path} of the status socket"), world.daemon.status.get(path).text));
        places.push((format!("{path} of the control socket"), world.daemon.control.get(path).text));
    }
    for words in [&["status"][..], &["status", "--json"], &["history", "acme/clockings"], &["check"]] {
        let output = world.daemon.cli(words);
        places.push((format!("{words:?}"), format!("{output:?}")));
    }
    for file in ["cmdline", "environ"] {
        let bytes = fs::read(format!("/proc/{}/{file}", world.daemon.pid())).unwrap();
        places.push((format!("{file} of the daemon"), String::from_utf8_lossy(&bytes).into_owned()));
    }
    for resync in world.receiver.resyncs("clockings") {
        places.push(("a command's surroundings".to_owned(), resync.seen));
        places.push(("a resync's input".to_owned(), resync.input.to_string()));
    }
    assert!(places[0].1.contains("DEBUG"), "everything is logged");
    for (place, text) in &places {
        for secret in &secrets {
            assert!(!text.contains(secret.as_str()), "{secret} is in {place}:\n{text}");
        }
    }
}

fn key(world: &World) -> String {
    world.sandbox.webhook("clockings").unwrap()["key"].as_str().unwrap().to_owned()
}

#[test]
fn a_secret_in_the_environment_is_not_passed_on() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let secret = fs::read_to_string(&world.sandbox.secret_file).unwrap().trim().to_owned();
    world.write(&world.config(&["clockings"]));
    let text = fs::read_to_string(world.daemon.config()).unwrap();
    let line = text.lines().find(|line| line.starts_with("client_secret")).unwrap();
    fs::write(world.daemon.config(), text.replace(line, "client_secret = { env = \"ACME_SECRET\" }"))
        .unwrap();
    world.daemon.env("ACME_SECRET", &secret);
    world.daemon.start();
    world.settled("clockings");
    let resyncs = world.receiver.resyncs("clockings");
    assert!(!resyncs.is_empty());
    for resync in resyncs {
        assert!(!resync.seen.contains("ACME_SECRET") && !resync.seen.contains(&secret), "{}", resync.seen);
    }
}
