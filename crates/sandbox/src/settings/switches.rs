//! The settings in one table, from which the flags of `sandbox` are made, too.
//!
//! A row is what it is about, its name, its type and, where that is not the type's own, its default. One with
//! a word for its value is also a flag; its default follows as a person writes it, where it is not the first
//! position. One with positions is a switch: the default first, one spelling for flag and JSON.

use serde::{Deserialize, Serialize};
use serde_json::Value;

type Scopes = Option<Vec<String>>;

/// A setting that the command line has under the same name.
pub struct Flag {
    pub heading: &'static str,
    pub setting: &'static str,
    pub value_name: &'static str,
    pub help: &'static str,
    pub default: &'static str,
    /// Every position and what it means, the usual one first; none where it is not a switch.
    pub positions: &'static [(&'static str, &'static str)],
}

trait Positions {
    const POSITIONS: &'static [(&'static str, &'static str)] = &[];
}

impl Positions for u64 {}

impl Positions for String {}

const fn first(positions: &[(&'static str, &'static str)]) -> &'static str {
    if let [(word, _), ..] = positions { word } else { "" }
}

macro_rules! switch {
    ($name:ident {
        $first:ident = $first_word:literal: $first_help:literal,
        $($position:ident = $word:literal: $help:literal,)+
    }) => {
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(try_from = "Value", into = "Value")]
        pub enum $name {
            #[doc = $first_help]
            #[default]
            $first,
            $(#[doc = $help] $position,)+
        }

        impl Positions for $name {
            const POSITIONS: &'static [(&'static str, &'static str)] =
                &[($first_word, $first_help), $(($word, $help)),+];
        }

        impl TryFrom<Value> for $name {
            type Error = String;

            fn try_from(value: Value) -> Result<Self, String> {
                let all = [Self::$first, $(Self::$position),+];
                place(value, Self::POSITIONS).map(|place| all[place])
            }
        }

        impl From<$name> for Value {
            fn from(position: $name) -> Self {
                let (word, _) = $name::POSITIONS[position as usize];
                word.parse::<u16>().map_or_else(|_| word.into(), Self::from)
            }
        }
    };
}

// JSON may write a number as a number, and `yes` or `no` as a boolean.
fn place(value: Value, positions: &[(&str, &str)]) -> Result<usize, String> {
    let text = match value {
        Value::String(text) => text,
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    };
    positions.iter().position(|(word, _)| *word == text).ok_or_else(|| {
        let known: Vec<&str> = positions.iter().map(|(word, _)| *word).collect();
        format!("`{text}` is not one of {}", known.join(", "))
    })
}

