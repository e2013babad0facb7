//! Which scopes there are to be had, where the endpoint refuses all of them because of some.
//!
//! Protime does not document whether a scope that it does not know, or that the client lacks, is left out of the
//! grant or refuses the whole. Laws: what webhooks need is asked for first and alone, so that a scope that
//! only a resync needs stops no one else; the rest one by one; what was found out holds for an hour, so that
//! not every token takes as many requests, or until something is refused with the token that it led to.

use std::time::Duration;

use tokio::time::Instant;

use super::{Auth, State, Token};
use crate::protime::{READ_SCOPE, WRITE_SCOPE, error::ApiError, http::Http};

/// So long the refused scopes are not asked for again.
const HOLDS_FOR: Duration = Duration::from_hours(1);

#[derive(Debug)]
pub(super) struct Narrowed {
    scopes: Vec<String>,
    at: Instant,
}

impl Narrowed {
    /// Whether it was found out within such a time.
    pub(super) fn holds_for(&self, time: Duration) -> bool {
        self.at.elapsed() < time
    }
}

impl Auth {
    /// A token with as many of the wanted scopes as there are to be had.
    pub(super) async fn obtain(&self, http: &Http, state: &mut State) -> Result<Token, ApiError> {
        let missing_before = self.known().missing;
        let number = state.issued + 1;
        state.narrowed.take_if(|narrowed| !narrowed.holds_for(HOLDS_FOR));
        if let Some(narrowed) = &state.narrowed {
            match self.request(http, number, &narrowed.scopes).await {
                // What was granted before is not any more.
                Err(refused) if refused.for_its_scopes => state.narrowed = None,
                outcome => return outcome.map_err(|refused| refused.error),
            }
        }
        let outcome = match self.request(http, number, &self.settings.scopes).await {
            Ok(token) => Ok(token),
            Err(refused) if refused.for_its_scopes && self.settings.scopes.len() > 1 => {
                self.narrow(http, state, refused.error).await
            }
            Err(refused) => Err(refused.error),
        };
        self.log_missing(&missing_before);
        outcome
    }

    /// Adds one scope after the other to those that are granted. The error is of all of them, if none is.
    async fn narrow(&self, http: &Http, state: &mut State, error: ApiError) -> Result<Token, ApiError> {
        let number = state.issued + 1;
        let (webhooks, others): (Vec<&String>, Vec<&String>) = self
            .settings
            .scopes
            .iter()
            .partition(|scope| [READ_SCOPE, WRITE_SCOPE].contains(&scope.as_str()));
        let mut best: Option<Token> = None;
        let mut granted: Vec<String> = Vec::new();
        let mut left = Vec::new();
        let whole: Vec<String> = webhooks.iter().copied().cloned().collect();
        if others.is_empty() {
            left = webhooks;
        } else {
            match self.request(http, number, &whole).await {
                Ok(token) => (best, granted) = (Some(token), whole),
                Err(refused) if refused.for_its_scopes => left = webhooks,
                Err(refused) => return Err(refused.error),
            }
        }
        for scope in left.into_iter().chain(others) {
            let more: Vec<String> = granted.iter().chain([scope]).cloned().collect();
            match self.request(http, number, &more).await {
                Ok(token) => (best, granted) = (Some(token), more),
                Err(refused) if refused.for_its_scopes => {}
                // The next token goes on with all of them.
                Err(refused) => return best.ok_or(refused.error),
            }
        }
        let token = best.ok_or(error)?;
        state.narrowed = Some(Narrowed { scopes: granted, at: Instant::now() });
        Ok(token)
    }
}
