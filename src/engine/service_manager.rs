//! What the service manager is told: ready, alive, and in a line how things are.
//!
//! Law: the watchdog is fed by the loop that does the work and by no one else, so that a loop that is
//! stuck leads to a restart, and a Protime that is slow does not.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use sd_notify::NotifyState;

use super::Engine;
use crate::{clock, domain::report::State, store::StoreError, text::counted, views::health};

/// So often the line is made again at most.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Does nothing where there is no service manager.
pub(crate) fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager could not be notified");
    }
}

#[derive(Debug)]
pub(crate) struct ServiceManager {
    watchdog: Option<Duration>,
    listens: bool,
    line: String,
    described_at: Option<Instant>,
}

impl ServiceManager {
    /// Reads from the environment what the service manager wants.
    pub(crate) fn new() -> Self {
        Self {
            watchdog: sd_notify::watchdog_enabled(),
            listens: std::env::var_os("NOTIFY_SOCKET").is_some(),
            line: String::new(),
            described_at: None,
        }
    }

    /// The longest time that the loop may sleep: a third of what the watchdog allows.
    pub(crate) fn longest_sleep(&self, otherwise: Duration) -> Duration {
        self.watchdog.map_or(otherwise, |watchdog| (watchdog / 3).min(otherwise))
    }

    pub(crate) fn alive(&self) {
        if self.watchdog.is_some() {
            notify(&[NotifyState::Watchdog]);
        }
    }

    /// Says how things are, if that has changed and was not said just now.
    pub(crate) async fn describe(&mut self, engine: &Engine) -> Result<(), StoreError> {
        if !self.listens || self.described_at.is_some_and(|at| at.elapsed() < LINE_EVERY) {
            return Ok(());
        }
        self.described_at = Some(Instant::now());
        let (counts, next, problem) = {
            let overview = engine.overview().await?;
            (overview.counts(), overview.next_renewal_at(), overview.problems().into_iter().next())
        };
        let tenants = engine.setup().tenants.iter().flat_map(|tenant| health::of_tenant(tenant)).next();
        let problem = tenants.or(problem).map(|problem| match problem.webhook.or(problem.tenant) {
            Some(whose) => format!("{whose}: {}", problem.problem),
            None => problem.problem,
        });
        let text = line(&counts, next, problem.as_deref(), clock::now());
        if text != self.line {
            notify(&[NotifyState::Status(&text)]);
            self.line = text;
        }
        Ok(())
    }
}

/// "12 webhooks, all active, next renewal in 3 h", or what is not as it should be.
fn line(
    counts: &BTreeMap<State, usize>,
    next: Option<Timestamp>,
    problem: Option<&str>,
    now: Timestamp,
) -> String {
    let all: usize = counts.values().sum();
    let count = counted(all, "webhook");
    let states: Vec<String> = State::ALL
        .into_iter()
        .filter_map(|state| {
            let of_state = counts.get(&state).copied().filter(|count| *count > 0)?;
            Some(match (of_state, state) {
                (some, State::Active) if some == all && all > 1 => "all active".to_owned(),
                (1, state) if all == 1 => state.as_str().to_owned(),
                (some, state) => format!("{some} {}", state.as_str()),
            })
        })
        .collect();
    let next = next.map(|next| match rough(next.duration_since(now)) {
        Some(rest) => format!("next renewal in {rest}"),
        None => "a renewal is due".to_owned(),
    });
    let parts: Vec<String> = std::iter::once(count).chain(states).chain(next).collect();
    let parts = parts.join(", ");
    match problem {
        Some(problem) => format!("{parts}; {problem}"),
        None => parts,
    }
}

/// A duration in its largest unit; none if it is over.
fn rough(rest: SignedDuration) -> Option<String> {
    let seconds = rest.as_secs();
    match seconds {
        ..=0 => None,
        1..120 => Some(format!("{seconds} s")),
        120..7_200 => Some(format!("{} min", seconds / 60)),
        7_200..172_800 => Some(format!("{} h", seconds / 3_600)),
        _ => Some(format!("{} days", seconds / 86_400)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::report;

    #[test]
    fn the_line_says_how_things_are() {
        let now = Timestamp::UNIX_EPOCH;
        let said = |states: &[State], next: Option<i64>, problem| {
            let next = next.map(|second| Timestamp::from_second(second).expect("in range"));
            line(&report::counts(states.iter().copied()), next, problem, now)
        };
        let (active, blocked) = (State::Active, State::Blocked);
        assert_eq!(
            said(&[active, active], Some(11_000), None),
            "2 webhooks, all active, next renewal in 3 h"
        );
        assert_eq!(said(&[active], Some(0), None), "1 webhook, active, a renewal is due");
        assert_eq!(
            said(&[active, blocked], Some(300), Some("acme/people: no key")),
            "2 webhooks, 1 active, 1 blocked, next renewal in 5 min; acme/people: no key"
        );
        assert_eq!(said(&[], None, None), "0 webhooks");
    }
}
