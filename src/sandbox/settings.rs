//! How the simulated tenant behaves; everything can be changed while it runs.
//!
//! A change is a JSON object with any subset of the fields. An unknown field, a wrong type or a
//! value out of range is refused as a whole, so that a misspelt setting cannot pass a test.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::sandbox::words;

const TEN_YEARS_MS: u64 = 10 * 366 * 24 * 3_600 * 1_000;

/// What a POST with other external references than the existing webhook's does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OtherReferences {
    /// It is answered with 400 and changes nothing.
    Refuse,
    /// It renews the webhook, which keeps the references it has.
    Ignore,
}

/// How a deletion of a clocking is told. Protime's pages know both ways.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ClockingDeletion {
    /// As the deletion that it is.
    #[default]
    Delete,
    /// As a change of its `status` to `Deleted`; a list goes on to show it.
    Status,
    /// As the one, then as the other.
    Both,
}

/// Whether the objects of activity-durations have a `changeVersion`. Protime's pages disagree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ActivityChangeVersion {
    /// They have none.
    #[default]
    Absent,
    /// They have one, as all others.
    Present,
}

/// For whom there is one delta of a collection. Protime's pages disagree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DeltaPer {
    /// For each client.
    #[default]
    Client,
    /// For all of the tenant: someone else who starts one ends ours.
    Tenant,
}

/// What a `deltaLink` answers that is not the latest one of its delta. Protime says nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
pub(crate) enum OlderDeltaLink {
    /// What changed since it was given.
    #[default]
    #[serde(rename = "answers")]
    Answers,
    /// 410.
    #[serde(rename = "410")]
    #[value(name = "410")]
    Gone,
}

/// The behaviour of the tenant. Protime leaves most of this open; each setting covers one reading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Lifetime of a webhook from its POST on, in milliseconds.
    pub(crate) lifetime_ms: u64,
    /// Lifetime of an access token, in seconds.
    pub(crate) token_lifetime_seconds: u64,
    /// Attempts at an event after the first one failed; then the webhook is disabled.
    pub(crate) retries: u32,
    /// Delay before the first retry in milliseconds; every further one is twice as long, at most 60 s.
    pub(crate) retry_delay_ms: u64,
    /// How long a receiver may take to answer, in milliseconds.
    pub(crate) delivery_timeout_ms: u64,
    /// How many events of one webhook are under way at a time; above 1 they overtake each other.
    pub(crate) parallel_deliveries: usize,
    /// Whether a renewal changes the webhook's id.
    pub(crate) new_id: bool,
    /// The name of the key's property in the answer to a POST.
    pub(crate) key_field: String,
    /// Items on a page of any list.
    pub(crate) page_size: usize,
    /// Whether an empty page that is not the last stands between any two pages.
    pub(crate) empty_pages: bool,
    /// How far the tenant's clock is ahead of the machine's, in milliseconds.
    pub(crate) clock_offset_ms: i64,
    /// The scopes that the client may have; null stands for all that exist.
    pub(crate) allowed_scopes: Option<Vec<String>>,
    /// The status of an `invalid_client` answer: 400 or 401.
    pub(crate) invalid_client_status: u16,
    /// What a POST with other external references does.
    pub(crate) other_references: OtherReferences,
    /// How long a delta lives after its last request, in milliseconds.
    pub(crate) delta_lifetime_ms: u64,
    /// How long the link to the next page of a collection can be asked for, in milliseconds.
    pub(crate) paging_token_lifetime_ms: u64,
    /// How a deletion of a clocking is told.
    pub(crate) clocking_deletion: ClockingDeletion,
    /// Whether the objects of activity-durations have a `changeVersion`.
    pub(crate) activity_change_version: ActivityChangeVersion,
    /// For whom there is one delta of a collection.
    pub(crate) delta_per: DeltaPer,
    /// What a `deltaLink` answers that is not the latest one.
    pub(crate) older_delta_link: OlderDeltaLink,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lifetime_ms: 60_000,
            token_lifetime_seconds: 1_800,
            retries: 3,
            retry_delay_ms: 1_000,
            delivery_timeout_ms: 10_000,
            parallel_deliveries: 4,
            new_id: false,
            key_field: "webhookKey".to_owned(),
            page_size: 100,
            empty_pages: false,
            clock_offset_ms: 0,
            allowed_scopes: None,
            invalid_client_status: 400,
            other_references: OtherReferences::Refuse,
            delta_lifetime_ms: 72 * 3_600 * 1_000,
            paging_token_lifetime_ms: 3_600 * 1_000,
            clocking_deletion: ClockingDeletion::default(),
            activity_change_version: ActivityChangeVersion::default(),
            delta_per: DeltaPer::default(),
            older_delta_link: OlderDeltaLink::default(),
        }
    }
}

impl Settings {
    /// The settings with some of them replaced; the error names what is wrong.
    pub(crate) fn patched(&self, patch: Value) -> Result<Self, String> {
        let Value::Object(patch) = patch else {
            return Err("settings are a JSON object".to_owned());
        };
        let mut all = serde_json::to_value(self).map_err(|error| error.to_string())?;
        if let Value::Object(all) = &mut all {
            all.extend(patch);
        }
        let new: Self = serde_json::from_value(all).map_err(|error| error.to_string())?;
        new.check().map(|()| new)
    }

    /// Says which setting is out of its range.
    pub(crate) fn check(&self) -> Result<(), String> {
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
        let new = Settings::default().patched(json!({"lifetime_ms": 2000, "new_id": true})).unwrap();
        assert_eq!(new, Settings { lifetime_ms: 2_000, new_id: true, ..Settings::default() });
        for wrong in [
            json!({"lifetime": 2000}),
            json!({"page_size": 0}),
            json!({"retries": "three"}),
            json!({"key_field": "id"}),
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
