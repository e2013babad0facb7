//! What the rows say, one of a webhook and one of several, and that there is never more than a piece.

use std::{collections::BTreeSet, time::Duration};

use super::*;
use crate::{
    counters::Counters,
    domain::{
        plan::Policy,
        state::WebhookId,
        webhook::{Pair, TenantName, WebhookName, WebhookPath},
    },
    resync::Resync,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("in range")
}

fn webhook(tenant: &str, name: &str) -> Arc<Webhook> {
    Arc::new(Webhook {
        id: WebhookId(0),
        path: WebhookPath {
            tenant: TenantName::new(tenant).expect("a name"),
            name: WebhookName::new(name).expect("a name"),
        },
        pair: Pair { destination_url: "https://example.com/".to_owned(), collection: name.to_owned() },
        references: Vec::new(),
        policy: Policy {
            references: String::new(),
            max_unplanned_per_hour: 6,
            longest_retry: Duration::from_secs(1),
            keep_warm: None,
            resyncs: false,
        },
        resync: Resync::None,
        proceed: false,
        sinks: Vec::new(),
        key_field: None,
    })
}

fn healthy(tenant: &str, name: &str, second: i64) -> Glance {
    Glance {
        webhook: webhook(tenant, name),
        state: State::Active,
        is_enabled: true,
        valid_until: Some(at(second + 50)),
        next_renewal_at: Some(at(second)),
        owed_since: None,
    }
}

fn moment(webhooks: Vec<Glance>, is_folded: bool, counters: &Counters) -> Moment {
    Moment {
        started_at: at(1_000),
        is_healthy: true,
        webhooks: Arc::new(webhooks.into_iter().map(Arc::new).collect()),
        is_folded,
        tenants: Vec::new(),
        counts: counters.snapshot(),
    }
}

/// The samples of webhooks, without the prefix.
fn of_webhooks(moment: Moment) -> Vec<String> {
    let text: String = Exposition::new(moment).collect();
    let samples = text.lines().filter(|line| !line.starts_with('#') && line.contains("tenant="));
    samples.map(|line| line.trim_start_matches("protime_webhookd_").to_owned()).collect()
}

fn three() -> Vec<Glance> {
    let owing = Glance {
        state: State::Blocked,
        is_enabled: false,
        owed_since: Some(at(7)),
        ..healthy("acme", "people", 100)
    };
    let unknown = Glance { valid_until: None, next_renewal_at: None, ..healthy("globex", "clockings", 0) };
    vec![healthy("acme", "clockings", 200), owing, unknown]
}

#[test]
fn each_webhook_is_a_row_of_its_own() {
    let one = "{tenant=\"acme\",webhook=\"clockings\"";
    let other = "{tenant=\"acme\",webhook=\"people\"";
    let third = "{tenant=\"globex\",webhook=\"clockings\"";
    let mut expected = vec![
        format!("webhook_valid_until_timestamp_seconds{one}}} 250.000"),
        format!("webhook_valid_until_timestamp_seconds{other}}} 150.000"),
        format!("webhook_enabled{one}}} 1"),
        format!("webhook_enabled{other}}} 0"),
        format!("webhook_enabled{third}}} 1"),
    ];
    for (who, is) in [(one, State::Active), (other, State::Blocked), (third, State::Active)] {
        let of = |state: State| format!("webhook_state{who},state=\"{state}\"}} {}", u8::from(state == is));
        expected.extend(State::ALL.map(of));
    }
    expected.extend([
        format!("next_renewal_timestamp_seconds{one}}} 200.000"),
        format!("next_renewal_timestamp_seconds{other}}} 100.000"),
        format!("owed_resync{one}}} 0"),
        format!("owed_resync{other}}} 1"),
        format!("owed_resync{third}}} 0"),
        format!("owed_resync_since_timestamp_seconds{other}}} 7.000"),
    ]);
    assert_eq!(of_webhooks(moment(three(), false, &Counters::default())), expected);
}

