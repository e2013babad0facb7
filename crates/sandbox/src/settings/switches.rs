//! The positions of the switches: one type a switch, the default first, one spelling for flag and JSON.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value;

/// A switch: what it can be set to, for the command line.
pub trait Switch: Copy + FromStr<Err = String> + 'static {
    /// Every position, the default first.
    const POSITIONS: &'static [Self];

    /// The position's spelling.
    fn as_str(self) -> &'static str;

    /// What the position means, in a few words.
    fn help(self) -> &'static str;
}

macro_rules! switches {
    ($($(#[doc = $doc:literal])+ $name:ident {
        $(#[doc = $first_help:literal])+ $first:ident = $first_word:literal,
        $($(#[doc = $help:literal])+ $position:ident = $word:literal),+ $(,)?
    })+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub enum $name {
            $(#[doc = $first_help])+
            #[default]
            $first,
            $($(#[doc = $help])+ $position),+
        }

        impl Switch for $name {
            const POSITIONS: &'static [Self] = &[Self::$first, $(Self::$position),+];

            fn as_str(self) -> &'static str {
                match self {
                    Self::$first => $first_word,
                    $(Self::$position => $word),+
                }
            }

            fn help(self) -> &'static str {
                let help = match self {
                    Self::$first => concat!($($first_help),+),
                    $(Self::$position => concat!($($help),+)),+
                };
                help.trim()
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let found = Self::POSITIONS.iter().find(|position| position.as_str() == text);
                found.copied().ok_or_else(|| {
                    let known: Vec<&str> = Self::POSITIONS.iter().map(|position| position.as_str()).collect();
                    format!("`{text}` is not one of {}", known.join(", "))
                })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self.as_str().parse::<u16>() {
                    Ok(number) => serializer.serialize_u16(number),
                    Err(_) => serializer.serialize_str(self.as_str()),
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                word(Value::deserialize(deserializer)?).parse().map_err(D::Error::custom)
            }
        }
    )+};
}

// JSON may write a number as a number, and `yes` or `no` as a boolean.
fn word(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    }
}

switches! {
    /// Whether something is so.
    YesNo {
        /// It is not so
        No = "no",
        /// It is so
        Yes = "yes",
    }

    /// What a POST does while the webhook is Enabled.
    PostWhileEnabled {
        /// A new key and a new end
        Rotates = "rotates",
        /// Refused with 409 until it has ended
        Conflict = "409",
        /// Refused with 400 until it has ended
        BadRequest = "400",
        /// Makes another webhook beside the first; both deliver, each signed with its own key
        Second = "second",
    }

    /// What becomes of the webhook that was there before a renewal.
    OldAfterRenewal {
        /// It is the renewed one
        Reused = "reused",
        /// It stays listed as Disabled beside the new one, which has another id
        Listed = "listed",
        /// It is deleted, and the new one has another id
        Gone = "gone",
    }

    /// The id of a renewed webhook.
    RenewedId {
        /// Another with each renewal
        New = "new",
        /// The same; only where the old one is reused
        Same = "same",
    }

    /// The answer where the token lacks a scope.
    MissingScope {
        /// Forbidden
        Forbidden = "403",
        /// Unauthorized
        Unauthorized = "401",
    }

    /// What the token endpoint makes of a scope that it does not know or that the client lacks.
    UnknownScope {
        /// Grants the other ones
        Rest = "rest",
        /// Refuses all with `invalid_scope`
        Invalid = "invalid_scope",
    }

    /// How a listed webhook shows its external references.
    ListedReferences {
        /// `{"people": ["@badge-number"]}`
        Lists = "lists",
        /// `{"people": "@badge-number"}`
        Texts = "texts",
        /// `{"people": {"@badge-number": true}}`
        Objects = "objects",
        /// `["people,@badge-number"]`
        Array = "array",
        /// Not at all
        Absent = "absent",
    }

    /// The `Location` of the answer to a POST.
    Location {
        /// `/connector/protimeapi/api/v1/webhooks/ID`
        Path = "path",
        /// The same with scheme and host
        Url = "url",
        /// None
        Absent = "absent",
    }

    /// The status of the answer to a POST that renewed.
    RenewalStatus {
        /// Created
        Created = "201",
        /// OK
        Ok = "200",
    }

    /// The status of the answer to a DELETE.
    DeleteStatus {
        /// No Content
        NoContent = "204",
        /// OK, with a body
        Ok = "200",
    }

    /// What a retry is signed with after the key was replaced.
    RetryKey {
        /// The new key
        New = "new",
        /// The key of the first attempt
        Old = "old",
    }

    /// How a deletion of a clocking is told.
    ClockingDeletion {
        /// As the deletion that it is
        Delete = "delete",
        /// As a change of its `status` to `Deleted`; a list goes on to show it
        Status = "status",
        /// As the one, then as the other
        Both = "both",
    }

    /// Whether the objects of activity-durations have a `changeVersion`.
    ActivityChangeVersion {
        /// They have none
        Absent = "absent",
        /// They have one, as all others
        Present = "present",
    }

    /// For whom there is one delta of a collection.
    DeltaPer {
        /// For each client
        Client = "client",
        /// For all of the tenant: someone else who starts one ends ours
        Tenant = "tenant",
    }

    /// What a `deltaLink` answers that is not the latest one of its delta.
    OlderDeltaLink {
        /// What changed since it was given
        Answers = "answers",
        /// Gone
        Gone = "410",
    }

    /// How a list spells ids.
    ListedId {
        /// As the POST's answer did
        AsIssued = "as-issued",
        /// In capitals
        Upper = "upper",
        /// In small letters
        Lower = "lower",
    }

    /// How `Location` writes the id.
    LocationId {
        /// `/webhooks/ID`
        Plain = "plain",
        /// `/webhooks('ID')`
        Quoted = "quoted",
        /// `/webhooks/%7BID%7D`
        Braces = "braces",
    }

    /// How a list rounds `validUntil`; all but the first and the last make the POST's answer tell fractions.
    ListedEnd {
        /// As the POST's answer has it
        Exact = "exact",
        /// To 10 ms
        Centisecond = "10ms",
        /// To 1/300 s, as `datetime` of SQL Server does
        Sql = "sql",
        /// To a second
        Second = "second",
        /// To a minute
        Minute = "minute",
        /// Local time without its offset
        NoOffset = "no-offset",
    }

    /// How the answer to a POST writes `validUntil`.
    PostedEnd {
        /// With its offset
        Exact = "exact",
        /// Local time without its offset
        NoOffset = "no-offset",
    }

    /// How a list shows the destination.
    ListedUrl {
        /// As it was sent
        AsPosted = "as-posted",
        /// In the normal form of RFC 3986
        Normalized = "normalized",
        /// With the values of its query hidden
        MaskedQuery = "masked-query",
    }

    /// How a list spells the status.
    ListedStatus {
        /// Enabled, Disabled
        AsDocumented = "as-documented",
        /// enabled, disabled
        Lower = "lower",
        /// ENABLED, DISABLED
        Upper = "upper",
    }

    /// What `nextLink` begins with.
    NextLinkHost {
        /// Nothing: it is a path
        Path = "path",
        /// Scheme and host of the API
        Url = "url",
        /// A host that cannot be reached
        OtherHost = "other-host",
        /// `http` and the host that was asked
        Http = "http",
    }

    /// What an empty list is.
    EmptyList {
        /// `{"value": []}`
        Array = "array",
        /// `{"value": null}`
        Null = "null",
        /// 204 without a body
        NoContent = "204",
    }
}

impl YesNo {
    /// As a boolean.
    #[must_use]
    pub fn yes(self) -> bool {
        self == Self::Yes
    }
}
