//! What follows of itself from something that happened: steps without an effect outside, and when to look again.
//!
//! Law: between two things that are committed together nothing can be lost, because nothing lies between them.

use super::{
    plan::{Action, Policy, plan},
    state::{Now, WebhookState},
    transition::{Event, Transition},
};

/// No renewal has so many steps in a row that do nothing; what would go on for longer goes on after the commit.
const MOST: usize = 8;

/// Takes a transition as far as nothing has to be done for it. `before` is the state that it came of.
pub(crate) fn onward(
    mut transition: Transition,
    before: &WebhookState,
    policy: &Policy,
    now: Now,
) -> Transition {
    if !transition.changes(before) {
        return transition;
    }
    for _ in 0..MOST {
        let event = match plan(&transition.state, policy, now) {
            Action::Skip(step) => Event::StepSkipped(step),
            Action::Settle => Event::HandOffSettled,
            Action::Wait { until, .. } => {
                transition.state.next_action_at = until;
                break;
            }
            _ => {
                transition.state.next_action_at = Some(now.local);
                break;
            }
        };
        transition = transition.then(before, &event, now);
    }
    transition
}
