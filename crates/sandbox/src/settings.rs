//! How the simulated tenant behaves; everything can be changed while it runs.

mod switches;

use axum::http::HeaderValue;
use serde_json::Value;

pub use self::switches::*;

const TEN_YEARS_MS: u64 = 10 * 366 * 24 * 3_600 * 1_000;

impl Settings {
    /// The settings with some of them replaced; the error names what is wrong. Then none is replaced, so that
    /// a misspelt setting cannot pass a test.
    pub fn patched(&self, patch: Value) -> Result<Self, String> {
        let new = self.with(patch)?;
        new.check().map(|()| new)
    }

    /// The same without a look at whether they are in their range.
    pub fn with(&self, patch: Value) -> Result<Self, String> {
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
        Ok(new)
    }

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
