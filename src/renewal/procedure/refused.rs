//! A POST that Protime refuses while it lists the webhook as one that delivers.
//!
//! Protime's documents leave open what a POST does to a webhook that is still enabled; one answer is that
//! it is renewed only after its end. Laws: where what is listed is ours, to the id and the end, and
//! delivers, a refusal is no failure: the renewal is put off until that end, for all webhooks of the
//! tenant, until a POST before an end succeeds; whatever Protime says in its refusal is passed on; and
//! where the key of what is listed is no one's here, only a deletion helps, as it would if its
//! references changed.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, Unit};

use super::{Procedure, StoreError, later};
use crate::{
    domain::{
        plan::{delivers, differs, end_of},
        reason::{Reason, Step},
        record::{Now, Record, Remote, TroubleKind},
        webhook::RemoteStatus,
    },
    protime::ApiError,
    store::Attempt,
};

/// So long after its end a webhook may be refused because clocks differ; it is asked for again soon.
const AROUND_THE_END: SignedDuration = SignedDuration::from_mins(2);

/// How soon.
const SOON: Duration = Duration::from_secs(1);

impl Procedure {
    /// Draws the consequences of a POST that was not processed.
    pub(super) async fn refused(
        &self,
        record: &Record,
        attempt: Attempt,
        error: &ApiError,
    ) -> Result<(), StoreError> {
        let now = self.tenant.now();
        let mut trouble = self.api_trouble(record, error, now);
        // Protime's documents name no status; a proxy or a missing scope speak otherwise.
        let may_be_early = matches!(error.status(), Some(400 | 409));
        if may_be_early && self.tenant.refresh().await.is_ok() {
            let (record, now) = (self.store.record(self.id).await?, self.tenant.now());
            match self.judge_refusal(&record, error, now) {
                Refused::Early(end) => {
                    let end_text = end.round(Unit::Second).unwrap_or(end);
                    let why = format!("Protime renews it only after its end, {end_text}: {error}");
                    tracing::warn!(webhook = %self.path, %end, %error, "Protime refuses to renew a webhook that it still delivers to; it is renewed after its end");
                    return self.store.post_postponed(attempt, why, now.local).await;
                }
                Refused::AroundTheEnd => {
                    trouble.kind = TroubleKind::Transient;
                    trouble.retry_at = later(now, SOON);
                }
                Refused::KeyOfNobody(id) => {
                    tracing::warn!(webhook = %self.path, %error, "Protime gives no key for a webhook that exists; deleting it, so that it can be created");
                    match self.tenant.client.delete_webhook(&id).await {
                        Err(error) if error.status() != Some(404) => {
                            trouble = self.api_trouble(&record, &error, now);
                        }
                        Ok(()) | Err(_) => trouble.kind = TroubleKind::Transient,
                    }
                }
                Refused::Otherwise => {}
            }
        }
        self.store.post_refused(attempt, trouble, self.tenant.now().local).await
    }

    fn judge_refusal(&self, record: &Record, error: &ApiError, now: Now) -> Refused {
        let Remote::Listed(listed) = &record.remote else { return Refused::Otherwise };
        if listed.status != RemoteStatus::Enabled {
            return Refused::Otherwise;
        }
        let Some(issued) = record.issued.as_ref().filter(|issued| !differs(issued, listed)) else {
            // A text in an answer of 400 may say anything, and this deletes.
            let certain = error.status() == Some(409) || record.after_end;
            return match record.open.as_ref().map(|open| open.reason) {
                Some(Reason::UnknownKey | Reason::Interrupted | Reason::ForeignRotation) if certain => {
                    Refused::KeyOfNobody(listed.id.clone())
                }
                _ => Refused::Otherwise,
            };
        };
        // What has other references was deleted before the POST.
        let Some(end) = end_of(issued, listed).filter(|_| issued.references == self.wanted.references) else {
            return Refused::Otherwise;
        };
        if delivers(record, now) {
            Refused::Early(end)
        } else if now.protime < end + AROUND_THE_END {
            Refused::AroundTheEnd
        } else {
            Refused::Otherwise
        }
    }

    pub(super) fn api_trouble(
        &self,
        record: &Record,
        error: &ApiError,
        now: Now,
    ) -> crate::domain::record::Trouble {
        let kind = match error {
            ApiError::Transient { .. } => TroubleKind::Transient,
            ApiError::NeedsOperator { .. } => TroubleKind::NeedsOperator,
        };
        self.trouble(record, Step::Post, error.to_string(), kind, error.retry_after(), now)
    }
}

/// Whether a POST that is sent now renews a webhook before its end, as far as the list knows.
pub(super) fn is_early(record: &Record, now: Now) -> bool {
    let (Remote::Listed(listed), Some(issued)) = (&record.remote, &record.issued) else { return false };
    let end = end_of(issued, listed);
    delivers(record, now) && end.is_some_and(|end| now.protime + AROUND_THE_END < end)
}

/// What a refusal means.
enum Refused {
    /// It is renewed only after its end, which is to come.
    Early(Timestamp),
    /// The end has just come by our reckoning, and perhaps not by Protime's.
    AroundTheEnd,
    /// Protime has it with this id, and no one here has its key.
    KeyOfNobody(String),
    /// Anything else.
    Otherwise,
}
