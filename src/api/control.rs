//! The control socket: everything that the status socket answers, and keys and orders besides.
//!
//! A receiver hears of a new key by a long poll on `key`: it says which version it has and is
//! answered as soon as there is a newer one. The wait begins before the key is read, so that no
//! rotation falls between the two.

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    extract::{DefaultBodyLimit, State},
    http::{HeaderValue, StatusCode, header::CACHE_CONTROL},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use tokio::time::Instant;

use super::{
    import,
    problem::Problem,
    query::{self, Named, Parameters},
    read::{self, Audience, Source},
    serve::Stopping,
    verify,
};
use crate::{
    domain::webhook::WebhookPath,
    service::{Keys, Service, StoredKey},
};

/// Connections that a user may have at a time: a wait for a key takes one, and there may be a
/// receiver for every webhook.
pub(crate) const CONNECTIONS_PER_USER: usize = 2048;

pub(crate) fn router(service: Service) -> Router {
    let routes = read::router()
        .route(
            "/v1/webhooks/{tenant}/{name}/key",
            get(key).post(import::import).layer(DefaultBodyLimit::max(import::LARGEST_BODY)),
        )
        .route("/v1/webhooks/{tenant}/{name}/renew", post(renew))
        .route(
            "/v1/webhooks/{tenant}/{name}/verify",
            post(verify::verify)
                .layer(DefaultBodyLimit::max(usize::try_from(verify::LARGEST_EVENT).unwrap_or(usize::MAX))),
        )
        .route("/v1/poll", post(poll))
        .route("/v1/reload", post(reload));
    read::served(routes, service, Audience::Operator)
}

#[derive(Serialize)]
struct KeyAnswer<'a> {
    version: u64,
    key: &'a str,
    rotated_at: Timestamp,
    previous: Option<PreviousKey<'a>>,
}

#[derive(Serialize)]
struct PreviousKey<'a> {
    version: u64,
    key: &'a str,
    retired_at: Option<Timestamp>,
}

async fn key(
    State(source): State<Source>,
    Extension(mut stopping): Extension<Stopping>,
    Named(path): Named,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let [after, wait] = parameters.only(["after", "wait"])?;
    let wait = query::wait(wait.as_deref())?;
    let Some(after) = after.as_deref().map(query::version).transpose()? else {
        let keys = known(&source, &path).await?;
        return keys.current.as_ref().map(|key| answer(key, &keys)).ok_or_else(|| Problem::no_key(&path));
    };

    let deadline = Instant::now() + wait;
    let mut rotations = source.service.rotations();
    loop {
        rotations.borrow_and_update();
        let keys = known(&source, &path).await?;
        if let Some(newer) = keys.current.as_ref().filter(|key| key.version > after) {
            return Ok(answer(newer, &keys));
        }
        tokio::select! {
            rotated = rotations.changed() => if rotated.is_err() { return Err(Problem::stopping()) },
            () = stopping.stopped() => return Err(Problem::stopping()),
            () = tokio::time::sleep_until(deadline) => return Ok(StatusCode::NOT_MODIFIED.into_response()),
        }
    }
}

async fn known(source: &Source, path: &WebhookPath) -> Result<Arc<Keys>, Problem> {
    source.service.key(path).await?.ok_or_else(|| Problem::unknown_webhook(path))
}

fn answer(current: &StoredKey, keys: &Keys) -> Response {
    let previous = keys.previous.as_ref().map(|previous| PreviousKey {
        version: previous.version,
        key: previous.key.expose(),
        retired_at: previous.retired_at,
    });
    let StoredKey { version, key, rotated_at, .. } = current;
    let answer = KeyAnswer { version: *version, key: key.expose(), rotated_at: *rotated_at, previous };
    let mut response = Json(answer).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn renew(
    State(source): State<Source>,
    Named(path): Named,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.only([])?;
    let renewal_id = source.service.renew(&path).await?.ok_or_else(|| Problem::unknown_webhook(&path))?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "renewal_id": renewal_id }))).into_response())
}

async fn poll(State(source): State<Source>, parameters: Parameters) -> Result<Response, Problem> {
    parameters.only([])?;
    let polled = source.service.poll().await;
    let tenants: Vec<_> =
        polled.into_iter().map(|polled| json!({ "tenant": polled.tenant, "error": polled.error })).collect();
    Ok(Json(json!({ "tenants": tenants })).into_response())
}

/// Another configuration is put in force, or is told what is wrong with it.
async fn reload(State(source): State<Source>, parameters: Parameters) -> Result<Response, Problem> {
    parameters.only([])?;
    Ok(match source.service.reload().await {
        Ok(reloaded) => Json(json!({
            "tenants": reloaded.tenants,
            "webhooks": reloaded.webhooks,
            "needs_restart": reloaded.needs_restart,
            "warnings": reloaded.warnings,
        }))
        .into_response(),
        Err(wrong) => {
            let problem = Problem::configuration(wrong.message);
            let mut body = problem.body();
            body["problems"] = json!(wrong.problems);
            problem.response(body)
        }
    })
}
