//! Every family of metrics, in the order in which they are shown: its name, what it says, and its rows.

use std::{fmt::Display, ops::Bound, sync::Arc};

use super::{
    Glance, Moment, Place, TenantGlance,
    page::{Page, Seconds},
};
use crate::domain::report::State;

pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    pub(super) help: &'static str,
    /// Writes the row of that name that is next, which may have no sample; false where there is none any more.
    pub(super) row: fn(&'static str, &Moment, &mut Place, &mut Page) -> bool,
}

pub(super) static FAMILIES: [Family; 16] = [
    Family {
        name: "build_info",
        kind: "gauge",
        help: "The version that runs; always 1.",
        row: |name, _, place, page| {
            once(place, || page.sample(name, &[("version", env!("CARGO_PKG_VERSION"))], 1))
        },
    },
    Family {
        name: "start_time_seconds",
        kind: "gauge",
        help: "When the daemon started, in seconds since 1970.",
        row: |name, moment, place, page| once(place, || page.sample(name, &[], Seconds(moment.started_at))),
    },
    Family {
        name: "healthy",
        kind: "gauge",
        help: "1 if nothing is wrong, as GET /v1/health says; else 0.",
        row: |name, moment, place, page| once(place, || page.sample(name, &[], u8::from(moment.is_healthy))),
    },
    Family {
        name: "webhook_valid_until_timestamp_seconds",
        kind: "gauge",
        help: "Until when the webhook delivers, as Protime said, in seconds since 1970; of several the first.",
        row: |name, moment, place, page| {
            of_webhooks(name, moment, place, page, |row| {
                row.iter().filter_map(|glance| glance.valid_until).min().map(Seconds)
            })
        },
    },
    Family {
        name: "webhook_enabled",
        kind: "gauge",
        help: "1 if Protime last listed the webhook, or each of several, as Enabled; else 0.",
        row: |name, moment, place, page| {
            of_webhooks(name, moment, place, page, |row| {
                Some(u8::from(row.iter().all(|glance| glance.is_enabled)))
            })
        },
    },
    Family {
        name: "webhook_state",
        kind: "gauge",
        help: "1 for the state that the webhook is in, 0 for the others; of several, how many are in each.",
        row: states,
    },
    Family {
        name: "next_renewal_timestamp_seconds",
        kind: "gauge",
        help: "When the next renewal is planned, in seconds since 1970; of several webhooks the first.",
        row: |name, moment, place, page| {
            of_webhooks(name, moment, place, page, |row| {
                row.iter().filter_map(|glance| glance.next_renewal_at).min().map(Seconds)
            })
        },
    },
    Family {
        name: "owed_resync",
        kind: "gauge",
        help: "1 if a gap is not closed yet by a resync, else 0; of several webhooks, how many have one.",
        row: |name, moment, place, page| {
            of_webhooks(name, moment, place, page, |row| {
                Some(row.iter().filter(|glance| glance.owed_since.is_some()).count())
            })
        },
    },
    Family {
        name: "owed_resync_since_timestamp_seconds",
        kind: "gauge",
        help: "Since when a gap is not closed by a resync, in seconds since 1970; of several webhooks the first.",
        row: |name, moment, place, page| {
            of_webhooks(name, moment, place, page, |row| {
                row.iter().filter_map(|glance| glance.owed_since).min().map(Seconds)
            })
        },
    },
    Family {
        name: "last_poll_timestamp_seconds",
        kind: "gauge",
        help: "When Protime last answered with the list of webhooks, in seconds since 1970.",
        row: |name, moment, place, page| {
            of_tenants(name, moment, place, page, |glance| glance.last_poll_at.map(Seconds))
        },
    },
    Family {
        name: "clock_skew_seconds",
        kind: "gauge",
        help: "By how much the clock of Protime is ahead of this machine.",
        row: |name, moment, place, page| {
            of_tenants(name, moment, place, page, |glance| glance.clock_skew.map(|skew| skew.as_secs_f64()))
        },
    },
    Family {
        name: "renewals_total",
        kind: "counter",
        help: "Renewals that ended, by reason and outcome.",
        row: |name, moment, place, page| {
            // Their reasons and outcomes are few, so that each may be looked for from the beginning.
            next(
                place,
                |item| moment.counts.renewals.iter().nth(item),
                |((reason, outcome), count)| {
                    page.sample(name, &[("reason", reason), ("outcome", outcome)], count);
                },
            )
        },
    },
    Family {
        name: "renewal_step_duration_seconds",
        kind: "histogram",
        help: "How long each attempt at a step of a renewal took.",
        row: |name, moment, place, page| {
            next(
                place,
                |item| moment.counts.steps.iter().nth(item),
                |(step, durations)| {
                    page.histogram(name, ("step", step), durations);
                },
            )
        },
    },
    Family {
        name: "api_requests_total",
        kind: "counter",
        help: "Requests to Protime, by endpoint and status code; lost and not_sent have none.",
        row: requests,
    },
    Family {
        name: "odd_list_entries_total",
        kind: "counter",
        help: "Entries of lists of webhooks that were not as documented and were left out.",
        row: odd_entries,
    },
    Family {
        name: "verify_total",
        kind: "counter",
        help: "Events that were judged, by verdict.",
        row: |name, moment, place, page| {
            let outcomes = ["valid", "malformed", "mismatch", "no_key"];
            next(
                place,
                |item| outcomes.get(item),
                |outcome| {
                    let count = moment.counts.verified.get(outcome).copied().unwrap_or_default();
                    page.sample(name, &[("outcome", outcome)], count);
                },
            )
        },
    },
];

