//! TLS with the certificates of private authorities: who is trusted, and that it takes no restart to change.

use std::{fs, path::Path, process::Output, time::Duration};

use super::support::{Authority, Config, Server, Tls, World, pause};

/// What is said where no one signed who is trusted.
const UNTRUSTED: &str = "no trusted authority has signed its certificate; if a private one has, or a \
                         proxy's, name that authority's certificate as ca_file in [api] and reload";

/// Writes the configuration of a tenant that is reached over TLS only.
fn write(world: &World, config: &Config, tenant: &Tls) {
    world.write_with(config, &world.sandbox.origin, &tenant.origin);
}

/// Trusts the authorities in this file besides the system's.
fn trust(config: &mut Config, file: &Path) {
    config.api = format!("{}\nca_file = \"{}\"", config.api, file.display());
}

/// Replaces a file as an operator's tool would.
fn replace(file: &Path, text: &str) {
    let aside = file.with_extension("new");
    fs::write(&aside, text).unwrap();
    fs::rename(aside, file).unwrap();
}

fn told(world: &World, what: &str) -> String {
    world.eventually(&format!("the poll fails: {what}"), || {
        world.poll_error().filter(|error| error.contains(what))
    })
}

fn asked_nothing(world: &World) {
    let requests = world.sandbox.try_get("requests").unwrap();
    assert!(requests["requests"].as_array().unwrap().is_empty(), "{requests}");
}

fn everything(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_private_authority_that_ca_file_names_is_trusted_by_everything() {
    let mut world = World::new(&["--lifetime", "1h", "--page-size", "2"]);
    let (authority, server) = (Authority::new(), Server::start());
    let certificate = authority.certificate();
    let tenant = Tls::before(&world.sandbox.origin, &certificate);
    let receiver = Tls::before(&world.receiver.origin, &certificate);
    let operator = Tls::before(&server.origin, &certificate);
    let ca_file = world.path("ca.pem");
    fs::write(&ca_file, authority.pem()).unwrap();

    world.sandbox.change("people", 5);
    let mut config = world.config(&["clockings", "people"]);
    trust(&mut config, &ca_file);
    config.webhooks[0].resync = format!("kind = \"http\"\nurl = \"{}/resync\"", operator.origin);
    config.webhooks[0].sinks.push(format!("kind = \"http\"\nurl = \"{}/key\"", operator.origin));
    config.webhooks[1].resync = format!("kind = \"list\"\nreplay_to = \"{}/events/people\"", receiver.origin);
    write(&world, &config, &tenant);
    world.daemon.start();
    world.settled("clockings");
    world.settled("people");
    world.nothing_lost();

    let first = world.daemon.key("clockings");
    assert_eq!(world.daemon.control.post("/v1/webhooks/acme/clockings/renew").status, 202);
    world.renewed("clockings", "manual");
    let second = world.daemon.key("clockings");
    assert_ne!(first, second);
    let put: Vec<_> =
        server.asked("PUT").iter().map(|put| put.json()["key"].as_str().map(str::to_owned)).collect();
    assert_eq!(put, [first, second]);
    assert!(!server.asked("POST").is_empty(), "the resync was asked for");
    for tls in [&tenant, &receiver, &operator] {
        assert!(tls.connections() > 0, "{tls:?}");
    }
    assert_eq!(world.poll_error(), None);
}

#[test]
fn without_ca_file_a_private_authority_is_refused_in_plain_words() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let authority = Authority::new();
    let tenant = Tls::before(&world.sandbox.origin, &authority.certificate());
    // Whatever this machine trusts, it trusts this one and has someone to trust.
    let system = world.path("system.pem");
    fs::write(&system, Authority::new().pem()).unwrap();
    world.daemon.env("SSL_CERT_FILE", system.to_str().unwrap());

    let mut config = world.config(&["clockings"]);
    // No one asks but the daemon itself, which has failed.
    config.daemon = config.daemon.replace("* * * * * *", "0 0 0 1 1 *");
    config.renewal = "retry_initial = \"1s\"".to_owned();
    write(&world, &config, &tenant);
    world.daemon.start();
    let error = told(&world, UNTRUSTED);
    let place = tenant.origin.strip_prefix("https://").unwrap();
    assert!(error.contains(place) && !error.contains("unknown"), "{error}");

    let before = tenant.connections();
    pause(Duration::from_secs(10));
    let tries = tenant.connections() - before;
    assert!(tries <= 10, "{tries} connections within 10 s");
    asked_nothing(&world);
    let webhook = world.daemon.webhook("clockings");
    assert_eq!(webhook["state"], "retrying", "it may pass by itself: {webhook}");
    let health = world.daemon.status.get("/v1/health");
    assert!(
        health.status == 503 && health.text.contains("name that authority's certificate"),
        "{}",
        health.text
    );
    assert_eq!(world.daemon.cli(&["status"]).status.code(), Some(1));

    // What the message says helps, without a restart.
    let (pid, ca_file) = (world.daemon.pid(), world.path("ca.pem"));
    fs::write(&ca_file, authority.pem()).unwrap();
    trust(&mut config, &ca_file);
    write(&world, &config, &tenant);
    let reload = world.daemon.cli(&["reload"]);
    assert_eq!(reload.status.code(), Some(0), "{}", everything(&reload));
    world.settled("clockings");
    assert_eq!((world.daemon.pid(), world.poll_error()), (pid, None));
}

