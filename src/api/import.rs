//! `POST …/key`: a key that Protime signs with already is taken over, without a rotation.

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::{
    problem::Problem,
    query::{Named, Parameters},
    read::Source,
};
use crate::{
    domain::key::{WebhookKey, imported},
    service::Imported,
};

pub(super) const LARGEST_BODY: usize = 64 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    key: Zeroizing<String>,
}

pub(super) async fn import(
    State(source): State<Source>,
    Named(path): Named,
    parameters: Parameters,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    parameters.only([])?;
    let body = body.map_err(|_| Problem::too_large(LARGEST_BODY as u64))?;
    let key = read(&body)?;
    let imported = source.service.import_key(&path, key).await?;
    match imported.ok_or_else(|| Problem::unknown_webhook(&path))? {
        Imported::New { version } => {
            Ok((StatusCode::CREATED, Json(json!({ "version": version }))).into_response())
        }
        Imported::Same { version } => Ok(Json(json!({ "version": version })).into_response()),
        Imported::PostInFlight => Err(Problem::post_in_flight(&path)),
    }
}

/// The key in the body. What is wrong with it is said by its place: the text may be a key.
pub(super) fn read(body: &[u8]) -> Result<WebhookKey, Problem> {
    let Body { key } = serde_json::from_slice(body).map_err(|error| {
        Problem::body_not_understood(format!(
            "send {{\"key\": \"…\"}} and nothing else; what was sent is something else at line {}, column {}",
            error.line(),
            error.column()
        ))
    })?;
    imported(key).map_err(|wrong| {
        Problem::body_not_understood(format!("the key cannot be one: {wrong}; send it as Protime showed it"))
    })
}
