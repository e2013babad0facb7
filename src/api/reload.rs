//! `POST /v1/reload`: another configuration is put in force, or is told what is wrong with it.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use super::{problem::Problem, query::Parameters, read::Source};

pub(super) async fn reload(
    State(source): State<Source>,
    parameters: Parameters,
) -> Result<Response, Problem> {
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
