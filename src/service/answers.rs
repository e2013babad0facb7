//! What the daemon answers with where that is not part of the public views.

use crate::store::StoreError;
pub(crate) use crate::{
    renewal::procedure::import::Imported,
    store::{Keys, StoredKey},
};

/// The daemon cannot answer, because its database does not.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct Unavailable(#[from] StoreError);

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
