//! What the daemon answers with where that is no part of the public picture.

use jiff::Timestamp;

pub(crate) use crate::renewal::import::Imported;
use crate::{
    domain::key::WebhookKey,
    store::{StoreError, StoredKey},
};

/// The daemon cannot answer, because its database does not.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct Unavailable(#[from] StoreError);

/// A webhook's keys.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys {
    /// The one that Protime signs with, as far as we know.
    pub(crate) current: Option<KeyRecord>,
    /// The one before it.
    pub(crate) previous: Option<KeyRecord>,
}

/// A key with its version.
#[derive(Debug, Clone)]
pub(crate) struct KeyRecord {
    /// Counts up by one per rotation.
    pub(crate) version: u64,
    /// The key.
    pub(crate) key: WebhookKey,
    /// When it became current.
    pub(crate) rotated_at: Timestamp,
    /// When the next one took its place.
    pub(crate) retired_at: Option<Timestamp>,
}

/// A tenant that was asked for its list.
#[derive(Debug, Clone)]
pub(crate) struct PolledTenant {
    /// Its name.
    pub(crate) tenant: String,
    /// Why it did not give it.
    pub(crate) error: Option<String>,
}

/// Whether an event is genuine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was signed with this version of the key.
    Valid {
        /// The key's version.
        key_version: u64,
    },
    /// Its `Authorization` header is none of Protime's.
    Malformed,
    /// It was signed with another key, or something else was signed.
    Mismatch,
    /// There is no key yet.
    NoKey,
}

impl From<StoredKey> for KeyRecord {
    fn from(key: StoredKey) -> Self {
        Self { version: key.version, key: key.key, rotated_at: key.rotated_at, retired_at: key.retired_at }
    }
}
