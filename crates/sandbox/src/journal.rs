//! The truth: what happened at the tenant, in the order in which it happened: `seq` is the place in the order of
//! everything.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::{clock, faults::Endpoint};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    #[default]
    Upsert,
    Delete,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub seq: u64,
    /// When, on the tenant's clock: the gaps that a resync closes are spans of it.
    pub at: Timestamp,
    pub collection: String,
    pub id: u64,
    pub change_version: String,
    pub kind: ChangeKind,
    /// The day that the object is of, which is not when it changed; null for what is not of a day, and
    /// after a deletion.
    pub date: Option<String>,
    /// What is told of the object, where that does not show its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Request {
    pub(crate) seq: u64,
    /// When it had been read.
    pub(crate) at: Timestamp,
    pub(crate) method: String,
    pub(crate) path: String,
    /// Its query as it was sent; empty if there was none.
    pub(crate) query: String,
    /// What was asked, in the words of the fault rules.
    pub(crate) endpoint: Endpoint,
    pub(crate) collection: Option<String>,
    /// The status it was answered with; null while it runs, and for ever if it was reset.
    pub status: Option<u16>,
    /// When the tenant did what was asked; null if it did nothing.
    pub processed_at: Option<Timestamp>,
    /// The status that doing it led to, also where the client never learnt it.
    pub(crate) processed_status: Option<u16>,
    pub fault: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Delivery {
    pub seq: u64,
    /// When it was signed and sent.
    pub at: Timestamp,
    /// When its outcome was known; null while it runs.
    pub finished_at: Option<Timestamp>,
    pub change_seq: u64,
    pub destination_url: String,
    pub collection: String,
    /// The webhook's id at that moment.
    pub webhook_id: String,
    pub key_version: u64,
    pub fingerprint: String,
    /// 1 for the first attempt.
    pub attempt: u32,
    pub status: Option<u16>,
    pub error: Option<String>,
    /// Whether it was a success; null while it runs.
    pub delivered: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Transition {
    pub seq: u64,
    pub at: Timestamp,
    pub destination_url: String,
    pub collection: String,
    /// The id from then on.
    pub id: String,
    /// `created`, `renewed`, `disabled` or `deleted`.
    pub what: &'static str,
    /// For `disabled`: `expired`, `exhausted` or `admin`; otherwise `client`, `foreign` or `admin`.
    pub cause: &'static str,
    /// The version of the key from then on.
    pub key_version: u64,
    pub dropped: usize,
}

/// A line for a person who watches; never holds a key, a token or a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    pub at: Timestamp,
    /// `request`, `change`, `delivery` or `webhook`.
    pub topic: &'static str,
    pub text: String,
    pub result: String,
    /// Whether that is how it should be.
    pub good: bool,
}

pub type LogSender = mpsc::UnboundedSender<LogLine>;

/// Kept for the life of the sandbox, because a test asks at the end what was lost.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Journal {
    #[serde(rename = "seq")]
    pub(crate) last_seq: u64,
    pub(crate) changes: Vec<Change>,
    pub(crate) requests: Vec<Request>,
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) transitions: Vec<Transition>,
    #[serde(skip)]
    log: Option<LogSender>,
}

/// The records after a place; `seq_of` tells that of a record.
pub(crate) fn since<T: Clone>(records: &[T], seq: u64, seq_of: fn(&T) -> u64) -> Vec<T> {
    records[records.partition_point(|record| seq_of(record) <= seq)..].to_vec()
}

fn find<T>(records: &mut [T], seq: u64, seq_of: fn(&T) -> u64) -> Option<&mut T> {
    let at = records.binary_search_by_key(&seq, seq_of).ok()?;
    records.get_mut(at)
}

impl Journal {
    pub(crate) fn new(log: Option<LogSender>) -> Self {
        Self { log, ..Self::default() }
    }

