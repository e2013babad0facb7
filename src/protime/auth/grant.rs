//! What the answer of a token endpoint holds (RFC 6749, 5.1). Law: no error holds a value of it but the name
//! of a token's type.

use std::time::Duration;

use reqwest::header::HeaderValue;
use serde_json::{Map, Value};

use crate::{http::bearer, redact::sanitize};

/// How long a token is used whose answer does not say how long it lives.
const UNSTATED_LIFE: Duration = Duration::from_mins(5);
/// No token is used for longer, whatever its answer says.
pub(in crate::protime) const LONGEST_LIFE: Duration = Duration::from_hours(24);

pub(in crate::protime) struct Grant {
    /// The `Authorization` header, marked sensitive.
    pub(in crate::protime) header: HeaderValue,
    pub(in crate::protime) life: Duration,
    /// The scopes that it has; unknown where the answer does not name any, for a token without is of no use.
    pub(super) granted: Option<Vec<String>>,
}

pub(in crate::protime) fn grant(body: &[u8]) -> Result<Grant, String> {
    let fields: Map<String, Value> =
        serde_json::from_slice(body).map_err(|_| "it is not a JSON object".to_owned())?;
    let text = |name| fields.get(name).and_then(Value::as_str);
    let token = text("access_token").filter(|token| !token.is_empty()).ok_or("it has no access_token")?;
    if let Some(other) = text("token_type").filter(|kind| !kind.eq_ignore_ascii_case("Bearer")) {
        return Err(format!("its token_type is '{}', not Bearer", sanitize(other, &[token])));
    }
    let header = bearer(token).ok_or("its access_token does not fit into a header")?;
    let life = match fields.get("expires_in") {
        None | Some(Value::Null) => UNSTATED_LIFE,
        Some(Value::String(text)) => text.trim().parse().map_or(UNSTATED_LIFE, Duration::from_secs),
        Some(value) => seconds(value).ok_or("its expires_in is not a number")?,
    };
    let granted = text("scope").map(|scopes| scopes.split_whitespace().map(str::to_owned).collect());
    let granted = granted.filter(|granted: &Vec<String>| !granted.is_empty());
    Ok(Grant { header, life: life.min(LONGEST_LIFE), granted })
}

/// Seconds out of any JSON number; what is negative is over already.
pub(super) fn seconds(value: &Value) -> Option<Duration> {
    let seconds = value.as_f64()?;
    Some(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(LONGEST_LIFE))
}
