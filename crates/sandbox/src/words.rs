//! The fixed words of the simulated API, from Protime's documentation and not shared with the client.

use crate::facts;

pub(crate) const API_ROOT: &str = "/connector/protimeapi/api/v1";

pub(crate) const ADMIN_ROOT: &str = "/_sandbox";

/// The names of the collections that have webhooks.
pub fn collections() -> impl Iterator<Item = &'static str> {
    facts::ALL.keys().map(String::as_str)
}

/// Allows to list webhooks.
pub(crate) const WEBHOOKS_READ: &str = "connector-protimeapi-webhooks.read";

/// Allows to create, renew and delete webhooks.
pub(crate) const WEBHOOKS_WRITE: &str = "connector-protimeapi-webhooks.write";

/// The scope that allows to read a collection: its own, but for paid-presences, which is read with that
/// of calculated-totals.
pub(crate) fn collection_scope(collection: &str) -> String {
    facts::of(collection).map_or_else(String::new, |facts| facts.scope.clone())
}

pub(crate) fn every_scope() -> Vec<String> {
    let mut scopes: Vec<String> = collections().map(collection_scope).collect();
    scopes.extend([WEBHOOKS_READ, WEBHOOKS_WRITE].map(str::to_owned));
    scopes.sort_unstable();
    // That of calculated-totals is also that of paid-presences.
    scopes.dedup();
    scopes
}

/// A collection's own spelling, if there is such a collection.
#[must_use]
pub fn known_collection(name: &str) -> Option<&'static str> {
    collections().find(|known| *known == name)
}
