//! Whether the new key could be handed off, before the POST that kills the old one.
//!
//! Law: while Protime delivers to someone, with our key or with one that we do not have, nothing is sent
//! that would leave everyone with a dead key.

use super::{Procedure, StoreError};
use crate::domain::{
    plan::delivers,
    state::{Now, Remote, WebhookState},
    task::TaskError,
    webhook::RemoteStatus,
};

impl Procedure {
    /// What holds up a POST, if anything does.
    ///
    /// With our key, a sink that never had it has nothing to lose and holds up nothing; where it is gone from a
    /// sink, a receiver that read it there may have it still. Where others are ready, one that is not holds up the
    /// POST only while there is time. With a key that we do not have, any sink may be where the living receiver
    /// has it from; but where a key of ours was in force before, those who follow our sinks are refusing events
    /// already, and one sink that is ready is enough.
    pub(super) async fn unready(&self, state: &WebhookState) -> Result<Option<TaskError>, StoreError> {
        let now = self.tenant.now();
        if !is_alive(state, now) {
            return Ok(None);
        }
        let ours = delivers(state, now);
        let current = self.with.store.keys(self.webhook.id).await?.current;
        let current = current.as_ref().map(|current| (&current.key, current.version));
        let answers = self.webhook.sinks.iter().map(|sink| async move {
            let loses = !ours
                || state.had_key(&sink.id())
                || match current {
                    Some((key, version)) => sink.may_show(key, version).await,
                    None => false,
                };
            if loses { Some(sink.preflight(current).await) } else { None }
        });
        let answers = futures_util::future::join_all(answers).await.into_iter().flatten().collect::<Vec<_>>();
        let ready = answers.iter().any(Result::is_ok);
        let failures: Vec<String> =
            answers.into_iter().filter_map(Result::err).map(|failure| failure.message).collect();
        if failures.is_empty() {
            return Ok(None);
        }
        let failure = TaskError::new(failures.join("; "));
        let must_not_wait = if ours { is_pressing(state, now) } else { state.registration.is_some() };
        if ready && must_not_wait {
            tracing::warn!(webhook = %self.webhook.path, error = %failure, "a key sink is not ready; renewing all the same, for others are and must not wait");
            return Ok(None);
        }
        Ok(Some(failure))
    }
}

/// Whether Protime, when it was last asked, delivered events, no matter who has the key.
fn is_alive(state: &WebhookState, now: Now) -> bool {
    let Remote::Listed(listed) = &state.remote else { return false };
    listed.status == RemoteStatus::Enabled && listed.valid_until.is_none_or(|end| now.protime < end)
}

/// Whether half of the time between the planned renewal and the webhook's end has passed.
fn is_pressing(state: &WebhookState, now: Now) -> bool {
    let end = state.registration.as_ref().and_then(|registration| registration.valid_until);
    end.zip(state.next_renewal_at).is_some_and(|(end, planned)| {
        let left = end.duration_since(now.protime);
        left < end.duration_since(planned) / 2
    })
}
