//! Fault rules: which request goes wrong, how often, and how.

mod spec;

use std::collections::BTreeMap;

use axum::http::{HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Endpoint {
    Token,
    /// `GET /webhooks`
    List,
    /// `GET /webhooks/{id}` and its debugging endpoint.
    Get,
    /// `POST /webhooks`
    Create,
    /// `DELETE /webhooks/{id}`
    Delete,
    /// `GET /{collection}`, fresh deltas included.
    Collection,
    /// `GET /delta/{collection}`
    Delta,
    /// In a rule: every request. In a record: nothing the API knows.
    Any,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherAnswer {
    pub(crate) status: u16,
    /// Its body; otherwise an error of a documented shape, or HTML for 502 to 504.
    pub(crate) body: Option<String>,
    pub(crate) content_type: Option<String>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// `Retry-After` in seconds.
    pub(crate) retry_after: Option<u32>,
    #[serde(default)]
    pub(crate) retry_after_date: bool,
    /// Whether the tenant does what was asked all the same.
    #[serde(default)]
    pub(crate) processed: bool,
}

impl OtherAnswer {
    fn check(&self) -> Result<(), String> {
        if self.status < 200 || StatusCode::from_u16(self.status).is_err() {
            return Err(format!("{} is not a final status code", self.status));
        }
        for (name, value) in &self.headers {
            HeaderName::try_from(name).map_err(|_| format!("`{name}` is not a header name"))?;
            HeaderValue::try_from(value).map_err(|_| format!("`{name}` has no valid value"))?;
        }
        let valid = self.content_type.as_ref().is_none_or(|text| HeaderValue::try_from(text).is_ok());
        if valid { Ok(()) } else { Err("content_type is not a header value".to_owned()) }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    Status(OtherAnswer),
    /// Waits, then does what was asked, even if the client has gone.
    DelayBefore {
        ms: u64,
    },
    /// Does what was asked, then waits before it answers.
    DelayAfter {
        ms: u64,
    },
    /// Resets the connection and does nothing.
    ResetBefore,
    /// Does what was asked and resets the connection: the answer is lost.
    ResetAfter,
    /// Resets the connection and does what was asked only later.
    ProcessLate {
        ms: u64,
    },
    /// Closes the connection in the middle of the body.
    Truncate {
        /// How much of the body is sent; half of it where this is absent.
        bytes: Option<usize>,
    },
    /// A `Content-Length` that is wrong by so much.
    ContentLength {
        /// Too long if positive, too short if negative.
        delta: i64,
    },
    /// So much white space before the body.
    Huge {
        mib: u32,
    },
    Dribble {
        /// Milliseconds between two pieces.
        ms: u64,
        #[serde(default = "one")]
        bytes: usize,
    },
    /// Does what was asked and answers with the right status and a body that is not JSON.
    NotJson {
        /// The body; otherwise a page of HTML.
        body: Option<String>,
    },
    NoKey,
    KeyField {
        name: String,
    },
}

fn one() -> usize {
    1
}

impl Action {
    /// Its name, as it is written in a rule.
    pub(crate) fn kind(&self) -> Option<String> {
        json!(self)["kind"].as_str().map(str::to_owned)
    }

    fn check(&self) -> Result<(), String> {
        match self {
            Self::Status(other) => other.check(),
            Self::Huge { mib: 1_025.. } => Err("a huge body has 1024 MiB at most".to_owned()),
            Self::Dribble { bytes: 0, .. } => Err("a piece has one byte at least".to_owned()),
            Self::KeyField { name } if name.is_empty() => Err("the key's name is empty".to_owned()),
            _ => Ok(()),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub(crate) endpoint: Endpoint,
    /// Only those that concern this collection.
    pub collection: Option<String>,
    /// How many matching requests pass unharmed first.
    #[serde(default)]
    pub(crate) skip: u64,
    /// How many times it applies: once where this is absent, for ever where it is null.
    #[serde(default = "once")]
    pub(crate) times: Option<u64>,
    /// How likely it applies to a matching request, from 0 to 1.
    #[serde(default = "certain")]
    pub(crate) probability: f64,
    pub(crate) action: Action,
    #[serde(default, skip_deserializing)]
    pub(crate) applied: u64,
}

#[expect(clippy::unnecessary_wraps, reason = "the default of an optional field")]
fn once() -> Option<u64> {
    Some(1)
}

fn certain() -> f64 {
    1.0
}

impl Rule {
    #[must_use]
    pub fn new(endpoint: Endpoint, times: Option<u64>, action: Action) -> Self {
        Self { endpoint, collection: None, skip: 0, times, probability: 1.0, action, applied: 0 }
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        if !(0.0..=1.0).contains(&self.probability) {
            return Err(format!("probability is {}, not between 0 and 1", self.probability));
        }
        self.action.check()
    }

    fn takes(&mut self, endpoint: Endpoint, collection: Option<&str>) -> bool {
        let matches = (self.endpoint == Endpoint::Any || self.endpoint == endpoint)
            && (self.collection.is_none() || self.collection.as_deref() == collection)
            && self.times.is_none_or(|times| self.applied < times);
        if !matches {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        let hit = fastrand::f64() < self.probability;
        self.applied += u64::from(hit);
        hit
    }
}

/// The first rule that matches and is not used up decides. One that is used up stays, so that a test can see
/// that it was.
pub(crate) fn take(rules: &mut [Rule], endpoint: Endpoint, collection: Option<&str>) -> Option<Action> {
    rules.iter_mut().find_map(|rule| rule.takes(endpoint, collection).then(|| rule.action.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_applies_after_its_skips_and_until_it_is_used_up() {
        let mut rule = Rule::new(Endpoint::Create, Some(2), Action::ResetAfter);
        rule.skip = 1;
        let mut rules = [rule];
        assert_eq!(take(&mut rules, Endpoint::List, None), None);
        let taken: Vec<_> = (0..4).map(|_| take(&mut rules, Endpoint::Create, None).is_some()).collect();
        assert_eq!(taken, [false, true, true, false]);
        assert_eq!(rules[0].applied, 2);
    }

    #[test]
    fn the_first_matching_rule_decides() {
        let mut only_people = Rule::new(Endpoint::Any, None, Action::ResetBefore);
        only_people.collection = Some("people".to_owned());
        let mut rules = [only_people, Rule::new(Endpoint::Any, None, Action::ResetAfter)];
        assert_eq!(take(&mut rules, Endpoint::Create, Some("people")), Some(Action::ResetBefore));
        assert_eq!(take(&mut rules, Endpoint::Create, Some("breaks")), Some(Action::ResetAfter));
    }

    #[test]
    fn rules_are_read_from_json() {
        let rule: Rule = serde_json::from_value(
            json!({"endpoint": "list", "times": null, "action": {"kind": "status", "status": 429, "retry_after": 2}}),
        )
        .unwrap();
        assert_eq!(rule.times, None);
        assert_eq!(rule.check(), Ok(()));
        let once: Rule =
            serde_json::from_value(json!({"endpoint": "any", "action": {"kind": "reset-after"}})).unwrap();
        assert_eq!(once.times, Some(1));
        for wrong in [
            json!({"endpoint": "lists", "action": {"kind": "reset-after"}}),
            json!({"endpoint": "list", "action": {"kind": "explode"}}),
            json!({"endpoint": "list", "action": {"kind": "dribble", "ms": 1, "speed": 1}}),
            json!({"endpoint": "list", "count": 1, "action": {"kind": "reset-after"}}),
        ] {
            assert!(serde_json::from_value::<Rule>(wrong.clone()).is_err(), "{wrong}");
        }
        let bad = Rule::new(Endpoint::List, None, Action::Dribble { ms: 1, bytes: 0 });
        assert!(bad.check().is_err());
    }
}
