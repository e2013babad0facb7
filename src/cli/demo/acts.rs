//! The six acts: what is done to the webhooks, and what must come of it.

use std::time::Duration;

use jiff::SignedDuration;
use protime_sandbox::{
    changes::Steady,
    faults::{Action, Endpoint, Rule},
    journal::Request,
};

use super::{
    facts::{self, counted, refused, renewed_in_time},
    reckoning,
    setup::{CHANGES_PER_SECOND, COLLECTIONS, LIFETIME, READ, STOCK, steady},
    stage::Stage,
    verdict::Verdict,
};
use crate::{clock, domain::report::Renewal};

/// For what takes a second or two on a machine that has nothing else to do.
const SOON: Duration = Duration::from_secs(20);
/// For what has to wait for the next planned renewal.
const LATER: Duration = Duration::from_secs(30);
/// For Protime to send again what was refused.
const AGAIN: Duration = Duration::from_secs(2);
/// How long the answer to the POST in the fifth act is kept back: longer than it takes to see the POST.
const ANSWER_KEPT_BACK: Duration = Duration::from_secs(20);

/// The daemon is started, and Protime knows no webhook yet.
pub(super) async fn creation(stage: &mut Stage) -> anyhow::Result<()> {
    stage.screen.say(&format!(
        "The tenant has {} objects and no webhook. The daemon starts with two webhooks in its \
         configuration: {READ} is read by the daemon itself for a resync, and the other has a command for that. From \
         now on {CHANGES_PER_SECOND} changes happen every second.",
        STOCK * COLLECTIONS.len()
    ))?;
    stage.daemon.start()?;
    stage.tenant.steady(steady()).map_err(anyhow::Error::msg)?;
    let created = stage.until("both webhooks deliver", SOON, async |stage| {
        let views: Option<Vec<_>> = COLLECTIONS.into_iter().map(|name| stage.at_tenant(name)).collect();
        let views = views.filter(|views| views.iter().all(|webhook| webhook.delivered > 0))?;
        stage.all_well().await.then_some(views)
    });
    for webhook in created.await? {
        stage.screen.reached(&format!(
            "{}: created; its key {} is in the receiver's file",
            webhook.collection, webhook.fingerprint
        ))?;
    }
    let brought = stage.fate().by_resync;
    stage.screen.reached(&format!(
        "the first resyncs brought {} that had been made before; events arrive now, and their signatures fit",
        counted(brought, "change")
    ))
}

/// The planned renewal, before the end of the lifetime.
pub(super) async fn renewal(stage: &mut Stage) -> anyhow::Result<()> {
    stage.screen.say(&format!(
        "Each POST lets a webhook live for {} s. Renewed after two thirds of that, it never stops; but it \
         gets another key, and the old one is dead at that moment.",
        LIFETIME.as_secs()
    ))?;
    let since = stage.tenant.truth().seq;
    let before = COLLECTIONS.map(|name| stage.key_in_file(name).unwrap_or_default());
    let in_time = stage.until("both are renewed before they end", LATER, async |stage| {
        let transitions = stage.tenant.transitions(0);
        let in_time: Option<Vec<_>> =
            COLLECTIONS.into_iter().map(|name| renewed_in_time(&transitions, name, LIFETIME)).collect();
        let in_time = in_time?;
        stage.all_well().await.then_some(in_time)
    });
    for ((collection, old), early) in COLLECTIONS.into_iter().zip(before).zip(in_time.await?) {
        let new = stage.key_in_file(collection).unwrap_or_default();
        stage.screen.reached(&format!(
            "{collection}: renewed {} before its end; the file had key {old} and has {new}",
            seconds(early)
        ))?;
    }
    let accepted = stage.until_or_never("Protime has sent again what was refused", AGAIN, async |stage| {
        let refused = refused(&stage.tenant.deliveries(since));
        (refused.events == 0 || refused.longest.is_some()).then_some(())
    });
    // It is told below whether it was; if it is given up, a resync has to bring it.
    accepted.await?;
    let refused = refused(&stage.tenant.deliveries(since));
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
    stage.screen.reached(&text)
}

/// The receiver goes down for so long that Protime gives up.
pub(super) async fn outage(stage: &mut Stage) -> anyhow::Result<()> {
    stage.screen.say(
        "The receiver answers 503 to everything. Protime sends each event again a few times, then disables \
         the webhook, and never repeats what it could not deliver.",
    )?;
    let since = stage.tenant.truth().seq;
    stage.receiver.set_up(false);
    stage
        .until("Protime disables both webhooks", SOON, async |stage| {
            let disabled = |name| stage.at_tenant(name).is_some_and(|webhook| webhook.status == "Disabled");
            COLLECTIONS.into_iter().all(disabled).then_some(())
        })
        .await?;
    let dropped: usize = stage.tenant.transitions(since).iter().map(|transition| transition.dropped).sum();
    stage.screen.reached(&format!(
        "both are Disabled; {} dropped for ever, and nobody is told of further changes",
        counted(dropped, "event")
    ))?;
    stage
        .until("the daemon has noticed", SOON, async |stage| {
            for collection in COLLECTIONS {
                let webhook = stage.webhook(collection).await?;
                let error = webhook.last_error.filter(|_| webhook.renewal.is_some())?;
                if error.step != "resync" {
                    return None;
                }
            }
            Some(())
        })
        .await?;
    stage.screen.reached(
        "the daemon has noticed, and does not POST yet: the gap is to be closed first, and the resync fails \
         as long as the receiver is down",
    )
}

