//! What a request names: a webhook in its path, and the values of its query.
//!
//! An unknown or a repeated parameter is an error, so that a typing mistake does not silently ask
//! for something else.

use std::time::Duration;

use axum::{
    extract::{FromRequestParts, Path, Query},
    http::request::Parts,
};

use super::problem::Problem;
use crate::{
    domain::{
        report::State,
        webhook::{TenantName, WebhookName, WebhookPath},
    },
    duration,
};

/// The webhook that `/v1/webhooks/{tenant}/{name}…` names; whether it exists is not known yet.
pub(super) struct Named(pub(super) WebhookPath);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path((tenant, name)) = Path::<(String, String)>::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::invalid_name(error.body_text()))?;
        let invalid = |error| Problem::invalid_name(format!("'{tenant}/{name}' names no webhook: {error}"));
        Ok(Self(WebhookPath {
            tenant: TenantName::new(&tenant).map_err(invalid)?,
            name: WebhookName::new(&name).map_err(invalid)?,
        }))
    }
}

/// The query's parameters as they were written, each at most once.
pub(super) struct Parameters(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::query(error.body_text()))?;
        Ok(Self(pairs))
    }
}

impl Parameters {
    /// The values of these parameters, in this order; an error if there are others.
    pub(super) fn only<const N: usize>(self, names: [&str; N]) -> Result<[Option<String>; N], Problem> {
        let mut values = [const { None }; N];
        for (name, value) in self.0 {
            let Some(slot) = names.iter().position(|known| *known == name).and_then(|at| values.get_mut(at))
            else {
                let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                return Err(Problem::query(format!("'{name}' is not a parameter here; known here: {known}")));
            };
            if slot.replace(value).is_some() {
                return Err(Problem::query(format!("'{name}' is there twice; give it once")));
            }
        }
        Ok(values)
    }
}

/// `state=`: one of the states of the contract.
pub(super) fn state(text: &str) -> Result<State, Problem> {
    State::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| {
        let known = State::ALL.map(State::as_str).join(", ");
        Problem::query(format!("'{text}' is not a state; the states are {known}"))
    })
}

/// `limit=`: how many renewals, 20 if nothing is said.
pub(super) fn limit(text: Option<&str>) -> Result<u32, Problem> {
    let Some(text) = text else { return Ok(20) };
    text.parse()
        .ok()
        .filter(|limit| (1..=1000).contains(limit))
        .ok_or_else(|| Problem::query(format!("'{text}' is not a limit; give a number from 1 to 1000")))
}

/// `after=`: a key's version; 0 is before every key.
pub(super) fn version(text: &str) -> Result<u64, Problem> {
    text.parse().map_err(|_| {
        Problem::query(format!("'{text}' is not a key's version; give the number that `version` had, or 0"))
    })
}

const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// `wait=`: a duration such as `30s` or `1m 30s`, 30 seconds if nothing is said, at most 5 minutes.
pub(super) fn wait(text: Option<&str>) -> Result<Duration, Problem> {
    let Some(text) = text else { return Ok(Duration::from_secs(30)) };
    duration::parse(text).ok().filter(|wait| *wait <= LONGEST_WAIT).ok_or_else(|| {
        Problem::query(format!(
            "'{text}' is not a time to wait; give a duration such as 500ms, 30s or 1m 30s, at most 5m"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_a_duration_of_at_most_five_minutes() {
        for (text, milliseconds) in [
            ("30s", 30_000),
            ("0s", 0),
            ("200ms", 200),
            ("5m", 300_000),
            ("1m 30s", 90_000),
            ("1m30s", 90_000),
            ("30 s", 30_000),
            ("1min", 60_000),
        ] {
            assert_eq!(wait(Some(text)), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        assert_eq!(wait(None), Ok(Duration::from_secs(30)));
        let too_big = format!("{}d", u64::MAX);
        for text in ["", "30", "s", "-1s", "1.5s", "30x", "5m 1ms", "1h", &too_big] {
            assert!(wait(Some(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn a_limit_is_a_number_from_1_to_1000() {
        assert_eq!(limit(None), Ok(20));
        assert_eq!(limit(Some("1")), Ok(1));
        assert_eq!(limit(Some("1000")), Ok(1000));
        for text in ["0", "1001", "-1", "", "ten", "99999999999"] {
            assert!(limit(Some(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn parameters_are_known_and_there_once() {
        let parameters = |pairs: &[(&str, &str)]| {
            Parameters(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
        };
        let both = parameters(&[("state", "active"), ("tenant", "acme")]).only(["tenant", "state"]);
        assert_eq!(both, Ok([Some("acme".to_owned()), Some("active".to_owned())]));
        assert!(parameters(&[("stat", "active")]).only(["state"]).is_err());
        assert!(parameters(&[("state", "active"), ("state", "active")]).only(["state"]).is_err());
        assert_eq!(parameters(&[]).only([]), Ok([]));
    }
}
