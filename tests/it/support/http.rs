//! HTTP for synchronous tests: one runtime for all of them, over TCP or a Unix socket.

use std::{path::Path, sync::LazyLock, time::Duration};

use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use tokio::runtime::Runtime;

/// Everything asynchronous in this process runs here.
pub(crate) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
});

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) key_version: Option<String>,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text))
    }
}

pub(super) fn send(
    client: &Client,
    method: Method,
    url: &str,
    body: Option<&Value>,
) -> reqwest::Result<Answer> {
    let mut request = client.request(method, url);
    if let Some(body) = body {
        request = request.json(body);
    }
    RUNTIME.block_on(receive(request))
}

async fn receive(request: RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    let header =
        |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Ok(Answer {
        status: response.status().as_u16(),
        content_type: header("content-type").unwrap_or_default(),
        key_version: header("key-version"),
        text: response.text().await?,
    })
}

pub(crate) fn fetch(url: &str) -> Answer {
    send(&client(), Method::GET, url, None).unwrap_or_else(|error| panic!("GET {url}: {error:?}"))
}

pub(super) fn client() -> Client {
    Client::builder().no_proxy().timeout(Duration::from_mins(1)).build().expect("a client")
}

#[derive(Debug, Clone)]
pub(crate) struct Socket(Client);

impl Socket {
    pub(super) fn new(path: &Path) -> Self {
        let builder = Client::builder().no_proxy().timeout(Duration::from_mins(2)).pool_max_idle_per_host(0);
        Self(builder.unix_socket(path).build().expect("a client"))
    }

    pub(crate) fn try_get(&self, path: &str) -> reqwest::Result<Answer> {
        send(&self.0, Method::GET, &format!("http://daemon{path}"), None)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.try_get(path).unwrap_or_else(|error| panic!("GET {path}: {error:?}"))
    }

    pub(crate) fn try_request(&self, method: &str, path: &str) -> reqwest::Result<Answer> {
        let method = method.parse().expect("a method");
        send(&self.0, method, &format!("http://daemon{path}"), None)
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> Answer {
        self.try_request(method, path).unwrap_or_else(|error| panic!("{path}: {error:?}"))
    }

    /// Sends a request whose answer is read piece by piece.
    pub(super) fn open(&self, path: &str, last_event_id: Option<&str>) -> RequestBuilder {
        let request = self.0.get(format!("http://daemon{path}"));
        last_event_id.into_iter().fold(request, |request, id| request.header("last-event-id", id))
    }

    /// Asks whether an event is genuine.
    pub(crate) fn try_verify(
        &self,
        path: &str,
        authorization: &str,
        body: Vec<u8>,
    ) -> reqwest::Result<Answer> {
        let request = self.0.post(format!("http://daemon{path}")).header("authorization", authorization);
        RUNTIME.block_on(receive(request.body(body)))
    }

    pub(crate) fn verify(&self, path: &str, authorization: &str, body: Vec<u8>) -> Answer {
        self.try_verify(path, authorization, body).unwrap_or_else(|error| panic!("{path}: {error:?}"))
    }

    pub(crate) fn send_json(&self, method: &str, path: &str, body: &Value) -> Answer {
        let method = method.parse().expect("a method");
        send(&self.0, method, &format!("http://daemon{path}"), Some(body))
            .unwrap_or_else(|error| panic!("{path}: {error:?}"))
    }

    pub(crate) fn post(&self, path: &str) -> Answer {
        self.request("POST", path)
    }
}
