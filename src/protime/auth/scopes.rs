//! What is known of the newest token's scopes, and for which scopes another token did not help.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;

/// So long after a new token did not help, none is asked for because of the same scope.
const IN_VAIN_FOR: Duration = Duration::from_mins(5);

#[derive(Debug, Clone, Default)]
pub(in crate::protime) struct Known {
    pub(in crate::protime) expires_at: Option<Timestamp>,
    pub(in crate::protime) granted: Option<Vec<String>>,
    /// The wanted scopes that it lacks for certain.
    pub(in crate::protime) missing: Vec<String>,
    pub(in crate::protime) missing_since: Option<Timestamp>,
    asked: Vec<String>,
}

impl Known {
    /// Of a token that was asked for with some of the wanted scopes.
    pub(super) fn of(
        wanted: &[String],
        asked: &[String],
        granted: Option<Vec<String>>,
        obtained_at: Timestamp,
        life: Duration,
    ) -> Self {
        let is_missing = |scope: &&String| {
            !asked.contains(scope) || granted.as_ref().is_some_and(|granted| !granted.contains(scope))
        };
        let missing: Vec<String> = wanted.iter().filter(is_missing).cloned().collect();
        Self {
            expires_at: obtained_at.checked_add(life).ok(),
            missing_since: (!missing.is_empty()).then_some(obtained_at),
            missing,
            granted,
            asked: asked.to_vec(),
        }
    }

    /// The same, with the time since which the same scopes have been missing.
    pub(super) fn after(self, before: &Self) -> Self {
        if self.missing == before.missing {
            Self { missing_since: before.missing_since, ..self }
        } else {
            self
        }
    }

    /// Whether it was asked for with this scope and is not known to lack it.
    pub(in crate::protime) fn has(&self, scope: &str) -> bool {
        let is_it = |one: &String| one == scope;
        match &self.granted {
            Some(granted) => granted.iter().any(is_it),
            None => self.asked.iter().any(is_it) && !self.missing.iter().any(is_it),
        }
    }

    pub(super) fn lacks(&self, scopes: &[&str]) -> bool {
        self.missing.iter().any(|missing| scopes.contains(&missing.as_str()))
    }
}

/// When a new token did not help, by the scopes that a request needed.
#[derive(Debug, Default)]
pub(in crate::protime) struct InVain(HashMap<String, Instant>);

impl InVain {
    /// Whether that was just now for one of these.
    pub(super) fn was(&self, scopes: &[&str], now: Instant) -> bool {
        let at = self.0.get(&scopes.join(" "));
        at.is_some_and(|at| now.saturating_duration_since(*at) < IN_VAIN_FOR)
    }

    /// It was for these. There are as many different ones as there are kinds of requests.
    pub(in crate::protime) fn note(&mut self, scopes: &[&str], now: Instant) {
        self.0.retain(|_, at| now.saturating_duration_since(*at) < IN_VAIN_FOR);
        self.0.insert(scopes.join(" "), now);
    }
}
