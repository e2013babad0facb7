//! Every key of the configuration, once. What a key means is told here and nowhere else: which table it
//! belongs to and which kinds of it take it, its type and range, its default, whether its value may be a
//! secret, whether a change of it takes a restart, and its documentation.
//!
//! The readers, the suggestions, what is redacted in messages, the report of a reload and `config.example.toml`
//! follow it, so that a key is added in one place. Each table has a list of its keys, and each key is a typed
//! constant: no reader can ask for a key that does not exist, or take it for what it is not.

pub(super) mod key_sink;
pub(super) mod program;
pub(super) mod resync;
pub(super) mod secret;
pub(super) mod tenant;
pub(super) mod webhook;

use super::key::Table;

/// Every table; the root comes first.
pub(super) static TABLES: [&Table; 10] = [
    &program::ROOT,
    &program::DAEMON,
    &program::RENEWAL,
    &program::API,
    &program::METRICS,
    &tenant::TENANT,
    &secret::SECRET,
    &webhook::WEBHOOK,
    &resync::RESYNC,
    &key_sink::KEY_SINK,
];

/// Whether the values of a key are known not to be secret.
pub(super) fn is_harmless(name: &str) -> bool {
    let mut keys = TABLES.iter().flat_map(|table| table.keys);
    keys.any(|key| key.about().name == name && !key.is_discreet())
}

/// Where a key belongs, to follow "it belongs"; none for a key that no table knows, and for the tables of
/// the root, whose names say it.
pub(super) fn home(name: &str) -> Option<String> {
    let homes = TABLES.iter().enumerate().filter_map(|(index, table)| {
        let key = table.keys.iter().find(|key| key.about().name == name)?;
        match index {
            0 => (!key.is_discreet()).then(|| "above the first table".to_owned()),
            _ => Some(format!("in {}", table.name)),
        }
    });
    homes.reduce(|home, other| format!("{home} or {}", other.trim_start_matches("in ")))
}
