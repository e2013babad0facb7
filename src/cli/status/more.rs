//! What newer daemons add to their picture. A daemon that does not say it has nothing of the kind.

use jiff::Timestamp;
use serde::Deserialize;

use crate::cli::{moment, style::plain};

/// What the answer of `GET /v1/status` may hold besides.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::cli) struct More {
    daemon: Daemon,
    orphans: Vec<Orphan>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Daemon {
    config_error: Option<ConfigError>,
}

#[derive(Debug, Deserialize)]
struct ConfigError {
    at: Timestamp,
    message: String,
}

#[derive(Debug, Deserialize)]
struct Orphan {
    tenant: String,
    name: String,
    on_remove: String,
}

/// What a webhook in `GET /v1/webhooks` may hold besides.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(in crate::cli) struct Extra {
    tenant: String,
    name: String,
    key_sinks: Vec<KeySink>,
    renewal: Option<Renewal>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct KeySink {
    sink: String,
    last_error: Option<String>,
    retry_at: Option<Timestamp>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Renewal {
    progress: Option<Progress>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Progress {
    pages: u64,
    objects: u64,
}

impl More {
    /// A sentence for each thing that somebody should see to.
    pub(super) fn problems(&self, now: Timestamp) -> Vec<String> {
        let error = self.daemon.config_error.as_ref().map(|error| {
            format!(
                "the configuration was not reloaded {}, the old one stays in force: {}",
                moment::ago(now, error.at),
                plain(&error.message)
            )
        });
        error.into_iter().collect()
    }

    /// A sentence for each webhook that left the file and is still at Protime.
    pub(super) fn orphans(&self) -> Vec<String> {
        let orphan = |orphan: &Orphan| {
            let what = match orphan.on_remove.as_str() {
                "delete" => "is being deleted at Protime",
                _ => "stays at Protime until it expires; nobody renews it",
            };
            format!("{}/{} is no longer configured and {what}", plain(&orphan.tenant), plain(&orphan.name))
        };
        self.orphans.iter().map(orphan).collect()
    }
}

impl Extra {
    /// The full name of its webhook.
    pub(super) fn full_name(&self) -> String {
        format!("{}/{}", self.tenant, self.name)
    }

    /// A sentence for each key sink that does not take the key.
    pub(super) fn sinks(&self, now: Timestamp) -> Vec<String> {
        let failing = self.key_sinks.iter().filter_map(|sink| {
            let error = sink.last_error.as_ref()?;
            let retry = sink
                .retry_at
                .map(|at| format!("; next try {}", moment::relative(now, at)))
                .unwrap_or_default();
            Some(format!("key sink {}: {}{retry}", plain(&sink.sink), plain(error)))
        });
        failing.collect()
    }

    /// How far a resync is that the daemon does itself.
    pub(super) fn progress(&self) -> Option<String> {
        let progress = self.renewal.as_ref()?.progress.as_ref()?;
        Some(format!("{} objects on {} pages", progress.objects, progress.pages))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::tests::NOW;

    #[test]
    fn what_is_not_said_is_not_there() {
        let more: More = serde_json::from_value(json!({"daemon": {"pid": 1}, "tenants": []})).expect("read");
        assert!(more.problems(NOW).is_empty() && more.orphans().is_empty());
        let extra: Extra =
            serde_json::from_value(json!({"tenant": "a", "name": "b", "renewal": null})).expect("read");
        assert_eq!(extra.full_name(), "a/b");
        assert!(extra.sinks(NOW).is_empty() && extra.progress().is_none());
    }

    #[test]
    fn what_is_said_is_shown() {
        let more: More = serde_json::from_value(json!({
            "daemon": {"config_error": {"at": "2027-01-15T07:58:00Z", "message": "line 3: unknown key"}},
            "orphans": [
                {"tenant": "acme", "name": "people", "on_remove": "keep", "remote": null},
                {"tenant": "acme", "name": "teams", "on_remove": "delete", "remote": null},
            ],
        }))
        .expect("read");
        assert_eq!(
            more.problems(NOW),
            ["the configuration was not reloaded 2 m ago, the old one stays in force: line 3: unknown key"]
        );
        assert_eq!(
            more.orphans(),
            [
                "acme/people is no longer configured and stays at Protime until it expires; nobody renews it",
                "acme/teams is no longer configured and is being deleted at Protime",
            ]
        );
        let extra: Extra = serde_json::from_value(json!({
            "key_sinks": [
                {"sink": "file /a", "version": 2, "attempts": 0, "last_error": null, "retry_at": null},
                {"sink": "http", "version": 1, "attempts": 3, "last_error": "503", "retry_at": "2027-01-15T08:01:00Z"},
            ],
            "renewal": {"id": 3, "progress": {"pages": 12, "objects": 3000}},
        }))
        .expect("read");
        assert_eq!(extra.sinks(NOW), ["key sink http: 503; next try in 1 m"]);
        assert_eq!(extra.progress().as_deref(), Some("3000 objects on 12 pages"));
    }
}
