//! Pages of a collection: of its list, of a fresh delta, and of what a delta link leads to.
//!
//! Who reads follows the links until there is none, and keeps their place between pages by the last
//! one. A fresh delta shows objects as a list does; what lies below `/delta/` is a delta kept alive and holds
//! changes. Laws: objects stay as Protime wrote them; a page is understood whole or not at all; a link
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
use crate::domain::{object::Object, query::is_delta_link, webhook::ExternalReference};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Query<'a> {
    /// The first page of a list, or of a fresh delta, which ends the one before it.
    First { delta: bool, filter: Option<&'a str>, references: &'a [ExternalReference] },
    /// The page that an earlier one named.
    Link(&'a str),
}

#[derive(Debug)]
pub(crate) struct Page {
    /// Its objects; none does not mean that there are no more.
    pub(crate) objects: Vec<Object>,
    /// Where the next page is; absent on the last one.
    pub(crate) next: Option<String>,
    /// Where to ask what changes from now on; on the last page of a delta.
    pub(crate) delta: Option<String>,
    /// Whether it is of a delta that a delta link led to, and holds changes.
    pub(crate) follows_delta_link: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawPage {
    #[serde(deserialize_with = "null_is_empty")]
    pub(super) value: Vec<Box<RawValue>>,
    pub(super) next_link: Option<String>,
    pub(super) delta_link: Option<String>,
}

impl TenantClient {
    /// One page of a collection. `delta` says whether it is of a delta, fresh or kept alive.
    pub(crate) async fn collection_page(
        &self,
        collection: &str,
        query: Query<'_>,
        delta: bool,
    ) -> Result<Page, ApiError> {
        let undocumented = |wrong: String| {
            ApiError::transient(format!("Protime's page of '{collection}' is not as documented: {wrong}"))
        };
        let addresses = &self.inner.addresses;
        let url = match query {
            Query::First { delta, filter, references } => {
                addresses.collection(collection, delta, filter, references)?
            }
            Query::Link(link) => addresses.stored_link(link).map_err(undocumented)?,
        };
        let follows_delta_link = is_delta_link(url.as_str());
        let endpoint = if follows_delta_link { Endpoint::Delta } else { Endpoint::Collection };
        let answer = self.read(endpoint, Method::GET, url.clone(), LARGE_ANSWER).await?;
        if answer.status == StatusCode::NO_CONTENT {
            return Ok(Page { objects: Vec::new(), next: None, delta: None, follows_delta_link });
        }
        let what = format!("Protime's page of '{collection}'");
        let raw = page(whole(&answer, &what)?).map_err(undocumented)?;
        let read = match (delta, follows_delta_link) {
            (false, _) => Object::listed,
            (true, false) => Object::shown,
            (true, true) => Object::changed,
        };
        let objects = raw.value.into_iter().enumerate();
        let objects = objects.map(|(at, raw)| read(raw).map_err(|wrong| format!("entry {at} {wrong}")));
        let link = |link: Option<String>| {
            // Protime writes the filter in it as it is: spaces and quotes become percent-encoded when it is read
            // as an address, but a `#` would cut the rest off.
            let link = link.filter(|link| !link.is_empty()).map(|link| link.replace('#', "%23"));
            link.map(|link| self.followed(&url, &link).map(String::from)).transpose()
        };
        Ok(Page {
            objects: objects.collect::<Result<_, _>>().map_err(undocumented)?,
            next: link(raw.next_link).map_err(undocumented)?,
            delta: link(raw.delta_link).map_err(undocumented)?,
            follows_delta_link,
        })
    }
}

pub(super) fn page(body: &[u8]) -> Result<RawPage, String> {
    serde_json::from_slice(body).map_err(|error| what_is_wrong(&error))
}
