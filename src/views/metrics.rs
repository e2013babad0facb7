//! The daemon's metrics in the text format of Prometheus, version 0.0.4.
//!
//! What can be looked up (states, deadlines) is, when it is asked for; what can only be counted comes
//! from the [`Counters`](crate::counters::Counters), which outlives a reload.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::{
    counters::{BUCKETS, Counts, Durations},
    domain::report::{self, State},
};

const PREFIX: &str = "protime_webhookd";

pub(crate) fn text(
    status: &report::Status,
    webhooks: &[report::Webhook],
    healthy: bool,
    counts: &Counts,
) -> String {
    let mut page = Page(String::new());
    let daemon = &status.daemon;
    page.family("build_info", "gauge", "The version that runs; always 1.");
    page.sample("build_info", &[("version", &daemon.version)], "1");
    page.gauge(
        "start_time_seconds",
        "When the daemon started, in seconds since 1970.",
        &seconds(daemon.started_at),
    );
    page.gauge("healthy", "1 if nothing is wrong, as GET /v1/health says; else 0.", &flag(healthy));
    webhook_gauges(&mut page, webhooks);
    tenant_gauges(&mut page, &status.tenants);
    what_happened(&mut page, counts);
    page.0
}

fn webhook_gauges(page: &mut Page, webhooks: &[report::Webhook]) {
    page.per_webhook(
        webhooks,
        "webhook_valid_until_timestamp_seconds",
        "Until when the webhook delivers, as Protime said, in seconds since 1970.",
        |webhook| webhook.remote.as_ref()?.valid_until.map(seconds),
    );
    page.per_webhook(
        webhooks,
        "webhook_enabled",
        "1 if Protime last listed the webhook as Enabled; else 0.",
        |webhook| Some(flag(webhook.remote.as_ref().is_some_and(|remote| remote.status == "Enabled"))),
    );
    page.family("webhook_state", "gauge", "1 for the state that the webhook is in; 0 for the others.");
    for webhook in webhooks {
        for state in State::ALL {
            let labels =
                [("tenant", webhook.tenant.as_str()), ("webhook", &webhook.name), ("state", state.as_str())];
            page.sample("webhook_state", &labels, &flag(state == webhook.state));
        }
    }
    page.per_webhook(
        webhooks,
        "next_renewal_timestamp_seconds",
        "When the next renewal is planned, in seconds since 1970.",
        |webhook| webhook.next_renewal_at.map(seconds),
    );
    page.per_webhook(
        webhooks,
        "owed_resync",
        "1 if a gap is not closed yet by a resync; else 0.",
        |webhook| Some(flag(webhook.owed_resync.is_some())),
    );
}

fn tenant_gauges(page: &mut Page, tenants: &[report::Tenant]) {
    let name = "last_poll_timestamp_seconds";
    page.family(
        name,
        "gauge",
        "When Protime last answered with the list of webhooks, in seconds since 1970.",
    );
    for tenant in tenants {
        if let Some(at) = tenant.last_poll_at {
            page.sample(name, &[("tenant", &tenant.name)], &seconds(at));
        }
    }
    let name = "clock_skew_seconds";
    page.family(name, "gauge", "By how much the clock of Protime is ahead of this machine.");
    for tenant in tenants {
        if let Some(skew) = tenant.clock_skew_seconds {
            page.sample(name, &[("tenant", &tenant.name)], &skew.to_string());
        }
    }
}

fn what_happened(page: &mut Page, counts: &Counts) {
    let name = "renewals_total";
    page.family(name, "counter", "Renewals that ended, by reason and outcome.");
    for ((reason, outcome), count) in &counts.renewals {
        page.sample(name, &[("reason", reason), ("outcome", outcome)], &count.to_string());
    }
    let name = "renewal_step_duration_seconds";
    page.family(name, "histogram", "How long each attempt at a step of a renewal took.");
    for (step, durations) in &counts.steps {
        page.histogram(name, ("step", step), durations);
    }
    let name = "api_requests_total";
    page.family(
        name,
        "counter",
        "Requests to Protime, by endpoint and status code; lost and not_sent have none.",
    );
    for ((tenant, endpoint, code), count) in &counts.requests {
        page.sample(name, &[("tenant", tenant), ("endpoint", endpoint), ("code", code)], &count.to_string());
    }
    let name = "odd_list_entries_total";
    page.family(
        name,
        "counter",
        "Entries of lists of webhooks that were not as documented and were left out.",
    );
    for (tenant, count) in &counts.odd_entries {
        page.sample(name, &[("tenant", tenant)], &count.to_string());
    }
    let name = "verify_total";
    page.family(name, "counter", "Events that were judged, by verdict.");
    for outcome in ["valid", "malformed", "mismatch", "no_key"] {
        let count = counts.verified.get(outcome).copied().unwrap_or_default();
        page.sample(name, &[("outcome", outcome)], &count.to_string());
    }
}

