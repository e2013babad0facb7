//! One request: recorded, possibly damaged by a fault, answered.

use std::{sync::Arc, time::Duration};

use axum::http::{HeaderName, header};
use serde_json::Value;
use tokio::{sync::oneshot, time::sleep};

use crate::{
    admin,
    answer::Answer,
    api::{self, Call, Route},
    core::Core,
    dress,
    faults::{self, Action, Endpoint, OtherAnswer},
    journal::Request,
    tenant::Tenant,
    time::{http_date, later},
    wire::Reply,
    words::ADMIN_ROOT,
};

struct Exchange {
    core: Arc<Core>,
    seq: u64,
    route: Route,
    call: Call,
}

pub(crate) async fn run(core: &Arc<Core>, call: Call) -> Reply {
    if let Some(below) = call.path.strip_prefix(ADMIN_ROOT).and_then(|rest| rest.strip_prefix('/')) {
        return Some((admin::answer(core, below, &call), None));
    }
    let route = Route::of(&call);
    let (seq, fault) = core.with(|tenant, _| begin(tenant, &route, &call));
    let exchange = Exchange { core: Arc::clone(core), seq, route, call };
    let (reply, answered) = oneshot::channel();
    // In a task of its own: a client that goes away does not take back what the tenant does. That is how an
    // answer gets lost while its effect stays.
    core.spawn(exchange.answer(fault, reply));
    // The task ends without a reply only when the sandbox does.
    answered.await.ok().flatten()
}

fn begin(tenant: &mut Tenant, route: &Route, call: &Call) -> (u64, Option<Action>) {
    let endpoint = route.endpoint();
    let collection = route.collection(call);
    let fault = faults::take(&mut tenant.faults, endpoint, collection.as_deref());
    let (seq, at) = tenant.journal.stamp();
    tenant.journal.requests.push(Request {
        seq,
        at,
        method: call.method.to_string(),
        path: call.path.clone(),
        query: call.query.clone(),
        endpoint,
        collection,
        status: None,
        processed_at: None,
        processed_status: None,
        fault: fault.as_ref().and_then(Action::kind),
    });
    (seq, fault)
}

impl Exchange {
    async fn answer(self, fault: Option<Action>, reply: oneshot::Sender<Reply>) {
        let wait = |ms: &u64| sleep(Duration::from_millis(*ms));
        let sent = match &fault {
            Some(Action::Status(other)) => {
                if other.processed {
                    self.process();
                }
                Some(self.instead(other))
            }
            Some(Action::ResetBefore) => None,
            Some(Action::ResetAfter) => {
                self.process();
                None
            }
            Some(Action::ProcessLate { ms }) => {
                self.finish(None);
                let _ = reply.send(None);
                wait(ms).await;
                self.process();
                return;
            }
            Some(Action::DelayBefore { ms }) => {
                wait(ms).await;
                Some(self.process())
            }
            Some(Action::DelayAfter { ms }) => {
                let done = self.process();
                wait(ms).await;
                Some(done)
            }
            Some(Action::NotJson { body }) => {
                let status = self.process().status;
                Some(match body {
                    Some(body) => Answer::text(status, "text/plain; charset=utf-8", body.clone()),
                    None => Answer::html(status, "Welcome to the proxy"),
                })
            }
            Some(Action::NoKey) => Some(self.process_with_key(None)),
            Some(Action::KeyField { name }) => Some(self.process_with_key(Some(name))),
            // What the others damage, they damage on the wire.
            _ => Some(self.process()),
        };
        let sent = sent.map(|answer| self.dressed(answer));
        self.finish(sent.as_ref().map(|answer| answer.status));
        // The client has gone; what was done stays done.
        let _ = reply.send(sent.map(|answer| (answer, fault)));
    }

    fn dressed(&self, answer: Answer) -> Answer {
        if self.route.endpoint() == Endpoint::Token {
            return answer;
        }
        let host = self.call.header(header::HOST).unwrap_or_default();
        self.core.with(|tenant, _| dress::dressed(answer, &tenant.settings, &tenant.origin, host))
    }

    fn process(&self) -> Answer {
        self.core.with(|tenant, now| {
            let answer = api::answer(tenant, now, &self.route, &self.call);
            tenant.journal.processed(self.seq, answer.status);
            answer
        })
    }

    /// Does what was asked and puts the key under another name, or leaves it out.
    fn process_with_key(&self, name: Option<&str>) -> Answer {
        let key_field = self.core.with(|tenant, _| tenant.settings.key_field.clone());
        let mut answer = self.process();
        if let Ok(Value::Object(mut body)) = serde_json::from_slice(&answer.body)
            && let Some(key) = body.remove(&key_field)
        {
            if let Some(name) = name {
                body.insert(name.to_owned(), key);
            }
            answer.body = Value::Object(body).to_string().into();
        }
        answer
    }

    fn instead(&self, other: &OtherAnswer) -> Answer {
        let mut answer = match (&other.body, other.status) {
            (Some(body), status) => Answer::text(status, "text/plain; charset=utf-8", body.clone()),
            (None, 502..=504) => Answer::html(other.status, "The service is unavailable."),
            (None, 204 | 304) => Answer::empty(other.status),
            (None, status) if self.route.endpoint() == Endpoint::Token => {
                Answer::oauth(status, "server_error")
            }
            (None, status) => {
                Answer::error(status, "Simulated", "This answer was asked for by a fault rule.")
            }
        };
        if let Some(content_type) = &other.content_type {
            answer.headers.clear();
            answer = answer.with(header::CONTENT_TYPE, content_type);
        }
        if let Some(seconds) = other.retry_after {
            let now = self.core.with(|_, now| now);
            let date = http_date(later(now, u64::from(seconds) * 1_000)).filter(|_| other.retry_after_date);
            answer = answer.with(header::RETRY_AFTER, &date.unwrap_or_else(|| seconds.to_string()));
        }
        for (name, value) in &other.headers {
            if let Ok(name) = HeaderName::try_from(name) {
                answer = answer.with(name, value);
            }
        }
        answer
    }

    fn finish(&self, status: Option<u16>) {
        self.core.with(|tenant, _| tenant.journal.answered(self.seq, status));
    }
}
