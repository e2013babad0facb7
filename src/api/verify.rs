//! `POST …/verify`: is this event genuine?
//!
//! The body is taken as it came, because the signature is over its raw bytes.

use axum::{
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::AUTHORIZATION},
    response::{IntoResponse, Response},
};

use super::{
    problem::Problem,
    query::{Named, Parameters},
    read::Source,
};
use crate::service::Verdict;

pub(super) const LARGEST_EVENT: u64 = 10 * 1024 * 1024;

const KEY_VERSION: HeaderName = HeaderName::from_static("key-version");

pub(super) async fn verify(
    State(source): State<Source>,
    Named(path): Named,
    parameters: Parameters,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    parameters.only([])?;
    // A body whose length was announced is refused before; this one turned out to be too long.
    let body = body.map_err(|_| Problem::too_large(LARGEST_EVENT))?;
    let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let verdict = source.service.verify(&path, authorization, &body).await?;
    match verdict.ok_or_else(|| Problem::unknown_webhook(&path))? {
        Verdict::Valid { key_version } => {
            let version = HeaderValue::from(key_version);
            Ok((StatusCode::NO_CONTENT, [(KEY_VERSION, version)]).into_response())
        }
        Verdict::NoKey => Err(Problem::no_key(&path)),
        Verdict::Malformed => Err(Problem::not_genuine(
            "malformed",
            "the Authorization header is not of the form 'HMAC-SHA256 BASE64'".to_owned(),
        )),
        Verdict::Mismatch => Err(Problem::not_genuine(
            "mismatch",
            format!("the event was not signed with the key of '{path}', or is not what was signed"),
        )),
    }
}
