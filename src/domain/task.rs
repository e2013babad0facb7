//! What a resync or a key sink is told about the renewal it serves, and how it says that it is done.
//!
//! A resync and a hand-off must not know each other, yet a program that serves either is told the
//! same things in the same words. Those words are fixed here, once: the JSON object on standard
//! input and the `PROTIME_*` variables. Law: the key is only ever in the JSON object.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use zeroize::Zeroizing;

use super::{
    key::WebhookKey,
    reason::{Reason, Step},
    webhook::{TenantName, WebhookName, WebhookPath},
};

/// For which webhook, why and for which span of time something is to be done; in the order of the contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TaskContext {
    pub(crate) tenant: TenantName,
    pub(crate) webhook: WebhookName,
    pub(crate) collection: String,
    pub(crate) destination_url: String,
    pub(crate) reason: Reason,
    pub(crate) step: Step,
    pub(crate) renewal_id: i64,
    /// The gap's beginning; `None` stands for everything.
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Timestamp,
}

#[derive(Serialize)]
struct Message<'a> {
    #[serde(flatten)]
    context: &'a TaskContext,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_version: Option<u64>,
}

impl TaskContext {
    pub(crate) fn path(&self) -> WebhookPath {
        WebhookPath { tenant: self.tenant.clone(), name: self.webhook.clone() }
    }

    /// The `PROTIME_*` variables. Times are RFC 3339 in UTC; `PROTIME_FROM` is empty for everything.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("PROTIME_TENANT", self.tenant.to_string()),
            ("PROTIME_WEBHOOK", self.webhook.to_string()),
            ("PROTIME_COLLECTION", self.collection.clone()),
            ("PROTIME_DESTINATION_URL", self.destination_url.clone()),
            ("PROTIME_REASON", self.reason.to_string()),
            ("PROTIME_STEP", self.step.to_string()),
            ("PROTIME_RENEWAL_ID", self.renewal_id.to_string()),
            ("PROTIME_FROM", self.from.map(|from| from.to_string()).unwrap_or_default()),
            ("PROTIME_TO", self.to.to_string()),
        ]
    }

    /// The JSON object without a line feed, with the key and its version where the receiver of the
    /// message is to have it. The bytes are wiped when dropped, and were never moved in memory.
    pub(crate) fn message(&self, key: Option<(&WebhookKey, u64)>) -> Zeroizing<Vec<u8>> {
        let message = Message {
            context: self,
            key: key.map(|(key, _)| key.expose()),
            key_version: key.map(|(_, version)| version),
        };
        let free_text = self.collection.len() + self.destination_url.len() + message.key.map_or(0, str::len);
        wiped_json(&message, free_text)
    }
}

/// `value` as JSON in a buffer that is wiped when dropped. A buffer that grows leaves copies of a
/// secret behind, so this one is large enough from the start: JSON needs at most six bytes for one
/// (`\u001f`), `free_text` is the length of all texts of any length, the rest is short by type.
pub(crate) fn wiped_json(value: &impl Serialize, free_text: usize) -> Zeroizing<Vec<u8>> {
    let mut json = Zeroizing::new(Vec::with_capacity(1024 + 6 * free_text));
    #[expect(clippy::expect_used, reason = "a struct of texts, numbers and times serialises into memory")]
    serde_json::to_writer(&mut *json, value).expect("serialises");
    json
}

/// The end of what a program or a server wrote, at most 4 KiB; `None` where none did.
pub(crate) type TaskOutput = Option<String>;

/// Whether trying again makes sense of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TaskErrorKind {
    Failed,
    /// It went wrong, and Protime asked to wait this long.
    Later(Duration),
    /// It goes wrong again until an operator here or at Protime does something.
    NeedsOperator,
    /// The receiver does not accept what is signed with the key that we have.
    KeyRefused,
    /// The daemon stops: it goes on after the next start, and this is no one's fault.
    Stopped,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct TaskError {
    /// What went wrong and what would help, in a sentence; never a secret.
    pub(crate) message: String,
    /// The end of what a program wrote, at most 4 KiB; `None` where no program ran.
    pub(crate) output: Option<String>,
    pub(crate) kind: TaskErrorKind,
}

impl TaskError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), output: None, kind: TaskErrorKind::Failed }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A context whose every field differs from every other.
    pub(crate) fn context(step: Step, from: Option<i64>) -> TaskContext {
        TaskContext {
            tenant: TenantName::new("acme").expect("a name"),
            webhook: WebhookName::new("badge-reader").expect("a name"),
            collection: "clockings".to_owned(),
            destination_url: "https://receiver.example/protime?a=\"b\"".to_owned(),
            reason: Reason::Expiring,
            step,
            renewal_id: 17,
            from: from.map(|second| Timestamp::from_second(second).expect("in range")),
            to: Timestamp::from_second(1_796_120_000).expect("in range"),
        }
    }

    #[test]
    fn the_message_is_the_one_of_the_contract() {
        let key = WebhookKey::new("s3cr\"t".to_owned()).expect("not empty");
        let json = context(Step::HandOff, Some(1_796_000_000)).message(Some((&key, 4)));
        assert_eq!(
            std::str::from_utf8(&json).expect("UTF-8"),
            r#"{"tenant":"acme","webhook":"badge-reader","collection":"clockings","#.to_owned()
                + r#""destination_url":"https://receiver.example/protime?a=\"b\"","reason":"expiring","#
                + r#""step":"hand_off","renewal_id":17,"from":"2026-11-30T00:53:20Z","#
                + r#""to":"2026-12-01T10:13:20Z","key":"s3cr\"t","key_version":4}"#
        );
    }

    #[test]
    fn everything_is_null_in_the_message_and_empty_in_the_environment() {
        let context = context(Step::Resync, None);
        let json: serde_json::Value = serde_json::from_slice(&context.message(None)).expect("JSON");
        assert_eq!(json["from"], serde_json::Value::Null);
        assert!(json.as_object().expect("an object").contains_key("from"));
        assert!(!json.as_object().expect("an object").contains_key("key"));
        assert!(context.environment().contains(&("PROTIME_FROM", String::new())));
    }

    #[test]
    fn the_buffer_never_grows() {
        let mut context = context(Step::HandOff, Some(0));
        context.collection = "\u{1}".repeat(5000);
        context.destination_url = "\"".repeat(5000);
        let key = WebhookKey::new("\u{1f}".repeat(5000)).expect("not empty");
        let json = context.message(Some((&key, u64::MAX)));
        assert_eq!(json.capacity(), 1024 + 6 * 15_000);
        assert!(json.len() > 6 * 10_000);
    }
}
