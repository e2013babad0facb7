//! Continuous changes: so many a second, over some collections in turn.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use crate::sandbox::{
    core::Core,
    tenant::{ChangeRequest, Steady, Tenant, WantedKind},
    words::known_collection,
};

/// Every how many changes one updates the object that was changed least recently.
const UPDATE_EVERY: u64 = 3;

/// Makes the changes that the tenant's settings ask for, for ever.
pub(crate) async fn run(core: Arc<Core>) {
    let mut wanted = Steady::default();
    let (mut next, mut made) = (Instant::now(), 0_u64);
    loop {
        let now = core.with(|tenant, _| tenant.steady.clone());
        if now != wanted {
            (wanted, next, made) = (now, Instant::now(), 0);
        }
        let every = Duration::try_from_secs_f64(wanted.per_second.recip());
        let Some(due) = every.ok().and_then(|every| next.checked_add(every)) else {
            // Nothing is to change: 1/0 is no duration.
            core.steady.notified().await;
            continue;
        };
        tokio::select! {
            () = sleep_until(due) => {
                (next, made) = (due, made + 1);
                core.with(|tenant, now| one(tenant, now, &wanted, made));
            }
            () = core.steady.notified() => {}
        }
    }
}

fn one(tenant: &mut Tenant, now: Timestamp, wanted: &Steady, number: u64) {
    let Ok(number_here) = usize::try_from(number) else { return };
    let names = &wanted.collections;
    let Some(collection) =
        names.get(number_here % names.len().max(1)).and_then(|name| known_collection(name))
    else {
        return;
    };
    let mut change = ChangeRequest::inserts(collection, 1);
    // Counted per collection: otherwise their number could keep one from ever seeing an update.
    let turn = number / names.len() as u64;
    if turn.is_multiple_of(UPDATE_EVERY) {
        change.id = tenant.collections.oldest(collection);
    }
    let kept = wanted.keep.iter().any(|name| name == collection);
    if wanted.delete_every > 0 && turn.is_multiple_of(wanted.delete_every) && turn > 0 && !kept {
        change.kind = WantedKind::Delete;
    }
    if let Err(error) = tenant.change(&change, now) {
        tracing::debug!(collection, error, "no steady change this time");
    }
}
