//! Taking over a key that Protime signs with already: a receiver that lives changes hands without a rotation.
//!
//! A wrong key cannot be told from a right one, since Protime never shows a key again. It shows when
//! events do not match, and another renewal fixes it.

use super::Procedure;
use crate::{
    domain::{
        key::WebhookKey,
        renewal::Stage,
        state::{Now, WebhookId},
        transition::{Event, apply},
    },
    store::{Store, StoreError},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Imported {
    New {
        version: u64,
    },
    Same {
        version: u64,
    },
    /// A POST is in flight: the key is about to be another one.
    PostInFlight,
}

impl Procedure {
    /// Makes a key current without a POST, unless one is in flight.
    pub(crate) async fn import_key(&self, key: WebhookKey) -> Result<Imported, StoreError> {
        let references = self.webhook.policy.references.clone();
        let imported =
            import(&self.with.store, self.webhook.id, key, references, || self.tenant.now()).await?;
        if let Imported::New { version } = imported {
            self.with.rotations.send_modify(|count| *count += 1);
            self.with.deliveries.look();
            tracing::info!(webhook = %self.webhook.path, key_version = version, "a key was imported");
        }
        Ok(imported)
    }
}

/// Makes a key current that Protime is said to sign with already. The webhook is taken to have the configured
/// external references.
pub(crate) async fn import(
    store: &Store,
    id: WebhookId,
    key: WebhookKey,
    references: String,
    now: impl Fn() -> Now,
) -> Result<Imported, StoreError> {
    let event = Event::Imported(key.clone(), references);
    loop {
        let state = store.state(id).await?;
        if state.active.as_ref().is_some_and(|active| matches!(active.stage, Stage::Posting | Stage::Rotate))
        {
            return Ok(Imported::PostInFlight);
        }
        if let Some(current) = store.keys(id).await?.current
            && current.key == key
        {
            return Ok(Imported::Same { version: current.version });
        }
        let transition = apply(&state, &event, now());
        let version =
            transition.state.registration.as_ref().map_or(0, |registration| registration.key_version);
        if store.commit("import_key", vec![transition.into()], None).await? {
            return Ok(Imported::New { version });
        }
    }
}
