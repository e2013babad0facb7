//! The key sinks of the model: an event is accepted where every sink has its key, for any of them may
//! serve the part of the receiver that it is for.

use super::world::{World, retry};
use crate::domain::transition::Event;

pub(super) const SINKS: usize = 2;

pub(super) fn names() -> Vec<String> {
    (0..SINKS).map(|number| format!("file:/run/{number}")).collect()
}

impl World {
    /// Whether the whole receiver accepts what is signed with this key.
    pub(super) fn is_accepted(&self, key: u32) -> bool {
        self.sinks.iter().all(|sink| *sink == Some(key))
    }

    /// An attempt to give a sink the key that is current.
    pub(super) fn deliver(&mut self, sink: usize, takes: bool) {
        let name = names()[sink].clone();
        let version = self.state().registration.map_or(0, |registration| registration.key_version);
        if !self.commit(&Event::DeliveryBegan(name.clone())) {
            return;
        }
        if takes {
            self.sinks[sink] = self.current;
            self.commit(&Event::Delivered(name, version, None));
        } else {
            self.commit(&Event::Undelivered(name, version, "no".to_owned(), None, retry()));
        }
    }
}
