//! What is wrong, in sentences: everything that keeps events from arriving, or soon will.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp, Unit};

use crate::{
    clock,
    domain::{
        plan::{delivers, unsettled},
        report::{self, ConfigError, Problem, State},
        state::{Remote, WebhookState},
        webhook::RemoteStatus,
    },
    renewal::{poller::Tenant, procedure::Procedure},
};

/// Unplanned renewals count for so long.
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A clock that is off by more than this is a problem: signatures and tokens have lifetimes.
const TOLERATED_SKEW: SignedDuration = SignedDuration::from_secs(30);

const CONTENDED: &str = "too many unplanned renewals within an hour: someone else renews this webhook, or its receiver refuses \
     events again and again; `history` tells which (reason 'foreign_rotation' or 'disabled'): stop the other program, or \
     fix the receiver, then `renew` it, or wait until the hour has passed";

/// `view` is that of the same state.
pub(crate) fn of_webhook(
    state: &WebhookState,
    procedure: &Procedure,
    view: &report::Webhook,
) -> Option<Problem> {
    if let Some(since) = procedure.key_refused_since() {
        let problem = "the database refuses the new key, which is in memory and, if it could be written, in an emergency \
                       file beside the database: make room on the disk, or repair it";
        return Some(Problem {
            webhook: Some(state.path.to_string()),
            tenant: None,
            problem: problem.to_owned(),
            since,
        });
    }
    let now = procedure.tenant.now();
    let delivers = delivers(state, now);
    let (problem, since) = match view.state {
        State::Active | State::Renewing if delivers => missing_scope(procedure)?,
        State::Blocked | State::Retrying => {
            let error = view.last_error.as_ref()?;
            let what = match error.step.as_str() {
                "poll" => format!("the list of webhooks cannot be read: {}", error.message),
                step => {
                    let message = error.message.trim_end_matches('.');
                    format!(
                        "the step '{step}' fails: {message}{}",
                        meanwhile(state, step, delivers, now.protime)
                    )
                }
            };
            (what, failing_since(state).unwrap_or(error.at))
        }
        State::Contended => (
            match &state.retry {
                Some(retry) => format!("{CONTENDED}; the last thing that failed: {}", retry.message),
                None => CONTENDED.to_owned(),
            },
            state.unplanned().into_iter().find(|&at| at > clock::now() - HOUR).unwrap_or_else(clock::now),
        ),
        State::Pending => (
            "not created at Protime yet; that follows the first poll that succeeds, and needs no one"
                .to_owned(),
            clock::now(),
        ),
        State::Renewing => {
            let renewal = view.renewal.as_ref()?;
            let what = format!(
                "delivers no events: renewal {} ({}) is at '{}'; `history` shows what it waits for",
                renewal.id, renewal.reason, renewal.step
            );
            (what, renewal.started_at)
        }
        // A list that may be older than our POST says nothing against it.
        State::Active if unsettled(state).is_some() => return None,
        State::Active => (not_delivering(state), seen_at(state).unwrap_or_else(clock::now)),
    };
    Some(Problem { webhook: Some(state.path.to_string()), tenant: None, problem, since })
}

/// What a webhook that delivers lacks for the day on which it does not.
fn missing_scope(procedure: &Procedure) -> Option<(String, Timestamp)> {
    let client = &procedure.tenant.client;
    if !procedure.webhook.is_read() {
        return None;
    }
    let (scope, since) = client.lacks_scope_of(&procedure.webhook.pair.collection)?;
    let problem = format!(
        "its resync cannot read '{}', because Protime did not grant scope {scope}: ask Protime to grant it to client '{}'; \
         events arrive meanwhile",
        procedure.webhook.pair.collection,
        client.client_id()
    );
    Some((problem, since.unwrap_or_else(clock::now)))
}

pub(crate) fn of_config(error: &ConfigError, loaded_at: Timestamp) -> Problem {
    let problem = format!(
        "the configuration file is wrong, so that the one loaded at {} stays in force: {}; fix it and reload",
        loaded_at.round(Unit::Second).unwrap_or(loaded_at),
        error.message
    );
    Problem { webhook: None, tenant: None, problem, since: error.at }
}

