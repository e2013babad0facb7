//! Where a resync of the receiver reads what there is: a list of the API, with a token of its own.

use std::time::Duration;

use anyhow::Context as _;
use jiff::SignedDuration;
use reqwest::{
    RequestBuilder,
    header::{AUTHORIZATION, HeaderValue},
};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::sync::OnceCell;

use crate::{audit::Listed, clock, words::API_ROOT};

/// How the receiver's system introduces itself; Protime demands this form.
const AGENT: &str = "ReferenceReceiver/v1 (Your Company)";

/// Longer than anything on this machine should take.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct Source {
    http: reqwest::Client,
    origin: String,
    token_url: String,
    client_id: String,
    client_secret: String,
    /// Asked for once: it lives for half an hour, which no rehearsal does.
    token: OnceCell<HeaderValue>,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    value: Vec<Listed>,
    next_link: Option<String>,
}

/// A client for loopback: no proxy stands between, and nothing there speaks TLS, so that a machine
/// without root certificates is as good as any.
pub(crate) fn loopback_client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(PATIENCE).user_agent(AGENT).build()
}

impl Source {
    /// Access with these credentials; nothing is asked for yet.
    pub fn new(origin: &str, token_url: &str, client_id: &str, client_secret: &str) -> reqwest::Result<Self> {
        Ok(Self {
            http: loopback_client()?,
            origin: origin.to_owned(),
            token_url: token_url.to_owned(),
            client_id: client_id.to_owned(),
            client_secret: client_secret.to_owned(),
            token: OnceCell::new(),
        })
    }

    /// Every object of a collection that is of a day in the last three months or later: all that the load
    /// generator makes in collections that are of days. What changes now may well be of a day of last month.
    pub(crate) async fn list(&self, collection: &str) -> anyhow::Result<Vec<Listed>> {
        let token = self.token.get_or_try_init(|| self.ask_for_token()).await?;
        let from = (clock::now() - SignedDuration::from_hours(92 * 24)).strftime("%Y-%m-%d");
        let first = format!("{}{API_ROOT}/{collection}", self.origin);
        let mut request = self.http.get(first).query(&[("filter", format!("date ge '{from}'"))]);
        let mut list = Vec::new();
        loop {
            let page: Page = answer(request.header(AUTHORIZATION, token))
                .await
                .with_context(|| format!("the list of {collection} after {} objects", list.len()))?;
            list.extend(page.value);
            // An empty page is not the end; a page without a link is.
            let Some(next) = page.next_link else { return Ok(list) };
            request = self.http.get(format!("{}{next}", self.origin));
        }
    }

    async fn ask_for_token(&self) -> anyhow::Result<HeaderValue> {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &self.client_id),
            ("client_secret", &self.client_secret),
        ];
        let token: Token =
            answer(self.http.post(&self.token_url).form(&form)).await.context("the receiver's own token")?;
        let mut header = HeaderValue::try_from(format!("Bearer {}", token.access_token))?;
        header.set_sensitive(true);
        Ok(header)
    }
}

async fn answer<T: DeserializeOwned>(request: RequestBuilder) -> anyhow::Result<T> {
    Ok(request.send().await?.error_for_status()?.json().await?)
}
