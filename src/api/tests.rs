//! Both routers over real Unix sockets, before a service on a temporary store.

mod control;
mod serving;
mod status;

use std::time::Duration;

use reqwest::{Method, Response, StatusCode, header::CONTENT_TYPE};
use serde_json::Value;
use tokio::{sync::oneshot, task::JoinHandle};

use super::{bind::bind, control as control_socket, serve::serve, status as status_socket};
use crate::service::tests::Bench;

/// Far more than anything here takes; a test that reaches it hangs.
const GENEROUS: Duration = Duration::from_mins(1);

/// A service of two tenants and three webhooks, of which one has a key of version 3.
async fn bench() -> Bench {
    let bench = Bench::new().await;
    for version in 1..=3 {
        bench.key("acme/clockings", &format!("secret-{version}")).await;
    }
    bench
}

struct Served {
    folder: tempfile::TempDir,
    bench: Bench,
    client: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Served {
    fn status(bench: Bench) -> Self {
        let router = status_socket::router(bench.service.clone());
        Self::start(bench, router, status_socket::CONNECTIONS_PER_USER)
    }

    fn control(bench: Bench) -> Self {
        let router = control_socket::router(bench.service.clone());
        Self::start(bench, router, control_socket::CONNECTIONS_PER_USER)
    }

    fn start(bench: Bench, router: axum::Router, connections_per_user: usize) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("test.sock");
        let socket = bind(&path, 0o600, None).expect("bound");
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(serve(socket, router, connections_per_user, async {
            let _ = stopped.await;
        }));
        let client = reqwest::Client::builder()
            .unix_socket(path)
            .tls_certs_only([])
            .timeout(GENEROUS)
            .build()
            .expect("a client");
        Self { folder, bench, client, stop: Some(stop), task }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("test.sock")
    }

    async fn send(&self, method: Method, path: &str) -> Response {
        self.client.request(method, format!("http://daemon{path}")).send().await.expect("an answer")
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        read(self.send(Method::GET, path).await).await
    }

    async fn post(&self, path: &str) -> (StatusCode, Value) {
        read(self.send(Method::POST, path).await).await
    }

    /// Asks for something that fails, and returns the problem's detail.
    async fn problem(&self, method: Method, path: &str, status: StatusCode) -> String {
        let answer = self.send(method, path).await;
        assert_eq!(answer.headers().get(CONTENT_TYPE).expect("a type"), "application/problem+json", "{path}");
        let (answered, problem) = read(answer).await;
        assert_eq!(answered, status, "{path}: {problem}");
        assert_eq!(problem["status"], status.as_u16(), "{path}");
        for part in ["type", "title"] {
            assert!(problem[part].as_str().is_some_and(|text| !text.is_empty()), "{path}: {problem}");
        }
        problem["detail"].as_str().expect("a detail").to_owned()
    }

    fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    async fn ended(self) {
        tokio::time::timeout(GENEROUS, self.task)
            .await
            .expect("it stops")
            .expect("no panic")
            .expect("no error");
    }
}

async fn read(answer: Response) -> (StatusCode, Value) {
    let status = answer.status();
    let body = answer.bytes().await.expect("a body");
    let value =
        if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).expect("a body of JSON") };
    (status, value)
}
