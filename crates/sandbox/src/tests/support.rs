//! A client and a receiver that share nothing with the sandbox but the wire.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{Sandbox, SandboxConfig, journal::LogSender, settings::Settings, words::API_ROOT};

pub(crate) struct Bench {
    pub(crate) sandbox: Sandbox,
    pub(crate) client: Client,
    pub(crate) token: String,
}

impl Bench {
    pub(crate) async fn start(settings: Settings) -> Self {
        Self::logged(settings, None).await
    }

    /// Starts a sandbox with some settings and someone who watches.
    pub(crate) async fn logged(settings: Settings, log: Option<LogSender>) -> Self {
        let client_secret = "s3cret".to_owned();
        let config = SandboxConfig { client_secret, settings, log, ..SandboxConfig::default() };
        let sandbox = Sandbox::start(config).await.unwrap();
        let client = Client::builder().no_proxy().user_agent("Test/v1 (Tests)").build().unwrap();
        let mut bench = Self { sandbox, client, token: String::new() };
        let granted = bench.ask_token(&[("client_secret", "s3cret")]).await;
        assert_eq!(granted.status(), 200);
        bench.token = body(granted).await["access_token"].as_str().unwrap().to_owned();
        bench
    }

    /// Asks for a token with these fields besides, or instead of, the usual ones.
    pub(crate) async fn ask_token(&self, fields: &[(&str, &str)]) -> Response {
        let mut form = vec![("grant_type", "client_credentials"), ("client_id", "sandbox-client")];
        form.retain(|(name, _)| fields.iter().all(|(other, _)| other != name));
        form.extend_from_slice(fields);
        let url = format!("{}/tenants/acme/connect/token", self.sandbox.origin());
        self.client.post(url).form(&form).send().await.unwrap()
    }

    /// The URL of something below the API's root.
    pub(crate) fn url(&self, below: &str) -> String {
        format!("{}{API_ROOT}{below}", self.sandbox.origin())
    }

    pub(crate) fn get(&self, below: &str) -> RequestBuilder {
        self.client.get(self.url(below)).bearer_auth(&self.token)
    }

    /// The JSON of a GET.
    pub(crate) async fn read(&self, below: &str) -> Value {
        body(self.get(below).send().await.unwrap()).await
    }

    /// The status of a GET.
    pub(crate) async fn status(&self, below: &str) -> u16 {
        self.get(below).send().await.unwrap().status().as_u16()
    }

    pub(crate) async fn follow(&self, link: &Value) -> Response {
        let url = format!("{}{}", self.sandbox.origin(), link.as_str().unwrap());
        self.client.get(url).bearer_auth(&self.token).send().await.unwrap()
    }

    pub(crate) fn post(&self, query: &str, destination: &str, collection: &str) -> RequestBuilder {
        self.client
            .post(self.url(&format!("/webhooks{query}")))
            .bearer_auth(&self.token)
            .json(&json!({"destinationUrl": destination, "collectionName": collection}))
    }

    /// Creates a webhook and answers with the body.
    pub(crate) async fn create(&self, destination: &str, collection: &str) -> Value {
        let answer = self.post("", destination, collection).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        body(answer).await
    }
}

pub(crate) async fn body(answer: Response) -> Value {
    answer.json().await.unwrap()
}

#[derive(Clone)]
pub(crate) struct Event {
    pub(crate) authorization: String,
    pub(crate) content_type: String,
    pub(crate) body: Bytes,
}

/// A receiver that keeps what arrives and answers as it is told.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    pub(crate) status: Arc<AtomicU16>,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            url: format!("http://{}/events", listener.local_addr().unwrap()),
            status: Arc::new(AtomicU16::new(204)),
            events: Arc::default(),
        };
        let router = Router::new().route("/events", post(receive)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    let (authorization, content_type) = (text("authorization"), text("content-type"));
    receiver.events.lock().unwrap().push(Event { authorization, content_type, body });
    StatusCode::from_u16(receiver.status.load(Ordering::SeqCst)).unwrap()
}

pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waited = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(30), waited).await.is_ok(), "never came true: {what}");
}
