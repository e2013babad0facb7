//! Sends objects as events, signed with the current key, so that a receiver needs no code of its own
//! for a resync.
//!
//! Laws: never two versions of one object out of order (objects travel in lanes by their id, one
//! after the other, and a page ends before the next begins); what is not answered with a success is
//! sent again, a bounded number of times; no redirect is followed, because it would take the signed
//! event elsewhere; the key is in nothing but the signature.

use std::{fmt, time::Duration};

use futures_util::future::try_join_all;
use reqwest::{Method, StatusCode, Url, header::HeaderValue};
use tokio::time::sleep;

use crate::{
    config,
    domain::{
        key::WebhookKey,
        object::Object,
        task::{TaskError, TaskErrorKind},
    },
    http::{BuildError, Endpoint, Outbound, deepest, sensitive},
    redact,
};

/// So many events are under way at a time.
const LANES: usize = 8;

/// How often an event is sent before it is given up.
const TRIES: u32 = 4;

/// The pause after the first failure; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

#[derive(Clone)]
pub(crate) struct Replay(Endpoint);

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Replay({})", self.place())
    }
}

struct Refused {
    why: String,
    key_refused: bool,
}

impl Replay {
    pub(super) fn new(mut url: Url, outbound: &Outbound) -> Result<Self, BuildError> {
        // As user info it would become a second `Authorization` header; removing it does not fail.
        let _always = url.set_username("").and_then(|()| url.set_password(None));
        let timeout = outbound.request_timeout();
        outbound.endpoint(&config::Endpoint { url, token: None, timeout }).map(Self)
    }

    /// Where it goes, without what people put secrets into.
    pub(super) fn place(&self) -> String {
        redact::without_query(self.0.url())
    }

    /// Sends a page; with success every object was answered with a 2xx status.
    pub(super) async fn page(&self, key: &WebhookKey, objects: &[Object]) -> Result<(), TaskError> {
        let mut lanes: [Vec<&Object>; LANES] = Default::default();
        for object in objects {
            lanes[object.lane(LANES)].push(object);
        }
        try_join_all(lanes.iter().map(|lane| self.lane(key, lane))).await.map(drop)
    }

    async fn lane(&self, key: &WebhookKey, objects: &[&Object]) -> Result<(), TaskError> {
        for object in objects {
            self.send(key, object).await?;
        }
        Ok(())
    }

    async fn send(&self, key: &WebhookKey, object: &Object) -> Result<(), TaskError> {
        let body = object.event();
        let signature = sensitive(&key.authorization(&body))
            .ok_or_else(|| TaskError::new("a signature does not fit into a header"))?;
        let mut tries = 1;
        loop {
            let refused = match self.post(&body, &signature).await {
                Ok(()) => return Ok(()),
                Err(refused) => refused,
            };
            if tries == TRIES {
                let kind =
                    if refused.key_refused { TaskErrorKind::KeyRefused } else { TaskErrorKind::Failed };
                return Err(TaskError {
                    message: format!(
                        "object {} does not reach {}: {} ({TRIES} tries); see that the receiver runs and answers with 2xx",
                        object.id(),
                        self.place(),
                        refused.why
                    ),
                    output: None,
                    kind,
                });
            }
            tracing::debug!(place = self.place(), why = refused.why, tries, "an object is sent again");
            let pause = FIRST_PAUSE * 2_u32.pow(tries - 1);
            sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
            tries += 1;
        }
    }

    async fn post(&self, body: &[u8], signature: &HeaderValue) -> Result<(), Refused> {
        let sent = self.0.exchange(&Method::POST, self.0.url(), Some(signature), Some(body), []);
        let answer = sent.await.map_err(|error| Refused {
            why: if error.is_timeout() { "no answer in time".to_owned() } else { deepest(&error) },
            key_refused: false,
        })?;
        if answer.status.is_success() {
            return Ok(());
        }
        let key_refused = matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        Err(Refused { why: format!("it answers {}", answer.status), key_refused })
    }
}

#[cfg(test)]
mod tests;
