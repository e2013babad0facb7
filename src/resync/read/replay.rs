//! Sends objects as events, signed with the current key, so that a receiver needs no code of its own
//! for a resync.
//!
//! Laws: never two versions of one object out of order (objects travel in lanes by their id, one
//! after the other, and a page ends before the next begins); what is not answered with a success is
//! sent again, a bounded number of times; no redirect is followed, because it would take the signed
//! event elsewhere; the key is in nothing but the signature.

use std::{
    collections::HashMap,
    fmt, fs,
    net::IpAddr,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::try_join_all;
use reqwest::{
    Client, Response, StatusCode, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
    redirect,
};
use tokio::time::sleep;

use crate::domain::{
    errand::{Failure, FailureKind},
    key::WebhookKey,
    object::Object,
};

/// So many events are under way at a time.
const LANES: usize = 8;

/// How often an event is sent before it is given up.
const TRIES: u32 = 4;

/// The pause after the first failure; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Of an answer's body so much is read, to use its connection again.
const READ_AT_MOST: usize = 64 * 1024;

/// How the daemon speaks HTTP with receivers. Connections, and the certificates that are trusted, are
/// shared by all webhooks.
#[derive(Debug, Default)]
pub(crate) struct Http {
    user_agent: String,
    connect_timeout: Duration,
    request_timeout: Duration,
    ca_file: Option<PathBuf>,
    /// A client for each of what makes clients differ: TLS, and whether a proxy may be asked.
    clients: Mutex<HashMap<(bool, bool), Client>>,
}

impl Http {
    /// Connects to nothing. `user_agent` is sent with every request; the limits are those for making a
    /// connection and for a whole request; `ca_file` holds certificates in PEM form that are trusted
    /// besides the system's.
    pub(crate) fn new(
        user_agent: String,
        connect_timeout: Duration,
        request_timeout: Duration,
        ca_file: Option<PathBuf>,
    ) -> Self {
        Self { user_agent, connect_timeout, request_timeout, ca_file, clients: Mutex::default() }
    }

    /// A client for a URL; reads the trusted certificates the first time.
    fn client(&self, url: &Url) -> Result<Client, Unusable> {
        let local = url.host_str().is_some_and(|host| {
            let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
            host == "localhost" || address.is_some_and(|address| address.is_loopback())
        });
        let kind = (url.scheme() == "https", local);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&kind) {
            return Ok(client.clone());
        }
        let client = self.build(kind)?;
        clients.insert(kind, client.clone());
        Ok(client)
    }

    fn build(&self, (tls, local): (bool, bool)) -> Result<Client, Unusable> {
        let mut builder = Client::builder()
            .user_agent(&self.user_agent)
            .connect_timeout(self.connect_timeout)
            .timeout(self.request_timeout)
            .pool_max_idle_per_host(LANES)
            .redirect(redirect::Policy::none())
            .referer(false);
        if local {
            builder = builder.no_proxy();
        }
        // Without TLS there is nothing to trust, and a machine without certificates can rehearse.
        builder = if tls { builder.tls_certs_merge(self.extra_roots()?) } else { builder.tls_certs_only([]) };
        builder.build().map_err(|error| Unusable(deepest(&error)))
    }

    fn extra_roots(&self) -> Result<Vec<reqwest::Certificate>, Unusable> {
        let Some(path) = &self.ca_file else { return Ok(Vec::new()) };
        let unusable = |why: String| Unusable(format!("api.ca_file {}: {why}", path.display()));
        let pem = fs::read(path).map_err(|error| unusable(error.to_string()))?;
        reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| unusable(deepest(&error)))
    }
}

/// Why a receiver cannot be spoken with; it prints as a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("objects cannot be replayed: {0}")]
pub(crate) struct Unusable(pub(super) String);

/// A receiver of events.
#[derive(Clone)]
pub(crate) struct Replay {
    url: Url,
    client: Client,
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Replay({})", self.place())
    }
}

/// Why one attempt failed.
struct Refused {
    why: String,
    key_refused: bool,
}

impl Replay {
    /// Reads the trusted certificates; connects to nothing.
    pub(super) fn new(mut url: Url, http: &Http) -> Result<Self, Unusable> {
        // As user info it would become a second `Authorization` header; removing it does not fail.
        let _always = url.set_username("").and_then(|()| url.set_password(None));
        let client = http.client(&url)?;
        Ok(Self { url, client })
    }

    /// Where it goes, without what people put secrets into.
    pub(super) fn place(&self) -> String {
        format!("{}{}", self.url.origin().ascii_serialization(), self.url.path())
    }

    /// Sends a page; with success every object was answered with a 2xx status.
    pub(super) async fn page(&self, key: &WebhookKey, objects: &[Object]) -> Result<(), Failure> {
        let mut lanes: [Vec<&Object>; LANES] = Default::default();
        for object in objects {
            lanes[object.lane(LANES)].push(object);
        }
        try_join_all(lanes.iter().map(|lane| self.lane(key, lane))).await.map(drop)
    }

    async fn lane(&self, key: &WebhookKey, objects: &[&Object]) -> Result<(), Failure> {
        for object in objects {
            self.send(key, object).await?;
        }
        Ok(())
    }

    async fn send(&self, key: &WebhookKey, object: &Object) -> Result<(), Failure> {
        let body = object.event();
        let unsendable = || Failure::new("a signature does not fit into a header");
        let mut signature = HeaderValue::from_str(&key.authorization(&body)).map_err(|_| unsendable())?;
        signature.set_sensitive(true);
        let mut tries = 1;
        loop {
            let refused = match self.post(body.clone(), &signature).await {
                Ok(()) => return Ok(()),
                Err(refused) => refused,
            };
            if tries == TRIES {
                let kind = if refused.key_refused { FailureKind::KeyRefused } else { FailureKind::Failed };
                return Err(Failure {
                    message: format!(
                        "object {} does not reach {}: {} ({TRIES} tries)",
                        object.id(),
                        self.place(),
                        refused.why
                    ),
                    output: None,
                    kind,
                });
            }
            tracing::debug!(place = self.place(), why = refused.why, tries, "an object is sent again");
            let pause = FIRST_PAUSE * 2_u32.pow(tries - 1);
            sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
            tries += 1;
        }
    }

    async fn post(&self, body: Vec<u8>, signature: &HeaderValue) -> Result<(), Refused> {
        let request = self
            .client
            .post(self.url.clone())
            .header(AUTHORIZATION, signature)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(body);
        let response = request.send().await.map_err(|error| Refused {
            why: if error.is_timeout() { "no answer in time".to_owned() } else { deepest(&error) },
            key_refused: false,
        })?;
        let status = response.status();
        read(response).await;
        if status.is_success() {
            return Ok(());
        }
        let key_refused = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        Err(Refused { why: format!("it answers {status}"), key_refused })
    }
}

/// Reads the body to its end, if that is near: the status has said everything.
async fn read(mut response: Response) {
    let mut length = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        length += chunk.len();
        if length > READ_AT_MOST {
            return;
        }
    }
}

/// The innermost cause, which names what happened and holds no address.
fn deepest(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    match cause.downcast_ref::<reqwest::Error>() {
        Some(_) => "the request failed".to_owned(),
        None => cause.to_string(),
    }
}

#[cfg(test)]
mod tests;
