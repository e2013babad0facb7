//! How things are: the state of every webhook, what is wrong, and when the next renewal is due.
//!
//! Law: a webhook is judged when something of it has changed or when its time has come, never because someone
//! asks how all of them are.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};

use crate::{
    domain::{
        plan::next_end,
        report::{self, Problem, State},
        state::{WebhookId, WebhookState},
    },
    renewal::procedure::Procedure,
    views::{health, webhook as webhook_view},
};

/// So long after it is due a webhook is judged again if nothing has happened to it: too many others are due.
const TAKING_UP: SignedDuration = SignedDuration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Overview {
    webhooks: HashMap<WebhookId, Glance>,
    problems: HashMap<WebhookId, Problem>,
    /// When a webhook must be judged again although nothing happens to it, on our clock.
    deadlines: BTreeSet<(Timestamp, WebhookId)>,
}

#[derive(Debug)]
struct Glance {
    state: State,
    next_renewal_at: Option<Timestamp>,
    deadline: Option<Timestamp>,
}

impl Overview {
    /// Judges a webhook, and returns its view and the state that it had before, if it was known.
    pub(super) fn judge(
        &mut self,
        state: &WebhookState,
        procedure: &Procedure,
    ) -> (report::Webhook, Option<State>) {
        let view = webhook_view::webhook(state, procedure);
        let problem = health::of_webhook(state, procedure, &view);
        let now = procedure.tenant.now();
        let taken_up = state.next_action_at.filter(|at| now.local < *at + TAKING_UP);
        let deadline = [next_end(state, now), taken_up.map(|at| at + TAKING_UP)].into_iter().flatten().min();
        let glance = Glance { state: view.state, next_renewal_at: view.next_renewal_at, deadline };
        let before = self.webhooks.insert(state.id, glance);
        self.deadlines.extend(deadline.map(|deadline| (deadline, state.id)));
        if let Some(passed) = before.as_ref().and_then(|before| before.deadline)
            && deadline != Some(passed)
        {
            self.deadlines.remove(&(passed, state.id));
        }
        match problem {
            Some(problem) => self.problems.insert(state.id, problem),
            None => self.problems.remove(&state.id),
        };
        (view, before.map(|before| before.state))
    }

    /// Forgets all but these.
    pub(super) fn retain(&mut self, is_present: impl Fn(WebhookId) -> bool) {
        self.webhooks.retain(|id, _| is_present(*id));
        self.problems.retain(|id, _| is_present(*id));
        self.deadlines.retain(|(_, id)| is_present(*id));
    }

    /// Those whose time has come.
    pub(super) fn due(&self, now: Timestamp) -> BTreeSet<WebhookId> {
        self.deadlines.iter().take_while(|(deadline, _)| *deadline <= now).map(|(_, id)| *id).collect()
    }

    /// When the time of the next one comes, on our clock.
    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// What is wrong with webhooks, in no order.
    pub(super) fn problems_now(&self) -> impl Iterator<Item = &Problem> {
        self.problems.values()
    }

    /// What is wrong with webhooks, by their names.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = self.problems.values().cloned().collect();
        problems.sort_by(|one, other| one.webhook.cmp(&other.webhook));
        problems
    }

    /// How many webhooks are in which state; every state is named.
    pub(crate) fn counts(&self) -> BTreeMap<State, usize> {
        report::counts(self.webhooks.values().map(|glance| glance.state))
    }

    pub(crate) fn next_renewal_at(&self) -> Option<Timestamp> {
        self.webhooks.values().filter_map(|glance| glance.next_renewal_at).min()
    }
}
