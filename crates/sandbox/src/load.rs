//! The load generator: so many changes a second, over some collections in turn.

use std::{sync::Arc, time::Duration};

use jiff::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep_until};

use crate::{
    changes::{ChangeRequest, GROUPS},
    core::Core,
    facts,
    journal::ChangeKind,
    tenant::Tenant,
    time::day_of,
    words::known_collection,
};

/// Every how many changes one updates the object that was changed least recently.
const UPDATE_EVERY: u64 = 3;

/// How many days from today the new objects of a collection are, in turn: half of them are of other days, as
/// when someone corrects a clocking of last month or plans an absence of next month. A resync that reads only
/// the days of a gap misses those.
const DAYS: [i64; 12] = [0, -3, 0, -40, 0, 9, 0, -85, 0, -1, 0, 38];

/// So many groups there are at most: each change of one tells of all of them.
const MOST_GROUPS: usize = 6;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    pub collections: Vec<String>,
    /// How many, over all of them; 0 stops.
    pub per_second: f64,
    /// Every how many changes one is a deletion; 0 for none.
    #[serde(default)]
    pub delete_every: u64,
    /// Collections in which nothing is deleted.
    #[serde(default)]
    pub keep: Vec<String>,
    #[serde(default)]
    pub related: bool,
}

pub(crate) async fn run(core: Arc<Core>) {
    let mut wanted = Load::default();
    let (mut next, mut made) = (Instant::now(), 0_u64);
    loop {
        let now = core.with(|tenant, _| tenant.load.clone());
        if now != wanted {
            (wanted, next, made) = (now, Instant::now(), 0);
        }
        let every = Duration::try_from_secs_f64(wanted.per_second.recip());
        let Some(due) = every.ok().and_then(|every| next.checked_add(every)) else {
            // Nothing is to change: 1/0 is not a duration.
            core.load.notified().await;
            continue;
        };
        tokio::select! {
            () = sleep_until(due) => {
                (next, made) = (due, made + 1);
                core.with(|tenant, now| one(tenant, now, &wanted, made));
            }
            () = core.load.notified() => {}
        }
    }
}

fn one(tenant: &mut Tenant, now: Timestamp, wanted: &Load, number: u64) {
    let Ok(number_here) = usize::try_from(number) else { return };
    let names = &wanted.collections;
    let Some(collection) =
        names.get(number_here % names.len().max(1)).and_then(|name| known_collection(name))
    else {
        return;
    };
    let mut change = ChangeRequest { related: wanted.related, ..ChangeRequest::inserts(collection, 1) };
    // Counted per collection: otherwise their number could keep one from ever seeing an update.
    let turn = number / names.len() as u64;
    let enough = GROUPS.contains(&collection) && tenant.collections.there(collection).count() >= MOST_GROUPS;
    if turn.is_multiple_of(UPDATE_EVERY) || enough {
        change.id = tenant.collections.oldest(collection);
    }
    if change.id.is_none() {
        change.date = day(collection, turn, now);
    }
    let kept = wanted.keep.iter().any(|name| name == collection);
    if wanted.delete_every > 0 && turn.is_multiple_of(wanted.delete_every) && turn > 0 && !kept {
        change.kind = ChangeKind::Delete;
    }
    if let Err(error) = tenant.change(&change, now) {
        tracing::debug!(collection, error, "the load generator makes no change this time");
    }
}

/// The day of a new object; none in a collection that is not of days.
fn day(collection: &str, turn: u64, now: Timestamp) -> Option<String> {
    facts::of(collection)?.day()?;
    // Those that update are not counted, or some days would never come.
    let inserts = turn - turn / UPDATE_EVERY;
    let at = usize::try_from(inserts % DAYS.len() as u64).ok()?;
    let today = day_of(now);
    today.checked_add(Span::new().days(*DAYS.get(at)?)).ok().map(|day| day.to_string())
}
