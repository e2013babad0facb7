//! The view of the daemon that its sockets serve: from states and polls to [`report`].

use bytes::Bytes;

use crate::{
    domain::{
        plan::{plan, reported_state},
        reason::Step,
        removed::{OnRemove, RemovedWebhook},
        renewal::{ActiveRenewal, FinishedRenewal, RetryState, Stage},
        report,
        state::{Registration, Remote, WebhookState},
    },
    handoff::KeySink,
    redact,
    renewal::{
        poller::{Polls, Tenant},
        procedure::Procedure,
    },
};

pub(crate) fn webhook(state: &WebhookState, procedure: &Procedure) -> report::Webhook {
    let polls = procedure.tenant.polls();
    let plan = plan(state, &procedure.webhook.policy, procedure.tenant.now());
    report::Webhook {
        tenant: state.path.tenant.to_string(),
        name: state.path.name.to_string(),
        collection: state.pair.collection.clone(),
        destination_url: state.pair.destination_url.clone(),
        external_references: procedure.webhook.references.iter().map(ToString::to_string).collect(),
        state: reported_state(state, &plan, polls.failing.as_ref().map(|failing| failing.error.kind())),
        remote: remote(&state.remote),
        key: state.registration.as_ref().map(key),
        next_renewal_at: state.next_renewal_at,
        renewal: state.active.as_ref().map(active),
        last_renewal: state.last.as_ref().map(last),
        owed_resync: state.owed,
        last_error: state
            .retry
            .as_ref()
            .map(retry)
            .or_else(|| sink_failures(state, procedure))
            .or_else(|| never_asked(state, &polls)),
        key_sinks: procedure.webhook.sinks.iter().map(|sink| key_sink(state, sink)).collect(),
        audit: state.audit,
        note: note(state, procedure),
    }
}

/// The JSON of a view, for everyone who is shown it before it changes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Its URL is without user info and query.
    pub(crate) redacted: Bytes,
    /// The whole of it, where that is something else.
    whole: Option<Bytes>,
}

impl Shown {
    pub(crate) fn json(&self, with_secrets: bool) -> &Bytes {
        self.whole.as_ref().filter(|_| with_secrets).unwrap_or(&self.redacted)
    }
}

pub(crate) fn shown(view: &report::Webhook) -> Shown {
    // Plain fields and texts: nothing that JSON cannot say.
    let json = |view: &_| Bytes::from(serde_json::to_vec(view).unwrap_or_default());
    let destination_url = redact::destination(&view.destination_url);
    if destination_url == view.destination_url {
        return Shown { redacted: json(view), whole: None };
    }
    let redacted = report::Webhook { destination_url, ..view.clone() };
    Shown { redacted: json(&redacted), whole: Some(json(view)) }
}

/// What is worth knowing of a webhook and not a problem.
fn note(state: &WebhookState, procedure: &Procedure) -> Option<String> {
    let after_end = state.after_end && state.registration.is_some();
    let after_end = after_end.then(|| "Protime renews it only after its end".to_owned());
    let listed = procedure.tenant.other_references(state.id).filter(|_| {
        // References that are about to be changed are not a surprise.
        state
            .registration
            .as_ref()
            .is_some_and(|registration| registration.references == procedure.webhook.policy.references)
    });
    let references = listed.map(|listed| {
        let listed = if listed.is_empty() { "none" } else { &listed };
        format!("Protime lists other external references than are configured: {listed}")
    });
    let notes: Vec<String> = after_end.into_iter().chain(references).collect();
    (!notes.is_empty()).then(|| notes.join("; "))
}

pub(crate) fn tenant(tenant: &Tenant) -> report::Tenant {
    let polls = tenant.polls();
    report::Tenant {
        name: tenant.name.to_string(),
        last_poll_at: polls.last_success,
        last_poll_error: polls.failing.map(|failing| failing.error.to_string()),
        token_expires_at: tenant.client.token_expires_at(),
        clock_skew_seconds: tenant.client.clock_skew().map(|skew| skew.as_secs_f64()),
    }
}

