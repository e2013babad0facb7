//! The access token of one tenant.
//!
//! Laws: a token is used until shortly before its end, by the steady clock and by the wall clock (one
//! of them stands still during a suspend, the other may be set); one request for a token at a time,
//! and those who waited for it share its outcome, also a failure; a token that the API refused is
//! replaced once, however many requests it was refused for.

use std::{
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use reqwest::{Method, Url, header::HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::{
    Settings,
    error::{ApiError, Endpoint, Refusal},
    http::{Answer, Content, Http, NoAnswer, Outgoing, SMALL_ANSWER},
    webhooks::whole,
};
use crate::clock;

/// How long a token is used whose answer does not say how long it lives.
const UNSTATED_LIFE: Duration = Duration::from_mins(5);
/// No token is used for longer, whatever its answer says.
pub(super) const LONGEST_LIFE: Duration = Duration::from_hours(24);
/// A token is replaced this long before its end, or a tenth of its life if that is shorter.
const MARGIN: Duration = Duration::from_mins(1);

/// A token as it is sent.
#[derive(Clone)]
pub(super) struct Token {
    header: HeaderValue,
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
    /// The `Authorization` header, marked sensitive.
    pub(super) fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// The token itself, for blotting it out of messages.
    pub(super) fn expose(&self) -> &str {
        self.header.to_str().ok().and_then(|text| text.strip_prefix("Bearer ")).unwrap_or_default()
    }

    fn usable(&self, now: Instant, now_at: Timestamp) -> bool {
        let by_wall = Duration::try_from(now_at.duration_since(self.obtained_at)).unwrap_or_default();
        now.saturating_duration_since(self.obtained) < self.usable_for && by_wall < self.usable_for
    }
}

/// What is known of the newest token.
#[derive(Debug, Clone, Default)]
struct Known {
    expires_at: Option<Timestamp>,
    granted: Option<Vec<String>>,
    missing: Vec<String>,
}

#[derive(Debug, Default)]
struct State {
    token: Option<Token>,
    issued: u64,
    /// The newest failure and its number.
    failure: Option<(u64, ApiError)>,
}

/// Gets tokens and keeps the newest.
#[derive(Debug)]
pub(super) struct Auth {
    url: Url,
    client_id: String,
    client_secret: SecretString,
    scopes: Vec<String>,
    state: tokio::sync::Mutex<State>,
    failures: AtomicU64,
    known: Mutex<Known>,
}

impl Auth {
    /// Knows where to ask; asks nothing yet.
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            url: settings.token_url.clone(),
            client_id: settings.client_id.clone(),
            client_secret: settings.client_secret.clone(),
            scopes: settings.scopes.clone(),
            state: tokio::sync::Mutex::default(),
            failures: AtomicU64::new(0),
            known: Mutex::default(),
        }
    }

    pub(super) fn client_id(&self) -> &str {
        &self.client_id
    }

    pub(super) fn client_secret(&self) -> &str {
        self.client_secret.expose_secret()
    }

    /// When the newest token ends.
    pub(super) fn expires_at(&self) -> Option<Timestamp> {
        self.known().expires_at
    }

    /// The scopes of the newest token, if its answer named them.
    pub(super) fn granted(&self) -> Option<Vec<String>> {
        self.known().granted
    }

    /// The scopes that were asked for and not granted.
    pub(super) fn missing(&self) -> Vec<String> {
        self.known().missing
    }

    fn known(&self) -> Known {
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
        match self.request(http, state.issued + 1).await {
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

    async fn request(&self, http: &Http, number: u64) -> Result<Token, ApiError> {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", &self.client_id),
            ("client_secret", self.client_secret.expose_secret()),
            ("scope", &self.scopes.join(" ")),
        ];
        let fields = fields.map(|(name, value)| (name, Zeroizing::new(value.to_owned())));
        // A life counts from before the request, so that a slow answer does not lengthen it.
        let (obtained, obtained_at) = (Instant::now(), clock::now());
        let answer = http
            .send(Outgoing {
                endpoint: Endpoint::Token,
                method: Method::POST,
                url: self.url.clone(),
                authorization: None,
                content: Content::Form(fields.into()),
                limit: SMALL_ANSWER,
            })
            .await
            .map_err(unanswered)?;
        if !answer.status.is_success() {
            return Err(self.refused(&answer));
        }
        let what = "Protime's answer to the request for a token";
        let Grant { header, life, granted } = grant(whole(&answer, what)?).map_err(|wrong| {
            ApiError::transient(format!(
                "{what} is not usable: {wrong}; check token_url, and whether a proxy answers in Protime's place"
            ))
        })?;
        self.learn(obtained_at, life, granted);
        Ok(Token {
            header,
            number,
            obtained,
            obtained_at,
            usable_for: life.saturating_sub(MARGIN.min(life / 10)),
        })
    }

    fn learn(&self, obtained_at: Timestamp, life: Duration, granted: Option<Vec<String>>) {
        let missing: Vec<String> = match &granted {
            Some(granted) => self.scopes.iter().filter(|scope| !granted.contains(scope)).cloned().collect(),
            None => Vec::new(),
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !missing.is_empty() && known.missing != missing {
            tracing::warn!(
                client_id = self.client_id,
                missing = missing.join(" "),
                "Protime granted fewer scopes than were asked for; ask Protime to grant them"
            );
        }
        *known = Known { expires_at: obtained_at.checked_add(life).ok(), granted, missing };
    }

    fn refused(&self, answer: &Answer) -> ApiError {
        let detail = answer.detail(&[self.client_secret.expose_secret()]);
        Refusal {
            endpoint: Endpoint::Token,
            status: answer.status,
            detail: detail.text.as_deref(),
            oauth: detail.oauth.as_deref(),
            location: answer.location_without_query(&self.url).as_deref(),
            retry_after: answer.retry_after,
            client_id: &self.client_id,
            scope: None,
            missing_scopes: &self.scopes,
        }
        .decide()
    }
}

/// Whether the request arrived does not matter: an unused token does no harm.
fn unanswered(none: NoAnswer) -> ApiError {
    let (message, retry_after) = match none {
        NoAnswer::NotSent { message, retry_after } => (message, retry_after),
        NoAnswer::Lost { message } => (message, None),
    };
    ApiError::Transient { message: format!("no token: {message}"), status: None, retry_after }
}

/// What a token's answer grants.
pub(super) struct Grant {
    pub(super) header: HeaderValue,
    pub(super) life: Duration,
    granted: Option<Vec<String>>,
}

/// Reads a token's answer (RFC 6749, 5.1); the error holds no value of it.
pub(super) fn grant(body: &[u8]) -> Result<Grant, String> {
    let fields: Map<String, Value> =
        serde_json::from_slice(body).map_err(|_| "it is not a JSON object".to_owned())?;
    let text = |name| fields.get(name).and_then(Value::as_str);
    let token = text("access_token").filter(|token| !token.is_empty()).ok_or("it has no access_token")?;
    if let Some(other) = text("token_type").filter(|kind| !kind.eq_ignore_ascii_case("Bearer")) {
        return Err(format!("its token_type is '{}', not Bearer", super::detail::tidy(other, &[token])));
    }
    let bearer = Zeroizing::new(format!("Bearer {token}"));
    let mut header =
        HeaderValue::from_str(&bearer).map_err(|_| "its access_token does not fit into a header")?;
    header.set_sensitive(true);
    let life = match fields.get("expires_in") {
        None | Some(Value::Null) => UNSTATED_LIFE,
        Some(Value::String(text)) => text.trim().parse().map_or(UNSTATED_LIFE, Duration::from_secs),
        Some(value) => seconds(value).ok_or("its expires_in is not a number")?,
    };
    let granted = text("scope").map(|scopes| scopes.split_whitespace().map(str::to_owned).collect());
    Ok(Grant { header, life: life.min(LONGEST_LIFE), granted })
}

/// Seconds out of any JSON number; what is negative is over already.
fn seconds(value: &Value) -> Option<Duration> {
    let seconds = value.as_f64()?;
    Some(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(LONGEST_LIFE))
}

#[cfg(test)]
mod tests;
