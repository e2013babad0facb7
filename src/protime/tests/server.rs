//! A server on loopback that records what it is asked and answers as a function says, byte for byte
//! if need be: real faults do not keep to HTTP.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, Method, Uri},
    response::Response,
};
use reqwest::Url;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn is_token(&self) -> bool {
        self.uri.path().ends_with("/connect/token")
    }
}

/// It ends with its runtime, which is the test's.
pub(super) struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub(super) async fn answering<F, Fut>(answer: F) -> Self
    where
        F: Fn(Asked) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Response> + Send,
    {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&asked);
        let router =
            Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
                let body = String::from_utf8(body.to_vec()).unwrap();
                let asked = Asked { method, uri, headers, body };
                record.lock().unwrap().push(asked.clone());
                answer(asked)
            });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, asked }
    }

    /// Gives tokens that live for half an hour, and answers nothing else.
    pub(super) async fn of_tokens() -> Self {
        Self::answering(|_| async { json(200, TOKEN) }).await
    }

    /// Reads one request per connection and then does with the connection what the function says.
    pub(super) async fn raw<F, Fut>(answer: F) -> Self
    where
        F: Fn(TcpStream) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let request = read_request(&mut stream).await;
                record.lock().unwrap().push(request);
                tokio::spawn(answer(stream));
            }
        });
        Self { address, asked }
    }

    /// An address on which no one listens.
    pub(super) async fn absent() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { address: listener.local_addr().unwrap(), asked: Arc::default() }
    }

    pub(super) fn origin(&self) -> Url {
        Url::parse(&format!("http://{}", self.address)).unwrap()
    }

    /// Everything that was asked so far, tokens too.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// How many tokens were asked for, and how many other requests there were.
    pub(super) fn counts(&self) -> (usize, usize) {
        let asked = self.asked();
        let tokens = asked.iter().filter(|asked| asked.is_token()).count();
        (tokens, asked.len() - tokens)
    }
}

pub(super) const TOKEN: &str = r#"{"access_token":"tok-1","expires_in":1800,"token_type":"Bearer",
    "scope":"connector-protimeapi-webhooks.read connector-protimeapi-webhooks.write"}"#;

pub(super) const CREATED: &str = r#"{"id":"a-1","key":"hook-key","validUntil":"2030-01-01T00:00:00Z"}"#;

pub(super) fn json(status: u16, body: &str) -> Response {
    with(status, &[("content-type", "application/json")], body)
}

pub(super) fn with(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.to_owned().into()).unwrap()
}

/// Writes the bytes and closes the connection in an orderly way.
pub(super) async fn write_all(mut stream: TcpStream, bytes: &str) {
    stream.write_all(bytes.as_bytes()).await.unwrap();
    // A client that has read enough may have hung up already.
    let _ = stream.shutdown().await;
}

async fn read_request(stream: &mut TcpStream) -> Asked {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await.unwrap();
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if count == 0 || body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                let body = body.to_owned();
                return Asked { method: Method::GET, uri: Uri::default(), headers: HeaderMap::new(), body };
            }
        }
        assert!(count > 0, "the client closed the connection in the middle of its request");
    }
}
