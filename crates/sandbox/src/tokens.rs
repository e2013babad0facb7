//! Access tokens: issued for a while, for some scopes, and revocable.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use crate::{secret, time::later};

#[derive(Debug, Clone)]
struct Grant {
    expires_at: Timestamp,
    scopes: BTreeSet<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    /// It is unknown, expired or revoked.
    Unauthorized,
    Forbidden,
}

#[derive(Default)]
pub(crate) struct Tokens {
    grants: HashMap<String, Grant>,
}

impl Tokens {
    pub(crate) fn issue(&mut self, scopes: BTreeSet<String>, seconds: u64, now: Timestamp) -> String {
        self.grants.retain(|_, grant| grant.expires_at > now);
        let token = secret::token();
        let expires_at = later(now, seconds.saturating_mul(1_000));
        self.grants.insert(token.clone(), Grant { expires_at, scopes });
        token
    }

    /// Whether the token in this `Authorization` header allows this.
    pub(crate) fn check(
        &self,
        authorization: Option<&str>,
        scope: &str,
        now: Timestamp,
    ) -> Result<(), Denied> {
        let grant = authorization
            .and_then(|header| header.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .and_then(|(_, token)| self.grants.get(token.trim()))
            .filter(|grant| grant.expires_at > now)
            .ok_or(Denied::Unauthorized)?;
        if grant.scopes.contains(scope) { Ok(()) } else { Err(Denied::Forbidden) }
    }

    pub(crate) fn revoke_all(&mut self) -> usize {
        let count = self.grants.len();
        self.grants.clear();
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_holds_for_its_time_and_its_scopes() {
        let now = Timestamp::UNIX_EPOCH;
        let mut tokens = Tokens::default();
        let header = format!("Bearer {}", tokens.issue(BTreeSet::from(["a".to_owned()]), 2, now));
        assert_eq!(tokens.check(Some(&header), "a", now), Ok(()));
        assert_eq!(tokens.check(Some(&header), "b", now), Err(Denied::Forbidden));
        assert_eq!(tokens.check(Some(&header), "a", later(now, 2_000)), Err(Denied::Unauthorized));
        assert_eq!(tokens.check(None, "a", now), Err(Denied::Unauthorized));
        assert_eq!(tokens.revoke_all(), 1);
        assert_eq!(tokens.check(Some(&header), "a", now), Err(Denied::Unauthorized));
    }
}
