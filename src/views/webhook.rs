//! The picture of the daemon that its sockets serve: from records and polls to [`report`].

use std::collections::BTreeMap;

use crate::{
    domain::{
        plan::{plan, state},
        reason::Step,
        removed::{OnRemove, Orphan},
        renewal::{Ended, Open, Stage, Trouble},
        report::{self, State},
        state::{Issued, Record, Remote},
    },
    handoff::KeySink,
    renewal::{
        poller::{Polls, Tenant},
        procedure::Procedure,
    },
};

/// One webhook.
pub(crate) fn webhook(record: &Record, procedure: &Procedure) -> report::Webhook {
    let polls = procedure.tenant.polls();
    let plan = plan(record, &procedure.wanted, procedure.tenant.now());
    report::Webhook {
        tenant: record.path.tenant.to_string(),
        name: record.path.name.to_string(),
        collection: record.pair.collection.clone(),
        destination_url: record.pair.destination_url.clone(),
        external_references: procedure.references.iter().map(ToString::to_string).collect(),
        state: state(record, &plan, polls.failing.as_ref().map(|failing| failing.error.kind())),
        remote: remote(&record.remote),
        key: record.issued.as_ref().map(key),
        next_renewal_at: record.next_renewal_at,
        renewal: record.open.as_ref().map(open),
        last_renewal: record.last.as_ref().map(last),
        owed_resync: record.owed.map(|gap| report::OwedResync { from: gap.from, to: gap.to }),
        last_error: record
            .trouble
            .as_ref()
            .map(trouble)
            .or_else(|| sink_trouble(record, procedure))
            .or_else(|| never_asked(record, &polls)),
        key_sinks: procedure.sinks.iter().map(|sink| key_sink(record, sink)).collect(),
        audit: record.audit.map(|audit| report::Audit {
            refreshes: audit.refreshes,
            objects: audit.objects,
            last_at: audit.last_at,
        }),
        note: note(record, procedure),
    }
}

/// What is worth knowing of a webhook and no problem.
fn note(record: &Record, procedure: &Procedure) -> Option<String> {
    let after_end = record.after_end && record.issued.is_some();
    let after_end = after_end.then(|| "Protime renews it only after its end".to_owned());
    let listed = procedure.tenant.other_references(record.id).filter(|_| {
        // References that are about to be changed are no surprise.
        record.issued.as_ref().is_some_and(|issued| issued.references == procedure.wanted.references)
    });
    let references = listed.map(|listed| {
        let listed = if listed.is_empty() { "none" } else { &listed };
        format!("Protime lists other external references than are configured: {listed}")
    });
    let notes: Vec<String> = after_end.into_iter().chain(references).collect();
    (!notes.is_empty()).then(|| notes.join("; "))
}

/// One tenant.
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

/// A webhook that left the configuration; `reachable` is whether anybody can speak to its tenant.
pub(crate) fn orphan(orphan: &Orphan, reachable: bool) -> report::Orphan {
    let note = match (orphan.on_remove, reachable) {
        (OnRemove::Keep, _) => {
            "Protime delivers to it until it expires: delete it with `remote delete`, or configure it again"
        }
        (OnRemove::Delete, true) => "it is deleted at Protime with the next poll that succeeds",
        (OnRemove::Delete, false) => {
            "its tenant left the configuration as well: configure the tenant again for as long as it takes to delete it"
        }
    };
    report::Orphan {
        tenant: orphan.path.tenant.to_string(),
        name: orphan.path.name.to_string(),
        collection: orphan.pair.collection.clone(),
        destination_url: orphan.pair.destination_url.clone(),
        on_remove: orphan.on_remove.as_str().to_owned(),
        left_at: orphan.left_at,
        remote: remote(&orphan.remote),
        note: note.to_owned(),
    }
}

/// How many webhooks are in which state; every state is named.
pub(crate) fn counts(webhooks: &[report::Webhook]) -> BTreeMap<State, usize> {
    State::ALL
        .into_iter()
        .map(|state| (state, webhooks.iter().filter(|webhook| webhook.state == state).count()))
        .collect()
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

fn key(issued: &Issued) -> report::Key {
    report::Key {
        version: issued.key_version,
        fingerprint: issued.fingerprint.clone(),
        rotated_at: issued.rotated_at,
    }
}

fn open(open: &Open) -> report::OpenRenewal {
    report::OpenRenewal {
        id: open.id,
        reason: open.reason.to_string(),
        step: Stage::step(open.stage).to_string(),
        attempt: open.attempts().max(1),
        started_at: open.started_at,
        progress: open
            .progress
            .map(|progress| report::Progress { pages: progress.pages, objects: progress.objects }),
    }
}

fn last(ended: &Ended) -> report::LastRenewal {
    report::LastRenewal {
        id: ended.id,
        reason: ended.reason.to_string(),
        outcome: ended.outcome.to_string(),
        started_at: ended.started_at,
        finished_at: ended.finished_at,
        error: ended.error.clone(),
    }
}

fn trouble(trouble: &Trouble) -> report::LastError {
    report::LastError {
        at: trouble.at,
        step: trouble.step.to_string(),
        message: trouble.message.clone(),
        retry_at: Some(trouble.retry_at),
    }
}

/// What a key sink has. Its stable name is not shown: arguments and queries may hold secrets.
fn key_sink(record: &Record, sink: &KeySink) -> report::KeySink {
    let id = sink.id();
    let outbox = record.sinks.iter().find(|outbox| outbox.sink == id);
    let failing = outbox.filter(|outbox| outbox.failure.is_some());
    let is_gone = record.had_key(&id) && !record.has_key(&id);
    report::KeySink {
        sink: sink.label(),
        version: outbox.map(|outbox| outbox.version).filter(|version| *version > 0 && !is_gone),
        attempts: outbox.map_or(0, |outbox| outbox.attempts),
        last_error: failing.and_then(|outbox| Some(outbox.failure.as_ref()?.message.clone())),
        retry_at: failing.and_then(|outbox| outbox.retry_at),
    }
}

/// What keeps sinks from getting the key, in one sentence that names them.
fn sink_trouble(record: &Record, procedure: &Procedure) -> Option<report::LastError> {
    let failing: Vec<_> = record.sinks.iter().filter_map(|it| Some((it, it.failure.as_ref()?))).collect();
    let label = |id: &str| {
        procedure.sinks.iter().find(|sink| sink.id() == id).map_or_else(String::new, KeySink::label)
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
fn never_asked(record: &Record, polls: &Polls) -> Option<report::LastError> {
    let failing = polls.failing.as_ref().filter(|_| record.remote == Remote::NeverAsked)?;
    Some(report::LastError {
        at: polls.last_attempt.unwrap_or(failing.since),
        step: "poll".to_owned(),
        message: failing.error.to_string(),
        retry_at: Some(failing.again_at),
    })
}
