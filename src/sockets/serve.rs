//! Answers connections until it is told to stop.
//!
//! Every connection is a task of its own. A user (by the uid that the kernel vouches for) gets a
//! bounded number of them, so that one that leaks connections locks out nobody else. A stop closes
//! idle connections at once, ends long polls, lets requests under way finish for a moment and then
//! drops the rest.

use std::{collections::HashMap, future::Future, io, pin::pin, sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    body::HttpBody as _,
    extract::Request,
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
};

use super::{bind::BoundSocket, problem::Problem, verify::LARGEST_EVENT};

/// How long a client may take to send a request's head, and how long a connection may be idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest head of a request, in bytes.
const LARGEST_HEAD: usize = 16 * 1024;
/// The largest body of a request, in bytes.
const LARGEST_BODY: u64 = 64 * 1024;
/// How long requests under way may go on after a stop.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// A pause where the system refuses a connection, for want of file descriptors most likely.
const BREATHER: Duration = Duration::from_millis(100);

/// Tells a request that the daemon stops.
#[derive(Debug, Clone)]
pub(super) struct Stopping(watch::Receiver<bool>);

impl Stopping {
    /// Returns as soon as the daemon stops.
    pub(super) async fn stopped(&mut self) {
        // A sender that is gone has stopped, too.
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }
}

/// Serves `router` on `socket`, with so many connections a user at a time, until `shutdown`, then within about a second. The socket's file is
/// removed when the stop begins.
///
/// # Errors
/// If the runtime cannot watch the socket.
pub(crate) async fn serve(
    socket: BoundSocket,
    router: Router,
    connections_per_user: usize,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let listener = UnixListener::from_std(socket.listener()?)?;
    let (stop, stopping) = watch::channel(false);
    let stopping = Stopping(stopping);
    let router = router.layer(middleware::from_fn(limit_body)).layer(Extension(stopping.clone()));
    let mut connections = JoinSet::new();
    let mut users = HashMap::new();
    let mut shutdown = pin!(shutdown);
    tracing::debug!(path = %socket.path().display(), "listening");

    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_ended) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => match admit(&mut users, connections_per_user, &stream) {
                    Some(permit) => {
                        connections.spawn(answer(stream, router.clone(), stopping.clone(), permit));
                    }
                    None => refuse(connections_per_user, &stream),
                },
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(BREATHER).await;
                }
            },
        }
    }

    drop(listener);
    drop(socket);
    stop.send_replace(true);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(LAST_WORDS, all).await.is_err() {
        tracing::debug!(connections = connections.len(), "connections are dropped that did not end in time");
    }
    connections.shutdown().await;
    Ok(())
}

/// A place among the connections of the peer's user, if there is one left.
fn admit(
    users: &mut HashMap<u32, Arc<Semaphore>>,
    limit: usize,
    stream: &UnixStream,
) -> Option<OwnedSemaphorePermit> {
    let user = stream.peer_cred().ok()?.uid();
    let places = users.entry(user).or_insert_with(|| Arc::new(Semaphore::new(limit)));
    Arc::clone(places).try_acquire_owned().ok()
}

/// Says why there is no answer. A peer that cannot take even that is not waited for.
fn refuse(limit: usize, stream: &UnixStream) {
    let body = Problem::too_many_connections(limit).body().to_string();
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.try_write(answer.as_bytes());
}

async fn answer(stream: UnixStream, router: Router, mut stopping: Stopping, permit: OwnedSemaphorePermit) {
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(LARGEST_HEAD)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopping.stopped() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection ended early");
    }
    drop(permit);
}

async fn limit_body(request: Request, next: Next) -> Response {
    let limit = if request.uri().path().ends_with("/verify") { LARGEST_EVENT } else { LARGEST_BODY };
    if request.body().size_hint().lower() > limit {
        return Problem::too_large(limit).into_response();
    }
    next.run(request).await
}
