//! Hands a key to a server: PUT with the JSON object that a key command gets on its standard input.
//!
//! The object carries `key_version`. Should two requests overtake each other on their way, the server tells
//! by it which key is newer.

use std::future::Future;

use reqwest::Method;

use crate::{
    domain::{
        key::WebhookKey,
        task::{TaskContext, TaskError, TaskOutput},
    },
    http::Endpoint,
};

#[derive(Debug, Clone)]
pub(crate) struct HttpSink(Endpoint);

impl HttpSink {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self(endpoint)
    }

    pub(super) fn id(&self) -> String {
        format!("http:{}", self.0.url())
    }

    pub(super) fn label(&self) -> String {
        format!("http:{}", self.0.place())
    }

    pub(super) async fn preflight(&self) -> Result<(), TaskError> {
        self.0.preflight().await
    }

    /// Sends the key. An answer of 2xx means that it is in force.
    pub(super) async fn deliver(
        &self,
        context: &TaskContext,
        key: &WebhookKey,
        version: u64,
        stop: impl Future<Output = ()>,
    ) -> Result<TaskOutput, TaskError> {
        let message = context.message(Some((key, version)));
        let sent = self.0.send(Method::PUT, self.0.url(), Some(&message), Some(key.expose()));
        self.0.unless(stop, "the request to", sent).await?.into_result()
    }
}