macro_rules! settings {
    (@default $type:ident) => { <$type>::default() };
    (@default $type:ident, $default:expr) => { $default };
    ($($heading:literal {$(
        $help:literal
        $name:ident: $type:ident $(as $value:literal $(or $shown:literal)?)?
        $({ $($position:ident = $word:literal: $position_help:literal,)+ })?
        $(= $default:expr)?;
    )+})+) => {
        $($($(switch! { $type { $($position = $word: $position_help,)+ } })?)+)+

        /// The behaviour of the tenant. Protime leaves most of this open; each setting covers one reading.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Settings {
            $($(#[doc = $help] pub $name: $type,)+)+
        }

        impl Default for Settings {
            fn default() -> Self {
                Self { $($($name: settings!(@default $type $(, $default)?),)+)+ }
            }
        }

        /// The settings that are flags, in the order of their help.
        pub const FLAGS: &[Flag] = &[$($($(Flag {
            heading: $heading,
            setting: stringify!($name),
            value_name: $value,
            help: $help,
            default: [$($shown,)? first(<$type as Positions>::POSITIONS)][0],
            positions: <$type as Positions>::POSITIONS,
        },)?)+)+];
    };
}

switch! { YesNo { No = "no": "It is not so", Yes = "yes": "It is so", } }

impl YesNo {
    #[must_use]
    pub fn yes(self) -> bool {
        self == Self::Yes
    }
}

settings! {
    "" {
        "Lifetime of a webhook from its POST on, in milliseconds"
        lifetime_ms: u64 = 60_000;
        "Lifetime of an access token, in seconds"
        token_lifetime_seconds: u64 = 1_800;
        "Attempts at an event after the first one failed; then the webhook is disabled"
        retries: u32 = 3;
        "Delay before the first retry in milliseconds; every further one is twice as long, at most 60 s"
        retry_delay_ms: u64 = 1_000;
        "How long a receiver may take to answer, in milliseconds"
        delivery_timeout_ms: u64 = 10_000;
        "How many events of one webhook are under way at a time; above 1 they overtake each other"
        parallel_deliveries: usize = 4;
        "Items on a page of any list"
        page_size: usize = 100;
        "Whether an empty page that is not the last stands between any two pages"
        empty_pages: bool;
        "How far the tenant's clock is ahead of the machine's, in milliseconds"
        clock_offset_ms: i64;
        "The scopes that the client may have; null stands for all that exist"
        allowed_scopes: Scopes;
        "The status of an `invalid_client` answer: 400 or 401"
        invalid_client_status: u16 = 400;
        "What a POST with other external references than the existing webhook's does"
        other_references: OtherReferences {
            Refuse = "refuse": "It is answered with 400 and changes nothing",
            Ignore = "ignore": "It renews the webhook, which keeps the references it has",
        };
        "How long a delta lives after its last request, in milliseconds"
        delta_lifetime_ms: u64 = 72 * 3_600 * 1_000;
    }
    "What Protime leaves open" {
        "Name of the key's property in the answer to a POST"
        key_field: String as "NAME" or "webhookKey" = "webhookKey".to_owned();
        "What a POST does while the webhook is Enabled"
        post_while_enabled: PostWhileEnabled as "POSITION" {
            Rotates = "rotates": "A new key and a new end",
            Conflict = "409": "Refused with 409 until it has ended",
            BadRequest = "400": "Refused with 400 until it has ended",
            Second = "second": "Makes another webhook beside the first; both deliver, each signed with its own key",
        };
        "What becomes of the webhook that was there before a renewal"
        old_after_renewal: OldAfterRenewal as "POSITION" {
            Reused = "reused": "It is the renewed one",
            Listed = "listed": "It stays listed as Disabled beside the new one, which has another id",
            Gone = "gone": "It is deleted, and the new one has another id",
        };
        "The id of a renewed webhook"
        renewed_id: RenewedId as "POSITION" {
            New = "new": "Another with each renewal",
            Same = "same": "The same; only where the old one is reused",
        };
        "The answer where the token lacks a scope"
        missing_scope: MissingScope as "STATUS" {
            Forbidden = "403": "Forbidden",
            Unauthorized = "401": "Unauthorized",
        };
        "What the token endpoint makes of a scope that it does not know or that the client lacks"
        unknown_scope: UnknownScope as "POSITION" {
            Rest = "rest": "Grants the other ones",
            Invalid = "invalid_scope": "Refuses all with `invalid_scope`",
        };
        "Whether a POST for a collection needs the collection's own .read scope as well"
        post_needs_read: YesNo as "ANSWER";
        "How a listed webhook shows its external references"
        listed_references: ListedReferences as "SHAPE" {
            Lists = "lists": r#"`{"people": ["@badge-number"]}`"#,
            Texts = "texts": r#"`{"people": "@badge-number"}`"#,
            Objects = "objects": r#"`{"people": {"@badge-number": true}}`"#,
            Array = "array": r#"`["people,@badge-number"]`"#,
            Absent = "absent": "Not at all",
        };
        "What Location says in the answer to a POST"
        location: Location as "POSITION" {
            Path = "path": "`/connector/protimeapi/api/v1/webhooks/ID`",
            Url = "url": "The same with scheme and host",
            Absent = "absent": "None",
        };
        "The status of the answer to a POST that renewed"
        renewal_status: RenewalStatus as "STATUS" {
            Created = "201": "Created",
            Ok = "200": "OK",
        };
        "The status of the answer to a DELETE"
        delete_status: DeleteStatus as "STATUS" {
            NoContent = "204": "No Content",
            Ok = "200": "OK, with a body",
        };
        "Whether deleted webhooks stay listed, with the status Deleted"
        list_deleted: YesNo as "ANSWER";
        "What a retry is signed with after the key was replaced"
        retry_key: RetryKey as "KEY" {
            New = "new": "The new key",
            Old = "old": "The key of the first attempt",
        };
        "How a deletion of a clocking is told"
        clocking_deletion: ClockingDeletion as "POSITION" {
            Delete = "delete": "As the deletion that it is",
            Status = "status": "As a change of its `status` to `Deleted`; a list goes on to show it",
            Both = "both": "As the one, then as the other",
        };
        "Whether objects of activity-durations have a changeVersion"
        activity_change_version: ActivityChangeVersion as "POSITION" {
            Absent = "absent": "They have none",
            Present = "present": "They have one, as all others",
        };
        "For whom there is one delta of a collection"
        delta_per: DeltaPer as "POSITION" {
            Client = "client": "For each client",
            Tenant = "tenant": "For all of the tenant: someone else who starts one ends ours",
        };
        "What a deltaLink answers that is not the latest one"
        older_delta_link: OlderDeltaLink as "POSITION" {
            Answers = "answers": "What changed since it was given",
            Gone = "410": "Gone",
        };
        "How long the link to the next page of a collection can be asked for; then it is 409"
        paging_token_lifetime_ms: u64 as "DURATION" or "1h" = 3_600 * 1_000;
        "Whether validUntil has a fraction of a second"
        valid_until_fraction: YesNo as "ANSWER";
        "The content type of an event"
        event_content_type: String as "TEXT" or "application/json" = "application/json".to_owned();
    }
    "What other servers have done" {
        "How a list spells ids"
        listed_id: ListedId as "POSITION" {
            AsIssued = "as-issued": "As the POST's answer did",
            Upper = "upper": "In capitals",
            Lower = "lower": "In small letters",
        };
        "How Location writes the id"
        location_id: LocationId as "POSITION" {
            Plain = "plain": "`/webhooks/ID`",
            Quoted = "quoted": "`/webhooks('ID')`",
            Braces = "braces": "`/webhooks/%7BID%7D`",
        };
        "Whether the body of the answer to a POST has the id"
        post_body_id: YesNo as "ANSWER" or "yes" = YesNo::Yes;
        "How a list rounds validUntil; where it rounds, the answer to a POST tells fractions"
        listed_end: ListedEnd as "POSITION" {
            Exact = "exact": "As the POST's answer has it",
            Centisecond = "10ms": "To 10 ms",
            Sql = "sql": "To 1/300 s, as `datetime` of SQL Server does",
            Second = "second": "To a second",
            Minute = "minute": "To a minute",
            NoOffset = "no-offset": "Local time without its offset",
        };
        "How the answer to a POST writes validUntil"
        posted_end: PostedEnd as "POSITION" {
            Exact = "exact": "With its offset",
            NoOffset = "no-offset": "Local time without its offset",
        };
        "How long lists still show what was before a POST"
        list_lag_ms: u64 as "DURATION" or "0s";
        "How a list shows the destination"
        listed_url: ListedUrl as "POSITION" {
            AsPosted = "as-posted": "As it was sent",
            Normalized = "normalized": "In the normal form of RFC 3986",
            MaskedQuery = "masked-query": "With the values of its query hidden",
        };
        "How a list spells the status"
        listed_status: ListedStatus as "POSITION" {
            AsDocumented = "as-documented": "Enabled, Disabled",
            Lower = "lower": "enabled, disabled",
            Upper = "upper": "ENABLED, DISABLED",
        };
        "Whether the JSON of the API begins with a byte order mark"
        bom: YesNo as "ANSWER";
        "Whether answers of the API are compressed although no one asked for it"
        gzip: YesNo as "ANSWER";
        "What nextLink begins with"
        next_link_host: NextLinkHost as "POSITION" {
            Path = "path": "Nothing: it is a path",
            Url = "url": "Scheme and host of the API",
            OtherHost = "other-host": "A host that cannot be reached",
            Http = "http": "`http` and the host that was asked",
        };
        "What an empty list is"
        empty_list: EmptyList as "POSITION" {
            Array = "array": r#"`{"value": []}`"#,
            Null = "null": r#"`{"value": null}`"#,
            NoContent = "204": "204 without a body",
        };
    }
}
