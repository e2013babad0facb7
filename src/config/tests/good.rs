//! What is accepted, with which defaults, and with which warnings.

use std::{path::PathBuf, time::Duration};

use super::*;
use crate::{
    config::{Command, KeyFormat, KeySink, LogFormat, OnFailure, Resync, ResyncKind, SecretSource},
    domain::lifetime::Share,
};

#[test]
fn a_small_file_gets_the_defaults_of_the_contract() {
    let config = read(GOOD).expect("it is right");
    assert_eq!(config.warnings, [] as [&str; 0]);
    let daemon = &config.daemon;
    assert_eq!(daemon.state_dir, PathBuf::from("/var/lib/protime-webhookd"));
    assert_eq!(daemon.status_socket, PathBuf::from("/run/protime-webhookd/status.sock"));
    assert_eq!(daemon.control_socket, PathBuf::from("/run/protime-webhookd/control.sock"));
    assert_eq!((daemon.status_socket_mode, daemon.control_socket_mode), (0o666, 0o660));
    assert_eq!(daemon.socket_group, None);
    assert_eq!(daemon.status_poll, "0 */5 * * * *");
    assert_eq!((daemon.log_level, daemon.log_format), ("info", LogFormat::Auto));
    let renewal = &config.renewal;
    assert_eq!(renewal.renew_before, Share::Fraction(1.0 / 3.0));
    assert_eq!(renewal.jitter, Share::Fraction(0.05));
    assert_eq!(renewal.retry_initial, Duration::from_secs(5));
    assert_eq!(renewal.retry_max, Duration::from_mins(15));
    assert_eq!((renewal.max_concurrent, renewal.max_unplanned_rotations_per_hour), (16, 6));
    assert_eq!(renewal.gap_margin, Duration::from_hours(72));
    assert_eq!(renewal.previous_key_grace, Duration::from_mins(1));
    let api = &config.api;
    assert_eq!(api.connect_timeout, Duration::from_secs(10));
    assert_eq!(api.request_timeout, Duration::from_secs(30));
    assert_eq!((api.max_requests_per_minute, &api.ca_file), (120, &None));
    assert_eq!((config.history.keep, config.history.keep_rows), (Duration::from_hours(90 * 24), 1_000_000));
}

#[test]
fn a_tenant_and_its_webhook_are_read_whole() {
    let config = read(GOOD).expect("it is right");
    assert!(config.file.is_absolute() && config.file.ends_with("config.toml"), "{:?}", config.file);
    assert_eq!(config.user_agent, "WebhookRenewal/v1 (Your Company)");
    let [tenant] = config.tenants.as_slice() else { panic!("one tenant") };
    assert_eq!(tenant.name.as_str(), "acme");
    assert_eq!(tenant.api_origin.as_str(), "https://acme.myprotime.eu/");
    assert_eq!(tenant.token_url.as_str(), "https://authentication.myprotime.eu/tenants/acme/connect/token");
    assert_eq!(tenant.client_secret, SecretSource::Credential("acme-client-secret".to_owned()));
    let [webhook] = tenant.webhooks.as_slice() else { panic!("one webhook") };
    assert_eq!(webhook.pair.destination_url, "https://www.your-company.com/protime/clockings");
    let references: Vec<String> = webhook.external_references.iter().map(ToString::to_string).collect();
    assert_eq!(references, ["people,@badge-number", "activity-definitions,actDef"]);
    let resync = Command {
        program: "/usr/local/bin/resync-clockings".to_owned(),
        args: Vec::new(),
        timeout: Duration::from_mins(30),
    };
    assert_eq!(webhook.resync, Resync { kind: ResyncKind::Command(resync), on_failure: OnFailure::Hold });
    let reload = Command {
        program: "systemctl".to_owned(),
        args: vec!["reload".to_owned(), "receiver".to_owned()],
        timeout: Duration::from_secs(30),
    };
    let file = KeySink::File {
        path: PathBuf::from("/run/receiver/clockings.key"),
        format: KeyFormat::Raw,
        mode: 0o600,
        group: None,
    };
    assert_eq!(webhook.key_sinks, [file, KeySink::Command(reload)]);
}

#[test]
fn a_webhook_without_a_name_is_named_like_its_collection() {
    let config = read(&format!("{GOOD}{PEOPLE}")).expect("it is right");
    let webhook = &config.tenants[0].webhooks[1];
    assert_eq!(webhook.name.as_str(), "people");
    assert_eq!(webhook.resync, Resync { kind: ResyncKind::None, on_failure: OnFailure::Hold });
}

#[test]
fn a_key_file_with_a_group_is_readable_for_it() {
    let config = read(&changed("clockings.key\"", "clockings.key\"\ngroup = \"receiver\"")).expect("right");
    let KeySink::File { mode, group, .. } = &config.tenants[0].webhooks[0].key_sinks[0] else {
        panic!("a file")
    };
    assert_eq!((*mode, group.as_deref()), (0o640, Some("receiver")));
}

#[test]
fn addresses_of_a_simulated_tenant() {
    let text = changed(
        "environment = \"production\"",
        "api_origin = \"http://127.0.0.1:8080\"\ntoken_url = \"http://127.0.0.1:8080/tenants/acme/connect/token\"",
    );
    let tenant = &read(&text).expect("right").tenants[0];
    assert_eq!(tenant.api_origin.as_str(), "http://127.0.0.1:8080/");
    let sandbox = read(&changed("\"production\"", "\"sandbox\"")).expect("right");
    assert_eq!(sandbox.tenants[0].api_origin.as_str(), "https://acme.myprotimesandbox.eu/");
}

