//! For receivers of Protime's events: signatures, events, and which of them to ignore.
//!
//! A receiver is the program at a webhook's destination URL. Whatever framework it is written with, it
//! does three things with every request, and this crate has them, without I/O and without a clock:
//!
//! 1. [`WebhookKey::verify`] the `Authorization` header against the raw body;
//! 2. [`Event::parse`] the body;
//! 3. ask a [`Deduplicator`] whether the event says anything new: Protime may send an event twice, and
//!    events overtake one another.
//!
//! ```
//! use std::num::NonZeroUsize;
//! use protime_webhook_receiver::{ChangeVersion, Deduplicator, Event, WebhookKey};
//!
//! # #[derive(Default)]
//! # struct Store(std::collections::HashMap<String, ChangeVersion>);
//! # impl Store {
//! #     fn version(&self, id: &str) -> Result<Option<ChangeVersion>, std::io::Error> { Ok(self.0.get(id).cloned()) }
//! #     fn keep(&mut self, event: &Event) -> Result<(), std::io::Error> {
//! #         if let Some(version) = event.version() {
//! #             self.0.insert(event.id().to_owned(), version.clone());
//! #         }
//! #         Ok(())
//! #     }
//! # }
//! /// Answers with the status for Protime.
//! fn receive(store: &mut Store, seen: &mut Deduplicator, key: &WebhookKey, authorization: &[u8], body: &[u8]) -> u16 {
//!     if key.verify(authorization, body).is_err() {
//!         return 401; // Protime sends it again; perhaps a newer key is here by then
//!     }
//!     let Ok(event) = Event::parse("clockings", body) else { return 422 };
//!     let known = store.version(event.id());
//!     match seen.process(&event, |_| known, |event| store.keep(event)) {
//!         Ok(_) => 204,
//!         Err(_) => 503, // not stored: Protime must send it again
//!     }
//! }
//!
//! let key = WebhookKey::new("key".to_owned()).expect("not empty");
//! let mut store = Store::default();
//! let mut seen = Deduplicator::new(NonZeroUsize::new(10_000).expect("not zero"));
//! let body = br#"{"changeType": "InsertOrUpdate", "data": {"id": 7, "changeVersion": "01", "date": "2026-11-23"}}"#;
//! let authorization = key.authorization(body);
//! assert_eq!(receive(&mut store, &mut seen, &key, authorization.as_bytes(), body), 204);
//! assert_eq!(receive(&mut store, &mut seen, &key, b"HMAC-SHA256 AAAA", body), 401);
//! ```
//!
//! Where the key comes from, which status to answer with, and the same in other languages, is in the
//! project's `docs/receivers.md` and the pages that it names.
//!
//! # What comes with it
//!
//! Few dependencies: HMAC, SHA-256, Base64, JSON. Of those only `serde` is part of the interface. The crate
//! knows nothing of the daemon `protime-webhookd`, which uses it for its own side of a signature.

mod change;
mod dedup;
mod event;
mod key;

pub use change::ChangeVersion;
pub use dedup::{Deduplicator, Judgement};
pub use event::{ChangeType, DataError, Event, InvalidEvent};
pub use key::{Refused, WebhookKey};

/// The example there is tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
