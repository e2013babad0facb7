//! `GET /metrics`: on both sockets, and alone on a loopback address if one is configured.

use axum::{
    Router,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
    routing::get,
};

use super::{
    problem::Problem,
    query::Parameters,
    read::{self, Audience, Source},
};
use crate::service::Service;

/// The text format that every version of Prometheus reads.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Connections to the loopback address at a time: no one knows whose they are, and few scrape.
pub(crate) const CONNECTIONS: usize = 64;

pub(crate) fn router(service: Service) -> Router {
    let routes = Router::new().route("/metrics", get(metrics));
    read::served(routes, service, Audience::Anyone)
}

pub(super) async fn metrics(
    State(source): State<Source>,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.only([])?;
    let mut response = source.service.metrics().await?.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, TEXT);
    Ok(response)
}