    /// One counter numbers everything, so that any two records can be put in order. The time is the
    /// machine's, whatever the tenant's clock shows: a test compares it with its own.
    pub(crate) fn stamp(&mut self) -> (u64, Timestamp) {
        self.last_seq += 1;
        (self.last_seq, clock::now())
    }

    pub(crate) fn change(&mut self, change: Change, owed: usize) {
        let word = match change.kind {
            ChangeKind::Upsert => "upsert",
            ChangeKind::Delete => "delete",
        };
        let text = format!("{word} {} {}", change.collection, change.id);
        self.say("change", text, format!("to deliver: {owed}"), true);
        self.changes.push(change);
    }

    pub(crate) fn processed(&mut self, seq: u64, status: u16) {
        if let Some(request) = find(&mut self.requests, seq, |it| it.seq) {
            request.processed_at = Some(clock::now());
            request.processed_status = Some(status);
        }
    }

    /// Records how a request was answered: with a status, or by a reset.
    pub(crate) fn answered(&mut self, seq: u64, status: Option<u16>) {
        let Some(request) = find(&mut self.requests, seq, |it| it.seq) else { return };
        request.status = status;
        let query = if request.query.is_empty() { "" } else { "?" };
        let shown: String = format!("{} {}{query}{}", request.method, request.path, request.query)
            .chars()
            .take(200)
            .collect();
        let mut result = status.map_or_else(|| "connection reset".to_owned(), |status| status.to_string());
        if let Some(fault) = &request.fault {
            result.push_str(", fault ");
            result.push_str(fault);
        }
        let good = status.is_some_and(|status| status < 400);
        self.say("request", shown, result, good);
    }

    /// Whether that was a success.
    pub(crate) fn delivered(&mut self, seq: u64, outcome: Result<u16, String>) -> bool {
        let good = outcome.as_ref().is_ok_and(|status| (200..300).contains(status));
        let Some(delivery) = find(&mut self.deliveries, seq, |it| it.seq) else { return good };
        delivery.finished_at = Some(clock::now());
        delivery.delivered = Some(good);
        delivery.status = outcome.as_ref().ok().copied();
        delivery.error = outcome.err();
        let result = delivery
            .status
            .map_or_else(|| delivery.error.clone().unwrap_or_default(), |status| status.to_string());
        let text = format!(
            "{} {} change {}, attempt {}, key version {}",
            delivery.collection,
            without_secrets(&delivery.destination_url),
            delivery.change_seq,
            delivery.attempt,
            delivery.key_version
        );
        self.say("delivery", text, result, good);
        good
    }

    pub(crate) fn transition(&mut self, transition: Transition) {
        let text = format!("{} {}", transition.collection, without_secrets(&transition.destination_url));
        let mut result =
            format!("{} ({}), key version {}", transition.what, transition.cause, transition.key_version);
        if transition.dropped > 0 {
            let _ = write!(result, ", events dropped: {}", transition.dropped);
        }
        self.say("webhook", text, result, transition.what != "disabled");
        self.transitions.push(transition);
    }

    fn say(&self, topic: &'static str, text: String, result: String, good: bool) {
        if let Some(log) = &self.log {
            // No one listens any more: the record itself is what counts.
            let _ = log.send(LogLine { at: clock::now(), topic, text, result, good });
        }
    }
}

/// A URL without user info and query, where people put secrets.
fn without_secrets(url: &str) -> String {
    let Ok(mut url) = reqwest::Url::parse(url) else { return "(no URL)".to_owned() };
    let had_query = url.query().is_some();
    url.set_query(None);
    url.set_fragment(None);
    let _ = url.set_username("");
    let _ = url.set_password(None);
    if had_query { format!("{url}?…") } else { url.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_url_has_no_user_info_and_no_query() {
        assert_eq!(without_secrets("https://u:p@host/a?token=x#y"), "https://host/a?…");
        assert_eq!(without_secrets("http://127.0.0.1:80/a"), "http://127.0.0.1/a");
    }
}
