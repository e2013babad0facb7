//! What the opaque tokens in links stand for, and which delta of a collection lives.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{secret, time::later};

/// Where the reading of a collection, or of the list of webhooks, is: a `continuationToken`. Its filter and its
/// external references are as they were sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Continuation {
    pub(crate) collection: String,
    pub(crate) filter: String,
    pub(crate) references: String,
    pub(crate) after: Option<u64>,
    /// Whether this page is one of the empty ones in between.
    pub(crate) blank: bool,
    pub(crate) until: Timestamp,
}

impl Continuation {
    /// The beginning of a list; it is no link, so that it does not expire.
    pub(crate) fn first(collection: &str, filter: String, references: String) -> Self {
        let (collection, until) = (collection.to_owned(), Timestamp::MAX);
        Self { collection, filter, references, after: None, blank: false, until }
    }
}

/// Where a delta is: a `deltaToken`; filter and external references likewise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeltaToken {
    pub(crate) id: String,
    pub(crate) link: u64,
    /// The version up to which everything was shown.
    pub(crate) version: u64,
    pub(crate) filter: String,
    pub(crate) references: String,
}

// A token holds its whole meaning, so that the sandbox keeps no cursor per page.
pub(crate) fn encode<T: Serialize>(token: &T) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(token).unwrap_or_default())
}

/// Reads a token; none if it is not one of ours.
pub(crate) fn decode<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

#[derive(Debug)]
struct Alive {
    id: String,
    until: Timestamp,
    links: u64,
}

/// Starting one ends the other, and one that is not asked for dies. All clients of the API are one client
/// here; what someone else starts ends ours only if a tenant has one delta a collection.
#[derive(Debug, Default)]
pub(crate) struct Deltas {
    alive: HashMap<&'static str, Alive>,
}

impl Deltas {
    pub(crate) fn start(&mut self, collection: &'static str, lifetime_ms: u64, now: Timestamp) -> String {
        let id = secret::id();
        self.alive.insert(collection, Alive { id: id.clone(), until: later(now, lifetime_ms), links: 0 });
        id
    }

    /// Ends the delta of a collection; false if none lives.
    pub(crate) fn end(&mut self, collection: &str) -> bool {
        self.alive.remove(collection).is_some()
    }

    /// Whether a delta lives; if so, it lives on from now.
    pub(crate) fn touch(&mut self, collection: &str, id: &str, lifetime_ms: u64, now: Timestamp) -> bool {
        let Some(alive) = self.alive.get_mut(collection).filter(|alive| alive.id == id && alive.until > now)
        else {
            return false;
        };
        alive.until = later(now, lifetime_ms);
        true
    }

    pub(crate) fn latest_link(&self, collection: &str) -> u64 {
        self.alive.get(collection).map_or(0, |alive| alive.links)
    }

    pub(crate) fn next_link(&mut self, collection: &str) -> u64 {
        self.alive.get_mut(collection).map_or(0, |alive| {
            alive.links += 1;
            alive.links
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delta_ends_with_the_next_one_or_when_no_one_asks() {
        let now = Timestamp::UNIX_EPOCH;
        let mut deltas = Deltas::default();
        let first = deltas.start("people", 1_000, now);
        assert!(deltas.touch("people", &first, 1_000, later(now, 999)));
        assert!(deltas.touch("people", &first, 1_000, later(now, 1_998)));
        assert!(!deltas.touch("people", &first, 1_000, later(now, 2_998)));
        let second = deltas.start("people", 1_000, now);
        assert!(!deltas.touch("people", &first, 1_000, now));
        assert!(!deltas.touch("breaks", &second, 1_000, now));
        assert_eq!((deltas.next_link("people"), deltas.next_link("people")), (1, 2));
        assert_eq!((deltas.latest_link("people"), deltas.latest_link("breaks")), (2, 0));
        assert!(deltas.end("people") && !deltas.end("people"));
        assert!(!deltas.touch("people", &second, 1_000, now));
    }

    #[test]
    fn a_token_is_read_back_and_a_foreign_one_is_not() {
        let token = DeltaToken {
            id: "x".to_owned(),
            link: 1,
            version: 7,
            filter: String::new(),
            references: String::new(),
        };
        assert_eq!(decode(&encode(&token)), Some(token));
        assert_eq!(decode::<DeltaToken>("garbage"), None);
    }
}
