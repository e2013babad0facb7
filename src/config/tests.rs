//! What is accepted and with which defaults; every mistake with its place, its message and its help.

mod example;
mod filters;
mod good;
mod hiding;
mod include;
mod keys;
mod length;
mod mistakes;
mod mistakes_in_history;
mod mistakes_in_webhooks;
mod order;
mod reading;
mod rendering;
mod whole;

use std::path::Path;

use super::{Config, ConfigError, Surroundings, check};

/// A file that is right, small, and has something of everything.
const GOOD: &str = r#"user_agent = "WebhookRenewal/v1 (Your Company)"

[daemon]
status_poll = "*/5 * * * *"

[renewal]
retry_max = "15m"

[api]
max_requests_per_minute = 120

[[tenant]]
name = "acme"
environment = "production"
client_id = "my-client"
client_secret = { credential = "acme-client-secret" }

[[tenant.webhook]]
name = "clockings"
collection = "clockings"
destination_url = "https://www.your-company.com/protime/clockings"
external_references = ["people,@badge-number", "activity-definitions,actDef"]

[tenant.webhook.resync]
kind = "command"
command = ["/usr/local/bin/resync-clockings"]

[[tenant.webhook.key_sink]]
kind = "file"
path = "/run/receiver/clockings.key"

[[tenant.webhook.key_sink]]
kind = "command"
command = ["systemctl", "reload", "receiver"]
"#;

/// Another webhook, to stand behind [`GOOD`].
const PEOPLE: &str = r#"
[[tenant.webhook]]
collection = "people"
destination_url = "https://www.your-company.com/protime/people"
[tenant.webhook.resync]
kind = "none"
"#;

fn read(text: &str) -> Result<Config, ConfigError> {
    read_with(text, &[])
}

fn read_with(text: &str, env: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let env = |name: &str| {
        env.iter().find(|(known, _)| *known == name).map(|(_, value)| std::ffi::OsString::from(value))
    };
    let now = "2026-11-23T12:00:00Z".parse().expect("a timestamp");
    check(Path::new("config.toml"), text, &Surroundings { env: &env, now })
}

/// [`GOOD`] with a part replaced, which must be there.
fn changed(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    GOOD.replacen(from, to, 1)
}

/// The problems of a file, each as `line:column: message; help`.
fn problems(text: &str) -> Vec<String> {
    let error = read(text).expect_err("it has mistakes");
    error
        .problems()
        .map(|p| {
            let place =
                p.line.zip(p.column).map_or("-".to_owned(), |(line, column)| format!("{line}:{column}"));
            format!("{place}: {}; {}", p.message, p.help)
        })
        .collect()
}

/// What is replaced, by what, and the one problem that this makes.
type Row = (&'static str, &'static str, &'static str);

fn judge(rows: &[Row]) {
    let mut wrong = Vec::new();
    for (from, to, expected) in rows {
        let found = problems(&changed(from, to));
        if found != [*expected] {
            wrong.push(format!("{from:?} -> {to:?}\n  expected {expected:?}\n  found    {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
