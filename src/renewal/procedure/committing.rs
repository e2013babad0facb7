//! Committing what was decided or has happened, and saying so.
//!
//! Law: what is said is in the journal, and is said after it is on disk.

use std::sync::Arc;

use super::Procedure;
use crate::{
    domain::{
        journal::{Entry, InRenewal, What},
        onward::onward,
        outbox::Outbox,
        reason::RenewalOutcome,
        state::WebhookState,
        transition::{Event, Transition, apply},
    },
    store::{Commit, Move, StoreError},
};

impl Procedure {
    /// What becomes of a state, as far as nothing has to be done for it.
    pub(super) fn apply(&self, state: &WebhookState, event: &Event) -> Transition {
        self.onward(apply(state, event, self.tenant.now()), state)
    }

    /// Takes what has become of a state as far as nothing has to be done for it.
    pub(super) fn onward(&self, transition: Transition, state: &WebhookState) -> Transition {
        onward(transition, state, &self.webhook.policy, self.tenant.now())
    }

    /// Commits what has become of the webhook, and tells it; false, and nothing is changed, if something has
    /// happened to it since. `name` is the failpoint's.
    pub(super) async fn commit(&self, name: &'static str, commit: Commit) -> Result<bool, StoreError> {
        let transition = commit.transition.clone();
        let committed = self.with.store.commit(name, vec![commit], None).await?;
        if committed {
            self.tell(&transition);
        }
        Ok(committed)
    }

    /// Commits a decision that was made on this state; nothing if something has happened to the webhook since, for
    /// then it is decided again. `name` is the failpoint's.
    pub(super) async fn decide(
        &self,
        name: &'static str,
        state: &WebhookState,
        decision: &Event,
    ) -> Result<Option<Transition>, StoreError> {
        self.commit_decision(name, state, self.apply(state, decision)).await
    }

    pub(super) async fn commit_decision(
        &self,
        name: &'static str,
        state: &WebhookState,
        decided: Transition,
    ) -> Result<Option<Transition>, StoreError> {
        if !decided.changes(state) {
            return Ok(None);
        }
        let committed = self.commit(name, decided.clone().into()).await?;
        if !committed {
            tracing::debug!(webhook = %self.webhook.path, name, "not done: something has happened since");
        }
        Ok(committed.then_some(decided))
    }

    /// Applies an outcome to the state as it is by now, with the places that move with it, and returns what
    /// became of it.
    pub(super) async fn record_outcome(
        &self,
        name: &'static str,
        outcome: &Event,
        moves: &[Move],
    ) -> Result<Arc<WebhookState>, StoreError> {
        loop {
            let state = self.with.store.state(self.webhook.id).await?;
            let transition = self.apply(&state, outcome);
            if !transition.changes(&state) {
                for one in moves {
                    self.with.store.move_cursor(self.webhook.id, one.clone()).await?;
                }
                return Ok(state);
            }
            let state = Arc::new(transition.state.clone());
            if self.commit(name, Commit { transition, moves: moves.to_vec() }).await? {
                return Ok(state);
            }
        }
    }

    /// Says in the log what the journal says of a renewal, and to those who wait for it that a key is current.
    pub(super) fn tell(&self, transition: &Transition) {
        let path = &self.webhook.path;
        let mut is_overtaken = false;
        for Entry { renewal, what, .. } in &transition.journal {
            let Some(InRenewal { id: renewal, reason }) = renewal else { continue };
            match what {
                What::Began if is_overtaken => {
                    tracing::warn!(webhook = %path, renewal, %reason, "renewal started in place of one that could not finish");
                }
                What::Began => tracing::info!(webhook = %path, renewal, %reason, "renewal started"),
                What::Rotated { version, .. } => {
                    self.with.rotations.send_modify(|count| *count += 1);
                    if transition.state.sinks.iter().any(Outbox::may_begin) {
                        self.with.deliveries.look();
                    }
                    tracing::info!(webhook = %path, renewal, key_version = version, "key rotated");
                }
                What::Ended { outcome: RenewalOutcome::Succeeded, .. } => {
                    tracing::info!(webhook = %path, renewal, %reason, "renewal succeeded");
                }
                What::Ended { .. } => is_overtaken = true,
                What::StepBegan { .. } | What::StepEnded { .. } => {}
            }
        }
    }
}
