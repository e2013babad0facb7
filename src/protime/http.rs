//! One request to Protime: its limits, its deadline, its answer.
//!
//! Every request passes [`Http::send`], token requests too. Laws: at most the configured number a
//! minute, none while Protime asked to wait; no redirect is followed; no answer is read beyond its
//! limit; what is logged is method, path, status and time, never a header, a query or a body.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use reqwest::{
    Client, Method, Response, StatusCode, Url,
    header::{self, HeaderMap, HeaderValue},
};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::{
    BuildError, Settings, body,
    date::{Heard, ProtimeClock, Sighting},
    detail::{self, Detail},
    error::{ApiError, Endpoint, PostError},
    limit::{Cooldown, Limiter},
};
use crate::{
    clock,
    counters::Counters,
    domain::webhook::TenantName,
    http::{self, date_and_wait, deepest, not_connected},
    redact,
};

/// Answers of which a token, a webhook or an error is read.
pub(super) const SMALL_ANSWER: usize = 1024 * 1024;
pub(super) const LARGE_ANSWER: usize = 16 * 1024 * 1024;

#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) endpoint: Endpoint,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) authorization: Option<HeaderValue>,
    pub(super) content: Content,
    /// How many bytes a successful answer may have.
    pub(super) limit: usize,
    /// The scopes without which it is refused: first the one that is documented, then what may be needed besides.
    pub(super) scopes: Vec<String>,
}

impl Outgoing {
    pub(super) fn new(endpoint: Endpoint, method: Method, url: Url) -> Self {
        Self {
            endpoint,
            method,
            url,
            authorization: None,
            content: Content::Empty,
            limit: SMALL_ANSWER,
            scopes: Vec::new(),
        }
    }
}

