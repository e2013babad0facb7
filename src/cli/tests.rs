//! The command line's shape, and what the tests of its commands share.

use clap::{CommandFactory as _, Parser as _};
use jiff::Timestamp;

use super::Cli;
use crate::{
    config::{OnFailure, Resync, ResyncKind, SecretSource, Tenant, Webhook},
    domain::{
        removed::OnRemove,
        report::StepRecord,
        webhook::{Pair, TenantName, WebhookName},
    },
};

pub(super) use crate::domain::report::tests::webhook;

/// The moment at which the tests look: 2027-01-15 08:00:00 UTC.
pub(super) const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

/// So many seconds after [`NOW`].
pub(super) fn after(seconds: i64) -> Timestamp {
    Timestamp::from_second(NOW.as_second() + seconds).expect("in range")
}

/// An attempt at a step, in seconds after [`NOW`].
pub(super) fn step(name: &str, from: i64, to: Option<i64>, outcome: Option<&str>) -> StepRecord {
    StepRecord {
        step: name.to_owned(),
        started_at: after(from),
        finished_at: to.map(after),
        outcome: outcome.map(str::to_owned),
        error: None,
        output: None,
    }
}

/// A tenant that sends these collections to `https://example.com/`.
pub(super) fn tenant(name: &str, webhooks: &[&str]) -> Tenant {
    let url = reqwest::Url::parse("https://example.com/").expect("a URL");
    let webhook = |name: &&str| Webhook {
        name: WebhookName::new(name).expect("a name"),
        pair: Pair { destination_url: url.to_string(), collection: (*name).to_owned() },
        external_references: Vec::new(),
        on_remove: OnRemove::Keep,
        resync: Resync { kind: ResyncKind::None, on_failure: OnFailure::Hold },
        key_sinks: Vec::new(),
    };
    Tenant {
        name: TenantName::new(name).expect("a name"),
        api_origin: url.clone(),
        token_url: url.clone(),
        client_id: String::new(),
        client_secret: SecretSource::Env("SECRET".to_owned()),
        key_field: None,
        scopes: Vec::new(),
        webhooks: webhooks.iter().map(webhook).collect(),
    }
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

/// Every command that can be typed, with its help.
fn helps(command: &clap::Command, path: &str, found: &mut Vec<(String, String)>) {
    found.push((path.to_owned(), command.clone().render_long_help().to_string()));
    for sub in command.get_subcommands() {
        helps(sub, &format!("{path} {}", sub.get_name()), found);
    }
}

#[test]
fn every_help_of_ours_ends_with_an_example_that_parses() {
    let mut found = Vec::new();
    helps(&Cli::command(), "protime-webhookd", &mut found);
    // These two are someone else's files, and tested there.
    found.retain(|(path, _)| !path.ends_with(" sandbox") && !path.ends_with(" demo"));
    assert!(found.len() > 7, "{}", found.len());
    for (path, help) in found {
        let last = help.trim_end().lines().last().expect("a line");
        let example = last.strip_prefix("Example: ").unwrap_or_else(|| panic!("{path}: {help}"));
        let example = example.split(['&', '<']).next().expect("a command");
        Cli::try_parse_from(example.split_whitespace()).unwrap_or_else(|error| panic!("{example}: {error}"));
    }
}

#[test]
fn wrong_usage_is_refused() {
    for line in [
        "protime-webhookd",
        "protime-webhookd renew",
        "protime-webhookd renew acme/people --all",
        "protime-webhookd history",
        "protime-webhookd history acme/people --limit 0",
        "protime-webhookd history acme/people --limit 1001",
        "protime-webhookd key show",
        "protime-webhookd poll",
    ] {
        let error = Cli::try_parse_from(line.split_whitespace()).expect_err(line);
        assert!(error.use_stderr(), "{line}");
    }
}

#[test]
fn the_configuration_may_be_named_before_and_after_the_command() {
    for line in ["protime-webhookd --config a.toml status", "protime-webhookd status --config a.toml"] {
        let cli = Cli::try_parse_from(line.split_whitespace()).expect(line);
        assert_eq!(cli.config, std::path::Path::new("a.toml"));
    }
}