#[test]
fn folded_the_webhooks_of_a_tenant_are_one_row() {
    let states = |who: &str, active: u8, blocked: u8| {
        let count = |state| match state {
            State::Active => active,
            State::Blocked => blocked,
            _ => 0,
        };
        State::ALL
            .map(|state| format!("webhook_state{{tenant=\"{who}\",state=\"{state}\"}} {}", count(state)))
    };
    let mut expected = vec![
        "webhook_valid_until_timestamp_seconds{tenant=\"acme\"} 150.000".to_owned(),
        "webhook_enabled{tenant=\"acme\"} 0".to_owned(),
        "webhook_enabled{tenant=\"globex\"} 1".to_owned(),
    ];
    expected.extend(states("acme", 1, 1));
    expected.extend(states("globex", 1, 0));
    expected.extend([
        "next_renewal_timestamp_seconds{tenant=\"acme\"} 100.000".to_owned(),
        "owed_resync{tenant=\"acme\"} 1".to_owned(),
        "owed_resync{tenant=\"globex\"} 0".to_owned(),
        "owed_resync_since_timestamp_seconds{tenant=\"acme\"} 7.000".to_owned(),
    ]);
    assert_eq!(of_webhooks(moment(three(), true, &Counters::default())), expected);
}

#[test]
fn of_very_many_webhooks_there_is_never_more_than_a_piece() {
    let counters = Counters::default();
    for number in 0..3_000 {
        counters.request(&format!("tenant-{number:04}"), "list", "200");
        counters.odd_entries(&format!("tenant-{number:04}"), 0);
    }
    let webhooks =
        |number| healthy(&format!("tenant-{:04}", number / 10), &format!("webhook-{}", number % 10), 0);
    for (is_folded, samples_of_webhooks) in [(false, 10_000 * 10), (true, 1_000 * 10)] {
        let pieces: Vec<String> =
            Exposition::new(moment((0..10_000).map(webhooks).collect(), is_folded, &counters)).collect();
        let (last, others) = pieces.split_last().expect("something");
        assert!(others.iter().all(|piece| (PIECE..PIECE + LONGEST_ROW).contains(&piece.len())));
        assert!(last.len() < PIECE + LONGEST_ROW && pieces.iter().all(|piece| piece.ends_with('\n')));
        let text = pieces.concat();
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let series: BTreeSet<&str> =
            samples.iter().filter_map(|line| Some(line.rsplit_once(' ')?.0)).collect();
        assert_eq!(series.len(), samples.len(), "no series is there twice");
        // Version, start, health and four verdicts are of no tenant.
        assert_eq!(samples.len(), samples_of_webhooks + 2 * 3_000 + 7);
        for family in &FAMILIES {
            let heading = format!("# TYPE protime_webhookd_{} {}\n", family.name, family.kind);
            assert_eq!(text.matches(&heading).count(), 1, "{heading}");
        }
    }
}

#[test]
fn all_pieces_are_of_one_moment() {
    let counters = Counters::default();
    counters.verified("valid");
    let exposition = Exposition::new(moment(three(), false, &counters));
    let whole: String = Exposition::new(moment(three(), false, &counters)).collect();
    counters.verified("valid");
    assert_eq!(exposition.collect::<String>(), whole);
    assert!(whole.contains("verify_total{outcome=\"valid\"} 1\n"), "{whole}");
}

#[test]
fn buckets_are_cumulative() {
    let counters = Counters::default();
    for milliseconds in [5, 20, 4_000_000] {
        counters.step("post", Duration::from_millis(milliseconds));
    }
    let text: String = Exposition::new(moment(Vec::new(), false, &counters)).collect();
    for line in [
        "_bucket{step=\"post\",le=\"0.01\"} 1",
        "_bucket{step=\"post\",le=\"0.05\"} 2",
        "_bucket{step=\"post\",le=\"3600\"} 2",
        "_bucket{step=\"post\",le=\"+Inf\"} 3",
        "_sum{step=\"post\"} 4000.025",
        "_count{step=\"post\"} 3",
    ] {
        let line = format!("protime_webhookd_renewal_step_duration_seconds{line}\n");
        assert!(text.contains(&line), "{line} in {text}");
    }
}
