//! The daemon's metrics in the text format of Prometheus, version 0.0.4, in pieces.
//!
//! What can be looked up (states, deadlines) is, when it is asked for; what can only be counted comes
//! from the [`Counters`](crate::counters::Counters), which outlives a reload.
//!
//! Laws: all pieces are of one [`Moment`], however long they are read; a piece is made when it is asked for, and is
//! never longer than a little more than [`PIECE`]. Where there are very many webhooks, those of a tenant are one row;
//! a row says of several webhooks what it says of one.

mod families;
mod page;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use self::{families::FAMILIES, page::Page};
use crate::{
    counters::{Counts, RequestKey},
    domain::{
        report::{self, OwedResync, State},
        state::Now,
    },
    renewal::{poller::Tenant, webhook::Webhook},
};

/// A piece ends with the row that makes it so long, in bytes.
pub(crate) const PIECE: usize = 16 * 1024;

/// No row is longer: the longest is the histogram of a step.
const LONGEST_ROW: usize = 4 * 1024;

/// What is told of a webhook.
#[derive(Debug)]
pub(crate) struct Glance {
    pub(crate) webhook: Arc<Webhook>,
    pub(crate) state: State,
    pub(crate) is_enabled: bool,
    pub(crate) valid_until: Option<Timestamp>,
    pub(crate) next_renewal_at: Option<Timestamp>,
    /// Since when a gap is not closed, on our clock.
    pub(crate) owed_since: Option<Timestamp>,
}

impl Glance {
    /// `before` is what was known at the last look at it.
    pub(crate) fn of(
        view: &report::Webhook,
        webhook: &Arc<Webhook>,
        before: Option<&Self>,
        now: Now,
    ) -> Self {
        let owed_before = before.and_then(|before| before.owed_since);
        // After a start it is known to be owed since the end of the gap.
        let owed_since = |gap: OwedResync| owed_before.unwrap_or(now.local_of(gap.to).min(now.local));
        Self {
            webhook: Arc::clone(webhook),
            state: view.state,
            is_enabled: view.remote.as_ref().is_some_and(|remote| remote.status == "Enabled"),
            valid_until: view.remote.as_ref().and_then(|remote| remote.valid_until),
            next_renewal_at: view.next_renewal_at,
            owed_since: view.owed_resync.map(owed_since),
        }
    }

    pub(crate) fn tells_the_same(&self, other: &Self) -> bool {
        let what = |it: &Self| (it.state, it.is_enabled, it.valid_until, it.next_renewal_at, it.owed_since);
        Arc::ptr_eq(&self.webhook, &other.webhook) && what(self) == what(other)
    }
}

/// What is told of a tenant besides its webhooks.
#[derive(Debug)]
pub(crate) struct TenantGlance {
    tenant: Arc<Tenant>,
    last_poll_at: Option<Timestamp>,
    clock_skew: Option<SignedDuration>,
}

impl TenantGlance {
    pub(crate) fn of(tenant: &Arc<Tenant>) -> Self {
        Self {
            tenant: Arc::clone(tenant),
            last_poll_at: tenant.last_list_at(),
            clock_skew: tenant.client.clock_skew(),
        }
    }
}

/// All that is shown, as it was when someone asked. It is shared with what goes on to change, and copies little.
#[derive(Debug)]
pub(crate) struct Moment {
    pub(crate) started_at: Timestamp,
    pub(crate) is_healthy: bool,
    /// By tenant and name.
    pub(crate) webhooks: Arc<Vec<Arc<Glance>>>,
    /// Whether the webhooks of a tenant are one row.
    pub(crate) is_folded: bool,
    pub(crate) tenants: Vec<TenantGlance>,
    pub(crate) counts: Arc<Counts>,
}

/// The pieces of what is shown, each made when it is asked for.
#[derive(Debug)]
pub(crate) struct Exposition {
    moment: Moment,
    /// How many families are written to their ends.
    families: usize,
    place: Place,
}

/// Where in a family it goes on.
#[derive(Debug, Default)]
struct Place {
    is_begun: bool,
    /// How many of the items are done that the rows are made of.
    items: usize,
    /// The last of the requests that are counted.
    request: Option<RequestKey>,
}

impl Exposition {
    pub(crate) fn new(moment: Moment) -> Self {
        Self { moment, families: 0, place: Place::default() }
    }
}

impl Iterator for Exposition {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let mut page = Page::with_capacity(PIECE + LONGEST_ROW);
        while let Some(family) = FAMILIES.get(self.families)
            && page.len() < PIECE
        {
            if !self.place.is_begun {
                self.place.is_begun = true;
                page.family(family);
            }
            while page.len() < PIECE {
                if !(family.row)(family.name, &self.moment, &mut self.place, &mut page) {
                    self.families += 1;
                    self.place = Place::default();
                    break;
                }
            }
        }
        let piece = page.into_text();
        (!piece.is_empty()).then_some(piece)
    }
}

impl Moment {
    /// The webhooks of the next row.
    fn next_webhooks(&self, place: &mut Place) -> Option<&[Arc<Glance>]> {
        let rest = self.webhooks.get(place.items..)?;
        let tenant = &rest.first()?.webhook.path.tenant;
        let count = if self.is_folded {
            rest.iter().take_while(|glance| glance.webhook.path.tenant == *tenant).count()
        } else {
            1
        };
        place.items += count;
        rest.get(..count)
    }

    /// The labels of a row of webhooks: one of several has the name of none.
    fn labels<'a>(&self, row: &'a [Arc<Glance>]) -> Vec<(&'static str, &'a str)> {
        let Some(first) = row.first() else { return Vec::new() };
        let path = &first.webhook.path;
        let mut labels = Vec::with_capacity(3);
        labels.push(("tenant", path.tenant.as_str()));
        if !self.is_folded {
            labels.push(("webhook", path.name.as_str()));
        }
        labels
    }
}
