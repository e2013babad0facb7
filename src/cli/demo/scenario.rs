//! The scenario in its six parts: what is done to the webhooks, and what must come of it.

use std::time::Duration;

use jiff::SignedDuration;
use protime_sandbox::{
    audit,
    faults::{Action, Endpoint, Rule},
    journal::Request,
    load::Load,
};

use super::{
    facts::{self, refused, renewed_in_time},
    harness::Harness,
    setup::{CHANGES_PER_SECOND, COLLECTIONS, LIFETIME, READ, STOCK, load},
    verdict::Verdict,
};
use crate::{clock, domain::report::Renewal, text::counted};

/// For what takes a second or two on a machine that has nothing else to do.
const SOON: Duration = Duration::from_secs(20);
/// For what must wait for the next planned renewal.
const LATER: Duration = Duration::from_secs(30);
/// For Protime to send again what was refused.
const AGAIN: Duration = Duration::from_secs(2);
/// How long the answer to the POST in the fifth part is kept back: longer than it takes to see the POST.
const ANSWER_KEPT_BACK: Duration = Duration::from_secs(20);

pub(super) async fn creation(harness: &mut Harness) -> anyhow::Result<()> {
    harness.screen.say(&format!(
        "The tenant has {} objects and no webhook. The daemon starts with two webhooks in its \
         configuration: {READ} is read by the daemon itself for a resync, and the other has a command for that. From \
         now on {CHANGES_PER_SECOND} changes happen every second.",
        STOCK * COLLECTIONS.len()
    ))?;
    harness.daemon.start()?;
    harness.tenant.set_load(load()).map_err(anyhow::Error::msg)?;
    let created = harness.until("both webhooks deliver", SOON, async |harness| {
        let views: Option<Vec<_>> = COLLECTIONS.into_iter().map(|name| harness.at_tenant(name)).collect();
        let views = views.filter(|views| views.iter().all(|webhook| webhook.delivered > 0))?;
        harness.all_well().await.then_some(views)
    });
    for webhook in created.await? {
        harness.screen.reached(&format!(
            "{}: created; its key {} is in the receiver's file",
            webhook.collection, webhook.fingerprint
        ))?;
    }
    let brought = harness.fate().by_resync;
    harness.screen.reached(&format!(
        "the first resyncs brought {} that had been made before; events arrive now, and their signatures fit",
        counted(brought, "change")
    ))
}

pub(super) async fn renewal(harness: &mut Harness) -> anyhow::Result<()> {
    harness.screen.say(&format!(
        "Each POST lets a webhook live for {} s. Renewed after two thirds of that, it never stops; but it \
         gets another key, and the old one is dead at that moment.",
        LIFETIME.as_secs()
    ))?;
    let since = harness.tenant.seq();
    let before = COLLECTIONS.map(|name| harness.key_in_file(name).unwrap_or_default());
    let in_time = harness.until("both are renewed before they end", LATER, async |harness| {
        let transitions = harness.tenant.transitions(0);
        let in_time: Option<Vec<_>> =
            COLLECTIONS.into_iter().map(|name| renewed_in_time(&transitions, name, LIFETIME)).collect();
        let in_time = in_time?;
        harness.all_well().await.then_some(in_time)
    });
    for ((collection, old), early) in COLLECTIONS.into_iter().zip(before).zip(in_time.await?) {
        let new = harness.key_in_file(collection).unwrap_or_default();
        harness.screen.reached(&format!(
            "{collection}: renewed {} before its end; the file had key {old} and has {new}",
            seconds(early)
        ))?;
    }
    let accepted =
        harness.until_or_never("Protime has sent again what was refused", AGAIN, async |harness| {
            let refused = refused(&harness.tenant.deliveries(since));
            (refused.events == 0 || refused.longest.is_some()).then_some(())
        });
    // It is told below whether it was; if it is given up, a resync must bring it.
    accepted.await?;
    let refused = refused(&harness.tenant.deliveries(since));
    let text = match (refused.events, refused.longest) {
        (0, _) => "no event was refused meanwhile".to_owned(),
        (events, Some(longest)) => format!(
            "{} came between the new key's issue and its arrival in the file: refused, sent again, accepted \
             after {} at most",
            counted(events, "event"),
            seconds(longest)
        ),
        (events, None) => format!(
            "{} came between the new key's issue and its arrival in the file, and not all of them again yet",
            counted(events, "event")
        ),
    };
    harness.screen.reached(&text)
}

