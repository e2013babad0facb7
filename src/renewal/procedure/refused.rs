//! A POST that Protime refuses while it lists the webhook as one that delivers.
//!
//! Protime's documents leave open what a POST does to a webhook that is still enabled; one answer is that
//! it is renewed only after its end. Laws: where what is listed is ours, to the id and the end, and
//! delivers, a refusal is not a failure: the renewal is put off until that end, for all webhooks of the
//! tenant, until a POST before an end succeeds; whatever Protime says in its refusal is passed on; and
//! where the key of what is listed is no one's here, only a deletion helps, as it would if its
//! references changed.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, Unit};

use super::{Procedure, StoreError};
use crate::{
    domain::{
        backoff::Backoff,
        plan::{delivers, differs, end_of},
        post::PostId,
        reason::{Reason, Step},
        renewal::RetryKind,
        state::{Now, Remote, WebhookState},
        transition::{Event, Retry, Setback, apply},
        webhook::RemoteStatus,
    },
    protime::ApiError,
    store::{Commit, OfTenant},
};

/// So long after its end a webhook may be refused because clocks differ; it is asked for again after
/// [`SOON`].
const AROUND_THE_END: SignedDuration = SignedDuration::from_mins(2);

const SOON: Duration = Duration::from_secs(1);

impl Procedure {
    pub(super) async fn refused(&self, post: PostId, error: &ApiError) -> Result<(), StoreError> {
        let mut setback = self.api_setback(error);
        // Protime's documents name no status; a proxy or a missing scope speak otherwise.
        let may_be_early = matches!(error.status(), Some(400 | 409));
        if may_be_early && self.tenant.poll().await.is_ok() {
            let (state, now) = (self.with.store.state(self.webhook.id).await?, self.tenant.now());
            match self.judge_refusal(&state, error, now) {
                Refused::Early(end) => {
                    let end_text = end.round(Unit::Second).unwrap_or(end);
                    let why = format!("Protime renews it only after its end, {end_text}: {error}");
                    tracing::warn!(webhook = %self.webhook.path, %end, %error, "Protime refuses to renew a webhook that it still delivers to; it is renewed after its end");
                    return self.tenant_renews(true, Some(&Event::PostPostponed(post, why))).await;
                }
                Refused::AroundTheEnd => {
                    setback.kind = RetryKind::Transient;
                    setback.at_least = None;
                    setback.retry = Retry { backoff: Backoff::fixed(SOON), draw: 1.0 };
                }
                Refused::KeyOfNoOne(id) => {
                    tracing::warn!(webhook = %self.webhook.path, %error, "Protime gives no key for a webhook that exists; deleting it, so that it can be created");
                    match self.tenant.client.delete_webhook(&id).await {
                        Err(error) if error.status() != Some(404) => setback = self.api_setback(&error),
                        Ok(()) | Err(_) => setback.kind = RetryKind::Transient,
                    }
                }
                Refused::Otherwise => {}
            }
        }
        self.set_back("post_refused", &Event::PostRefused(post, setback)).await
    }

    /// Records for all webhooks of the tenant whether it renews them only after their end; and with that what it
    /// means for this one.
    pub(super) async fn tenant_renews(&self, after_end: bool, own: Option<&Event>) -> Result<(), StoreError> {
        loop {
            let now = self.tenant.now();
            let mut commits: Vec<Commit> = Vec::new();
            for state in self.with.store.states_of(&self.webhook.path.tenant).await? {
                let event = Event::RenewedAfterEnd(after_end, self.with.timing.schedule());
                let mut transition = apply(&state, &event, now);
                if let Some(own) = own.filter(|_| state.id == self.webhook.id) {
                    transition = transition.then(&state, own, now);
                }
                if transition.changes(&state) {
                    commits.push(transition.into());
                }
            }
            let tenant = OfTenant::AfterEnd(self.webhook.path.tenant.clone(), after_end);
            if self.with.store.commit("tenant_renews", commits, Some(tenant)).await? {
                return Ok(());
            }
        }
    }

    fn judge_refusal(&self, state: &WebhookState, error: &ApiError, now: Now) -> Refused {
        let Remote::Listed(listed) = &state.remote else { return Refused::Otherwise };
        if listed.status != RemoteStatus::Enabled {
            return Refused::Otherwise;
        }
        let Some(registration) =
            state.registration.as_ref().filter(|registration| !differs(registration, listed))
        else {
            // A text in an answer of 400 may say anything, and this deletes.
            let certain = error.status() == Some(409) || state.after_end;
            return match state.active.as_ref().map(|active| active.reason) {
                Some(Reason::UnknownKey | Reason::Interrupted | Reason::ForeignRotation) if certain => {
                    Refused::KeyOfNoOne(listed.id.clone())
                }
                _ => Refused::Otherwise,
            };
        };
        // What has other references was deleted before the POST.
        let Some(end) = end_of(registration, listed)
            .filter(|_| registration.references == self.webhook.policy.references)
        else {
            return Refused::Otherwise;
        };
        if delivers(state, now) {
            Refused::Early(end)
        } else if now.protime < end + AROUND_THE_END {
            Refused::AroundTheEnd
        } else {
            Refused::Otherwise
        }
    }

    pub(super) fn api_setback(&self, error: &ApiError) -> Setback {
        let kind = match error {
            ApiError::Transient { .. } => RetryKind::Transient,
            ApiError::NeedsOperator { .. } => RetryKind::NeedsOperator,
        };
        self.setback(Step::Post, error.to_string(), kind, error.retry_after())
    }
}

/// Whether a POST that is sent now renews a webhook before its end, as far as the list knows.
pub(super) fn is_early(state: &WebhookState, now: Now) -> bool {
    let (Remote::Listed(listed), Some(registration)) = (&state.remote, &state.registration) else {
        return false;
    };
    let end = end_of(registration, listed);
    delivers(state, now) && end.is_some_and(|end| now.protime + AROUND_THE_END < end)
}

enum Refused {
    /// It is renewed only after its end, which is to come.
    Early(Timestamp),
    /// The end has just come by our clock, and perhaps not by Protime's.
    AroundTheEnd,
    /// Protime has it with this id, and no one here has its key.
    KeyOfNoOne(String),
    Otherwise,
}
