//! A server of the operator's: it takes keys and resyncs, answers as told, and remembers what it was asked.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde_json::Value;

use super::http::RUNTIME;

#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) at: Timestamp,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.body))
    }
}

/// How a request is answered; HEAD always with 405, since no one need know it.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// With this status, these headers and this body.
    With(u16, Vec<(&'static str, String)>, String),
    /// With what was sent, its Authorization before it, and this status.
    Echo(u16),
    Hang,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self::With(status, Vec::new(), String::new())
    }
}

#[derive(Debug)]
struct Inner {
    asked: Vec<Asked>,
    next: VecDeque<Reply>,
    usual: Reply,
}

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) origin: String,
    inner: Arc<Mutex<Inner>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Answers everything with 204 until it is told otherwise.
    pub(crate) fn start() -> Self {
        let usual = Reply::status(204);
        let inner = Arc::new(Mutex::new(Inner { asked: Vec::new(), next: VecDeque::new(), usual }));
        let app = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        let listener = RUNTIME.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let task = RUNTIME.spawn(async { axum::serve(listener, app).await.expect("it serves") });
        Self { origin, inner, task }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    pub(crate) fn usually(&self, reply: Reply) {
        self.inner().usual = reply;
    }

    /// How the next requests are answered, one after the other.
    pub(crate) fn next(&self, replies: impl IntoIterator<Item = Reply>) {
        self.inner().next.extend(replies);
    }

    pub(crate) fn asked(&self, method: &str) -> Vec<Asked> {
        self.inner().asked.iter().filter(|asked| asked.method == method).cloned().collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    State(inner): State<Arc<Mutex<Inner>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let authorization = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let asked = Asked {
        at: Timestamp::now(),
        method: method.to_string(),
        path: uri.to_string(),
        authorization,
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    let reply = {
        let mut inner = inner.lock().unwrap();
        inner.asked.push(asked.clone());
        if method == Method::HEAD {
            Reply::status(405)
        } else {
            inner.next.pop_front().unwrap_or_else(|| inner.usual.clone())
        }
    };
    match reply {
        Reply::With(status, headers, body) => {
            let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
            for (name, value) in headers {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            response
        }
        Reply::Echo(status) => {
            let text = format!("{}\n{}", asked.authorization.unwrap_or_default(), asked.body);
            (StatusCode::from_u16(status).unwrap(), text).into_response()
        }
        Reply::Hang => {
            tokio::time::sleep(Duration::from_hours(1)).await;
            StatusCode::NO_CONTENT.into_response()
        }
    }
}