#[derive(Clone)]
pub(super) enum Content {
    Empty,
    Json(Vec<u8>),
    /// The fields of a form; one of them is the client secret.
    Form(Vec<(&'static str, Zeroizing<String>)>),
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// The body, or why it could not be read whole.
    pub(super) body: Result<Zeroizing<Vec<u8>>, String>,
    pub(super) retry_after: Option<Duration>,
}

impl Answer {
    pub(super) fn detail(&self, secrets: &[&str]) -> Detail {
        self.body.as_ref().map(|body| detail::read(body, secrets)).unwrap_or_default()
    }

    /// Where a redirect of a request to `url` points to; its query may hold someone's secret.
    pub(super) fn location_without_query(&self, url: &Url) -> Option<String> {
        let target = url.join(http::header(&self.headers, &header::LOCATION)?).ok()?;
        Some(redact::sanitize(&redact::without_query(&target), &[]))
    }
}

#[derive(Debug)]
pub(super) struct Http {
    tenant: TenantName,
    api: Client,
    token: Client,
    request_timeout: Duration,
    limiter: Limiter,
    cooldown: Cooldown,
    clock: Mutex<ProtimeClock>,
    pub(super) counters: Counters,
}

impl Http {
    /// Reads the trusted certificates and prepares the connections; connects to nothing.
    pub(super) fn new(settings: &Settings) -> Result<Self, BuildError> {
        Ok(Self {
            tenant: settings.tenant.clone(),
            api: settings.outbound.client(&settings.api_origin)?,
            token: settings.outbound.client(&settings.token_url)?,
            request_timeout: settings.outbound.request_timeout(),
            limiter: Limiter::new(settings.max_requests_per_minute),
            cooldown: Cooldown::default(),
            clock: Mutex::default(),
            counters: settings.counters.clone(),
        })
    }

    pub(super) fn continue_from(&self, earlier: &Self) {
        let known = earlier.clock().clone();
        *self.clock() = known;
    }

    pub(super) fn clock(&self) -> MutexGuard<'_, ProtimeClock> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends one request and reads its answer, waiting for its turn first.
    pub(super) async fn send(&self, request: Outgoing) -> Result<Answer, PostError> {
        self.not_cooling_down()?;
        self.limiter.turn().await;
        // Another request's answer may have asked to wait while this one stood in the queue.
        self.not_cooling_down()?;

        let (endpoint, method, url) = (request.endpoint, request.method.clone(), request.url.clone());
        let began = Instant::now();
        let outcome = self.exchange(request).await;
        let code = match &outcome {
            Ok(answer) => answer.status.as_str().to_owned(),
            Err(PostError::NotProcessed(_)) => "not_sent".to_owned(),
            Err(PostError::Unknown(_)) => "lost".to_owned(),
        };
        self.counters.request(self.tenant.as_str(), endpoint.as_str(), &code);
        tracing::debug!(
            tenant = %self.tenant,
            endpoint = endpoint.as_str(),
            %method,
            path = url.path(),
            code,
            ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            "request to Protime"
        );
        outcome
    }

    fn not_cooling_down(&self) -> Result<(), PostError> {
        match self.cooldown.rest(Instant::now()) {
            None => Ok(()),
            Some(rest) => Err(PostError::NotProcessed(ApiError::Transient {
                message: format!("Protime asked not to be asked for another {} s", rest.as_secs().max(1)),
                status: None,
                retry_after: Some(rest),
            })),
        }
    }

    async fn exchange(&self, request: Outgoing) -> Result<Answer, PostError> {
        let client = if request.endpoint == Endpoint::Token { &self.token } else { &self.api };
        let place = redact::origin(&request.url);
        let mut builder = client.request(request.method, request.url).timeout(self.request_timeout);
        if let Some(authorization) = request.authorization {
            builder = builder.header(header::AUTHORIZATION, authorization);
        }
        builder = match &request.content {
            Content::Empty => builder,
            Content::Json(json) => builder
                .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
                .body(json.clone()),
            Content::Form(fields) => {
                let fields: Vec<(&str, &str)> =
                    fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
                builder.form(&fields)
            }
        };
        let (sent_at, sent) = (clock::now(), Instant::now());
        let mut response = builder.send().await.map_err(|error| self.no_answer(&error, &place))?;
        let (date, retry_after) = date_and_wait(response.headers());
        if let Some(date) = date {
            self.measure(date, response.headers(), sent_at, sent.elapsed());
        }

        let status = response.status();
        let headers = response.headers().clone();
        if let (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, Some(wait)) =
            (status, retry_after)
        {
            self.cooldown.extend(Instant::now(), wait);
        }
        let limit = if status.is_success() { request.limit } else { SMALL_ANSWER };
        let coding = http::header(&headers, &header::CONTENT_ENCODING);
        let body = self.read(&mut response, limit).await.and_then(|raw| body::decoded(raw, coding, limit));
        Ok(Answer { status, headers, body, retry_after })
    }

    async fn read(&self, response: &mut Response, limit: usize) -> Result<Zeroizing<Vec<u8>>, String> {
        let over = || {
            format!("its body is larger than {limit} bytes; check api_origin, and whether a proxy answers")
        };
        let announced = response.content_length().map(usize::try_from);
        if announced.is_some_and(|length| length.map_or(true, |length| length > limit)) {
            return Err(over());
        }
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(|error| self.broken(&error))? {
            if chunk.len() > limit - body.len() {
                return Err(over());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn measure(&self, date: Timestamp, headers: &HeaderMap, sent_at: Timestamp, elapsed: Duration) {
        let age = http::header(headers, &header::AGE).and_then(|age| age.trim().parse().ok());
        let age = age.map(Duration::from_secs).unwrap_or_default();
        let Some(sighting) = Sighting::new(date, age, sent_at, elapsed, Instant::now()) else { return };
        let heard = self.clock().hear(sighting);
        match heard {
            Heard::Agrees | Heard::Doubted { first: false, .. } => {}
            Heard::Doubted { off, .. } => {
                tracing::warn!(tenant = %self.tenant, seconds = off.as_secs(), "the Date of an answer is off what Protime's clock should show; it is not believed before another answer says the same");
            }
            Heard::Jumped(off) => {
                tracing::warn!(tenant = %self.tenant, seconds = off.as_secs(), "several answers agree that Protime's clock was set, or that ours is off; it is followed");
            }
        }
    }

    fn no_answer(&self, error: &reqwest::Error, place: &str) -> PostError {
        let not_sent = |message| PostError::NotProcessed(ApiError::transient(message));
        if error.is_connect() {
            return not_sent(format!("cannot connect to {place}: {}", not_connected(error)));
        }
        if error.is_builder() {
            return not_sent(format!("the request cannot be made: {}", deepest(error)));
        }
        PostError::Unknown(ApiError::transient(format!("no answer from {place}: {}", self.broken(error))))
    }

    fn broken(&self, error: &reqwest::Error) -> String {
        if error.is_timeout() {
            format!(
                "it took longer than {:?}; if Protime is only slow, raise api.request_timeout",
                self.request_timeout
            )
        } else {
            format!(
                "the connection broke ({}): Protime, a proxy or the network ended it; if it stays, look at the last two",
                deepest(error)
            )
        }
    }
}
