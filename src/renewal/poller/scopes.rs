//! Which missing scopes concern a tenant as a whole. Law: one that a resync needs is told of that webhook.

use super::Tenant;
use crate::domain::collection;

impl Tenant {
    /// The scopes that Protime did not grant and that no resync of a webhook reads with, which says so itself.
    pub(crate) fn missing_scopes(&self) -> Vec<String> {
        let mut missing = self.client.missing_scopes();
        let read = self.webhooks.values().filter(|webhook| webhook.is_read());
        let read: Vec<String> = read.map(|webhook| collection::scope(&webhook.pair.collection)).collect();
        missing.retain(|scope| !read.contains(scope));
        missing
    }
}