fn seconds(at: Timestamp) -> String {
    let millis = at.as_millisecond();
    format!("{}.{:03}", millis.div_euclid(1_000), millis.rem_euclid(1_000))
}

fn flag(set: bool) -> String {
    u8::from(set).to_string()
}

struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _infallible = writeln!(self.0, "# HELP {PREFIX}_{name} {help}\n# TYPE {PREFIX}_{name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: &str) {
        let each: Vec<String> =
            labels.iter().map(|(label, text)| format!("{label}=\"{}\"", escaped(text))).collect();
        let labels = if each.is_empty() { String::new() } else { format!("{{{}}}", each.join(",")) };
        let _infallible = writeln!(self.0, "{PREFIX}_{name}{labels} {value}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: &str) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }

    /// A gauge of every webhook that has a value.
    fn per_webhook(
        &mut self,
        webhooks: &[report::Webhook],
        name: &str,
        help: &str,
        value: impl Fn(&report::Webhook) -> Option<String>,
    ) {
        self.family(name, "gauge", help);
        for webhook in webhooks {
            if let Some(value) = value(webhook) {
                self.sample(name, &[("tenant", &webhook.tenant), ("webhook", &webhook.name)], &value);
            }
        }
    }

    fn histogram(&mut self, name: &str, label: (&str, &str), durations: &Durations) {
        let bucket = format!("{name}_bucket");
        let mut below = 0;
        for (bound, count) in BUCKETS.iter().zip(durations.buckets) {
            below += count;
            self.sample(&bucket, &[label, ("le", &bound.to_string())], &below.to_string());
        }
        self.sample(&bucket, &[label, ("le", "+Inf")], &durations.count.to_string());
        self.sample(&format!("{name}_sum"), &[label], &durations.sum.as_secs_f64().to_string());
        self.sample(&format!("{name}_count"), &[label], &durations.count.to_string());
    }
}

/// A label's value, in which three characters have a meaning.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::counters::Counters;

    #[test]
    fn a_label_holds_any_text() {
        let mut page = Page(String::new());
        page.sample("x", &[("code", "a\"b\\c\nd"), ("é", "é")], "1");
        assert_eq!(page.0, "protime_webhookd_x{code=\"a\\\"b\\\\c\\nd\",é=\"é\"} 1\n");
    }

    #[test]
    fn buckets_are_cumulative() {
        let counters = Counters::default();
        for milliseconds in [5, 20, 4_000_000] {
            counters.step("post", Duration::from_millis(milliseconds));
        }
        let mut page = Page(String::new());
        what_happened(&mut page, &counters.snapshot());
        for line in [
            "_bucket{step=\"post\",le=\"0.01\"} 1",
            "_bucket{step=\"post\",le=\"0.05\"} 2",
            "_bucket{step=\"post\",le=\"3600\"} 2",
            "_bucket{step=\"post\",le=\"+Inf\"} 3",
            "_sum{step=\"post\"} 4000.025",
            "_count{step=\"post\"} 3",
        ] {
            let line = format!("protime_webhookd_renewal_step_duration_seconds{line}\n");
            assert!(page.0.contains(&line), "{line} in {}", page.0);
        }
    }

    #[test]
    fn a_moment_is_seconds() {
        for (millis, text) in [(0, "0.000"), (1_790_000_000_005, "1790000000.005")] {
            assert_eq!(seconds(Timestamp::from_millisecond(millis).unwrap()), text);
        }
    }
}
