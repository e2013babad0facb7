//! The client of the Protime API for one tenant.
//!
//! It turns Protime's answers into decisions: what was got, or what to do next. It never decides when
//! to try again and keeps nothing but a token, a pace and the measured time.
//!
//! In reading order: [`webhooks`] and [`collections`] say what can be asked, and [`reading`] gives any other
//! path as it is; [`error`] says what the caller does with a refusal, [`answer`] how a key is found in a POST's
//! answer, [`pair`] when two spellings of a destination are one. Below these, [`http`] sends every request,
//! [`auth`] gets the token for it, [`limit`] paces it and [`address`] says where it goes; [`body`], [`wire`],
//! [`references`], [`detail`] and [`time`] read what comes back, and [`date`] finds out from it what time it is
//! there. Wire types stay in here.
//!
//! Laws: no token, secret, key or body is in a log line, an error or a `Debug`; a POST whose outcome is
//! not certain is called so; nothing that Protime writes makes the client ask another host.

mod address;
mod answer;
mod auth;
mod body;
mod collections;
mod date;
mod detail;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod http;
mod limit;
mod pair;
mod reading;
mod references;
mod time;
mod webhooks;
mod wire;

use std::sync::{Arc, Mutex, atomic::AtomicBool};

use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use secrecy::SecretString;
use tokio::time::Instant;

use crate::{
    counters::Counters,
    domain::{collection, webhook::TenantName},
    http::Outbound,
};

pub(crate) use crate::http::BuildError;
pub(crate) use answer::{Issued, NoKey, PostAnswer, interpret};
pub(crate) use collections::{Page, Query};
pub(crate) use error::{ApiError, PostError};
pub(crate) use pair::normalized;
pub(crate) use reading::ReadingError;
pub(crate) use wire::{List, Odd};

const READ_SCOPE: &str = "connector-protimeapi-webhooks.read";
const WRITE_SCOPE: &str = "connector-protimeapi-webhooks.write";

pub(crate) fn wanted_scopes(collections_read: &[&str], others: &[String]) -> Vec<String> {
    let of_webhooks = [READ_SCOPE, WRITE_SCOPE].map(str::to_owned).into_iter();
    let of_collections = collections_read.iter().copied().map(collection::scope);
    let mut scopes = Vec::new();
    for scope in of_webhooks.chain(of_collections).chain(others.iter().cloned()) {
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    scopes
}

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) tenant: TenantName,
    pub(crate) api_origin: Url,
    pub(crate) token_url: Url,
    pub(crate) client_id: String,
    pub(crate) client_secret: SecretString,
    /// The scopes to ask for; see [`wanted_scopes`].
    pub(crate) scopes: Vec<String>,
    /// At most so many requests in any minute, tokens included.
    pub(crate) max_requests_per_minute: u32,
    pub(crate) outbound: Arc<Outbound>,
    pub(crate) counters: Counters,
}

/// A client of one tenant. Clones share the token, the pace and the connections.
#[derive(Debug, Clone)]
pub(crate) struct TenantClient {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    tenant: TenantName,
    addresses: address::Addresses,
    http: http::Http,
    auth: auth::Auth,
    /// Whether the log already says that a time had no offset.
    offset_noted: AtomicBool,
    /// Whether it already says that a link led to another host.
    link_noted: AtomicBool,
    /// Which odd entries of the list it already names.
    odd_noted: Mutex<Vec<String>>,
}

impl TenantClient {
    /// Makes a client; reads the trusted certificates and asks Protime nothing.
    pub(crate) fn new(settings: &Settings) -> Result<Self, BuildError> {
        let addresses = address::Addresses::new(&settings.api_origin);
        let inner = Inner {
            tenant: settings.tenant.clone(),
            addresses: addresses.map_err(|wrong| BuildError(format!("api_origin {wrong}")))?,
            http: http::Http::new(settings)?,
            auth: auth::Auth::new(settings),
            offset_noted: AtomicBool::new(false),
            link_noted: AtomicBool::new(false),
            odd_noted: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Takes over what an earlier client of the same Protime measured of its clock.
    pub(crate) fn continue_from(&self, earlier: &Self) {
        if self.same_origin(earlier) {
            self.inner.http.continue_from(&earlier.inner.http);
        }
    }

    pub(crate) fn same_origin(&self, other: &Self) -> bool {
        self.inner.addresses.same_origin(&other.inner.addresses)
    }

    /// The OAuth client, as Protime knows it: who asks Protime for something has to name it.
    pub(crate) fn client_id(&self) -> &str {
        &self.inner.auth.settings.client_id
    }

    pub(crate) fn token_expires_at(&self) -> Option<Timestamp> {
        self.inner.auth.known().expires_at
    }

    /// The scopes of the newest token, if Protime named them.
    pub(crate) fn granted_scopes(&self) -> Option<Vec<String>> {
        self.inner.auth.known().granted
    }

    pub(crate) fn missing_scopes(&self) -> Vec<String> {
        self.inner.auth.known().missing
    }

    /// The scope that reading a collection needs, if it was asked for and the newest token lacks it; and since when.
    pub(crate) fn lacks_scope_of(&self, collection: &str) -> Option<(String, Option<Timestamp>)> {
        let scope = collection::scope(collection);
        self.missing_scopes().contains(&scope).then(|| (scope, self.inner.auth.known().missing_since))
    }

    /// Protime's clock minus ours by the `Date` of its answers, to about half a second plus half of the
    /// request's time; positive where Protime is ahead. `None` before it is known.
    pub(crate) fn clock_skew(&self) -> Option<SignedDuration> {
        self.inner.http.clock().skew()
    }

    /// The time on Protime's clock, whatever happens to ours; `None` before it is known.
    pub(crate) fn protime_time(&self) -> Option<Timestamp> {
        self.inner.http.clock().time(Instant::now())
    }
}

#[cfg(test)]
mod tests;
