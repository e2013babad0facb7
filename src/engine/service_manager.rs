//! What the service manager is told: ready, alive, and in a line how things are.
//!
//! Law: the watchdog is fed by the loop that does the work and by no one else, so that a loop that is
//! stuck leads to a restart, and a Protime that is slow does not.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use sd_notify::NotifyState;

use super::Engine;
use crate::{
    clock,
    domain::report::{State, Webhook},
    store::StoreError,
    text::counted,
    views::{health, webhook as webhook_view},
};

/// So often the line is made again at most: it reads every webhook's state.
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
        let setup = engine.setup();
        let mut webhooks = Vec::new();
        let mut problem = None;
        for state in engine.shared.store.states().await? {
            let Some(procedure) = setup.procedures.get(&state.id) else { continue };
            problem = problem.or_else(|| health::of_webhook(&state, procedure));
            webhooks.push(webhook_view::webhook(&state, procedure));
        }
        let tenants = setup.tenants.iter().flat_map(|tenant| health::of_tenant(tenant)).next();
        let problem = tenants.or(problem).map(|problem| match problem.webhook.or(problem.tenant) {
            Some(whose) => format!("{whose}: {}", problem.problem),
            None => problem.problem,
        });
        let text = line(&webhooks, problem.as_deref(), clock::now());
        if text != self.line {
            notify(&[NotifyState::Status(&text)]);
            self.line = text;
        }
        Ok(())
    }
}

/// "12 webhooks, all active, next renewal in 3 h", or what is not as it should be.
fn line(webhooks: &[Webhook], problem: Option<&str>, now: Timestamp) -> String {
    let count = counted(webhooks.len(), "webhook");
    let states: Vec<String> = State::ALL
        .into_iter()
        .filter_map(|state| {
            let of_state = webhooks.iter().filter(|webhook| webhook.state == state).count();
            (of_state > 0).then(|| match (of_state, state) {
                (all, State::Active) if all == webhooks.len() && all > 1 => "all active".to_owned(),
                (one, state) if one == webhooks.len() && one == 1 => state.as_str().to_owned(),
                (some, state) => format!("{some} {}", state.as_str()),
            })
        })
        .collect();
    let next = webhooks.iter().filter_map(|webhook| webhook.next_renewal_at).min();
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

    fn webhook(state: State, next: Option<i64>) -> Webhook {
        Webhook {
            state,
            next_renewal_at: next.map(|second| Timestamp::from_second(second).expect("in range")),
            ..report::tests::webhook("acme", "clockings")
        }
    }

    #[test]
    fn the_line_says_how_things_are() {
        let now = Timestamp::UNIX_EPOCH;
        let active = |next| webhook(State::Active, Some(next));
        assert_eq!(
            line(&[active(11_000), active(90_000)], None, now),
            "2 webhooks, all active, next renewal in 3 h"
        );
        assert_eq!(line(&[active(0)], None, now), "1 webhook, active, a renewal is due");
        assert_eq!(
            line(&[active(300), webhook(State::Blocked, None)], Some("acme/people: no key"), now),
            "2 webhooks, 1 active, 1 blocked, next renewal in 5 min; acme/people: no key"
        );
        assert_eq!(line(&[], None, now), "0 webhooks");
    }
}
