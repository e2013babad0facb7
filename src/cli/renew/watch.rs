//! What to tell of a renewal, and when it is decided; a pure function of what the daemon shows.

use jiff::Timestamp;

use crate::{
    cli::{moment, style::plain, target::full_name},
    domain::report::{LastError, Renewal, State, StepRecord, Webhook},
};

/// After so many looks at a webhook that an operator must see to, without a step begun, nothing is
/// to be expected any more.
const PATIENCE: u32 = 40;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Open,
    Succeeded,
    /// Protime does not renew it now: why.
    Postponed(String),
    Failed(String),
}

#[derive(Debug)]
pub(super) struct Watch {
    pub(super) name: String,
    pub(super) id: i64,
    old_error: Option<LastError>,
    old: usize,
    begun: usize,
    ended: usize,
    /// Looks at a webhook that needs an operator, since the last step began.
    stuck: u32,
}

impl Watch {
    /// `webhook` and `renewal` as they were before the command was given.
    pub(super) fn new(webhook: &Webhook, id: i64, renewal: Option<&Renewal>) -> Self {
        let old = renewal.filter(|renewal| renewal.id == id).map_or(0, |renewal| ended(&renewal.steps));
        let old_error = webhook.last_error.clone();
        Self { name: full_name(webhook), id, old_error, old, begun: old, ended: old, stuck: 0 }
    }

    pub(super) fn look(
        &mut self,
        renewal: Option<&Renewal>,
        webhook: &Webhook,
        now: Timestamp,
    ) -> (Vec<String>, Verdict) {
        let steps = renewal.map_or(&[][..], |renewal| &renewal.steps);
        let lines = self.new_lines(steps);
        if !lines.is_empty() {
            self.stuck = 0;
        }
        let why = steps.iter().rev().find_map(|step| step.error.as_deref());
        let verdict = match renewal.and_then(|renewal| renewal.outcome.as_deref()) {
            Some("succeeded") => Verdict::Succeeded,
            Some("postponed") => {
                Verdict::Postponed(plain(why.unwrap_or("Protime renews it only after its end")))
            }
            Some(outcome) => Verdict::Failed(plain(why.unwrap_or(outcome))),
            None => self.failure(steps, webhook, now),
        };
        (lines, verdict)
    }

    fn new_lines(&mut self, steps: &[StepRecord]) -> Vec<String> {
        let mut lines = Vec::new();
        for (at, step) in steps.iter().enumerate() {
            let name = plain(&step.step);
            if at >= self.begun {
                lines.push(format!("{name} …"));
            }
            if let (true, Some(finished)) = (at >= self.ended, step.finished_at) {
                let outcome = plain(step.outcome.as_deref().unwrap_or("ended"));
                let error =
                    step.error.as_deref().map(|error| format!(": {}", plain(error))).unwrap_or_default();
                lines.push(format!(
                    "{name} {outcome} after {}{error}",
                    moment::took(step.started_at, finished)
                ));
            }
        }
        self.begun = self.begun.max(steps.len());
        self.ended = self.ended.max(ended(steps));
        lines
    }

    fn failure(&mut self, steps: &[StepRecord], webhook: &Webhook, now: Timestamp) -> Verdict {
        let waits = matches!(webhook.state, State::Retrying | State::Blocked | State::Contended);
        let error = webhook.last_error.as_ref();
        // What failed before the command was given decides nothing, nor does a step without which the renewal
        // went on: a resync may be configured to be owed instead.
        let failed = steps.iter().enumerate().skip(self.old).find(|(at, step)| {
            let failed = matches!(step.outcome.as_deref(), Some("failed" | "unknown"));
            let repeated = steps.iter().skip(at + 1).any(|later| later.step == step.step);
            failed && (waits || repeated)
        });
        if let Some((_, step)) = failed {
            let own = step.error.as_deref().or(error.map(|error| error.message.as_str()));
            return Verdict::Failed(reason(&step.step, own.unwrap_or("it failed"), error, now));
        }
        if !waits {
            self.stuck = 0;
            return Verdict::Open;
        }
        self.stuck += 1;
        let needs_someone = webhook.state != State::Retrying;
        match error {
            Some(error)
                if self.old_error.as_ref() != Some(error) || (needs_someone && self.stuck > PATIENCE) =>
            {
                Verdict::Failed(reason(&error.step, &error.message, Some(error), now))
            }
            None if needs_someone && self.stuck > PATIENCE => {
                Verdict::Failed(format!("the webhook is {}", webhook.state.as_str()))
            }
            _ => Verdict::Open,
        }
    }
}

fn reason(step: &str, message: &str, error: Option<&LastError>, now: Timestamp) -> String {
    let retry = match error.map(|error| error.retry_at) {
        Some(Some(at)) => format!("; next try {}", moment::relative(now, at)),
        Some(None) => "; not tried again before someone acts".to_owned(),
        None => String::new(),
    };
    format!("{}: {}{retry}", plain(step), plain(message))
}

/// Attempts come one after the other, so that those that ended are the first.
fn ended(steps: &[StepRecord]) -> usize {
    steps.iter().take_while(|step| step.finished_at.is_some()).count()
}

#[cfg(test)]
mod tests;