/// What a look at the whole file has found after the start.
pub(crate) fn of_database(detail: &str, since: Timestamp) -> Problem {
    let problem = format!(
        "the database is damaged ({detail}): renewals go on as long as it takes them; stop the daemon and restore a backup, or \
         move the file away to start with a new one"
    );
    Problem { webhook: None, tenant: None, problem, since }
}

pub(crate) fn of_tenant(tenant: &Tenant) -> Vec<Problem> {
    let polls = tenant.polls();
    let of = |problem: String, since: Timestamp| Problem {
        webhook: None,
        tenant: Some(tenant.name.to_string()),
        problem,
        since,
    };
    let mut problems = Vec::new();
    if let Some(failing) = &polls.failing {
        problems.push(of(format!("the list of webhooks cannot be read: {}", failing.error), failing.since));
    }
    let since = polls.last_success.unwrap_or_else(clock::now);
    if let Some(skew) = tenant.client.clock_skew().filter(|skew| skew.abs() > TOLERATED_SKEW) {
        let seconds = skew.as_secs();
        problems.push(of(
            format!(
                "this machine's clock and Protime's differ by {} s; check the time service here",
                seconds.abs()
            ),
            since,
        ));
    }
    let missing = tenant.missing_scopes();
    if !missing.is_empty() {
        problems.push(of(
            format!(
                "Protime did not grant {}; ask Protime to grant it to client '{}'",
                missing.join(", "),
                tenant.client.client_id()
            ),
            since,
        ));
    }
    problems
}

/// What is wrong, and its JSON, for everyone who asks before anything has changed.
#[derive(Debug)]
pub(crate) struct Health {
    pub(crate) report: report::Health,
    pub(crate) json: Bytes,
}

pub(crate) fn health(problems: Vec<Problem>) -> Health {
    let report = report::Health { healthy: problems.is_empty(), problems };
    // Texts and moments: nothing that JSON cannot say.
    let json = Bytes::from(serde_json::to_vec(&report).unwrap_or_default());
    Health { report, json }
}

/// How urgent a step that fails is, and where there is more to read about it.
fn meanwhile(state: &WebhookState, step: &str, delivers: bool, now: Timestamp) -> String {
    let events = match &state.remote {
        Remote::Listed(_) if delivers && step == "hand_off" => {
            "; a receiver that gets the key there refuses events meanwhile".to_owned()
        }
        Remote::Listed(_) if delivers && step == "catch_up" => {
            "; events arrive, and what changed before them stays owed until it succeeds".to_owned()
        }
        Remote::Listed(listed) if delivers => match listed.valid_until {
            Some(end) => {
                format!("; events still arrive, until {}", end.round(Unit::Second).unwrap_or(end))
            }
            None => "; events still arrive".to_owned(),
        },
        Remote::Listed(listed)
            if listed.status == RemoteStatus::Enabled && listed.valid_until.is_none_or(|end| now < end) =>
        {
            "; events arrive, signed with a key that is not known here".to_owned()
        }
        _ => "; no events arrive before it succeeds".to_owned(),
    };
    let more = if matches!(step, "resync" | "catch_up" | "hand_off") {
        "; `history` shows what was written"
    } else {
        ""
    };
    format!("{events}{more}")
}

fn failing_since(state: &WebhookState) -> Option<Timestamp> {
    let of_a_sink = || state.sinks.iter().filter_map(|sink| Some(sink.failure.as_ref()?.since)).min();
    state.retry.as_ref().map(|retry| retry.since).or_else(of_a_sink)
}

fn not_delivering(state: &WebhookState) -> String {
    match &state.remote {
        Remote::Listed(listed) => {
            format!(
                "Protime says '{}' of it, valid until {}; it is renewed at once, and if this stays, the daemon's log says why",
                listed.status.as_str(),
                match listed.valid_until {
                    Some(end) => end.to_string(),
                    None => "an unknown time".to_owned(),
                }
            )
        }
        Remote::Absent { .. } => {
            "Protime has no such webhook; it is created again at once, which needs no one".to_owned()
        }
        Remote::NeverAsked => {
            "Protime was not asked for it yet; that follows the first poll that succeeds, and needs no one"
                .to_owned()
        }
    }
}

fn seen_at(state: &WebhookState) -> Option<Timestamp> {
    match &state.remote {
        Remote::Listed(listed) => Some(listed.seen_at),
        Remote::Absent { seen_at } => Some(*seen_at),
        Remote::NeverAsked => None,
    }
}
