//! What a server of the operator's answered: its status, where to go on, and the end of what it wrote.

use std::time::Duration;

use reqwest::{Response, StatusCode, header::LOCATION};

use super::retry_after::{date_and_wait, header};
use crate::{
    command::Tail,
    domain::task::{TaskError, TaskErrorKind, TaskOutput},
};

/// The largest answer that is read to its end; what comes after is not waited for.
const LARGEST: usize = 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// Where to go on, as it was written.
    pub(crate) location: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    /// The end of the body, at most 4 KiB, without secrets.
    tail: String,
    /// The method and the host that it answers.
    request: String,
}

impl Answer {
    pub(super) async fn read<'a>(
        response: &mut Response,
        request: String,
        secrets: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let location = header(response.headers(), &LOCATION).map(str::to_owned);
        let (_, retry_after) = date_and_wait(response.headers());
        let mut tail = Tail::new(secrets);
        let mut length = 0;
        // The status is what counts: a body that breaks off takes nothing from it.
        while let Ok(Some(chunk)) = response.chunk().await {
            tail.extend(&chunk);
            length += chunk.len();
            if length > LARGEST {
                break;
            }
        }
        Self { status: response.status(), location, retry_after, tail: tail.text(), request }
    }

    /// A status of 2xx is success, anything else is not.
    pub(crate) fn into_result(self) -> Result<TaskOutput, TaskError> {
        if self.status.is_success() {
            return Ok(Some(self.tail));
        }
        let hint = match self.status.as_u16() {
            300..=399 => ", which is not followed; configure the address that it leads to",
            401 | 403 => "; check the token that is configured for it",
            404 | 405 | 410 => "; check the url",
            _ => "",
        };
        let reason = self.status.canonical_reason().unwrap_or_default();
        let status = format!("{} {reason}", self.status.as_u16());
        Err(self.failure(&format!("is answered with {}{hint}", status.trim_end())))
    }

    /// A failure that keeps what the server wrote.
    pub(crate) fn failure(self, what: &str) -> TaskError {
        let message = format!("{} {what}", self.request);
        TaskError { message, output: Some(self.tail), kind: TaskErrorKind::Failed }
    }
}
