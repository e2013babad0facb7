//! Pages of a collection: of its list, of a fresh delta, of a kept one.
//!
//! Whoever reads follows the links until there is none, and keeps his place between pages by the last
//! one. Laws: objects stay as Protime wrote them; a page is understood whole or not at all; a link
//! is followed on the tenant's own origin only.

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    TenantClient,
    error::{ApiError, Endpoint},
    http::LARGE_ANSWER,
    webhooks::whole,
    wire::{null_is_empty, what_is_wrong},
};
use crate::domain::{object::Object, webhook::ExternalReference};

/// Which page is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Query<'a> {
    /// The first page of a list, or of a fresh delta, which ends the one before it.
    First {
        /// Whether a delta begins.
        delta: bool,
        /// The filter, in Protime's syntax.
        filter: Option<&'a str>,
        /// The external references to show.
        references: &'a [ExternalReference],
    },
    /// The page that an earlier one named.
    Link(&'a str),
}

/// One page.
#[derive(Debug)]
pub(crate) struct Page {
    /// Its objects; none does not mean that there are no more.
    pub(crate) objects: Vec<Object>,
    /// Where the next page is; absent on the last one.
    pub(crate) next: Option<String>,
    /// Where to ask what changes from now on; on the last page of a delta.
    pub(crate) delta: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPage {
    #[serde(deserialize_with = "null_is_empty")]
    value: Vec<Box<RawValue>>,
    next_link: Option<String>,
    delta_link: Option<String>,
}

/// The scope that reading a collection needs: one of its own, but for paid-presences.
pub(crate) fn scope(collection: &str) -> String {
    let name = if collection == "paid-presences" { "calculated-totals" } else { collection };
    format!("connector-protimeapi-{name}.read")
}

impl TenantClient {
    /// One page of a collection. `changes` says whether its entries are those of a delta.
    pub(crate) async fn collection_page(
        &self,
        collection: &str,
        query: Query<'_>,
        changes: bool,
    ) -> Result<Page, ApiError> {
        let undocumented = |wrong: String| {
            ApiError::transient(format!("Protime's page of '{collection}' is not as documented: {wrong}"))
        };
        let addresses = &self.inner.addresses;
        let url = match query {
            Query::First { delta, filter, references } => {
                addresses.collection(collection, delta, filter, references)?
            }
            Query::Link(link) => addresses.kept(link).map_err(undocumented)?,
        };
        let endpoint = if url.path().contains("/delta/") { Endpoint::Delta } else { Endpoint::Collection };
        let answer = self.read(endpoint, Method::GET, url.clone(), LARGE_ANSWER).await?;
        if answer.status == StatusCode::NO_CONTENT {
            return Ok(Page { objects: Vec::new(), next: None, delta: None });
        }
        let what = format!("Protime's page of '{collection}'");
        let raw = page(whole(&answer, &what)?).map_err(undocumented)?;
        let read = if changes { Object::changed } else { Object::listed };
        let objects = raw.value.into_iter().enumerate();
        let objects = objects.map(|(at, raw)| read(raw).map_err(|wrong| format!("entry {at} {wrong}")));
        let link = |link: Option<String>| {
            let link = link.filter(|link| !link.is_empty());
            link.map(|link| self.followed(&url, &link).map(String::from)).transpose()
        };
        Ok(Page {
            objects: objects.collect::<Result<_, _>>().map_err(undocumented)?,
            next: link(raw.next_link).map_err(undocumented)?,
            delta: link(raw.delta_link).map_err(undocumented)?,
        })
    }
}

fn page(body: &[u8]) -> Result<RawPage, String> {
    serde_json::from_slice(body).map_err(|error| what_is_wrong(&error))
}
