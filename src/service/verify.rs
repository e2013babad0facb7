//! Whether an event is genuine: asked by receivers that do not want to hold keys themselves.
//!
//! Law: no valid event is refused because it overtook its key. While a POST is under way, its key may
//! already sign events before we have it: a mismatch is not answered before that key is known, for a
//! few seconds at most. For some time after a rotation the previous key is accepted, too, because
//! Protime may repeat what it signed with it.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, timeout_at};

use super::{
    Service,
    answers::{Unavailable, Verdict},
};
use crate::{
    clock,
    domain::{key::WebhookKey, renewal::Stage, state::WebhookState, webhook::WebhookPath},
    renewal::procedure::Procedure,
    store::{Keys, Known},
};

/// How long a mismatch waits for a key that is on its way.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often to look whether it still is.
const LOOK: Duration = Duration::from_millis(100);

impl Service {
    /// Judges an event by its `Authorization` header and its raw body.
    pub(crate) async fn verify(
        &self,
        path: &WebhookPath,
        authorization: &str,
        body: &[u8],
    ) -> Result<Option<Verdict>, Unavailable> {
        let verdict = self.judge(path, authorization, body).await?;
        if let Some(verdict) = verdict {
            self.count(verdict);
        }
        Ok(verdict)
    }

    async fn judge(
        &self,
        path: &WebhookPath,
        authorization: &str,
        body: &[u8],
    ) -> Result<Option<Verdict>, Unavailable> {
        let Some(procedure) = self.procedure(path) else { return Ok(None) };
        if !WebhookKey::is_signature(authorization) {
            return Ok(Some(Verdict::Malformed));
        }
        let deadline = Instant::now() + PATIENCE;
        let mut rotations = self.rotations();
        loop {
            rotations.borrow_and_update();
            // In this order: a key that arrives between the two ends the waiting at the next look.
            let Known { state, keys } = self.store.known(procedure.webhook.id).await?;
            if let Some(key_version) = self.signer(&keys, authorization, body) {
                return Ok(Some(Verdict::Valid { key_version }));
            }
            if !is_on_its_way(&state) || Instant::now() >= deadline {
                return Ok(Some(if keys.current.is_some() { suspect(&procedure) } else { Verdict::NoKey }));
            }
            // Either a rotation or the next look; which of them, does not matter.
            let _either = timeout_at((Instant::now() + LOOK).min(deadline), rotations.changed()).await;
        }
    }

    /// The version of the key that an event was signed with, if it may still be used.
    fn signer(&self, keys: &Keys, authorization: &str, body: &[u8]) -> Option<u64> {
        let now = clock::now();
        let grace = self.previous_key_grace();
        let accepted = keys.previous.iter().filter(|key| {
            key.retired_at
                .is_some_and(|at| Duration::try_from(now.duration_since(at)).is_ok_and(|age| age < grace))
        });
        keys.current
            .iter()
            .chain(accepted)
            .find(|key| key.key.verify(authorization, body).is_ok())
            .map(|key| key.version)
    }
}

/// Whether Protime may have issued a key that is not current here yet.
fn is_on_its_way(state: &WebhookState) -> bool {
    state.active.as_ref().is_some_and(|active| matches!(active.stage, Stage::Posting | Stage::Rotate))
}

fn suspect(procedure: &Procedure) -> Verdict {
    let tenant = Arc::clone(&procedure.tenant);
    tokio::spawn(async move { tenant.suspect().await });
    Verdict::Mismatch
}
