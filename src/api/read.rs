//! What both sockets answer: health, status, webhooks and their history, and the metrics, which a loopback address
//! answers as well if one is configured.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderValue, Method, StatusCode, Uri, header},
    response::Response,
    routing::get,
};

use super::{
    events, pieces,
    problem::Problem,
    query::{self, Named, Parameters},
};
use crate::{domain::report, redact, service::Service};

/// The text format that every version of Prometheus reads.
const METRICS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Connections to the loopback address at a time: no one knows whose they are, and few scrape.
pub(crate) const METRICS_CONNECTIONS: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// Anyone on the machine: secrets in URLs are redacted, and what programs printed is left out.
    Anyone,
    /// Who may also have the keys.
    Operator,
}

#[derive(Debug, Clone)]
pub(super) struct Source {
    // Every request has a copy or two.
    pub(super) service: Arc<Service>,
    pub(super) audience: Audience,
}

impl Source {
    fn shown(&self, mut webhook: report::Webhook) -> report::Webhook {
        if self.audience == Audience::Anyone {
            webhook.destination_url = redact::destination(&webhook.destination_url);
        }
        webhook
    }
}

pub(super) fn router() -> Router<Source> {
    Router::new()
        .route("/v1/health", get(health))
        .route("/v1/events", get(events::events))
        .route("/metrics", get(metrics))
        .route("/v1/status", get(status))
        .route("/v1/webhooks", get(webhooks))
        .route("/v1/webhooks/{tenant}/{name}", get(webhook))
        .route("/v1/webhooks/{tenant}/{name}/history", get(history))
}

/// The metrics alone, for a loopback address.
pub(crate) fn metrics_router(service: Service) -> Router {
    served(Router::new().route("/metrics", get(metrics)), service, Audience::Anyone)
}

/// The routes, with an answer to everything that they do not have.
pub(super) fn served(routes: Router<Source>, service: Service, audience: Audience) -> Router {
    routes
        .fallback(|uri: Uri| async move { Problem::unknown_path(uri.path()) })
        .method_not_allowed_fallback(|method: Method, uri: Uri| async move {
            Problem::method(method.as_str(), uri.path())
        })
        .with_state(Source { service: Arc::new(service), audience })
}

async fn health(State(source): State<Source>, parameters: Parameters) -> Result<Response, Problem> {
    parameters.only([])?;
    let health = source.service.health().await?;
    let mut response = json(health.json.clone());
    if !health.report.healthy {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    Ok(response)
}

async fn status(
    State(source): State<Source>,
    parameters: Parameters,
) -> Result<Json<report::Status>, Problem> {
    parameters.only([])?;
    let mut status = source.service.status().await?;
    if source.audience == Audience::Anyone {
        for removed in &mut status.removed_webhooks {
            removed.destination_url = redact::destination(&removed.destination_url);
        }
    }
    Ok(Json(status))
}

async fn webhooks(State(source): State<Source>, parameters: Parameters) -> Result<Response, Problem> {
    let [tenant, state] = parameters.only(["tenant", "state"])?;
    let state = state.as_deref().map(query::state).transpose()?;
    let with_secrets = source.audience == Audience::Operator;
    Ok(json(source.service.webhooks(with_secrets, tenant.as_deref(), state).await?))
}

async fn webhook(
    State(source): State<Source>,
    Named(path): Named,
    parameters: Parameters,
) -> Result<Json<report::Webhook>, Problem> {
    parameters.only([])?;
    let webhook = source.service.webhook(&path).await?;
    webhook.map(|webhook| Json(source.shown(webhook))).ok_or_else(|| Problem::unknown_webhook(&path))
}

async fn history(
    State(source): State<Source>,
    Named(path): Named,
    parameters: Parameters,
) -> Result<Json<report::History>, Problem> {
    let [limit] = parameters.only(["limit"])?;
    let limit = query::limit(limit.as_deref())?;
    let history = source.service.history(&path, limit).await?;
    let mut history = history.ok_or_else(|| Problem::unknown_webhook(&path))?;
    if source.audience == Audience::Anyone {
        // What a program prints is its author's, who did not write it for everyone on the machine.
        for step in history.renewals.iter_mut().flat_map(|renewal| &mut renewal.steps) {
            step.output = None;
        }
    }
    Ok(Json(history))
}

async fn metrics(State(source): State<Source>, parameters: Parameters) -> Result<Response, Problem> {
    parameters.only([])?;
    let mut response = Response::new(pieces::made(source.service.metrics().await?, pieces::LONGEST));
    response.headers_mut().insert(header::CONTENT_TYPE, METRICS);
    Ok(response)
}

/// An answer of JSON that others get as well.
fn json(bytes: Bytes) -> Response {
    let mut response = Response::new(pieces::shared(bytes));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
