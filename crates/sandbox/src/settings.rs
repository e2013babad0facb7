//! How the simulated tenant behaves; everything can be changed while it runs.

mod switches;

use axum::http::HeaderValue;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::switches::{
    ActivityChangeVersion, ClockingDeletion, DeleteStatus, DeltaPer, EmptyList, ListedEnd, ListedId,
    ListedReferences, ListedStatus, ListedUrl, Location, LocationId, MissingScope, NextLinkHost,
    OldAfterRenewal, OlderDeltaLink, PostWhileEnabled, PostedEnd, RenewalStatus, RenewedId, RetryKey, Switch,
    UnknownScope, YesNo,
};
use crate::words;

const TEN_YEARS_MS: u64 = 10 * 366 * 24 * 3_600 * 1_000;

/// What a POST with other external references than the existing webhook's does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OtherReferences {
    /// It is answered with 400 and changes nothing.
    Refuse,
    /// It renews the webhook, which keeps the references it has.
    Ignore,
}

/// The settings: each with its default, which is left out where it is that of its type.
macro_rules! settings {
    (@default $type:ty) => { <$type>::default() };
    (@default $type:ty, $default:expr) => { $default };
    ($($(#[doc = $doc:literal])* $name:ident: $type:ty $(= $default:expr)?,)+) => {
        /// The behaviour of the tenant. Protime leaves most of this open; each setting covers one reading.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Settings {
            $($(#[doc = $doc])* pub $name: $type,)+
        }

        impl Default for Settings {
            fn default() -> Self {
                Self { $($name: settings!(@default $type $(, $default)?),)+ }
            }
        }
    };
}

settings! {
    /// Lifetime of a webhook from its POST on, in milliseconds.
    lifetime_ms: u64 = 60_000,
    /// Lifetime of an access token, in seconds.
    token_lifetime_seconds: u64 = 1_800,
    /// Attempts at an event after the first one failed; then the webhook is disabled.
    retries: u32 = 3,
    /// Delay before the first retry in milliseconds; every further one is twice as long, at most 60 s.
    retry_delay_ms: u64 = 1_000,
    /// How long a receiver may take to answer, in milliseconds.
    delivery_timeout_ms: u64 = 10_000,
    /// How many events of one webhook are under way at a time; above 1 they overtake each other.
    parallel_deliveries: usize = 4,
    /// The name of the key's property in the answer to a POST.
    key_field: String = "webhookKey".to_owned(),
    post_while_enabled: PostWhileEnabled,
    old_after_renewal: OldAfterRenewal,
    renewed_id: RenewedId,
    missing_scope: MissingScope,
    unknown_scope: UnknownScope,
    /// Whether a POST for a collection needs the collection's own `.read` as well.
    post_needs_read: YesNo,
    listed_references: ListedReferences,
    location: Location,
    renewal_status: RenewalStatus,
    delete_status: DeleteStatus,
    /// Whether deleted webhooks stay listed, with the status `Deleted`.
    list_deleted: YesNo,
    retry_key: RetryKey,
    valid_until_fraction: YesNo,
    event_content_type: String = "application/json".to_owned(),
    listed_id: ListedId,
    location_id: LocationId,
    post_body_id: YesNo = YesNo::Yes,
    listed_end: ListedEnd,
    posted_end: PostedEnd,
    /// How long lists still show what was before a POST, in milliseconds.
    list_lag_ms: u64 = 0,
    listed_url: ListedUrl,
    listed_status: ListedStatus,
    /// Whether the JSON of the API begins with a byte order mark.
    bom: YesNo,
    /// Whether answers of the API are compressed although no one asked for it.
    gzip: YesNo,
    next_link_host: NextLinkHost,
    empty_list: EmptyList,
    /// Items on a page of any list.
    page_size: usize = 100,
    /// Whether an empty page that is not the last stands between any two pages.
    empty_pages: bool = false,
    /// How far the tenant's clock is ahead of the machine's, in milliseconds.
    clock_offset_ms: i64 = 0,
    /// The scopes that the client may have; null stands for all that exist.
    allowed_scopes: Option<Vec<String>>,
    /// The status of an `invalid_client` answer: 400 or 401.
    invalid_client_status: u16 = 400,
    other_references: OtherReferences = OtherReferences::Refuse,
    /// How long a delta lives after its last request, in milliseconds.
    delta_lifetime_ms: u64 = 72 * 3_600 * 1_000,
    /// How long the link to the next page of a collection can be asked for, in milliseconds.
    paging_token_lifetime_ms: u64 = 3_600 * 1_000,
    clocking_deletion: ClockingDeletion,
    activity_change_version: ActivityChangeVersion,
    delta_per: DeltaPer,
    older_delta_link: OlderDeltaLink,
}

impl Settings {
    /// The settings with some of them replaced; the error names what is wrong. Then none is replaced, so that
    /// a misspelt setting cannot pass a test.
    pub fn patched(&self, patch: Value) -> Result<Self, String> {
        let Value::Object(patch) = patch else {
            return Err("settings are a JSON object".to_owned());
        };
        let mut new = self.clone();
        // One after the other, because an error of the whole would not say whose value is wrong.
        for (name, value) in patch {
            let mut all = serde_json::to_value(&new).map_err(|error| error.to_string())?;
            if let Value::Object(all) = &mut all {
                all.insert(name.clone(), value);
            }
            new = serde_json::from_value(all).map_err(|error| format!("{name}: {error}"))?;
        }
        new.check().map(|()| new)
    }

    /// Says which setting is out of its range.
    pub fn check(&self) -> Result<(), String> {
        let within = |name: &str, value: u64, least: u64, most: u64| {
            let fits = (least..=most).contains(&value);
            if fits { Ok(()) } else { Err(format!("{name} is {value}, not between {least} and {most}")) }
        };
        within("lifetime_ms", self.lifetime_ms, 1, TEN_YEARS_MS)?;
        within("token_lifetime_seconds", self.token_lifetime_seconds, 1, TEN_YEARS_MS / 1_000)?;
        within("retry_delay_ms", self.retry_delay_ms, 0, TEN_YEARS_MS)?;
        within("retries", self.retries.into(), 0, 1_000)?;
        within("delivery_timeout_ms", self.delivery_timeout_ms, 1, TEN_YEARS_MS)?;
        within("parallel_deliveries", self.parallel_deliveries as u64, 1, 1_000)?;
        within("page_size", self.page_size as u64, 1, 1_000_000)?;
        within("clock_offset_ms", self.clock_offset_ms.unsigned_abs(), 0, TEN_YEARS_MS)?;
        within("delta_lifetime_ms", self.delta_lifetime_ms, 1, TEN_YEARS_MS)?;
        within("list_lag_ms", self.list_lag_ms, 0, TEN_YEARS_MS)?;
        if HeaderValue::from_str(&self.event_content_type).is_err() {
            return Err(format!(
                "event_content_type `{}` cannot be written as a header",
                self.event_content_type.escape_debug()
            ));
        }
        within("paging_token_lifetime_ms", self.paging_token_lifetime_ms, 1, TEN_YEARS_MS)?;
        if ![400, 401].contains(&self.invalid_client_status) {
            return Err(format!("invalid_client_status is {}, not 400 or 401", self.invalid_client_status));
        }
        let taken = ["id", "validUntil", "status", "destinationUrl", "collectionName", "externalReferences"];
        if self.key_field.is_empty() || taken.contains(&self.key_field.as_str()) {
            return Err(format!("key_field `{}` is empty or has another meaning", self.key_field));
        }
        Ok(())
    }

    /// Whether the objects of a collection show their version.
    pub(crate) fn versions(&self, collection: &str) -> bool {
        collection != "activity-durations" || self.activity_change_version == ActivityChangeVersion::Present
    }

    /// The scopes that the client may have.
    pub(crate) fn scopes(&self) -> Vec<String> {
        self.allowed_scopes.clone().unwrap_or_else(words::every_scope)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn any_subset_replaces_and_nothing_unknown_passes() {
        let new = Settings::default().patched(json!({"lifetime_ms": 2000, "renewed_id": "same"})).unwrap();
        let renewed_id = RenewedId::Same;
        assert_eq!(new, Settings { lifetime_ms: 2_000, renewed_id, ..Settings::default() });
        let spelled = json!({"bom": true, "missing_scope": 401, "renewal_status": "200", "gzip": "yes"});
        let new = Settings::default().patched(spelled).unwrap();
        assert_eq!((new.bom, new.missing_scope), (YesNo::Yes, MissingScope::Unauthorized));
        assert_eq!((new.renewal_status, new.gzip), (RenewalStatus::Ok, YesNo::Yes));
        assert_eq!(Settings::default().patched(serde_json::to_value(&new).unwrap()), Ok(new));
        let why = Settings::default().patched(json!({"location": "nowhere"})).unwrap_err();
        assert_eq!(why, "location: `nowhere` is not one of path, url, absent");
        for wrong in [
            json!({"lifetime": 2000}),
            json!({"page_size": 0}),
            json!({"retries": "three"}),
            json!({"key_field": "id"}),
            json!({"event_content_type": "a\nb"}),
            json!({"renewal_status": 202}),
            json!({"invalid_client_status": 404}),
            json!({"paging_token_lifetime_ms": 0}),
            json!({"older_delta_link": "409"}),
            json!({"date_filter_required": []}),
            json!([]),
        ] {
            assert!(Settings::default().patched(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
