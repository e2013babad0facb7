//! `GET /v1/events`: what happens, as server-sent events, for as long as someone listens.
//!
//! A subscriber that comes back with `Last-Event-ID` gets what it missed. If that is no longer known
//! (it was away for too long, or the daemon was restarted), the first event is `reset`: read the
//! webhooks again. A subscriber that reads slowly holds up no one; it gets a `reset`, too.

use std::{fmt::Display, time::Duration};

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use futures_util::stream;

use super::{problem::Problem, query::Parameters, read::Source, serve::Stopping};
use crate::{
    clock,
    domain::event::{Event, Kind},
    event_bus::{Received, Subscriber},
};

/// So often a comment keeps the connection alive when nothing happens.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// So many events are written at a time at most.
const BATCH: usize = 64;

pub(super) async fn events(
    State(source): State<Source>,
    Extension(stopping): Extension<Stopping>,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let [after] = parameters.only(["after"])?;
    // An id that is not text is one that we never gave out, and leads to a reset.
    let last = headers.get("last-event-id").map(|id| id.to_str().unwrap_or_default().to_owned());
    let subscriber = source.service.subscribe(last.or(after).as_deref());
    let stream =
        stream::unfold((subscriber, stopping, false), |(mut subscriber, mut stopping, greeted)| async move {
            // At once, so that the client sees that it is listening.
            let text = if greeted {
                next(&mut subscriber, &mut stopping).await?
            } else {
                ": listening\n\n".to_owned()
            };
            Some((Ok::<_, std::convert::Infallible>(text), (subscriber, stopping, true)))
        });
    let mut response = Response::new(Body::from_stream(stream));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The next piece of the stream; `None` ends it.
async fn next(subscriber: &mut Subscriber, stopping: &mut Stopping) -> Option<String> {
    tokio::select! {
        biased;
        received = subscriber.next(BATCH) => Some(written(received)),
        () = stopping.stopped() => None,
        () = tokio::time::sleep(KEEP_ALIVE) => Some(": nothing new\n\n".to_owned()),
    }
}

fn written(received: Received) -> String {
    match received {
        Received::Notices(notices) => {
            notices.iter().map(|it| one(&it.id, it.kind, &it.data)).collect::<Vec<_>>().concat()
        }
        Received::Lagged(id) => {
            let error = Some("events were missed; read the webhooks again".to_owned());
            let event = Event { error, ..Event::new(Kind::Reset, clock::now()) };
            one(&id, event.kind, &serde_json::to_string(&event).unwrap_or_default())
        }
    }
}

fn one(id: &impl Display, kind: Kind, data: &str) -> String {
    format!("id: {id}\nevent: {}\ndata: {data}\n\n", kind.as_str())
}