/// The receiver is there again.
pub(super) async fn comeback(stage: &mut Stage) -> anyhow::Result<()> {
    stage.screen.say("The receiver is up again. Nobody tells the daemon; it tries again by itself.")?;
    let (brought, up) = (stage.fate().by_resync, clock::now());
    stage.receiver.set_up(true);
    let back = stage.until("both webhooks are back", SOON, async |stage| {
        let mut back = Vec::new();
        for collection in COLLECTIONS {
            let renewals = stage.renewals(collection).await?;
            let since = |renewal: &Renewal| renewal.finished_at.is_some_and(|at| at >= up);
            back.push(renewals.iter().filter(|renewal| since(renewal)).find_map(told)?);
        }
        stage.all_well().await.then_some(back)
    });
    for (collection, renewal) in COLLECTIONS.into_iter().zip(back.await?) {
        stage.screen.reached(&format!("{collection}, {renewal}"))?;
    }
    let brought = stage.fate().by_resync.saturating_sub(brought);
    stage
        .screen
        .reached(&format!("the resyncs brought {} that no event will tell of", counted(brought, "change")))
}

/// The daemon is killed while it waits for the answer to a POST that was processed.
pub(super) async fn kill(stage: &mut Stage) -> anyhow::Result<()> {
    let [collection, _] = COLLECTIONS;
    stage.screen.say(&format!(
        "The worst moment for a kill -9: Protime has processed the POST for {collection}, so the old key is \
         dead, and its answer with the new one has not arrived. It comes with the next planned renewal."
    ))?;
    let since = stage.tenant.truth().seq;
    let ms = u64::try_from(ANSWER_KEPT_BACK.as_millis())?;
    let mut slow = Rule::new(Endpoint::Create, Some(1), Action::DelayAfter { ms });
    slow.collection = Some(collection.to_owned());
    stage.tenant.add_fault(slow).map_err(anyhow::Error::msg)?;
    stage
        .until("the next renewal's POST is processed", LATER, async |stage| {
            let kept_back = |request: &Request| {
                request.fault == Some("delay-after")
                    && request.processed_at.is_some()
                    && request.status.is_none()
            };
            stage.tenant.requests(since).iter().any(kept_back).then_some(())
        })
        .await?;
    stage.daemon.kill().await?;
    let killed = (stage.tenant.truth().seq, clock::now());
    let file = stage.key_in_file(collection).unwrap_or_default();
    let tenant = stage.at_tenant(collection).map(|webhook| webhook.fingerprint).unwrap_or_default();
    anyhow::ensure!(file != tenant, "the key file has the tenant's key, which nobody can have received");
    stage.screen.reached(&format!(
        "killed: the file has key {file}, Protime signs with {tenant}, and nobody in the world has that key"
    ))?;
    stage
        .until("an event is refused", SOON, async |stage| {
            let deliveries = stage.tenant.deliveries(killed.0);
            let refused = |name: &str, status| name == collection && status == Some(401);
            deliveries.iter().any(|one| refused(&one.collection, one.status)).then_some(())
        })
        .await?;
    stage.screen.reached("the receiver refuses what it cannot check; the daemon is started again")?;

    stage.daemon.start()?;
    let found_out = stage.until("the daemon has found out and renewed", SOON, async |stage| {
        let renewals = stage.renewals(collection).await?;
        let found_out =
            |renewal: &&Renewal| renewal.reason == "interrupted" && renewal.started_at >= killed.1;
        let first = renewals.iter().find(found_out)?.id;
        // If Protime has given up on the refused events meanwhile, another renewal takes over.
        let renewal = renewals.iter().filter(|renewal| renewal.id >= first).find_map(told)?;
        stage.all_well().await.then_some((first, renewal))
    });
    let (first, renewal) = found_out.await?;
    stage.screen.reached(&format!(
        "its database knows of a POST without an outcome; it compared what Protime lists with what it had \
         stored, and began renewal #{first} (interrupted)"
    ))?;
    stage.screen.reached(&format!("{collection}, {renewal}"))
}

/// The changes stop, everything arrives, and the daemon is asked to end.
pub(super) async fn end(stage: &mut Stage) -> anyhow::Result<Verdict> {
    stage.screen.say("The changes stop. What is still on its way must arrive, then the daemon is ended.")?;
    stage.tenant.steady(Steady::default()).map_err(anyhow::Error::msg)?;
    let settled = stage.until_or_never("everything has arrived", SOON, async |stage| {
        let pending = |name| stage.at_tenant(name).is_none_or(|webhook| webhook.pending > 0);
        let arrived = !COLLECTIONS.into_iter().any(pending) && stage.fate().missing == 0;
        (arrived && stage.all_well().await).then_some(())
    });
    let settled = settled.await?.is_some();
    let mut keys_agreed = true;
    if settled {
        stage.screen.reached("everything has arrived, nothing is owed, every key is the same everywhere")?;
    } else {
        for collection in COLLECTIONS {
            keys_agreed &= stage.keys(collection).await.agree();
        }
    }
    let status = stage.daemon.terminate(SOON).await?;
    anyhow::ensure!(status.success(), "asked with SIGTERM to end, the daemon did so with {status}");
    stage.screen.reached("asked with SIGTERM, the daemon has ended with exit code 0")?;

    // A renewal may have begun after all was well; then its key must be in the file by now.
    let in_file = |name| {
        let file = stage.key_in_file(name);
        file.is_some() && file == stage.at_tenant(name).map(|webhook| webhook.fingerprint)
    };
    let keys_agree = keys_agreed && COLLECTIONS.into_iter().all(in_file);
    let (changes, ledger) = (stage.tenant.changes(0), stage.receiver.ledger());
    let fates = COLLECTIONS.map(|name| (name, reckoning::of(name, &changes, &ledger)));
    let lost = reckoning::missing(&changes, &ledger).into_iter().cloned().collect();
    let total = reckoning::total(&changes, &ledger);
    Ok(Verdict { fates: fates.to_vec(), total, lost, settled, keys_agree })
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
