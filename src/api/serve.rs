//! Answers connections until it is told to stop.
//!
//! Every connection is a task of its own. A user (by the uid that the kernel vouches for) gets a
//! bounded number of them, so that one that leaks connections locks out no one else, and one that does not
//! read its answer is let go of. A stop closes idle connections at once, ends long polls, lets requests under
//! way finish for a moment and then drops the rest.

use std::{
    collections::HashMap, convert::Infallible, future::Future, io, os::fd::AsFd, pin::pin, sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::{Body, HttpBody as _},
    extract::Request,
    response::{IntoResponse as _, Response},
};
use futures_util::future::Either;
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use rustix::net::SendFlags;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
};

use super::{
    bind::BoundSocket,
    body,
    problem::Problem,
    stall::{PATIENCE, Stalling},
    verify::LARGEST_EVENT,
};

/// How long a client may take to send a request's head, and how long a connection may be idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
const LARGEST_HEAD: usize = 16 * 1024;
const LARGEST_BODY: u64 = 64 * 1024;
/// How long requests under way may go on after a stop.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// A pause where the system refuses a connection, for want of file descriptors most likely.
const BREATHER: Duration = Duration::from_millis(100);

#[derive(Debug, Clone)]
pub(super) struct Stopping(watch::Receiver<bool>);

impl Stopping {
    pub(super) async fn stopped(&mut self) {
        // A sender that is gone has stopped, too.
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }
}

/// Serves `router` on `socket`, with so many connections a user at a time, until `shutdown`, then within
/// about a second. The socket's file is removed when the stop begins.
pub(crate) async fn serve(
    socket: BoundSocket,
    router: Router,
    connections_per_user: usize,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let listener = UnixListener::from_std(socket.listener()?)?;
    tracing::debug!(path = %socket.path().display(), "listening");
    // The file goes when the stop begins.
    answer_all((listener, socket), router, connections_per_user, shutdown).await;
    Ok(())
}

/// Where connections come from, each with the user at its other end; `None` if that one has gone already.
/// Dropping it closes it.
pub(crate) trait Door: Send {
    type Stream: AsyncRead + AsyncWrite + AsFd + Unpin + Send + 'static;

    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Option<u32>)>> + Send;
}

impl Door for (UnixListener, BoundSocket) {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<(UnixStream, Option<u32>)> {
        let (stream, _) = self.0.accept().await?;
        let user = stream.peer_cred().ok().map(|peer| peer.uid());
        Ok((stream, user))
    }
}

impl Door for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, Option<u32>)> {
        // No one knows whose they are: all share the connections of one.
        TcpListener::accept(self).await.map(|(stream, _)| (stream, Some(u32::MAX)))
    }
}

/// Answers every connection with `router` until `shutdown`, then within about a second.
pub(crate) async fn answer_all(
    door: impl Door,
    router: Router,
    connections_per_user: usize,
    shutdown: impl Future<Output = ()>,
) {
    let (stop, stopping) = watch::channel(false);
    let stopping = Stopping(stopping);
    let mut connections = JoinSet::new();
    let mut users = HashMap::new();
    let mut shutdown = pin!(shutdown);

    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_ended) = connections.join_next(), if !connections.is_empty() => {}
            accepted = door.accept() => match accepted {
                Ok((stream, user)) => match admit(&mut users, connections_per_user, user) {
                    Some(permit) => {
                        let (router, stopping) = (router.clone(), stopping.clone());
                        connections.spawn(answer(stream, router, stopping, permit, PATIENCE));
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

    drop(door);
    stop.send_replace(true);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(LAST_WORDS, all).await.is_err() {
        tracing::debug!(connections = connections.len(), "connections are dropped that did not end in time");
    }
    connections.shutdown().await;
}

/// A place among the connections of the peer's user, if there is one left.
fn admit(
    users: &mut HashMap<u32, Arc<Semaphore>>,
    limit: usize,
    user: Option<u32>,
) -> Option<OwnedSemaphorePermit> {
    let places = users.entry(user?).or_insert_with(|| Arc::new(Semaphore::new(limit)));
    Arc::clone(places).try_acquire_owned().ok()
}

/// Says why there is no answer. A peer that cannot take even that is not waited for.
fn refuse(limit: usize, stream: &impl AsFd) {
    let body = Problem::too_many_connections(limit).body().to_string();
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = rustix::net::send(stream, answer.as_bytes(), SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
}

pub(super) async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    mut stopping: Stopping,
    permit: OwnedSemaphorePermit,
    patience: Duration,
) {
    let (router, of_requests) = (TowerToHyperService::new(router), stopping.clone());
    // Layers of the router would cost each request more than most of its answers do.
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(of_requests.clone());
        if request.body().is_end_stream() {
            return Either::Left(router.call(request));
        }
        Either::Right(with_body(request.map(Body::new), router.clone()))
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(LARGEST_HEAD)
            .serve_connection(TokioIo::new(Stalling::new(stream, patience)), service)
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

/// Answers a request that brings something.
async fn with_body(request: Request, router: TowerToHyperService<Router>) -> Result<Response, Infallible> {
    let limit = if request.uri().path().ends_with("/verify") { LARGEST_EVENT } else { LARGEST_BODY };
    let is_too_large = request.body().size_hint().lower() > limit;
    let answer = async |request| {
        if is_too_large {
            return Problem::too_large(limit).into_response();
        }
        router.call(request).await.unwrap_or_else(|never| match never {})
    };
    Ok(body::read_whole(request, answer).await)
}

#[cfg(test)]
mod tests;
