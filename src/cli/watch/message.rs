//! What reaches the screen: what the daemon says, what is typed, and the answers to what a key asked for.

use jiff::Timestamp;
use serde::Deserialize;

use crate::{cli::view::View, domain::report::History};

#[derive(Debug)]
pub(super) enum Message {
    /// The whole view; `events` says whether the daemon tells of changes itself.
    View {
        view: Box<View>,
        events: bool,
    },
    Happened(Box<Event>),
    /// The daemon does not answer: why.
    Lost(String),
    Typed(Key),
    Resized,
    /// A sentence for the person who pressed a key.
    Said(String),
    /// The history that was asked for, or why it cannot be had.
    History(String, Result<History, String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Renew,
    History,
    Poll,
    Help,
    Yes,
    /// Leave what is open, or else the screen.
    Leave,
    /// Leave the screen, whatever is open.
    Quit,
    Other,
}

#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) kind: String,
    pub(super) facts: Facts,
}

/// The facts of an event; only those that apply are there.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Facts {
    pub(super) at: Option<Timestamp>,
    pub(super) webhook: Option<String>,
    pub(super) tenant: Option<String>,
    pub(super) renewal_id: Option<i64>,
    pub(super) reason: Option<String>,
    pub(super) step: Option<String>,
    pub(super) outcome: Option<String>,
    pub(super) error: Option<String>,
    pub(super) state: Option<String>,
    pub(super) previous_state: Option<String>,
    pub(super) key_version: Option<u64>,
    pub(super) fingerprint: Option<String>,
}
