//! Stands between the daemon and the tenant's token endpoint, to know every token that was issued.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::Value;

use super::http::{RUNTIME, client};

/// Passes requests on and keeps the tokens of the answers.
#[derive(Debug)]
pub(crate) struct TokenTap {
    pub(crate) url: String,
    tap: Tap,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Clone)]
struct Tap {
    origin: String,
    client: reqwest::Client,
    tokens: Arc<Mutex<Vec<String>>>,
}

impl TokenTap {
    pub(crate) fn start(origin: &str) -> Self {
        let tap = Tap { origin: origin.to_owned(), client: client(), tokens: Arc::default() };
        let app = Router::new().route("/token", post(pass_on)).with_state(tap.clone());
        let listener = RUNTIME.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}/token", listener.local_addr().unwrap());
        let server = RUNTIME.spawn(async { axum::serve(listener, app).await.expect("it serves") });
        Self { url, tap, server }
    }

    pub(crate) fn tokens(&self) -> Vec<String> {
        self.tap.tokens.lock().unwrap().clone()
    }
}

impl Drop for TokenTap {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn pass_on(State(tap): State<Tap>, headers: HeaderMap, body: Bytes) -> Response {
    let url = format!("{}/tenants/acme/connect/token", tap.origin);
    let mut request = tap.client.post(url).body(body);
    for (name, value) in headers.iter().filter(|(name, _)| *name != "host" && *name != "content-length") {
        request = request.header(name, value);
    }
    let Ok(answer) = request.send().await else { return StatusCode::BAD_GATEWAY.into_response() };
    let status = answer.status();
    let Ok(body) = answer.bytes().await else { return StatusCode::BAD_GATEWAY.into_response() };
    if let Some(token) = serde_json::from_slice::<Value>(&body)
        .ok()
        .and_then(|it| it["access_token"].as_str().map(str::to_owned))
    {
        tap.tokens.lock().unwrap().push(token);
    }
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}
