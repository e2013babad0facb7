//! What every test of a view needs.

use super::{State, Webhook};

/// An active webhook of which nothing else is known; its collection is called as it is.
pub(crate) fn webhook(tenant: &str, name: &str) -> Webhook {
    Webhook {
        tenant: tenant.to_owned(),
        name: name.to_owned(),
        collection: name.to_owned(),
        destination_url: "https://example.com/hook".to_owned(),
        external_references: Vec::new(),
        state: State::Active,
        remote: None,
        key: None,
        next_renewal_at: None,
        renewal: None,
        last_renewal: None,
        owed_resync: None,
        last_error: None,
        key_sinks: Vec::new(),
        audit: None,
        note: None,
    }
}