#[test]
fn a_certificate_that_is_not_good_enough_is_refused_in_plain_words() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let authority = Authority::new();
    let tenant = Tls::before(&world.sandbox.origin, &authority.certificate_for("other.example"));
    let ca_file = world.path("ca.pem");
    fs::write(&ca_file, authority.pem()).unwrap();
    let mut config = world.config(&["clockings"]);
    trust(&mut config, &ca_file);
    write(&world, &config, &tenant);
    world.daemon.start();
    let error = told(&world, "other.example");
    assert!(error.contains(", not for 127.0.0.1; correct the address"), "{error}");

    tenant.present(&authority.expired_certificate());
    told(&world, "its certificate expired at 2001-12-31T00:00:00Z; let the server have a new one");
    tenant.present(&authority.as_certificate());
    told(&world, "its certificate is refused (Other(OtherError(CaUsedAsEndEntity)))");
    asked_nothing(&world);

    let online = world.daemon.cli(&["check", "--online"]);
    assert_eq!(online.status.code(), Some(1), "{}", everything(&online));
    assert!(everything(&online).contains("its certificate is refused ("), "{}", everything(&online));

    // The server fixed it: nothing is to be done here.
    tenant.present(&authority.certificate());
    world.settled("clockings");
}

#[test]
fn a_ca_file_that_was_replaced_is_trusted_after_a_reload() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let (old, new, server) = (Authority::new(), Authority::new(), Server::start());
    let tenant = Tls::before(&world.sandbox.origin, &old.certificate());
    let operator = Tls::before(&server.origin, &old.certificate());
    let ca_file = world.path("ca.pem");
    fs::write(&ca_file, old.pem()).unwrap();
    let mut config = world.config(&["clockings"]);
    trust(&mut config, &ca_file);
    config.webhooks[0].sinks.push(format!("kind = \"http\"\nurl = \"{}/key\"", operator.origin));
    write(&world, &config, &tenant);
    world.daemon.start();
    world.settled("clockings");
    let (pid, first) = (world.daemon.pid(), world.daemon.key("clockings"));

    tenant.present(&new.certificate());
    operator.present(&new.certificate());
    told(&world, UNTRUSTED);
    world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    let error = world.eventually("the key sink is refused before the POST", || {
        let error = world.daemon.webhook("clockings")["last_error"]["message"].as_str()?.to_owned();
        error.contains(UNTRUSTED).then_some(error)
    });
    let place = operator.origin.strip_prefix("https://").unwrap();
    assert!(error.contains(place), "{error}");
    assert_eq!(world.sandbox.creates("clockings").len(), 1, "the key that works is not risked");
    assert_eq!(world.daemon.key("clockings"), first);

    replace(&ca_file, &new.pem());
    let answer = world.daemon.control.post("/v1/reload");
    assert_eq!(answer.status, 200, "{}", answer.text);
    world.renewed("clockings", "manual");
    assert_eq!((world.daemon.pid(), world.poll_error()), (pid, None));
    let second = world.daemon.key("clockings");
    assert_ne!(first, second);
    world.eventually("the key sink has the new key", || {
        (server.asked("PUT").last()?.json()["key"].as_str() == second.as_deref()).then_some(())
    });
}

#[test]
fn a_ca_file_without_certificates_is_a_mistake_of_the_configuration() {
    let world = World::running(&["--lifetime", "1h"], &["clockings"]);
    let good = Authority::new().pem();
    let ca_file = world.path("ca.pem");
    let mut config = world.config(&["clockings"]);
    trust(&mut config, &ca_file);
    world.write(&config);
    let halved = &good[..good.len() / 2];
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let no_certificate = "-----BEGIN CRL-----\nAAAA\n-----END CRL-----\n";
    for (content, why) in [
        (None, "it cannot be read: No such file"),
        (Some(""), "it holds no certificate in PEM form"),
        (Some("trust everyone"), "it holds no certificate in PEM form"),
        (Some(no_certificate), "it holds no certificate in PEM form"),
        (Some(halved), "is not a certificate although it begins like one"),
        (Some(damaged), "a certificate in it cannot be read ("),
    ] {
        if let Some(content) = content {
            fs::write(&ca_file, content).unwrap();
        }
        let wanted = format!("api.ca_file {}: ", ca_file.display());
        for words in [&["check"][..], &["run"]] {
            let output = world.daemon.cli(words);
            let text = everything(&output);
            assert_eq!(output.status.code(), Some(78), "{words:?} {content:?}: {text}");
            assert!(text.contains(&wanted) && text.contains(why), "{words:?} {content:?}: {text}");
            assert!(text.contains("name a file that the daemon may read"), "{text}");
        }
        let answer = world.daemon.control.post("/v1/reload");
        assert_eq!(answer.status, 422, "{content:?}: {}", answer.text);
        assert!(answer.text.contains(why), "{content:?}: {}", answer.text);
    }
    world.settled("clockings");

    fs::write(&ca_file, &good).unwrap();
    let output = world.daemon.cli(&["check"]);
    assert_eq!(output.status.code(), Some(0), "{}", everything(&output));
    assert_eq!(world.daemon.control.post("/v1/reload").status, 200);
}
