//! Every key of the configuration, once: where it belongs, and whether its value may be shown.
//!
//! The readers of the tables know what a key means; what is said of a key that they do not know stands
//! here. A test asks every reader for the keys that it knows, and compares.

/// The keys of a secret's table; their values are names and not secrets.
pub(super) const NAMES: [&str; 3] = ["credential", "file", "env"];

/// Some keys of a table.
struct Keys {
    /// Where they belong, to follow "it belongs"; empty for the tables of the root, whose names say it.
    home: &'static str,
    /// Keys whose values are no secret, whatever they sound like.
    harmless: &'static [&'static str],
    /// Keys of tables, and keys whose values may hold a secret.
    discreet: &'static [&'static str],
}

const KEYS: [Keys; 11] = [
    Keys { home: "above the first table", harmless: &["user_agent", "include"], discreet: &[] },
    Keys { home: "", harmless: &[], discreet: &["daemon", "renewal", "api", "metrics", "tenant"] },
    Keys {
        home: "in [daemon]",
        harmless: &[
            "state_dir",
            "status_socket",
            "control_socket",
            "status_socket_mode",
            "control_socket_mode",
            "socket_group",
            "status_poll",
            "log_level",
            "log_format",
        ],
        discreet: &[],
    },
    Keys {
        home: "in [renewal]",
        harmless: &[
            "renew_before",
            "jitter",
            "retry_initial",
            "retry_max",
            "max_concurrent",
            "max_unplanned_rotations_per_hour",
            "gap_margin",
            "previous_key_grace",
        ],
        discreet: &[],
    },
    Keys {
        home: "in [api]",
        harmless: &["connect_timeout", "request_timeout", "max_requests_per_minute", "ca_file"],
        discreet: &[],
    },
    Keys { home: "in [metrics]", harmless: &["listen"], discreet: &[] },
    Keys {
        home: "in [[tenant]]",
        harmless: &["name", "environment", "api_origin", "token_url", "key_field", "scopes"],
        discreet: &["client_id", "client_secret", "webhook"],
    },
    Keys { home: "in the table that `client_secret` or `token` is", harmless: &[], discreet: &NAMES },
    Keys {
        home: "in [[tenant.webhook]]",
        harmless: &["name", "collection", "destination_url", "external_references", "on_remove"],
        discreet: &["resync", "key_sink"],
    },
    Keys {
        home: "in [tenant.webhook.resync]",
        harmless: &["kind", "timeout", "on_failure", "url", "lookback", "earliest", "keep_warm", "audit"],
        // A filter may hold names of people, and arguments of a program whatever it takes.
        discreet: &["command", "token", "filter", "replay_to", "pipe_to"],
    },
    Keys {
        home: "in [[tenant.webhook.key_sink]]",
        harmless: &["kind", "timeout", "url", "path", "format", "mode", "group"],
        discreet: &["command", "token"],
    },
];

/// Whether the values of a key are known to be no secret.
pub(super) fn is_harmless(key: &str) -> bool {
    KEYS.iter().any(|keys| keys.harmless.contains(&key))
}

/// Where a key belongs, to follow "it belongs"; none for a key that no table knows.
pub(super) fn home(key: &str) -> Option<String> {
    let homes = KEYS.iter().filter(|keys| keys.harmless.contains(&key) || keys.discreet.contains(&key));
    let homes = homes.map(|keys| keys.home).filter(|home| !home.is_empty());
    homes.map(str::to_owned).reduce(|home, other| format!("{home} or {}", other.trim_start_matches("in ")))
}

/// The keys that belong there.
#[cfg(test)]
pub(super) fn at_home(home: &str) -> Vec<&'static str> {
    let keys = KEYS.iter().filter(|keys| keys.home == home);
    keys.flat_map(|keys| keys.harmless.iter().chain(keys.discreet)).copied().collect()
}
