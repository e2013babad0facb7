//! How things are: the state of every webhook, what is wrong, and when the next renewal is due.
//!
//! Law: a webhook is judged when something of it has changed or when its time has come, never because someone
//! asks how all of them are.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};

use crate::{
    domain::{
        plan::next_end,
        report::{self, Problem, State},
        state::{WebhookId, WebhookState},
    },
    renewal::procedure::Procedure,
    views::{health, metrics::Glance, webhook as webhook_view},
};

/// So long after it is due a webhook is judged again if nothing has happened to it: too many others are due.
pub(super) const TAKING_UP: SignedDuration = SignedDuration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Overview {
    /// What is told of each webhook. Those who tell it share it, and what they have stays as it was.
    glances: Arc<Vec<Arc<Glance>>>,
    /// Which of the glances is whose.
    places: HashMap<WebhookId, usize>,
    /// Whether the glances are in the order of their names.
    is_sorted: bool,
    problems: HashMap<WebhookId, Problem>,
    /// When a webhook must be judged again although nothing happens to it, on our clock.
    deadlines: BTreeSet<(Timestamp, WebhookId)>,
    /// The same by webhook.
    deadline_of: HashMap<WebhookId, Timestamp>,
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
        self.judge_again_at(state.id, deadline);
        let before = self.places.get(&state.id).and_then(|place| self.glances.get(*place)).map(Arc::clone);
        let glance = Glance::of(&view, &procedure.webhook, before.as_deref(), now);
        if before.as_ref().is_none_or(|before| !before.tells_the_same(&glance)) {
            self.tell(glance);
        }
        match problem {
            Some(problem) => self.problems.insert(state.id, problem),
            None => self.problems.remove(&state.id),
        };
        (view, before.map(|before| before.state))
    }

    fn judge_again_at(&mut self, id: WebhookId, deadline: Option<Timestamp>) {
        let passed = match deadline {
            Some(deadline) => self.deadline_of.insert(id, deadline),
            None => self.deadline_of.remove(&id),
        };
        if let Some(passed) = passed {
            self.deadlines.remove(&(passed, id));
        }
        self.deadlines.extend(deadline.map(|deadline| (deadline, id)));
    }

    fn tell(&mut self, glance: Glance) {
        let id = glance.webhook.id;
        // Copied only where someone still tells what was.
        let glances = Arc::make_mut(&mut self.glances);
        if let Some(before) = self.places.get(&id).and_then(|place| glances.get_mut(*place)) {
            self.is_sorted &= before.webhook.path == glance.webhook.path;
            *before = Arc::new(glance);
        } else {
            self.is_sorted = false;
            self.places.insert(id, glances.len());
            glances.push(Arc::new(glance));
        }
    }

    /// Forgets all but these.
    pub(super) fn retain(&mut self, is_present: impl Fn(WebhookId) -> bool) {
        Arc::make_mut(&mut self.glances).retain(|glance| is_present(glance.webhook.id));
        self.find_places();
        self.problems.retain(|id, _| is_present(*id));
        self.deadlines.retain(|(_, id)| is_present(*id));
        self.deadline_of.retain(|id, _| is_present(*id));
    }

    fn find_places(&mut self) {
        let ids = self.glances.iter().map(|glance| glance.webhook.id);
        self.places = ids.enumerate().map(|(place, id)| (id, place)).collect();
    }

    /// What is told of every webhook now, by tenant and name.
    pub(crate) fn glances(&mut self) -> Arc<Vec<Arc<Glance>>> {
        if !self.is_sorted {
            Arc::make_mut(&mut self.glances)
                .sort_unstable_by(|one, other| one.webhook.path.cmp(&other.webhook.path));
            self.find_places();
            self.is_sorted = true;
        }
        Arc::clone(&self.glances)
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
        report::counts(self.glances.iter().map(|glance| glance.state))
    }

    pub(crate) fn next_renewal_at(&self) -> Option<Timestamp> {
        self.glances.iter().filter_map(|glance| glance.next_renewal_at).min()
    }
}
