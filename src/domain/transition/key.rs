//! Another key becomes current: out of the answer of a POST, or because someone brings the one that Protime
//! signs with.
//!
//! Laws: the key, its end, its planned renewal, what the sinks are owed and what is to be asked afterwards change
//! together; no key is imported while a POST may be giving out another.

use jiff::{SignedDuration, Timestamp};

use super::{Change, NewKey, Schedule, running};
use crate::domain::{
    grain::Grain,
    journal::What,
    key::WebhookKey,
    post::{PostId, PostOutcome},
    reason::{Reason, Step, StepOutcome},
    renewal::Stage,
    state::{ListGrains, ListedWebhook, Recheck, Registration, Remote},
    webhook::RemoteStatus,
};

/// A POST of unknown outcome that began so long ago does not make a later difference our own doing.
const SUSPECTED: SignedDuration = SignedDuration::from_hours(1);

#[derive(Debug, Clone)]
pub(crate) struct Rotation {
    pub(crate) key: WebhookKey,
    /// Protime's id, if the answer had one.
    pub(crate) id: Option<String>,
    /// Until when the webhook delivers, if the answer said so; on Protime's clock.
    pub(crate) valid_until: Option<Timestamp>,
    /// Whether that came without an offset, so that UTC is a guess.
    pub(crate) local_end: bool,
    /// When it was issued, on Protime's clock: the moment in which the POST was sent.
    pub(crate) issued_at: Timestamp,
    pub(crate) references: String,
    /// So long after it was sent a POST may still be processed.
    pub(crate) latest: SignedDuration,
    pub(crate) schedule: Schedule,
}

impl Change {
    pub(super) fn rotate(&mut self, post: PostId, rotation: &Rotation) {
        let active = self.state.active.as_ref();
        let active = active.filter(|active| active.post == Some(post));
        match active.map(|active| active.stage) {
            Some(Stage::Rotate) => {}
            // The answer and what is in it in one go.
            Some(Stage::Posting) => self.answered(post),
            _ => {
                self.spent = Some(post);
                return;
            }
        }
        if self.state.active.as_ref().is_some_and(|active| active.running.is_none()) {
            self.begin_step(Step::Rotate);
        }
        if let Some(attempt) = running(&self.state) {
            self.end_step(attempt, StepOutcome::Succeeded, None, None);
        }
        let now = self.now;
        let suspected = self.may_be_late(now.local);
        let before = self.state.registration.as_ref().and_then(|registration| registration.valid_until);
        // Of the last two answers, so that one is enough to notice that Protime writes times otherwise now.
        let grain = [before, rotation.valid_until].into_iter().flatten().map(Grain::of).max();
        // An end without an offset may be hours off: the list may know better.
        let known = rotation.valid_until.filter(|_| !rotation.local_end);
        let incomplete = rotation.id.is_none() || known.is_none();
        self.state.next_renewal_at =
            known.map(|end| rotation.schedule.renewal(rotation.issued_at, end, self.state.after_end));
        self.take_key(
            &rotation.key,
            Registration {
                id: rotation.id.clone(),
                valid_until: rotation.valid_until,
                at: rotation.issued_at,
                references: rotation.references.clone(),
                rotated_at: now.local,
                local_end: rotation.local_end,
                grain: grain.unwrap_or_default(),
                ..Registration::default()
            },
        );
        self.state.list_grains = ListGrains { before: self.state.list_grains.since, since: Grain::Minute };
        self.state.remote = rotation.id.clone().map_or(Remote::NeverAsked, |id| {
            Remote::Listed(ListedWebhook {
                id,
                status: RemoteStatus::Enabled,
                status_since: now.local,
                valid_until: rotation.valid_until,
                seen_at: now.local,
                local_end: rotation.local_end,
                grain: self.state.list_grains.finest(),
            })
        });
        // What the answer left out has to be asked for, too.
        self.state.recheck =
            (suspected || incomplete).then(|| Recheck { at: now.local, until: now.local + rotation.latest });
        self.state.owed = self.state.owed.map(|mut owed| {
            owed.to = owed.to.max(now.protime);
            owed
        });
        self.settle_posts(now.local - rotation.latest);
        self.state.retry = None;
        self.stage(Stage::HandOff);
        self.spent = Some(post);
    }

    /// Whether a POST of unknown outcome may make a later difference our own doing.
    fn may_be_late(&self, now: Timestamp) -> bool {
        self.state.posts.iter().any(|post| {
            let was_unknown = matches!(
                post.outcome,
                PostOutcome::Unknown | PostOutcome::Outstanding | PostOutcome::Settled
            );
            was_unknown && post.begun_at > now - SUSPECTED
        })
    }

    /// Draws the line under what came before a rotation: keys that no one got are dead, and a POST of unknown
    /// outcome is outstanding only as long as it may still be processed.
    fn settle_posts(&mut self, settled_before: Timestamp) {
        let recent = settled_before..=self.now.local;
        for post in &mut self.state.posts {
            post.before_rotation = true;
            post.outcome = match post.outcome {
                PostOutcome::Fruitless => PostOutcome::Answered,
                PostOutcome::Unknown | PostOutcome::Outstanding if recent.contains(&post.begun_at) => {
                    PostOutcome::Outstanding
                }
                PostOutcome::Unknown | PostOutcome::Outstanding => PostOutcome::Settled,
                other => other,
            };
        }
        self.forget_old_posts();
    }

    /// Makes a key current and owes it to every sink.
    fn take_key(&mut self, key: &WebhookKey, registration: Registration) {
        let key_version =
            self.state.registration.as_ref().map_or(0, |registration| registration.key_version) + 1;
        let fingerprint = key.fingerprint();
        self.say(What::Rotated { version: key_version, fingerprint: fingerprint.clone() });
        self.state.registration = Some(Registration { key_version, fingerprint, ..registration });
        self.key = Some(NewKey(key.clone()));
        for outbox in &mut self.state.sinks {
            outbox.attempts = 0;
            outbox.retry_at = Some(self.now.local);
        }
    }

    pub(super) fn import(&mut self, key: &WebhookKey, references: &str) {
        let stage = self.state.active.as_ref().map(|active| active.stage);
        if matches!(stage, Some(Stage::Posting | Stage::Rotate)) {
            return;
        }
        // No one knows since when the key is in force: from now on is the careful answer, for then no renewal comes
        // before half of the time that is left. What Protime last said is older than this; it is asked at once, also
        // for the id and the end.
        let now = self.now;
        let grain =
            self.state.registration.as_ref().map(|registration| registration.grain).unwrap_or_default();
        self.take_key(
            key,
            Registration {
                at: now.protime,
                references: references.to_owned(),
                rotated_at: now.local,
                grain,
                ..Registration::default()
            },
        );
        self.state.post_marks += 1;
        self.state.next_renewal_at = None;
        self.state.remote = Remote::NeverAsked;
        self.state.recheck = Some(Recheck { at: now.local, until: now.local });
        for post in &mut self.state.posts {
            post.before_rotation = true;
            // A person who brings a key vouches for it.
            if post.outcome != PostOutcome::Answered {
                post.outcome = PostOutcome::Settled;
            }
        }
        let reason = self.state.active.as_ref().map(|active| active.reason);
        if reason == Some(Reason::UnknownKey) && matches!(stage, Some(Stage::Resync | Stage::Post)) {
            self.stage(Stage::HandOff);
            self.state.retry = None;
        }
    }
}
