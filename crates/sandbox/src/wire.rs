//! Connections: answers put on the wire as they should be, or damaged, or not at all.

use std::{convert::Infallible, future::poll_fn, io, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, Request, Response, StatusCode, header},
};
use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};

use crate::{answer::Answer, api::Call, core::Core, exchange, faults::Action, time::http_date};

const LONGEST_BODY: usize = 1 << 20;

/// An answer and what damages it; nothing stands for a reset.
pub(crate) type Reply = Option<(Answer, Option<Action>)>;

#[derive(Debug, thiserror::Error)]
#[error("the connection is to be reset")]
struct ResetConnection;

pub(crate) async fn accept(core: Arc<Core>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let shared = Arc::clone(&core);
                core.spawn(serve(shared, stream));
            }
            // Out of file descriptors, most likely: they come back as connections end.
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(core: Arc<Core>, stream: TcpStream) {
    // Small answers are not to wait for the acknowledgement of earlier ones.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let service = service_fn(move |request| respond(Arc::clone(&core), request));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let outcome = poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
    let stream = connection.into_parts().io.into_inner();
    // hyper cannot reset a connection: an error of the service stands for it, after which the socket is
    // closed with a linger of zero, so that the peer sees RST.
    let reset = outcome.is_err_and(|error| {
        std::error::Error::source(&error).is_some_and(<dyn std::error::Error>::is::<ResetConnection>)
    });
    if reset && let Err(error) = stream.set_zero_linger() {
        tracing::warn!(%error, "cannot reset a connection; it is closed instead");
    }
}

fn respond(
    core: Arc<Core>,
    request: Request<Incoming>,
) -> BoxFuture<'static, Result<Response<Body>, ResetConnection>> {
    async move {
        let (head, body) = request.into_parts();
        let Ok(body) = axum::body::to_bytes(Body::new(body), LONGEST_BODY).await else {
            let answer = Answer::error(413, "TooLarge", "The body is too long, or did not arrive whole.");
            return Ok(written(&core, answer, None));
        };
        let call = Call {
            method: head.method,
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: head.headers,
            body,
        };
        let (answer, damage) = exchange::run(&core, call).await.ok_or(ResetConnection)?;
        Ok(written(&core, answer, damage.as_ref()))
    }
    .boxed()
}

fn written(core: &Core, answer: Answer, damage: Option<&Action>) -> Response<Body> {
    let length = answer.body.len();
    let (length, body) = match damage {
        Some(Action::Truncate { bytes }) => {
            // One byte less than all at most: otherwise nothing would be missing.
            let kept = bytes.unwrap_or(length / 2).min(length.saturating_sub(1));
            (Some(length), ended(answer.body.slice(..kept)))
        }
        Some(Action::ContentLength { delta }) => {
            let wrong = i64::try_from(length).unwrap_or(i64::MAX).saturating_add(*delta).max(0);
            (Some(usize::try_from(wrong).unwrap_or(0)), ended(answer.body))
        }
        Some(Action::Huge { mib }) => (None, padded(*mib, answer.body)),
        Some(Action::Dribble { ms, bytes }) => {
            (Some(length), dribbled(answer.body, *bytes, Duration::from_millis(*ms)))
        }
        _ => (None, Body::from(answer.body)),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    response.headers_mut().extend(answer.headers);
    if let Some(length) = length {
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    let date = core.with(|_, now| http_date(now));
    if let Some(date) = date.and_then(|date| HeaderValue::from_str(&date).ok()) {
        // A fault may have brought its own.
        response.headers_mut().entry(header::DATE).or_insert(date);
    }
    response
}

/// A body whose length hyper does not know, so that it trusts the header. It yields once before its end,
/// because hyper drops what it has not yet flushed.
fn ended(bytes: Bytes) -> Body {
    let last = stream::once(async {
        tokio::task::yield_now().await;
        Ok(Bytes::new())
    });
    Body::from_stream(stream::once(async { Ok::<_, io::Error>(bytes) }).chain(last))
}

fn padded(mib: u32, bytes: Bytes) -> Body {
    let space = Bytes::from(vec![b' '; 1 << 20]);
    let padding = stream::iter((0..mib).map(move |_| Ok::<_, Infallible>(space.clone())));
    Body::from_stream(padding.chain(stream::once(async { Ok(bytes) })))
}

fn dribbled(bytes: Bytes, piece: usize, pause: Duration) -> Body {
    Body::from_stream(stream::unfold(bytes, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        sleep(pause).await;
        let next = rest.split_to(piece.min(rest.len()));
        Some((Ok::<_, Infallible>(next), rest))
    }))
}
