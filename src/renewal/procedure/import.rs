//! Taking over a key that Protime signs with already: a receiver that lives changes hands without a rotation.
//!
//! A wrong key cannot be told from a right one, since Protime never shows a key again. It shows when
//! events do not match, and another renewal mends it.

use super::Procedure;
use crate::{
    domain::key::WebhookKey,
    store::{Imported, KeyImport, StoreError},
};

impl Procedure {
    /// Makes a key current without a POST, unless one is in flight.
    pub(crate) async fn import_key(&self, key: WebhookKey) -> Result<Imported, StoreError> {
        let import = KeyImport { key, references: self.wanted.references.clone() };
        let imported = self.store.import_key(self.id, import, self.tenant.now()).await?;
        if let Imported::New { version } = imported {
            self.rotations.send_modify(|count| *count += 1);
            tracing::info!(webhook = %self.path, key_version = version, "a key was imported");
        }
        Ok(imported)
    }
}