pub(super) async fn outage(harness: &mut Harness) -> anyhow::Result<()> {
    harness.screen.say(
        "The receiver answers 503 to everything. Protime sends each event again a few times, then disables \
         the webhook, and never repeats what it could not deliver.",
    )?;
    let since = harness.tenant.seq();
    harness.receiver.set_up(false);
    harness
        .until("Protime disables both webhooks", SOON, async |harness| {
            let disabled = |name| harness.at_tenant(name).is_some_and(|webhook| webhook.status == "Disabled");
            COLLECTIONS.into_iter().all(disabled).then_some(())
        })
        .await?;
    let dropped: usize = harness.tenant.transitions(since).iter().map(|transition| transition.dropped).sum();
    harness.screen.reached(&format!(
        "both are Disabled; {} dropped for ever, and no one is told of further changes",
        counted(dropped, "event")
    ))?;
    harness
        .until("the daemon has noticed", SOON, async |harness| {
            for collection in COLLECTIONS {
                let webhook = harness.webhook(collection).await?;
                webhook.renewal.and(webhook.last_error).filter(|error| error.step == "resync")?;
            }
            Some(())
        })
        .await?;
    harness.screen.reached(
        "the daemon has noticed, and does not POST yet: the gap is to be closed first, and the resync fails \
         as long as the receiver is down",
    )
}

pub(super) async fn comeback(harness: &mut Harness) -> anyhow::Result<()> {
    harness.screen.say("The receiver is up again. No one tells the daemon; it tries again by itself.")?;
    let (brought, up) = (harness.fate().by_resync, clock::now());
    harness.receiver.set_up(true);
    let back = harness.until("both webhooks are back", SOON, async |harness| {
        let mut back = Vec::new();
        for collection in COLLECTIONS {
            let renewals = harness.renewals(collection).await?;
            let since = |renewal: &Renewal| renewal.finished_at.is_some_and(|at| at >= up);
            back.push(renewals.iter().filter(|renewal| since(renewal)).find_map(told)?);
        }
        harness.all_well().await.then_some(back)
    });
    for (collection, renewal) in COLLECTIONS.into_iter().zip(back.await?) {
        harness.screen.reached(&format!("{collection}, {renewal}"))?;
    }
    let brought = harness.fate().by_resync.saturating_sub(brought);
    harness
        .screen
        .reached(&format!("the resyncs brought {} that no event will tell of", counted(brought, "change")))
}

