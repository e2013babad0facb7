//! The access token of one tenant.
//!
//! Laws: a token is used until shortly before its end, by the monotonic clock and by the wall clock (one
//! of them stands still during a suspend, the other may be set); one request for a token at a time,
//! and those who waited for it share its outcome, also a failure; a token that the API refused is
//! replaced once, however many requests it was refused for; a scope that the endpoint does not grant keeps
//! no one from a token who does not need it; and where a new token did not help, none is asked for again
//! before a while has passed.

pub(super) mod grant;
mod narrow;
mod scopes;

use std::{
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use reqwest::{Method, StatusCode, header::HeaderValue};
use secrecy::ExposeSecret as _;
use tokio::time::Instant;
use zeroize::Zeroizing;

use self::{
    grant::{Grant, grant},
    narrow::Narrowed,
    scopes::{InVain, Known},
};
use super::{
    Settings,
    error::{ApiError, Endpoint, PostError, Refusal},
    http::{Answer, Content, Http, Outgoing},
    webhooks::whole,
};
use crate::clock;

/// A token is replaced this long before its end, or a tenth of its life if that is shorter.
const MARGIN: Duration = Duration::from_mins(1);
/// A token is of just now for so long.
const JUST_NOW: Duration = Duration::from_mins(1);

#[derive(Clone)]
pub(super) struct Token {
    /// The `Authorization` header, marked sensitive.
    pub(super) header: HeaderValue,
    /// Counts up by one per token; names a token without being one.
    pub(super) number: u64,
    obtained: Instant,
    obtained_at: Timestamp,
    usable_for: Duration,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "token {} [redacted]", self.number)
    }
}

impl Token {
    /// The token itself, for blotting it out of messages.
    pub(super) fn expose(&self) -> &str {
        self.header.to_str().ok().and_then(|text| text.strip_prefix("Bearer ")).unwrap_or_default()
    }

    fn usable(&self, now: Instant, now_at: Timestamp) -> bool {
        let by_wall = Duration::try_from(now_at.duration_since(self.obtained_at)).unwrap_or_default();
        now.saturating_duration_since(self.obtained) < self.usable_for && by_wall < self.usable_for
    }
}

#[derive(Debug, Default)]
struct State {
    token: Option<Token>,
    issued: u64,
    /// The scopes to do with, where the endpoint refuses some.
    narrowed: Option<Narrowed>,
    failure: Option<(u64, ApiError)>,
}

#[derive(Debug)]
pub(super) struct Auth {
    pub(super) settings: Settings,
    state: tokio::sync::Mutex<State>,
    failures: AtomicU64,
    known: Mutex<Known>,
    in_vain: Mutex<InVain>,
}

impl Auth {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            settings: settings.clone(),
            state: tokio::sync::Mutex::default(),
            failures: AtomicU64::new(0),
            known: Mutex::default(),
            in_vain: Mutex::default(),
        }
    }

    /// Whether another token may get an answer other than `status` from a request that needs one of `scopes`.
    /// A token that lacks them is worth another one once it is not of just now: they may have been granted since.
    pub(super) fn may_help(&self, token: &Token, status: StatusCode, scopes: &[&str]) -> bool {
        let is_refused = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        let is_new = token.obtained.elapsed() < JUST_NOW;
        let lacks = self.known().lacks(scopes);
        let may = if lacks { !is_new } else { status == StatusCode::UNAUTHORIZED };
        is_refused && may && !self.in_vain().was(scopes, Instant::now())
    }

    /// When a new token got no other answer.
    pub(super) fn in_vain(&self) -> MutexGuard<'_, InVain> {
        self.in_vain.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn known(&self) -> Known {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A token to use now; not the one with the number `refused`.
    pub(super) async fn token(&self, http: &Http, refused: Option<u64>) -> Result<Token, ApiError> {
        let failures_before = self.failures.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        let usable =
            |token: &&Token| Some(token.number) != refused && token.usable(Instant::now(), clock::now());
        if let Some(token) = state.token.as_ref().filter(usable) {
            return Ok(token.clone());
        }
        if let Some((number, error)) = state.failure.as_ref()
            && *number > failures_before
        {
            return Err(error.clone());
        }
        if refused.is_some() {
            // What was refused a while ago may be what is needed now, and granted since.
            state.narrowed = state.narrowed.take().filter(|narrowed| narrowed.holds_for(JUST_NOW));
        }
        match self.obtain(http, &mut state).await {
            Ok(token) => {
                state.issued = token.number;
                state.token = Some(token.clone());
                Ok(token)
            }
            Err(error) => {
                let number = self.failures.fetch_add(1, Ordering::AcqRel) + 1;
                state.failure = Some((number, error.clone()));
                Err(error)
            }
        }
    }

    async fn request(&self, http: &Http, number: u64, scopes: &[String]) -> Result<Token, Refused> {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", &self.settings.client_id),
            ("client_secret", self.settings.client_secret.expose_secret()),
            ("scope", &scopes.join(" ")),
        ];
        let fields = fields.map(|(name, value)| (name, Zeroizing::new(value.to_owned())));
        // A life counts from before the request, so that a slow answer does not lengthen it.
        let (obtained, obtained_at) = (Instant::now(), clock::now());
        let answer = http
            .send(Outgoing {
                content: Content::Form(fields.into()),
                ..Outgoing::new(Endpoint::Token, Method::POST, self.settings.token_url.clone())
            })
            .await
            .map_err(unanswered)?;
        if !answer.status.is_success() {
            return Err(self.refused(&answer, scopes));
        }
        let what = "Protime's answer to the request for a token";
        let Grant { header, life, granted } = grant(whole(&answer, what)?).map_err(|wrong| {
            ApiError::transient(format!(
                "{what} is not usable: {wrong}; check token_url, and whether a proxy answers in Protime's place"
            ))
        })?;
        let new = Known::of(&self.settings.scopes, scopes, granted, obtained_at, life);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        *known = new.after(&known);
        Ok(Token {
            header,
            number,
            obtained,
            obtained_at,
            usable_for: life.saturating_sub(MARGIN.min(life / 10)),
        })
    }

    /// Once for each change of what is missing.
    fn log_missing(&self, before: &[String]) {
        let missing = self.known().missing;
        if !missing.is_empty() && missing != before {
            tracing::warn!(
                client_id = self.settings.client_id,
                missing = missing.join(" "),
                "Protime granted fewer scopes than were asked for; ask Protime to grant them"
            );
        }
    }

    fn refused(&self, answer: &Answer, scopes: &[String]) -> Refused {
        let detail = answer.detail(&[self.settings.client_secret.expose_secret()]);
        let error = Refusal {
            status: answer.status,
            detail: detail.text.as_deref(),
            oauth: detail.oauth.as_deref(),
            location: answer.location_without_query(&self.settings.token_url).as_deref(),
            retry_after: answer.retry_after,
            missing_scopes: scopes,
            ..Refusal::new(Endpoint::Token, &self.settings.client_id)
        }
        .decide();
        Refused { for_its_scopes: detail.oauth.as_deref() == Some("invalid_scope"), error }
    }
}

struct Refused {
    /// Whether it was because of one of the scopes, so that without it there may be one.
    for_its_scopes: bool,
    error: ApiError,
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self { for_its_scopes: false, error }
    }
}

/// Whether the request arrived does not matter: an unused token does no harm.
fn unanswered(error: PostError) -> ApiError {
    let error = ApiError::from(error);
    let message = format!("no token: {error}");
    ApiError::Transient { message, status: None, retry_after: error.retry_after() }
}

#[cfg(test)]
mod tests;
