//! What the daemon answers with where that is not part of the public views.

use jiff::Timestamp;

pub(crate) use crate::renewal::procedure::import::Imported;
use crate::{
    domain::key::WebhookKey,
    store::{StoreError, StoredKey},
};

/// The daemon cannot answer, because its database does not.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct Unavailable(#[from] StoreError);

#[derive(Debug, Clone, Default)]
pub(crate) struct Keys {
    /// The one that Protime signs with, as far as we know.
    pub(crate) current: Option<KeyRecord>,
    pub(crate) previous: Option<KeyRecord>,
}

#[derive(Debug, Clone)]
pub(crate) struct KeyRecord {
    /// Counts up by one per rotation.
    pub(crate) version: u64,
    pub(crate) key: WebhookKey,
    pub(crate) rotated_at: Timestamp,
    /// When the next one took its place.
    pub(crate) retired_at: Option<Timestamp>,
}

#[derive(Debug, Clone)]
pub(crate) struct PolledTenant {
    pub(crate) tenant: String,
    pub(crate) error: Option<String>,
}

/// Whether an event is genuine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was signed with this version of the key.
    Valid {
        key_version: u64,
    },
    /// Its `Authorization` header is none of Protime's.
    Malformed,
    /// It was signed with another key, or something else was signed.
    Mismatch,
    NoKey,
}

impl From<StoredKey> for KeyRecord {
    fn from(key: StoredKey) -> Self {
        Self { version: key.version, key: key.key, rotated_at: key.rotated_at, retired_at: key.retired_at }
    }
}