/// The daemon is killed while it waits for the answer to a POST that was processed.
pub(super) async fn kill(harness: &mut Harness) -> anyhow::Result<()> {
    let [collection, _] = COLLECTIONS;
    harness.screen.say(&format!(
        "The worst moment for a kill -9: Protime has processed the POST for {collection}, so the old key is \
         dead, and its answer with the new one has not arrived. It comes with the next planned renewal."
    ))?;
    let since = harness.tenant.seq();
    let ms = u64::try_from(ANSWER_KEPT_BACK.as_millis())?;
    let mut slow = Rule::new(Endpoint::Create, Some(1), Action::DelayAfter { ms });
    slow.collection = Some(collection.to_owned());
    harness.tenant.add_fault(slow).map_err(anyhow::Error::msg)?;
    harness
        .until("the next renewal's POST is processed", LATER, async |harness| {
            let kept_back = |request: &Request| {
                request.fault.as_deref() == Some("delay-after")
                    && request.processed_at.is_some()
                    && request.status.is_none()
            };
            harness.tenant.requests(since).iter().any(kept_back).then_some(())
        })
        .await?;
    harness.daemon.kill().await?;
    let killed = (harness.tenant.seq(), clock::now());
    let file = harness.key_in_file(collection).unwrap_or_default();
    let tenant = harness.at_tenant(collection).map(|webhook| webhook.fingerprint).unwrap_or_default();
    anyhow::ensure!(file != tenant, "the key file has the tenant's key, which no one can have received");
    harness.screen.reached(&format!(
        "killed: the file has key {file}, Protime signs with {tenant}, and no one in the world has that key"
    ))?;
    harness
        .until("an event is refused", SOON, async |harness| {
            let deliveries = harness.tenant.deliveries(killed.0);
            let refused = |name: &str, status| name == collection && status == Some(401);
            deliveries.iter().any(|one| refused(&one.collection, one.status)).then_some(())
        })
        .await?;
    harness.screen.reached("the receiver refuses what it cannot check; the daemon is started again")?;

    harness.daemon.start()?;
    let found_out = harness.until("the daemon has found out and renewed", SOON, async |harness| {
        let renewals = harness.renewals(collection).await?;
        let found_out =
            |renewal: &&Renewal| renewal.reason == "interrupted" && renewal.started_at >= killed.1;
        let first = renewals.iter().find(found_out)?.id;
        // If Protime has given up on the refused events meanwhile, another renewal takes over.
        let renewal = renewals.iter().filter(|renewal| renewal.id >= first).find_map(told)?;
        harness.all_well().await.then_some((first, renewal))
    });
    let (first, renewal) = found_out.await?;
    harness.screen.reached(&format!(
        "its database knows of a POST without an outcome; it compared what Protime lists with what it had \
         stored, and began renewal #{first} (interrupted)"
    ))?;
    harness.screen.reached(&format!("{collection}, {renewal}"))
}

pub(super) async fn end(harness: &mut Harness) -> anyhow::Result<Verdict> {
    harness
        .screen
        .say("The changes stop. What is still on its way must arrive, then the daemon is ended.")?;
    harness.tenant.set_load(Load::default()).map_err(anyhow::Error::msg)?;
    let settled = harness.until_or_never("everything has arrived", SOON, async |harness| {
        let pending = |name| harness.at_tenant(name).is_none_or(|webhook| webhook.pending > 0);
        let arrived = !COLLECTIONS.into_iter().any(pending) && harness.fate().missing == 0;
        (arrived && harness.all_well().await).then_some(())
    });
    let settled = settled.await?.is_some();
    let mut keys_agreed = true;
    if settled {
        harness
            .screen
            .reached("everything has arrived, nothing is owed, every key is the same everywhere")?;
    } else {
        for collection in COLLECTIONS {
            keys_agreed &= harness.keys_agree(collection).await;
        }
    }
    let status = harness.daemon.terminate(SOON).await?;
    anyhow::ensure!(status.success(), "asked with SIGTERM to end, the daemon did so with {status}");
    harness.screen.reached("asked with SIGTERM, the daemon has ended with exit code 0")?;

    // A renewal may have begun after all was well; then its key must be in the file by now.
    let keys_agree = keys_agreed && COLLECTIONS.into_iter().all(|name| harness.file_agrees(name));
    let changes = harness.tenant.changes(0);
    Ok(harness.receiver.holding(|held| Verdict {
        fates: COLLECTIONS.map(|name| (name, audit::of(name, &changes, held))).to_vec(),
        total: audit::total(&changes, held),
        lost: audit::missing(&changes, held).into_iter().cloned().collect(),
        settled,
        keys_agree,
    }))
}

/// A renewal that succeeded in all five steps: its reason and what they took.
fn told(renewal: &Renewal) -> Option<String> {
    let succeeded = renewal.outcome.as_deref() == Some("succeeded");
    let steps = facts::steps(renewal).filter(|_| succeeded)?;
    Some(format!("renewal #{} ({}): {steps}", renewal.id, renewal.reason))
}

fn seconds(duration: SignedDuration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
