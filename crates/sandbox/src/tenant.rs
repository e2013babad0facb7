//! The tenant's whole state, and the few operations that touch more than one part of it.

use jiff::Timestamp;

use crate::{
    clock,
    collections::Collections,
    deltas::Deltas,
    faults::Rule,
    journal::{Journal, Transition},
    load::Load,
    references::References,
    settings::Settings,
    time::shifted,
    tokens::Tokens,
    webhooks::{Pair, PostRefused, Poster, Webhooks},
};

#[derive(Default)]
pub(crate) struct Tenant {
    /// Its name, as in the token endpoint's path.
    pub(crate) name: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    /// Scheme, host and port.
    pub(crate) origin: String,
    pub(crate) settings: Settings,
    pub(crate) tokens: Tokens,
    pub(crate) webhooks: Webhooks,
    pub(crate) collections: Collections,
    pub(crate) deltas: Deltas,
    /// In the order in which they were added.
    pub(crate) faults: Vec<Rule>,
    pub(crate) journal: Journal,
    pub(crate) load: Load,
}

impl Tenant {
    /// The tenant's own time, which a test may set off from the machine's.
    pub(crate) fn now(&self) -> Timestamp {
        shifted(clock::now(), self.settings.clock_offset_ms)
    }

    pub(crate) fn expire(&mut self, now: Timestamp) {
        for serial in self.webhooks.expired(now) {
            self.disable(serial, "expired");
        }
    }

    /// Disables a webhook; false if it does not deliver anyway.
    pub(crate) fn disable(&mut self, serial: usize, cause: &'static str) -> bool {
        let dropped = self.webhooks.disable(serial, cause);
        dropped.is_some_and(|dropped| self.note(serial, "disabled", cause, dropped))
    }

    /// Deletes a webhook softly; false if it was deleted before.
    pub(crate) fn delete(&mut self, serial: usize, cause: &'static str) -> bool {
        let dropped = self.webhooks.delete(serial);
        dropped.is_some_and(|dropped| self.note(serial, "deleted", cause, dropped))
    }

    /// Creates or renews a webhook; answers with its number and whether it is new.
    pub(crate) fn post(
        &mut self,
        pair: &Pair,
        references: &References,
        poster: Poster,
        now: Timestamp,
    ) -> Result<(usize, bool), PostRefused> {
        let (serial, new) = self.webhooks.post(pair, references, poster, &self.settings, now)?;
        let cause = match poster {
            Poster::Client => "client",
            Poster::Foreign => "foreign",
        };
        self.note(serial, if new { "created" } else { "renewed" }, cause, 0);
        Ok((serial, new))
    }

    fn note(&mut self, serial: usize, what: &'static str, cause: &'static str, dropped: usize) -> bool {
        let Some(webhook) = self.webhooks.by_serial(serial) else { return false };
        let (seq, at) = self.journal.stamp();
        self.journal.transition(Transition {
            seq,
            at,
            destination_url: webhook.pair.destination_url.clone(),
            collection: webhook.pair.collection.clone(),
            id: webhook.id.clone(),
            what,
            cause,
            key_version: webhook.key_version,
            dropped,
        });
        true
    }
}
