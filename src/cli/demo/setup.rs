//! How the demo is set up: what takes months at Protime takes seconds here, and the rest keeps pace.

use std::{fmt::Write as _, path::Path, time::Duration};

use protime_sandbox::{load::Load, settings::Settings};

use crate::text::quoted;

pub(super) const TENANT: &str = "acme";
/// The OAuth client of the daemon and of the receiver.
pub(super) const CLIENT: &str = "demo-client";
/// The collections; each has a webhook of that name, and its key a file of that name.
pub(super) const COLLECTIONS: [&str; 2] = ["clockings", READ];
/// The collection that the daemon reads itself for a resync. A list does not show what was deleted in a gap,
/// so nothing is.
pub(super) const READ: &str = "people";
/// What the daemon calls itself: the receiver tells by it what is a replay.
pub(super) const AGENT: &str = "ProtimeDemo/v1 (Your Company)";
pub(super) const LIFETIME: Duration = Duration::from_secs(6);
pub(super) const STOCK: usize = 30;
pub(super) const CHANGES_PER_SECOND: f64 = 40.0;

/// The simulated tenant. It tries an event four times within a second and a half. Small pages and empty
/// ones among them, because a resync must cope with them.
pub(super) fn settings() -> Settings {
    Settings {
        lifetime_ms: u64::try_from(LIFETIME.as_millis()).unwrap_or(u64::MAX),
        retries: 3,
        retry_delay_ms: 200,
        page_size: 20,
        empty_pages: true,
        ..Settings::default()
    }
}

/// Changes that go on: inserts, every third an update, in one of the collections every fifth a deletion.
pub(super) fn load() -> Load {
    let collections = COLLECTIONS.map(str::to_owned).to_vec();
    Load {
        collections,
        per_second: CHANGES_PER_SECOND,
        delete_every: 5,
        keep: vec![READ.to_owned()],
        ..Load::default()
    }
}

pub(super) fn token_url(origin: &str) -> String {
    format!("{origin}/tenants/{TENANT}/connect/token")
}

/// The daemon's, with its files in `folder`, for a tenant and a receiver of these origins.
pub(super) fn configuration(
    folder: &Path,
    program: &Path,
    tenant: &str,
    receiver: &str,
) -> anyhow::Result<String> {
    let file = |name: &str| quoted_path(&folder.join(name));
    let mut text = format!(
        r#"# Written by `protime-webhookd demo`: webhooks that live for {lifetime} seconds instead of months.
user_agent = "{AGENT}"

[daemon]
state_dir = {state}
status_socket = {status}
control_socket = {control}
# Every second, so that a disabled webhook is seen within a part of its lifetime.
status_poll = "* * * * * *"
log_level = "debug"
log_format = "text"

[renewal]
retry_initial = "200ms"
retry_max = "1s"
# Renewals before their planned time, as after the outage and the kill, are capped per hour, because the other
# explanation is someone else who renews the same webhook. The default fits lifetimes of months; of these, an
# hour holds six hundred.
max_unplanned_rotations_per_hour = 100

[api]
max_requests_per_minute = 6000

[[tenant]]
name = {tenant}
api_origin = {origin}
token_url = {token_url}
client_id = {client}
client_secret = {{ file = {secret} }}
"#,
        lifetime = LIFETIME.as_secs(),
        state = file("state")?,
        status = file("status.sock")?,
        control = file("control.sock")?,
        tenant = quoted(TENANT),
        origin = quoted(tenant),
        token_url = quoted(&token_url(tenant)),
        client = quoted(CLIENT),
        secret = file("client-secret")?,
    );
    for collection in COLLECTIONS {
        let resync = if collection == READ {
            r#"# The daemon reads the list itself and sends every object to the receiver as an event.
[tenant.webhook.resync]
kind = "list""#
                .to_owned()
        } else {
            format!(
                r#"# This program again: it asks the receiver to read the collection's list.
[tenant.webhook.resync]
kind = "command"
command = [{program}, "demo", "--resync", {receiver}]
timeout = "15s""#,
                program = quoted_path(program)?,
                receiver = quoted(receiver),
            )
        };
        let _infallible = write!(
            text,
            r#"
[[tenant.webhook]]
collection = {name}
destination_url = {destination}

{resync}

[[tenant.webhook.key_sink]]
kind = "file"
path = {key}
"#,
            destination = quoted(&format!("{receiver}/events/{collection}")),
            key = file(&format!("keys/{collection}"))?,
            name = quoted(collection),
        );
    }
    Ok(text)
}

fn quoted_path(path: &Path) -> anyhow::Result<String> {
    let text = path.to_str();
    let text = text.ok_or_else(|| anyhow::anyhow!("{} is not UTF-8, which TOML demands", path.display()))?;
    Ok(quoted(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn the_configuration_is_one_that_the_daemon_takes() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("a \"program\"");
        let text =
            configuration(folder.path(), &program, "http://127.0.0.1:1", "http://127.0.0.1:2").unwrap();
        let file = folder.path().join("config.toml");
        crate::durable_file::write(&file, text.as_bytes(), false).unwrap();
        let config = config::load(&file).unwrap();
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
        let webhooks = &config.tenants[0].webhooks;
        assert_eq!(webhooks.iter().map(|webhook| webhook.name.as_str()).collect::<Vec<_>>(), COLLECTIONS);
        let config::ResyncKind::Command(command) = &webhooks[0].resync.kind else { panic!("no command") };
        assert_eq!(command.program, program.to_str().unwrap());
        assert_eq!(command.args, ["demo", "--resync", "http://127.0.0.1:2"]);
        assert!(matches!(webhooks[1].resync.kind, config::ResyncKind::Read(_)));
        assert_eq!(webhooks[1].pair.destination_url, "http://127.0.0.1:2/events/people");
        assert_eq!(settings().check(), Ok(()));
    }
}