/// A webhook that left the configuration; `reachable` is whether anyone can speak to its tenant.
pub(crate) fn removed(removed: &RemovedWebhook, reachable: bool) -> report::RemovedWebhook {
    let note = match (removed.on_remove, reachable) {
        (OnRemove::Keep, _) => {
            "Protime delivers to it until it expires: delete it with `remote delete`, or configure it again"
        }
        (OnRemove::Delete, true) => "it is deleted at Protime with the next poll that succeeds",
        (OnRemove::Delete, false) => {
            "its tenant left the configuration as well: configure the tenant again for as long as it takes to delete it"
        }
    };
    report::RemovedWebhook {
        tenant: removed.path.tenant.to_string(),
        name: removed.path.name.to_string(),
        collection: removed.pair.collection.clone(),
        destination_url: removed.pair.destination_url.clone(),
        on_remove: removed.on_remove.as_str().to_owned(),
        left_at: removed.left_at,
        remote: remote(&removed.remote),
        note: note.to_owned(),
    }
}

fn remote(remote: &Remote) -> Option<report::Remote> {
    let Remote::Listed(listed) = remote else { return None };
    Some(report::Remote {
        id: listed.id.clone(),
        status: listed.status.as_str().to_owned(),
        valid_until: listed.valid_until,
        seen_at: listed.seen_at,
    })
}

fn key(registration: &Registration) -> report::Key {
    report::Key {
        version: registration.key_version,
        fingerprint: registration.fingerprint.clone(),
        rotated_at: registration.rotated_at,
    }
}

fn active(active: &ActiveRenewal) -> report::ActiveRenewal {
    report::ActiveRenewal {
        id: active.id,
        reason: active.reason.to_string(),
        step: Stage::step(active.stage).to_string(),
        attempt: active.attempts().max(1),
        started_at: active.started_at,
        progress: active.progress,
    }
}

fn last(ended: &FinishedRenewal) -> report::LastRenewal {
    report::LastRenewal {
        id: ended.id,
        reason: ended.reason.to_string(),
        outcome: ended.outcome.to_string(),
        started_at: ended.started_at,
        finished_at: ended.finished_at,
        error: ended.error.clone(),
    }
}

fn retry(retry: &RetryState) -> report::LastError {
    report::LastError {
        at: retry.at,
        step: retry.step.to_string(),
        message: retry.message.clone(),
        retry_at: Some(retry.retry_at),
    }
}

/// What a key sink has. Its stable name is not shown: arguments and queries may hold secrets.
fn key_sink(state: &WebhookState, sink: &KeySink) -> report::KeySink {
    let id = sink.id();
    let outbox = state.sinks.iter().find(|outbox| outbox.sink == id);
    let failing = outbox.filter(|outbox| outbox.failure.is_some());
    let is_gone = state.had_key(&id) && !state.has_key(&id);
    report::KeySink {
        sink: sink.label(),
        version: outbox.map(|outbox| outbox.version).filter(|version| *version > 0 && !is_gone),
        attempts: outbox.map_or(0, |outbox| outbox.attempts),
        last_error: failing.and_then(|outbox| Some(outbox.failure.as_ref()?.message.clone())),
        retry_at: failing.and_then(|outbox| outbox.retry_at),
    }
}

/// What keeps sinks from getting the key, in one sentence that names them.
fn sink_failures(state: &WebhookState, procedure: &Procedure) -> Option<report::LastError> {
    let failing: Vec<_> = state.sinks.iter().filter_map(|it| Some((it, it.failure.as_ref()?))).collect();
    let label = |id: &str| {
        procedure.webhook.sinks.iter().find(|sink| sink.id() == id).map_or_else(String::new, KeySink::label)
    };
    let sentences: Vec<String> = failing
        .iter()
        .map(|(outbox, failure)| format!("key sink '{}': {}", label(&outbox.sink), failure.message))
        .collect();
    Some(report::LastError {
        at: failing.iter().map(|(_, failure)| failure.at).max()?,
        step: Step::HandOff.to_string(),
        message: sentences.join("; "),
        retry_at: failing.iter().filter_map(|(outbox, _)| outbox.retry_at).min(),
    })
}

/// A webhook of which nothing is known yet is kept from being created by what keeps the list from
/// being read.
fn never_asked(state: &WebhookState, polls: &Polls) -> Option<report::LastError> {
    let failing = polls.failing.as_ref().filter(|_| state.remote == Remote::NeverAsked)?;
    Some(report::LastError {
        at: failing.began_at,
        step: "poll".to_owned(),
        message: failing.error.to_string(),
        retry_at: Some(failing.again_at),
    })
}
