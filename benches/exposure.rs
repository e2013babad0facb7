//! How long a new key is unknown: from the moment in which Protime's answer to the POST is sent until the
//! key is readable on the control socket, and in the file of a key sink. It is durable by then, for no one
//! is told before.
//!
//! During that time an event that is signed with the new key can only be judged by waiting. The daemon and
//! the simulated tenant are the real program, over real sockets and files. `cargo bench --bench exposure`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::assigning_clones,
    reason = "a bench fails by panicking and speaks to a terminal"
)]

#[path = "../tests/it"]
#[allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "it is there for the tests, which use all of it"
)]
mod it {
    pub(crate) mod support;
}

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, Uri},
    response::{IntoResponse as _, Response},
};

use it::support::{Socket, World, eventually};

/// So many rotations are measured after the first.
const ROTATIONS: u64 = 300;

/// Passes everything on to the tenant, and notes when the answer to a POST was handed back.
#[derive(Debug, Clone)]
struct Relay {
    origin: String,
    client: reqwest::Client,
    answered: Arc<Mutex<Option<Instant>>>,
}

async fn relay(
    State(relay): State<Relay>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut request = relay.client.request(method.clone(), format!("{}{uri}", relay.origin)).body(body);
    for (name, value) in headers.iter().filter(|(name, _)| *name != "host" && *name != "content-length") {
        request = request.header(name, value);
    }
    let answer = request.send().await.expect("the tenant answers");
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = answer.bytes().await.expect("a body");
    let mut response = (status, body).into_response();
    for name in ["content-type", "location", "date"] {
        if let Some(value) = headers.get(name) {
            response.headers_mut().insert(name.parse::<axum::http::HeaderName>().unwrap(), value.clone());
        }
    }
    if method == Method::POST && uri.path().ends_with("/webhooks") {
        *relay.answered.lock().unwrap() = Some(Instant::now());
    }
    response
}

/// When the socket gives out the next key.
fn on_the_socket(control: &Socket, version: u64) -> Instant {
    let answer = control.get(&format!("/v1/webhooks/acme/clockings/key?after={version}&wait=1m"));
    let at = Instant::now();
    assert_eq!(answer.status, 200, "{}", answer.text);
    at
}

/// When the file holds another key.
fn in_the_file(file: &PathBuf, old: &str) -> Instant {
    loop {
        let at = Instant::now();
        if fs::read_to_string(file).is_ok_and(|key| key != old) {
            return at;
        }
        thread::sleep(Duration::from_micros(50));
    }
}

fn report(what: &str, times: &mut [Duration]) {
    times.sort();
    let at = |share: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index of a few hundred"
        )]
        let index = ((times.len() - 1) as f64 * share).round() as usize;
        format!("{:.2} ms", times[index].as_secs_f64() * 1_000.0)
    };
    println!("{what:<24} median {:>9}  p99 {:>9}  max {:>9}", at(0.5), at(0.99), at(1.0));
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut world = World::new(&["--lifetime", "1h"]);
    let answered = Arc::new(Mutex::new(None));
    let relay_state = Relay {
        origin: world.sandbox.origin.clone(),
        client: reqwest::Client::builder().no_proxy().build().unwrap(),
        answered: Arc::clone(&answered),
    };
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    runtime.spawn(async move {
        axum::serve(listener, Router::new().fallback(relay).with_state(relay_state)).await.unwrap();
    });

    let mut config = world.config(&["clockings"]);
    config.webhooks[0].resync = "kind = \"none\"".to_owned();
    config.daemon = "status_poll = \"0 0 0 1 1 *\"\nlog_level = \"warn\"".to_owned();
    world.write_with(&config, &world.sandbox.origin, &origin);
    world.daemon.start();
    world.settled("clockings");

    let file = world.key_file("clockings");
    let (mut socket_times, mut file_times) = (Vec::new(), Vec::new());
    for version in 1..=ROTATIONS {
        let old = fs::read_to_string(&file).unwrap();
        *answered.lock().unwrap() = None;
        let on_socket = {
            let control = world.daemon.control.clone();
            thread::spawn(move || on_the_socket(&control, version))
        };
        let in_file = {
            let file = file.clone();
            thread::spawn(move || in_the_file(&file, &old))
        };
        assert_eq!(world.daemon.control.post("/v1/webhooks/acme/clockings/renew").status, 202);
        let (on_socket, in_file) = (on_socket.join().unwrap(), in_file.join().unwrap());
        let answered = answered.lock().unwrap().expect("the POST was answered");
        socket_times.push(on_socket.saturating_duration_since(answered));
        file_times.push(in_file.saturating_duration_since(answered));
        eventually("it has come to rest", || {
            let webhook = world.daemon.webhook("clockings");
            (webhook["state"] == "active" && webhook["renewal"].is_null()).then_some(())
        });
    }
    println!("{ROTATIONS} rotations, from the answer of the POST until the key is readable:");
    report("on the control socket", &mut socket_times);
    report("in the key file", &mut file_times);
}
