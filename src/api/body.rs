//! Reads what a request still sends before it is answered.
//!
//! Law: a client that is still writing when its connection closes gets a broken pipe and not the answer, so
//! what no answer was made from is read and thrown away first; but never more than [`MOST`], nor for longer than
//! [`PATIENCE`], and not if the client asked whether to send it at all.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::header::EXPECT,
    response::Response,
};
use hyper::body::{Frame, SizeHint};

/// So much is thrown away at most, in bytes.
const MOST: usize = 1024 * 1024;

const PATIENCE: Duration = Duration::from_secs(1);

/// Lets a request be answered and then reads the rest of it.
pub(super) async fn read_whole<A: Future<Output = Response>>(
    request: Request,
    answer: impl FnOnce(Request) -> A,
) -> Response {
    let (parts, body) = request.into_parts();
    let may_send = !parts.headers.contains_key(EXPECT);
    let body = Shared(Arc::new(Mutex::new(body)));
    let rest = body.clone();
    let response = answer(Request::from_parts(parts, Body::new(body))).await;
    if may_send && tokio::time::timeout(PATIENCE, rest.throw_away()).await.is_err() {
        tracing::trace!("a request is answered although its body is not there yet");
    }
    response
}

/// A body that can be read on when the one who had it has done with it.
#[derive(Clone)]
struct Shared(Arc<Mutex<Body>>);

impl Shared {
    fn with<T>(&self, work: impl FnOnce(Pin<&mut Body>) -> T) -> T {
        // A panic while it was held leaves a body that can still be read.
        work(Pin::new(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    async fn throw_away(&self) {
        let mut left = MOST;
        while let Some(Ok(frame)) = poll_fn(|context| self.with(|body| body.poll_frame(context))).await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            let Some(rest) = left.checked_sub(length) else { return };
            left = rest;
        }
    }
}

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.with(|body| body.poll_frame(context))
    }

    fn is_end_stream(&self) -> bool {
        self.with(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.with(|body| body.size_hint())
    }
}
