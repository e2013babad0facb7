//! What the daemon says, and the words and signs for it that `status` and its live screen share.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::{
    moment,
    style::{Paint, plain},
    target,
};
use crate::{
    domain::report::{ActiveRenewal, Health, State, Status, Webhook},
    text::counted,
};

/// The rank of a webhook that needs no one.
pub(super) const FINE: u8 = 3;

#[derive(Debug)]
pub(super) struct View {
    pub(super) status: Status,
    pub(super) webhooks: Vec<Webhook>,
    pub(super) health: Health,
}

pub(super) fn headline(view: &View, now: Timestamp) -> String {
    let count = view.webhooks.len();
    let webhooks = |count: usize| match count {
        0 => "no webhooks".to_owned(),
        _ => counted(count, "webhook"),
    };
    let unhealthy = |webhook: &&Webhook| rank(webhook, !problems(webhook, view, now).is_empty()) < FINE;
    let unhealthy = view.webhooks.iter().filter(unhealthy).count();
    let general = view.health.problems.iter().filter(|problem| problem.webhook.is_none()).count();
    let states = states(view);
    let mut text = match (unhealthy, general) {
        (0, 0) if count > 0 && states.len() == 1 => {
            format!("{}, all {}", webhooks(count), states[0].1.as_str())
        }
        (0, 0) => webhooks(count),
        (0, 1) => format!("1 problem needs you; {}", webhooks(count)),
        (0, several) => format!("{several} problems need you; {}", webhooks(count)),
        (1, _) if count == 1 => "the only webhook needs you".to_owned(),
        (1, _) => format!("1 of {count} webhooks needs you"),
        (several, _) => format!("{several} of {count} webhooks need you"),
    };
    if !text.contains(", all ") && !states.is_empty() {
        let states: Vec<String> =
            states.iter().map(|(count, state)| format!("{count} {}", state.as_str())).collect();
        let _ = write!(text, ": {}", states.join(", "));
    }
    if let Some(at) = view.status.daemon.next_renewal_at {
        let _ = write!(text, "; next renewal {}", moment::due(now, at));
    }
    text
}

/// How much a webhook needs a person: the less, the worse.
pub(super) fn rank(webhook: &Webhook, unhealthy: bool) -> u8 {
    match webhook.state {
        State::Blocked | State::Contended => 0,
        _ if unhealthy => 1,
        State::Retrying => 2,
        State::Pending | State::Active | State::Renewing => FINE,
    }
}

/// How many webhooks are in which state, the worst first.
fn states(view: &View) -> Vec<(usize, State)> {
    let counts = State::ALL
        .into_iter()
        .rev()
        .map(|state| (view.webhooks.iter().filter(|webhook| webhook.state == state).count(), state));
    counts.filter(|(count, _)| *count > 0).collect()
}

/// The sign of a state and its colour, which is not all that tells them apart.
pub(super) fn sign(state: State) -> (char, Paint) {
    match state {
        State::Pending => ('○', Paint::Faint),
        State::Active => ('●', Paint::Good),
        State::Renewing => ('◐', Paint::Busy),
        State::Retrying => ('▲', Paint::Doubtful),
        State::Blocked => ('■', Paint::Bad),
        State::Contended => ('◆', Paint::Bad),
    }
}

pub(super) fn expires(webhook: &Webhook, now: Timestamp) -> String {
    match &webhook.remote {
        None if is_unknown(webhook) => "not known yet".to_owned(),
        None => "not at Protime".to_owned(),
        Some(remote) => {
            let expiry = remote.valid_until.map_or_else(|| "?".to_owned(), |at| moment::expiry(now, at));
            match remote.status.as_str() {
                "Enabled" => expiry,
                other => format!("{}, {expiry}", plain(other)),
            }
        }
    }
}

/// Whether Protime was never asked for it: then no one can say whether it is there.
pub(super) fn is_unknown(webhook: &Webhook) -> bool {
    webhook.remote.is_none()
        && (webhook.state == State::Pending
            || webhook.last_error.as_ref().is_some_and(|error| error.step == "poll"))
}

pub(super) fn under_way(renewal: &ActiveRenewal) -> String {
    let attempt = match renewal.attempt {
        ..=1 => String::new(),
        attempt => format!(", attempt {attempt}"),
    };
    let progress = renewal.progress.as_ref().map(|progress| {
        format!(", {} and {} so far", counted(progress.objects, "object"), counted(progress.pages, "page"))
    });
    format!(
        "{} (#{}) at {}{attempt}{}",
        plain(&renewal.reason),
        renewal.id,
        plain(&renewal.step),
        progress.unwrap_or_default()
    )
}

/// What is wrong with a webhook: what `health` says, or else its last error.
pub(super) fn problems(webhook: &Webhook, view: &View, now: Timestamp) -> Vec<String> {
    let name = target::full_name(webhook);
    let mut found: Vec<String> = view
        .health
        .problems
        .iter()
        .filter(|problem| problem.webhook.as_ref() == Some(&name))
        .map(|problem| plain(&problem.problem))
        .collect();
    if let Some(error) = &webhook.last_error {
        if found.is_empty() {
            found.push(format!("{}: {}", plain(&error.step), plain(&error.message)));
        }
        if let Some(at) = error.retry_at {
            found.push(format!("next try {}", moment::due(now, at)));
        }
    }
    for sink in &webhook.key_sinks {
        let Some(error) = sink.last_error.as_ref().map(|error| plain(error)) else { continue };
        if !found.iter().any(|problem| problem.contains(error.trim_end_matches('.'))) {
            let retry = sink.retry_at.map(|at| format!("; next try {}", moment::due(now, at)));
            found.push(format!("key sink {}: {error}{}", plain(&sink.sink), retry.unwrap_or_default()));
        }
    }
    found
}
