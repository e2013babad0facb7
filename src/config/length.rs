//! Addresses that would be too long for Protime, found before anything is sent.

use reqwest::Url;

use super::{
    report::Checked,
    settings::{ReadKind, ReadResync, Resync, ResyncKind},
    value::Value,
};
use crate::domain::{
    filter::Filter,
    query::{self, LONGEST},
    webhook::ExternalReference,
    wrong::Wrong,
};

/// Counted as they would be written, with the longest value of every placeholder. Only first requests can be:
/// the links between pages are Protime's own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Addresses<'a> {
    pub(super) origin: &'a Url,
    pub(super) collection: &'a str,
    pub(super) references: &'a [ExternalReference],
}

impl Addresses<'_> {
    pub(super) fn of_post(&self, references: &Value<'_>) -> Checked<()> {
        let query = query::of_references(self.references);
        fits(references, "the POST", self.count("webhooks", query.as_deref()))
    }

    /// Checks that the references fit into the first address of a resync that has no filter of the
    /// operator's; one with a filter has been checked with that.
    pub(super) fn of_resync(&self, references: &Value<'_>, resync: &Resync) -> Checked<()> {
        let ResyncKind::Read(ReadResync { kind, filter, .. }) = &resync.kind else { return Ok(()) };
        if filter.as_ref().is_some_and(|filter| !filter.is_own()) {
            return Ok(());
        }
        let filter = filter.as_ref().map(Filter::longest);
        let delta = matches!(kind, ReadKind::Delta { .. });
        let query = query::of_collection(delta, filter.as_deref(), self.references);
        fits(references, "the resync's first request", self.count(self.collection, query.as_deref()))
    }

    pub(super) fn of_filter(&self, value: &Value<'_>, filter: &Filter, delta: bool) -> Checked<()> {
        let query = query::of_collection(delta, Some(&filter.longest()), self.references);
        let count = self.count(self.collection, query.as_deref());
        if count <= LONGEST {
            return Ok(());
        }
        Err(value.wrong(&Wrong::new(
            format!("makes an address of up to {count} characters, and Protime takes {LONGEST}"),
            format!(
                "shorten it by {} or more: a placeholder counts with its longest value, and a byte that is \
                 percent-encoded as three characters",
                count - LONGEST
            ),
        )))
    }

    fn count(&self, below: &str, query: Option<&str>) -> usize {
        query::length(self.origin.as_str().trim_end_matches('/'), below, query)
    }
}

fn fits(references: &Value<'_>, request: &str, count: usize) -> Checked<()> {
    if count <= LONGEST {
        return Ok(());
    }
    let message = format!(
        "`{}`: with them the address of {request} has {count} characters, and Protime takes {LONGEST}",
        references.key
    );
    let help = format!("name fewer or shorter references: {} characters too many", count - LONGEST);
    Err(references.problem(message, help))
}
