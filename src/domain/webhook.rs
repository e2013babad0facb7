//! Who is who: names as types, the pair that Protime identifies a webhook by, and what Protime
//! says of it.
//!
//! The pair (destination URL, collection) is the durable identity of a webhook: a POST for a pair
//! that exists re-enables it and never makes a second one, while the id may change.

use std::{fmt, sync::Arc};

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a name has 1 to 64 characters out of a-z, A-Z, 0-9, '.', '_' and '-', and starts with a letter or a digit"
)]
pub(crate) struct InvalidName;

fn checked_name(text: &str) -> Result<Arc<str>, InvalidName> {
    let fits = (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        && text.as_bytes()[0].is_ascii_alphanumeric();
    if fits { Ok(text.into()) } else { Err(InvalidName) }
}

macro_rules! name {
    ($(#[doc = $doc:literal] $name:ident),+) => {$(
        #[doc = $doc]
        // Shared: a tenant's name is held with each of its webhooks.
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) struct $name(Arc<str>);

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl $name {
            pub(crate) fn new(text: &str) -> Result<Self, InvalidName> {
                checked_name(text).map(Self)
            }

            pub(crate) fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

name! {
    /// The name of a tenant: one Protime customer environment.
    TenantName,
    /// The name of a webhook, unique in its tenant.
    WebhookName
}

/// A webhook's full name, written `tenant/name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct WebhookPath {
    pub(crate) tenant: TenantName,
    pub(crate) name: WebhookName,
}

impl fmt::Display for WebhookPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.name)
    }
}

/// What identifies a webhook at Protime: where events go and which collection they are of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Pair {
    /// The destination URL, exactly as it is sent to Protime.
    pub(crate) destination_url: String,
    pub(crate) collection: String,
}

/// One external reference: a collection and the name of a reference in it, predefined with `@`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ExternalReference {
    pub(crate) collection: String,
    pub(crate) reference: String,
}

impl ExternalReference {
    /// External references in one text, in which two lists are equal if they are; their order counts.
    pub(crate) fn all(references: &[Self]) -> String {
        let each: Vec<String> = references.iter().map(|reference| format!("({reference})")).collect();
        each.concat()
    }

    /// Whether two texts of [`all`](Self::all) name the same references in whatever order: an object, as
    /// Protime lists them in, has none.
    pub(crate) fn are_the_same(one: &str, other: &str) -> bool {
        let sorted = |text: &str| {
            let mut each: Vec<String> = text.split_inclusive(')').map(str::to_owned).collect();
            each.sort();
            each
        };
        one == other || sorted(one) == sorted(other)
    }
}

impl fmt::Display for ExternalReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.collection, self.reference)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(crate) enum RemoteStatus {
    Enabled,
    /// Its `validUntil` was reached, or its delivery retries are exhausted.
    Disabled,
    /// Anything else, such as `Uninitialized`: shown, and not taken for a failure before it stays.
    Other(String),
}

impl RemoteStatus {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::Other(text) => text,
        }
    }
}

impl From<String> for RemoteStatus {
    fn from(text: String) -> Self {
        // A serializer's setting is enough to change the letters.
        match text.trim().to_ascii_lowercase().as_str() {
            "enabled" => Self::Enabled,
            "disabled" => Self::Disabled,
            _ => Self::Other(text),
        }
    }
}

impl From<RemoteStatus> for String {
    fn from(status: RemoteStatus) -> Self {
        status.as_str().to_owned()
    }
}

/// An id of Protime's in a form in which its spellings are the same: GUIDs are written in capitals or
/// not, with braces, quotes, parentheses and hyphens or without.
pub(crate) fn normalized_id(id: &str) -> String {
    let bare = id.trim_matches(|c: char| c.is_whitespace() || "'\"{}()".contains(c)).to_ascii_lowercase();
    let plain = bare.replace('-', "");
    let is_guid = plain.len() == 32 && plain.bytes().all(|b| b.is_ascii_hexdigit());
    if is_guid { plain } else { bare }
}

pub(crate) fn same_id(one: &str, other: &str) -> bool {
    normalized_id(one) == normalized_id(other)
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RemoteWebhook {
    /// Protime's id; it may change with every renewal.
    pub(crate) id: String,
    pub(crate) pair: Pair,
    pub(crate) status: RemoteStatus,
    /// Until when it delivers; absent only if Protime left it out.
    pub(crate) valid_until: Option<Timestamp>,
    /// Whether that came without an offset, so that UTC is a guess.
    pub(crate) local_end: bool,
    /// Its external references; absent if Protime does not tell, or not in a way that is understood.
    pub(crate) references: Option<Vec<ExternalReference>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_plain_and_start_with_a_letter_or_digit() {
        for good in ["a", "acme", "Acme-1.x_y", "0"] {
            assert!(TenantName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", ".a", "a/b", "a b", "é", &"x".repeat(65)] {
            assert_eq!(WebhookName::new(bad), Err(InvalidName), "{bad}");
        }
    }

    #[test]
    fn ids_are_the_same_however_they_are_spelt() {
        let id = "a7d853ea-89eb-4735-83d1-b891c6fde398";
        let braced = format!("{{{id}}}");
        let quoted = format!("('{id}')");
        for spelling in
            [&id.to_ascii_uppercase(), &braced, &quoted, &id.replace('-', ""), &format!("\"{id}\" ")]
        {
            assert!(same_id(id, spelling), "{spelling}");
        }
        for (one, other) in
            [("12", "13"), ("a-b", "ab"), (id, "a7d853ea-89eb-4735-83d1-b891c6fde399"), (id, "")]
        {
            assert!(!same_id(one, other), "{one} {other}");
        }
        assert!(same_id("Hook-7", "hook-7"));
    }

    #[test]
    fn an_unknown_status_survives_the_round_trip() {
        for text in ["Enabled", "Disabled", "Uninitialized"] {
            assert_eq!(RemoteStatus::from(text.to_owned()).as_str(), text);
        }
    }

    #[test]
    fn a_status_is_known_in_any_letters() {
        for text in ["Enabled", "enabled", "ENABLED", " eNabled "] {
            assert_eq!(RemoteStatus::from(text.to_owned()), RemoteStatus::Enabled, "{text}");
        }
        assert_eq!(RemoteStatus::from("DISABLED".to_owned()), RemoteStatus::Disabled);
        assert_eq!(RemoteStatus::from("enable".to_owned()), RemoteStatus::Other("enable".to_owned()));
    }
}