#[test]
fn folders_come_from_systemd_if_it_names_them() {
    let env = [("STATE_DIRECTORY", "/var/lib/one:/var/lib/two"), ("RUNTIME_DIRECTORY", "/run/one:/run/two")];
    let daemon = read_with(GOOD, &env).expect("right").daemon;
    assert_eq!(daemon.state_dir, PathBuf::from("/var/lib/one"));
    assert_eq!(daemon.status_socket, PathBuf::from("/run/one/status.sock"));
    assert_eq!(daemon.control_socket, PathBuf::from("/run/one/control.sock"));
    let daemon =
        read_with(&changed("[daemon]", "[daemon]\nstate_dir = \"/srv/x\""), &env).expect("right").daemon;
    assert_eq!(daemon.state_dir, PathBuf::from("/srv/x"));
    let empty = [("STATE_DIRECTORY", ""), ("RUNTIME_DIRECTORY", "")];
    assert_eq!(
        read_with(GOOD, &empty).expect("right").daemon.state_dir,
        PathBuf::from("/var/lib/protime-webhookd")
    );
    let error = read_with(GOOD, &[("STATE_DIRECTORY", "here")]).expect_err("relative").to_string();
    assert!(error.contains("$STATE_DIRECTORY: \"here\" is not an absolute path"), "{error}");
    let error = read_with(GOOD, &[("RUNTIME_DIRECTORY", "here")]).expect_err("relative").to_string();
    assert!(error.ends_with("\n1 problem in config.toml"), "{error}");
}

#[test]
fn what_looks_like_a_mistake_is_a_warning() {
    for (from, to, warning) in [
        (
            "collection = \"clockings\"",
            "collection = \"clockins\"",
            "config.toml:20:14: `collection`: \"clockins\" is not a collection that is known; did you mean \"clockings\"?",
        ),
        (
            "collection = \"clockings\"",
            "collection = \"weather\"",
            "config.toml:20:14: `collection`: \"weather\" is not a collection that is known to have webhooks",
        ),
        (
            "@badge-number",
            "@badge-nr",
            "config.toml:22:24: `external_references`: \"people,@badge-nr\" names no predefined reference that is known; did you mean @badge-number?",
        ),
        (
            "[daemon]",
            "[daemon]\ncontrol_socket_mode = \"0666\"",
            "config.toml:4:23: `control_socket_mode`: \"0666\" lets every user of this machine read keys",
        ),
        (
            "clockings.key\"",
            "clockings.key\"\nmode = \"0644\"",
            "config.toml:31:8: `mode`: \"0644\" lets every user of this machine read the key",
        ),
        (
            "[renewal]",
            "[renewal]\njitter = \"30%\"",
            "config.toml:7:10: `jitter`: \"30%\" is cut to a quarter of the lifetime, the most that renewals are spread over",
        ),
    ] {
        let config = read(&changed(from, to)).expect("accepted");
        assert_eq!(config.warnings, [warning]);
    }
}

#[test]
fn the_same_url_may_get_several_collections_and_several_urls_one() {
    let same_url = PEOPLE.replace("protime/people", "protime/clockings");
    assert!(read(&format!("{GOOD}{same_url}")).is_ok());
    let same_collection =
        PEOPLE.replace("collection = \"people\"", "name = \"two\"\ncollection = \"clockings\"");
    assert!(read(&format!("{GOOD}{same_collection}")).is_ok());
    let other_tenant = GOOD[GOOD.find("[[tenant]]").expect("there")..]
        .replace("name = \"acme\"", "name = \"other\"")
        .replace("clockings.key", "other.key");
    assert!(read(&format!("{GOOD}{other_tenant}")).is_ok());
}

#[test]
fn servers_get_their_defaults() {
    let resync = "kind = \"command\"\ncommand = [\"/usr/local/bin/resync-clockings\"]";
    let text = changed(resync, "kind = \"http\"\nurl = \"http://127.0.0.1:8080/resync?for=clockings\"")
        .replace(
            "kind = \"command\"\ncommand = [\"systemctl\", \"reload\", \"receiver\"]",
            "kind = \"http\"\nurl = \"https://a.eu/key\"\ntoken = { env = \"TOKEN\" }\ntimeout = \"5s\"",
        );
    let config = read(&text).expect("right");
    let webhook = &config.tenants[0].webhooks[0];
    let ResyncKind::Http(endpoint) = &webhook.resync.kind else { panic!("a server") };
    assert_eq!(endpoint.url.as_str(), "http://127.0.0.1:8080/resync?for=clockings");
    assert_eq!((endpoint.token.as_ref(), endpoint.timeout), (None, Duration::from_mins(30)));
    let KeySink::Http(endpoint) = &webhook.key_sinks[1] else { panic!("a server") };
    assert_eq!(endpoint.token, Some(SecretSource::Env("TOKEN".to_owned())));
    assert_eq!((endpoint.url.as_str(), endpoint.timeout), ("https://a.eu/key", Duration::from_secs(5)));
    let secrets: Vec<&SecretSource> = config.secrets().into_iter().map(|secret| secret.source).collect();
    assert_eq!(secrets.len(), 2, "{secrets:?}");
}
