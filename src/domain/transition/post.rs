//! The dangerous middle: a POST kills the old key, and its answer has the only copy of the new one.

use jiff::SignedDuration;

use super::{Attempt, Change, Schedule, Setback};
use crate::domain::{
    post::{Post, PostId, PostOutcome},
    reason::{Step, StepOutcome},
    renewal::Stage,
};

/// What is known of a POST is of use for an hour; it is kept for a day. What lies that far ahead began on a
/// clock that was wrong.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

impl Change {
    pub(super) fn begin_post(&mut self, post: PostId, unplanned: bool) {
        if !self.stands_at(Stage::Post) {
            return;
        }
        self.stage(Stage::Posting);
        self.begin_step(Step::Post);
        if let Some(active) = &mut self.state.active {
            active.post = Some(post);
        }
        self.state.posts.push(Post {
            id: post,
            begun_at: self.now.local,
            unplanned,
            outcome: PostOutcome::Unknown,
            before_rotation: false,
        });
        self.state.post_marks += 1;
    }

    /// Ends the step of a POST, if that is the one under way; tells whether it was.
    fn end_post(&mut self, post: PostId, outcome: StepOutcome, error: Option<&String>) -> bool {
        self.state.post_marks += 1;
        let active = self.state.active.as_ref();
        let active = active.filter(|active| active.stage == Stage::Posting && active.post == Some(post));
        let Some(active) = active else { return false };
        let step = active.running.as_ref().filter(|running| running.step == Step::Post);
        if let Some(step) = step {
            let attempt = Attempt { renewal: active.id, step: step.number };
            self.end_step(attempt, outcome, error, None);
        }
        true
    }

    pub(super) fn set_post(&mut self, post: PostId, outcome: PostOutcome) {
        if let Some(post) = self.state.posts.iter_mut().find(|it| it.id == post) {
            post.outcome = outcome;
        }
    }

    fn had_none(&mut self, post: PostId) {
        self.state.posts.retain(|it| it.id != post);
    }

    pub(super) fn refused(&mut self, post: PostId, setback: &Setback) {
        self.had_none(post);
        if self.end_post(post, StepOutcome::Failed, Some(&setback.message)) {
            self.fail(setback);
            self.stage(Stage::Post);
        }
    }

    pub(super) fn unknown(&mut self, post: PostId, setback: &Setback) {
        if self.end_post(post, StepOutcome::Unknown, Some(&setback.message)) {
            self.fail(setback);
        }
    }

    pub(super) fn postponed(&mut self, post: PostId, why: &String) {
        self.had_none(post);
        if self.end_post(post, StepOutcome::Skipped, Some(why)) {
            self.state.retry = None;
            // What is owed is paid all the same, and the renewal ends with that.
            if let Some(active) = &mut self.state.active {
                active.put_off = Some(why.clone());
            }
            self.stage(Stage::CatchUp);
        }
    }

    /// What Protime does with one webhook of a tenant before its end it does with all of them.
    pub(super) fn renewed_after_end(&mut self, after_end: bool, schedule: Schedule) {
        if self.state.after_end == after_end {
            return;
        }
        self.state.after_end = after_end;
        let Some(registration) = &self.state.registration else { return };
        if let (Some(end), Some(_)) = (registration.valid_until, self.state.next_renewal_at) {
            self.state.next_renewal_at = Some(schedule.renewal(registration.at, end, after_end));
        }
    }

    pub(super) fn answered(&mut self, post: PostId) {
        self.set_post(post, PostOutcome::Answered);
        if self.end_post(post, StepOutcome::Succeeded, None) {
            // What went wrong before stays: it is not over until the key is found in the answer.
            self.stage(Stage::Rotate);
        }
    }

    pub(super) fn no_answer(&mut self, attempt: Attempt, setback: &Setback, made: bool) {
        if !self.end_step(attempt, StepOutcome::Failed, Some(&setback.message), None) {
            return;
        }
        if let Some(post) = self.state.active.as_ref().and_then(|active| active.post) {
            self.set_post(post, if made { PostOutcome::Fruitless } else { PostOutcome::Unknown });
        }
        self.state.post_marks += 1;
        self.fail(setback);
        // That an answer came ended the count of failures, but this was none.
        let since_rotation = self.state.posts.iter().filter(|post| !post.before_rotation).count();
        let attempts = u32::try_from(since_rotation).unwrap_or(u32::MAX);
        let retry_at = self.retry_at(setback, attempts);
        if let Some(retry) = &mut self.state.retry {
            (retry.attempts, retry.retry_at) = (attempts, retry_at);
        }
        self.stage(Stage::Posting);
    }

    pub(super) fn had_no_effect(&mut self) {
        if self.stands_at(Stage::Posting) {
            self.cut_off_step();
            self.stage(Stage::Post);
        }
    }

    /// The last POST took effect although its outcome was not known: the key that it issued is lost.
    pub(super) fn note_lost_key(&mut self) {
        if let Some(post) = self.state.posts.last_mut()
            && matches!(post.outcome, PostOutcome::Unknown | PostOutcome::Answered)
        {
            post.outcome = PostOutcome::Fruitless;
        }
    }

    pub(super) fn forget_old_posts(&mut self) {
        let now = self.now.local;
        let near = now - REMEMBERED..=now + REMEMBERED;
        self.state.posts.retain(|post| {
            let counts = post.unplanned || !post.before_rotation || post.outcome != PostOutcome::Answered;
            near.contains(&post.begun_at) && counts
        });
    }
}
