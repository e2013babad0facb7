//! Entries of the list that are not as documented, compared with what is ours.
//!
//! Law: what is wrong with someone else's entry concerns no one here; one of ours would look missing if it were
//! left out, and is an error that names it.

use super::{PollError, Tenant};
use crate::{
    domain::state::{Remote, WebhookState},
    protime::{List, normalized},
};

impl Tenant {
    /// An error if an odd entry is of one of our webhooks.
    pub(super) async fn refuse_odd_ones_of_ours(&self, list: &List) -> Result<(), PollError> {
        if list.odd.is_empty() {
            return Ok(());
        }
        for state in self.store.states_of(&self.name).await? {
            let Some(webhook) = self.webhooks.get(&state.id) else { continue };
            let ours = normalized(&webhook.pair);
            let found = list.webhooks.iter().any(|webhook| normalized(&webhook.pair) == ours);
            let ids = ids(&state);
            if let Some(odd) = list.odd.iter().find(|odd| odd.is(&webhook.pair, &ids, found)) {
                return Err(odd.as_error(&state.path.to_string()).into());
            }
        }
        Ok(())
    }
}

/// What Protime was seen to call it.
fn ids(state: &WebhookState) -> Vec<&str> {
    let listed = match &state.remote {
        Remote::Listed(listed) => Some(listed.id.as_str()),
        Remote::Absent { .. } | Remote::NeverAsked => None,
    };
    state.registration.iter().filter_map(|registration| registration.id.as_deref()).chain(listed).collect()
}
