//! A configuration file for a test, in its parts.

use std::fmt::Write as _;

use super::World;

/// What a test may want to be otherwise; every field is TOML.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) daemon: String,
    pub(crate) renewal: String,
    pub(crate) api: String,
    pub(crate) tenant: String,
    pub(crate) webhooks: Vec<Webhook>,
}

#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    pub(crate) collection: String,
    pub(crate) destination_url: String,
    pub(crate) extra: String,
    pub(crate) resync: String,
    pub(crate) sinks: Vec<String>,
}

impl Config {
    /// Polls every second and does not wait long after failures.
    pub(crate) fn new(webhooks: Vec<Webhook>) -> Self {
        Self {
            daemon: "status_poll = \"* * * * * *\"\nlog_level = \"debug\"\nlog_format = \"text\"".to_owned(),
            renewal:
                "retry_initial = \"200ms\"\nretry_max = \"2s\"\nmax_unplanned_rotations_per_hour = 1000\n\
                      gap_margin = \"20s\""
                    .to_owned(),
            api: "connect_timeout = \"5s\"\nrequest_timeout = \"10s\"\nmax_requests_per_minute = 60000"
                .to_owned(),
            tenant: String::new(),
            webhooks,
        }
    }

    pub(super) fn text(&self, world: &World) -> String {
        let folder = world.folder().display();
        let origin = &world.sandbox.origin;
        let secret = world.sandbox.secret_file.display();
        let mut text = format!(
            r#"user_agent = "WebhookRenewal/v1 (Tests)"

[daemon]
state_dir = "{folder}/state"
status_socket = "{folder}/status.sock"
control_socket = "{folder}/control.sock"
{}

[renewal]
{}

[api]
{}

[[tenant]]
name = "acme"
api_origin = "{origin}"
token_url = "{origin}/tenants/acme/connect/token"
client_id = "sandbox-client"
client_secret = {{ file = "{secret}" }}
{}
"#,
            self.daemon, self.renewal, self.api, self.tenant
        );
        for webhook in &self.webhooks {
            let Webhook { collection, destination_url, extra, resync, sinks } = webhook;
            let _infallible = write!(
                text,
                "\n[[tenant.webhook]]\ncollection = \"{collection}\"\ndestination_url = \"{destination_url}\"\n\
                 {extra}\n\n[tenant.webhook.resync]\n{resync}\n"
            );
            for sink in sinks {
                let _infallible = write!(text, "\n[[tenant.webhook.key_sink]]\n{sink}\n");
            }
        }
        text
    }
}

/// An array of strings as TOML, which writes them as JSON does.
pub(crate) fn words<S: AsRef<str>>(words: &[S]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    serde_json::to_string(&words).unwrap()
}