fn once(place: &mut Place, write: impl FnOnce()) -> bool {
    next(place, |item| (item == 0).then_some(()), |()| write())
}

/// Writes the item that is next, if there is one.
fn next<T>(place: &mut Place, get: impl FnOnce(usize) -> Option<T>, write: impl FnOnce(T)) -> bool {
    let item = get(place.items);
    place.items += 1;
    item.map(write).is_some()
}

/// A gauge of every row of webhooks that has a value.
fn of_webhooks<V: Display>(
    name: &str,
    moment: &Moment,
    place: &mut Place,
    page: &mut Page,
    value: impl Fn(&[Arc<Glance>]) -> Option<V>,
) -> bool {
    let Some(row) = moment.next_webhooks(place) else { return false };
    if let Some(value) = value(row) {
        page.sample(name, &moment.labels(row), value);
    }
    true
}

fn states(name: &str, moment: &Moment, place: &mut Place, page: &mut Page) -> bool {
    let Some(row) = moment.next_webhooks(place) else { return false };
    let mut labels = moment.labels(row);
    for state in State::ALL {
        labels.push(("state", state.as_str()));
        page.sample(name, &labels, row.iter().filter(|glance| glance.state == state).count());
        labels.pop();
    }
    true
}

/// A gauge of every tenant that has a value.
fn of_tenants<V: Display>(
    name: &str,
    moment: &Moment,
    place: &mut Place,
    page: &mut Page,
    value: impl Fn(&TenantGlance) -> Option<V>,
) -> bool {
    next(
        place,
        |item| moment.tenants.get(item),
        |glance| {
            if let Some(value) = value(glance) {
                page.sample(name, &[("tenant", glance.tenant.name.as_str())], value);
            }
        },
    )
}

fn requests(name: &str, moment: &Moment, place: &mut Place, page: &mut Page) -> bool {
    let after = place.request.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
    let Some((key, count)) = moment.counts.requests.range((after, Bound::Unbounded)).next() else {
        return false;
    };
    let (tenant, endpoint, code) = key;
    page.sample(name, &[("tenant", tenant), ("endpoint", endpoint), ("code", code)], count);
    place.request = Some(key.clone());
    true
}

fn odd_entries(name: &str, moment: &Moment, place: &mut Place, page: &mut Page) -> bool {
    let after = place.request.as_ref().map_or(Bound::Unbounded, |(tenant, ..)| Bound::Excluded(tenant));
    let mut rest = moment.counts.odd_entries.range::<String, _>((after, Bound::Unbounded));
    let Some((tenant, count)) = rest.next() else { return false };
    page.sample(name, &[("tenant", tenant)], count);
    place.request = Some((tenant.clone(), "", String::new()));
    true
}
