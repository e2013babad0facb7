//! The receiver: what a customer of Protime runs, in miniature.
//!
//! Laws: an event counts only if its signature fits the key in the file that the daemon keeps, which
//! is read anew for every event; while the receiver is down it answers 503 to everything; a resync
//! has read the whole list before it says that it is done.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{
        HeaderMap, StatusCode,
        header::{AUTHORIZATION, USER_AGENT},
    },
    routing::post,
};
use serde::Deserialize;
use tokio::{net::TcpListener, task::JoinHandle};

use super::{
    ledger::{Ledger, Way},
    setup::{AGENT, COLLECTIONS},
    source::Source,
};
use crate::{clock, domain::key::WebhookKey};

/// A running receiver; dropping it ends it.
pub(super) struct Receiver {
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

struct Shared {
    /// The folder of the key files.
    keys: PathBuf,
    up: AtomicBool,
    ledger: Mutex<Ledger>,
    source: Source,
    /// One resync at a time: a list that is taken in late must not undo a newer one.
    resync: tokio::sync::Mutex<()>,
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
    change_version: String,
}

impl Receiver {
    /// Begins to serve. `keys` is the folder where the daemon keeps the key of each collection in a
    /// file of that name.
    pub(super) fn start(listener: TcpListener, keys: PathBuf, source: Source) -> Self {
        let shared = Arc::new(Shared {
            keys,
            up: AtomicBool::new(true),
            ledger: Mutex::default(),
            source,
            resync: tokio::sync::Mutex::default(),
        });
        let router = Router::new()
            .route("/events/{collection}", post(event))
            .route("/resync/{collection}", post(resync))
            .with_state(Arc::clone(&shared));
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the receiver is no longer served");
            }
        });
        Self { shared, serving }
    }

    /// Lets it go down, or come up again.
    pub(super) fn set_up(&self, up: bool) {
        self.shared.up.store(up, Ordering::SeqCst);
    }

    /// What it holds.
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.shared.ledger()
    }

    /// The key that it would check an event of this collection with now.
    pub(super) fn key(&self, collection: &str) -> Option<WebhookKey> {
        self.shared.key(collection)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shared {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, collection: &str) -> Option<WebhookKey> {
        WebhookKey::new(std::fs::read_to_string(self.keys.join(collection)).ok()?)
    }

    /// Which collection a path names, if the receiver is there at all.
    fn admit(&self, collection: &str) -> Result<&'static str, StatusCode> {
        if !self.up.load(Ordering::SeqCst) {
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        COLLECTIONS.into_iter().find(|known| *known == collection).ok_or(StatusCode::NOT_FOUND)
    }
}

async fn event(
    State(receiver): State<Arc<Shared>>,
    Path(collection): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let collection = match receiver.admit(&collection) {
        Ok(collection) => collection,
        Err(status) => return status,
    };
    let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if receiver.key(collection).is_none_or(|key| key.verify(authorization, &body).is_err()) {
        return StatusCode::UNAUTHORIZED;
    }
    let Ok(Event { change_type, data }) = serde_json::from_slice(&body) else {
        return StatusCode::BAD_REQUEST;
    };
    let deleted = change_type == ChangeType::Delete;
    let replayed = headers.get(USER_AGENT).is_some_and(|agent| agent == AGENT);
    let way = if replayed { Way::Resync } else { Way::Event };
    receiver.ledger().event(collection, data.id, &data.change_version, deleted, way);
    StatusCode::NO_CONTENT
}

async fn resync(
    State(receiver): State<Arc<Shared>>,
    Path(collection): Path<String>,
) -> Result<String, (StatusCode, String)> {
    let collection = receiver.admit(&collection).map_err(|status| (status, "not now\n".to_owned()))?;
    let _alone = receiver.resync.lock().await;
    let before = receiver.ledger().before(collection, clock::now());
    let list = receiver
        .source
        .list(collection)
        .await
        .map_err(|error| (StatusCode::BAD_GATEWAY, format!("{error:#}\n")))?;
    let found = receiver.ledger().listed(collection, before, &list);
    let read = list.len();
    Ok(format!("{collection}: {read} objects read, {} new or changed, {} gone\n", found.changed, found.gone))
}
