//! The reference receiver: what a customer of Protime runs, in miniature. It trusts nothing.
//!
//! Laws: an event counts only if its signature fits the key in the file that the daemon keeps, which
//! is read again for every event; while the receiver is down it answers 503 to everything; a resync
//! has read the whole list before it says that it is done.
//!
//! There are two ways to bring it up to date. One with a [`Source`] reads a collection's list when it is
//! asked to, as a real one does. To another one a test brings what it likes, see [`Receiver::holding`].

mod signature;
mod source;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    fmt, fs, io,
    net::Ipv4Addr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{
        HeaderMap, HeaderName, StatusCode,
        header::{AUTHORIZATION, USER_AGENT},
    },
    routing::post,
};
use serde::Deserialize;
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

pub use self::{signature::sign, source::Source};

use crate::{
    audit::{Held, Way},
    clock, secret,
};

#[derive(Default)]
pub struct ReceiverConfig {
    /// How the daemon introduces itself: by it, an event of a resync is told from one of Protime's.
    pub replays_from: Option<String>,
    /// Where a resync of its own reads what there is.
    pub source: Option<Source>,
}

/// A running receiver; dropping it ends it.
pub struct Receiver {
    shared: Arc<Shared>,
    origin: String,
    serving: JoinHandle<()>,
}

struct Shared {
    config: ReceiverConfig,
    /// One lock for all of it: what is seen to be held has its event among the answers.
    state: Mutex<Known>,
    /// One resync at a time: a list that is taken in late must not undo a newer one.
    resync: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    down: bool,
    keys: HashMap<String, PathBuf>,
    held: Held,
    answers: Vec<Answered>,
}

struct Answered {
    collection: String,
    status: StatusCode,
    accepted: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    change_type: ChangeType,
    data: Data,
}

#[derive(PartialEq, Deserialize)]
enum ChangeType {
    InsertOrUpdate,
    Delete,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    id: u64,
    change_version: Option<String>,
}

impl Receiver {
    pub async fn start(config: ReceiverConfig) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let origin = format!("http://{}", listener.local_addr()?);
        let shared =
            Arc::new(Shared { config, state: Mutex::default(), resync: tokio::sync::Mutex::default() });
        let router = Router::new()
            .route("/events/{collection}", post(event))
            .route("/resync/{collection}", post(resync))
            .with_state(Arc::clone(&shared));
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the receiver is no longer served");
            }
        });
        Ok(Self { shared, origin, serving })
    }

    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    #[must_use]
    pub fn destination(&self, collection: &str) -> String {
        format!("{}/events/{collection}", self.origin)
    }

    pub fn trust(&self, collection: &str, key_file: PathBuf) {
        self.shared.state().keys.insert(collection.to_owned(), key_file);
    }

    pub fn set_up(&self, up: bool) {
        self.shared.state().down = !up;
    }

    /// The fingerprint of the key that it would check an event of this collection with now.
    #[must_use]
    pub fn fingerprint(&self, collection: &str) -> Option<String> {
        self.shared.state().key(collection).map(|key| secret::fingerprint(&key))
    }

    /// Looks at what it holds, or brings it up to date.
    pub fn holding<T>(&self, act: impl FnOnce(&mut Held) -> T) -> T {
        act(&mut self.shared.state().held)
    }

    #[must_use]
    pub fn events(&self, collection: &str, status: u16) -> usize {
        let state = self.shared.state();
        state.answers.iter().filter(|it| it.collection == collection && it.status == status).count()
    }

    /// Every event of this collection that was accepted, in the order of arrival.
    #[must_use]
    pub fn told(&self, collection: &str) -> Vec<Value> {
        let state = self.shared.state();
        let of_it = state.answers.iter().filter(|it| it.collection == collection);
        of_it.filter_map(|it| it.accepted.clone()).collect()
    }

    /// How many events were signed as they should be, and are not what the guide calls an event.
    #[must_use]
    pub fn malformed(&self) -> usize {
        let state = self.shared.state();
        state.answers.iter().filter(|it| it.status == StatusCode::BAD_REQUEST).count()
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, Known> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn key(&self, collection: &str) -> Option<String> {
        fs::read_to_string(self.keys.get(collection)?).ok().filter(|key| !key.is_empty())
    }

    /// Takes in an event that is signed as it should be; nothing if it is none.
    fn take(&mut self, collection: &str, body: &[u8], way: Way) -> Option<Value> {
        let event: Value = serde_json::from_slice(body).ok()?;
        let Event { change_type, data } = Event::deserialize(&event).ok()?;
        match data.change_version {
            Some(version) => {
                self.held.event(collection, data.id, &version, change_type == ChangeType::Delete, way);
            }
            None => self.held.event_without_version(collection, data.id, event["data"].clone(), way),
        }
        Some(event)
    }
}

async fn event(
    State(receiver): State<Arc<Shared>>,
    Path(collection): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let replayed =
        text(USER_AGENT).is_some_and(|agent| receiver.config.replays_from.as_deref() == Some(agent));
    let way = if replayed { Way::Resync } else { Way::Event };
    let authorization = text(AUTHORIZATION).unwrap_or_default();

    let mut state = receiver.state();
    let (status, accepted) = if state.down {
        (StatusCode::SERVICE_UNAVAILABLE, None)
    } else if state.key(&collection).is_none_or(|key| sign(&key, &body) != authorization) {
        (StatusCode::UNAUTHORIZED, None)
    } else {
        let accepted = state.take(&collection, &body, way);
        (if accepted.is_some() { StatusCode::NO_CONTENT } else { StatusCode::BAD_REQUEST }, accepted)
    };
    state.answers.push(Answered { collection, status, accepted });
    status
}

async fn resync(
    State(receiver): State<Arc<Shared>>,
    Path(collection): Path<String>,
) -> Result<String, (StatusCode, String)> {
    let refused = |status, why: &str| Err((status, format!("{why}\n")));
    let (down, known) = {
        let state = receiver.state();
        (state.down, state.keys.contains_key(&collection))
    };
    let Some(source) = receiver.config.source.as_ref().filter(|_| known && !down) else {
        let status = if down { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NOT_FOUND };
        return refused(status, "not now");
    };
    let _alone = receiver.resync.lock().await;
    let before = receiver.state().held.before(&collection, clock::now());
    let list = match source.list(&collection).await {
        Ok(list) => list,
        Err(error) => return refused(StatusCode::BAD_GATEWAY, &format!("{error:#}")),
    };
    let found = receiver.state().held.listed(&collection, before, &list);
    let read = list.len();
    Ok(format!("{collection}: {read} objects read, {} new or changed, {} gone\n", found.changed, found.gone))
}

/// Asks the receiver at an origin to bring a collection up to date from its source; answers with what it
/// says of that.
pub async fn request_resync(origin: &str, collection: &str) -> anyhow::Result<String> {
    let answer = source::loopback_client()?.post(format!("{origin}/resync/{collection}")).send().await?;
    let status = answer.status();
    let said = answer.text().await?;
    anyhow::ensure!(status.is_success(), "the receiver answers {status}: {}", said.trim_end());
    Ok(said)
}
