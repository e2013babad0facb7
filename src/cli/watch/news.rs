//! What reaches the screen: what the daemon says, what is typed, and the answers to what a key asked for.

use jiff::Timestamp;
use serde::Deserialize;

use crate::{cli::view::View, domain::report::History};

/// Something new.
#[derive(Debug)]
pub(super) enum News {
    /// The whole picture; `events` says whether the daemon tells of changes itself.
    Picture {
        /// What it is.
        view: Box<View>,
        /// Whether events come besides.
        events: bool,
    },
    /// An event.
    Happened(Box<Event>),
    /// The daemon does not answer: why.
    Lost(String),
    /// A key was pressed.
    Typed(Key),
    /// The terminal has another size.
    Resized,
    /// A sentence for whoever pressed a key.
    Said(String),
    /// The history that was asked for, or why it cannot be had.
    History(String, Result<History, String>),
}

/// What a key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// One line up.
    Up,
    /// One line down.
    Down,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// The first line.
    First,
    /// The last line.
    Last,
    /// Renew the selected webhook.
    Renew,
    /// Show the history of the selected webhook.
    History,
    /// Ask every tenant for its webhooks now.
    Poll,
    /// Explain the keys.
    Help,
    /// Yes.
    Yes,
    /// Leave what is open, or else the screen.
    Leave,
    /// Leave the screen, whatever is open.
    Quit,
    /// A key without a meaning.
    Other,
}

/// An event of the daemon.
#[derive(Debug, Clone)]
pub(super) struct Event {
    /// Its name.
    pub(super) kind: String,
    /// What applies to it.
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
    /// The step of the procedure.
    pub(super) step: Option<String>,
    pub(super) outcome: Option<String>,
    pub(super) error: Option<String>,
    pub(super) state: Option<String>,
    pub(super) previous_state: Option<String>,
    pub(super) key_version: Option<u64>,
    pub(super) fingerprint: Option<String>,
}
