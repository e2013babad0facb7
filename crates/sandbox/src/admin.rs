//! The admin API below `/_sandbox/`, for tests in other processes. `docs/sandbox.md` lists it.

use std::sync::Arc;

use axum::http::Method;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;

use crate::{answer::Answer, api::Call, core::Core, handle::Handle, webhooks::Pair};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfCollection {
    collection: String,
}

// It asks for no credentials: the sandbox listens on loopback only and guards nothing real.
pub(crate) fn answer(core: &Arc<Core>, below: &str, call: &Call) -> Answer {
    let handle = Handle::new(Arc::clone(core));
    let parsed = route(&handle, below, call);
    parsed.unwrap_or_else(|why| Answer::error(400, "Invalid", &why))
}

fn route(handle: &Handle, below: &str, call: &Call) -> Result<Answer, String> {
    let answer = match (call.method.as_str(), below) {
        ("GET", "truth") => ok(handle.truth()),
        ("GET", "webhooks") => ok(json!({"webhooks": handle.webhooks()})),
        ("GET", "requests") => ok(json!({"requests": handle.requests(since(call)?)})),
        ("GET", "deliveries") => ok(json!({"deliveries": handle.deliveries(since(call)?)})),
        ("GET", "changes") => ok(json!({"changes": handle.changes(since(call)?)})),
        ("GET", "transitions") => ok(json!({"transitions": handle.transitions(since(call)?)})),
        ("POST", "changes") => ok(json!({"changes": handle.change(&body(call)?)?})),
        ("PUT", "steady") => {
            handle.set_load(body(call)?)?;
            Answer::empty(204)
        }
        ("GET", "faults") => ok(json!({"faults": handle.faults()})),
        ("POST", "faults") => {
            handle.add_fault(body(call)?)?;
            Answer::empty(204)
        }
        ("DELETE", "faults") => {
            handle.clear_faults();
            Answer::empty(204)
        }
        ("GET", "settings") => ok(handle.settings()),
        ("PUT", "settings") => ok(handle.set(body(call)?)?),
        ("POST", "webhooks/disable") => done(handle.disable(&body::<Pair>(call)?)),
        ("POST", "webhooks/foreign-renew") => done(handle.foreign_renew(&body::<Pair>(call)?)),
        ("DELETE", "webhooks") => done(handle.delete_webhook(&body::<Pair>(call)?)),
        ("POST", "deltas/foreign-start") => {
            let wanted: OfCollection = body(call)?;
            ok(json!({"ended": handle.foreign_delta(&wanted.collection)}))
        }
        ("POST", "tokens/revoke") => ok(json!({"revoked": handle.revoke_tokens()})),
        ("POST", "shutdown") => {
            handle.request_stop();
            Answer::empty(202)
        }
        _ => Answer::error(404, "NotFound", &nothing(&call.method, below)),
    };
    Ok(answer)
}

fn nothing(method: &Method, below: &str) -> String {
    format!("There is no {method} of `{below}` here; docs/sandbox.md lists what there is.")
}

fn ok<T: Serialize>(body: T) -> Answer {
    match serde_json::to_value(body) {
        Ok(body) => Answer::json(200, &body),
        Err(error) => Answer::error(500, "InternalError", &error.to_string()),
    }
}

fn done(found: bool) -> Answer {
    if found { Answer::empty(204) } else { Answer::not_found("webhook") }
}

fn body<T: DeserializeOwned>(call: &Call) -> Result<T, String> {
    serde_json::from_slice(&call.body).map_err(|error| error.to_string())
}

fn since(call: &Call) -> Result<u64, String> {
    match call.parameter("since") {
        None => Ok(0),
        Some(text) => text.parse().map_err(|_| format!("since is `{text}`, which is not a number")),
    }
}
