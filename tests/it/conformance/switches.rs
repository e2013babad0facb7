//! The switches and their positions, as the sandbox names them; the default comes first.

use serde_json::{Map, Value, json};

pub(super) struct Switch {
    /// Its name among the settings.
    pub(super) name: &'static str,
    pub(super) positions: &'static [&'static str],
}

const fn switch(name: &'static str, positions: &'static [&'static str]) -> Switch {
    Switch { name, positions }
}

/// What Protime's documentation leaves open or contradicts.
pub(super) const LEFT_OPEN: &[Switch] = &[
    switch("post_while_enabled", &["rotates", "409", "400", "second"]),
    switch("old_after_renewal", &["reused", "listed", "gone"]),
    switch("renewed_id", &["new", "same"]),
    switch("key_field", &["webhookKey", "key", "privateWebhookKey", "signingSecret"]),
    switch("listed_references", &["lists", "texts", "objects", "array", "absent"]),
    switch("missing_scope", &["403", "401"]),
    switch("unknown_scope", &["rest", "invalid_scope"]),
    switch("post_needs_read", &["no", "yes"]),
    switch("location", &["path", "url", "absent"]),
    switch("renewal_status", &["201", "200"]),
    switch("delete_status", &["204", "200"]),
    switch("list_deleted", &["no", "yes"]),
    switch("clocking_deletion", &["delete", "status", "both"]),
    switch("retry_key", &["new", "old"]),
    switch("activity_change_version", &["absent", "present"]),
    switch("delta_per", &["client", "tenant"]),
    switch("older_delta_link", &["answers", "410"]),
    switch("paging_token_lifetime_ms", &["3600000", "3000"]),
    switch("valid_until_fraction", &["no", "yes"]),
    switch(
        "event_content_type",
        &["application/json", "application/json; charset=utf-8", "application/vnd.protime.event+json"],
    ),
];

/// What servers of other makers have done, with those of the switches that it meets.
pub(super) const SEEN_ELSEWHERE: &[Switch] = &[
    switch("listed_end", &["exact", "10ms", "sql", "second", "minute", "no-offset"]),
    switch("post_while_enabled", &["rotates", "409", "second"]),
    switch("old_after_renewal", &["reused", "listed", "gone"]),
    switch("renewed_id", &["new", "same"]),
    switch("listed_id", &["as-issued", "upper", "lower"]),
    switch("location_id", &["plain", "quoted", "braces"]),
    switch("post_body_id", &["yes", "no"]),
    switch("posted_end", &["exact", "no-offset"]),
    switch("list_lag_ms", &["0", "3000"]),
    switch("listed_url", &["as-posted", "normalized", "masked-query"]),
    switch("listed_status", &["as-documented", "lower", "upper"]),
    switch("bom", &["no", "yes"]),
    switch("gzip", &["no", "yes"]),
    switch("next_link_host", &["path", "url", "other-host"]),
    switch("empty_list", &["array", "null", "204"]),
    switch("location", &["path", "url"]),
];

/// A row as the sandbox takes it.
pub(super) fn settings(switches: &[Switch], row: &[usize]) -> Value {
    let mut settings = Map::new();
    for (switch, at) in switches.iter().zip(row) {
        let position = switch.positions[*at];
        let number = switch.name.ends_with("_ms").then(|| position.parse::<u64>().expect("milliseconds"));
        settings.insert(switch.name.to_owned(), number.map_or_else(|| json!(position), |ms| json!(ms)));
    }
    Value::Object(settings)
}

/// What is not as by default, for a person who reads of a failure.
pub(super) fn described(switches: &[Switch], row: &[usize]) -> String {
    let changed = switches.iter().zip(row).filter(|(_, at)| **at != 0);
    let changed: Vec<String> =
        changed.map(|(switch, at)| format!("{} {}", switch.name, switch.positions[*at])).collect();
    if changed.is_empty() { "all defaults".to_owned() } else { changed.join(" · ") }
}
