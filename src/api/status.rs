//! The status socket: read only, for anyone on the machine, never a secret.
//!
//! What belongs to the control socket is refused with a word on where to find it, rather than as if
//! it did not exist.

use axum::{
    Router,
    http::{Method, Uri},
    routing::{get, post},
};

use super::{
    problem::Problem,
    read::{self, Audience},
};
use crate::service::Service;

/// Connections that a user may have at a time: anyone on the machine may connect.
pub(crate) const CONNECTIONS_PER_USER: usize = 384;

pub(crate) fn router(service: Service) -> Router {
    let control = "/v1/webhooks/{tenant}/{name}";
    let routes = read::router()
        .route(&format!("{control}/key"), get(control_only).post(control_only))
        .route(&format!("{control}/renew"), post(control_only))
        .route(&format!("{control}/verify"), post(control_only))
        .route("/v1/poll", post(control_only))
        .route("/v1/reload", post(control_only));
    read::served(routes, service, Audience::Anyone)
}

async fn control_only(method: Method, uri: Uri) -> Problem {
    Problem::control_only(method.as_str(), uri.path())
}
