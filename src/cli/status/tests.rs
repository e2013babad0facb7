//! What a person sees.

use super::*;
use crate::{
    cli::tests::{NOW, after, webhook},
    domain::report::{self, LastError, LastRenewal, Remote},
};

fn active(name: &str) -> Webhook {
    Webhook {
        remote: Some(Remote {
            id: "a7d8".to_owned(),
            status: "Enabled".to_owned(),
            valid_until: Some(after(11_520)),
            seen_at: after(-60),
        }),
        key: Some(report::Key { version: 3, fingerprint: "3f9a0c11".to_owned(), rotated_at: after(-7200) }),
        next_renewal_at: Some(after(7200)),
        last_renewal: Some(LastRenewal {
            id: 16,
            reason: "expiring".to_owned(),
            outcome: "succeeded".to_owned(),
            started_at: after(-7203),
            finished_at: after(-7200),
            error: None,
        }),
        ..webhook("acme", name)
    }
}

fn blocked(name: &str) -> Webhook {
    Webhook {
        state: State::Blocked,
        last_error: Some(LastError {
            at: after(-30),
            step: "post".to_owned(),
            message: "403: the scope \x1b[31mis missing".to_owned(),
            retry_at: Some(after(900)),
        }),
        ..webhook("acme", name)
    }
}

fn tenant() -> report::Tenant {
    report::Tenant {
        name: "acme".to_owned(),
        last_poll_at: Some(after(-600)),
        last_poll_error: Some("connection refused".to_owned()),
        token_expires_at: None,
        clock_skew_seconds: Some(-45.2),
    }
}

fn view(webhooks: Vec<Webhook>, tenants: Vec<report::Tenant>) -> View {
    let daemon = report::Daemon {
        version: "0.1.0".to_owned(),
        pid: 1,
        started_at: after(-9000),
        config_file: "config.toml".to_owned(),
        config_loaded_at: after(-9000),
        config_error: None,
        counts: std::collections::BTreeMap::new(),
        next_renewal_at: Some(after(7200)),
    };
    let health = Health { healthy: true, problems: Vec::new() };
    View { status: Status { daemon, tenants, orphans: Vec::new() }, webhooks, health }
}

fn in_columns(width: u16) -> Style {
    Style { colour: false, width: Some(width) }
}

#[test]
fn healthy_webhooks_are_a_table_without_a_column_for_problems() {
    let text = table::render(&view(vec![active("clockings")], Vec::new()), NOW, Style::default());
    assert_eq!(
        text,
        "\
1 webhook: 1 active · next renewal in 2 h
┌────────────────┬──────────┬─────────────┬──────────────┬──────────────────────────────┐
│ webhook        ┆ state    ┆ expires     ┆ next renewal ┆ last renewal                 │
╞════════════════╪══════════╪═════════════╪══════════════╪══════════════════════════════╡
│ acme/clockings ┆ ● active ┆ in 3 h 12 m ┆ in 2 h       ┆ 2 h ago, expiring, succeeded │
└────────────────┴──────────┴─────────────┴──────────────┴──────────────────────────────┘
"
    );
}

#[test]
fn trouble_comes_first_and_its_text_cannot_steer_the_terminal() {
    let view = view(vec![active("clockings"), active("people"), blocked("contracts")], vec![tenant()]);
    let text = table::render(&view, NOW, Style::default());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "3 webhooks: 2 active, 1 blocked · next renewal in 2 h");
    assert!(lines[4].starts_with("│ acme/contracts ┆ ■ blocked ┆ not at Protime"), "{text}");
    assert!(lines[4].contains("post: 403: the scope [31mis missing; next try in 15 m"), "{text}");
    let end = "! acme: the last poll failed: connection refused (Protime last answered 10 m ago)\n\
               ! acme: this machine's clock is 45 s ahead of Protime's\n";
    assert!(text.ends_with(end), "{text}");
}

#[test]
fn the_table_is_never_wider_than_the_terminal() {
    let view = view(vec![active("clockings"), blocked("contracts")], Vec::new());
    for width in [76, 80, 100, 140] {
        let text = table::render(&view, NOW, in_columns(width));
        // The terminal itself breaks the sentences beneath the table.
        let table = text.lines().filter(|line| line.starts_with(['┌', '│', '╞', '└']));
        let widest = table.map(|line| line.chars().count()).max();
        assert!(widest <= Some(usize::from(width)), "{width}\n{text}");
        assert!(text.contains("acme/contracts") && text.contains("■ blocked"), "{width}\n{text}");
    }
}

#[test]
fn problems_stand_beneath_a_table_that_has_no_room_for_them() {
    let view = view(vec![active("clockings"), blocked("contracts")], Vec::new());
    let sentence = "■ blocked acme/contracts: post: 403: the scope [31mis missing; next try in 15 m\n";
    assert!(table::render(&view, NOW, in_columns(100)).ends_with(sentence));
    assert!(!table::render(&view, NOW, in_columns(160)).contains(sentence));
}

#[test]
fn a_narrow_terminal_gets_a_list() {
    let text = table::render(&view(vec![active("people")], Vec::new()), NOW, in_columns(50));
    assert_eq!(
        text,
        "1 webhook: 1 active · next renewal in 2 h\n\
         acme/people  ● active\n  \
           expires: in 3 h 12 m\n  \
           next renewal: in 2 h\n  \
           last renewal: 2 h ago, expiring, succeeded\n"
    );
}

#[test]
fn states_are_coloured_on_a_terminal() {
    let style = Style { colour: true, width: Some(120) };
    let text = table::render(&view(vec![active("people"), blocked("contracts")], Vec::new()), NOW, style);
    assert!(text.contains("\x1b[32m● active\x1b[0m") && text.contains("\x1b[31m■ blocked\x1b[0m"), "{text}");
}

#[test]
fn what_concerns_no_single_webhook_is_said_once() {
    let mut view = view(Vec::new(), vec![tenant()]);
    let problem = |tenant: Option<&str>, problem: &str| Problem {
        webhook: None,
        tenant: tenant.map(str::to_owned),
        problem: problem.to_owned(),
        since: after(-120),
    };
    view.health.problems =
        vec![problem(Some("acme"), "connection refused"), problem(None, "the disk is nearly full")];
    let text = table::render(&view, NOW, Style::default());
    assert!(text.starts_with("no webhooks"), "{text}");
    assert_eq!(text.matches("connection refused").count(), 1, "{text}");
    assert!(text.contains("! daemon: the disk is nearly full (since 2 m ago)"), "{text}");
}

#[test]
fn a_card_tells_everything_that_applies() {
    let mut whole = active("clockings");
    whole.state = State::Renewing;
    whole.external_references = vec!["people,@badge-number".to_owned()];
    whole.owed_resync = Some(report::OwedResync { from: None, to: NOW });
    whole.renewal = Some(OpenRenewal {
        id: 17,
        reason: "manual".to_owned(),
        step: "resync".to_owned(),
        attempt: 2,
        started_at: after(-5),
        progress: None,
    });
    assert_eq!(
        card::render(&whole, &[], NOW, Style::default()),
        "\
acme/clockings  ◐ renewing
  collection     clockings
  destination    https://example.com/hook
  references     (people,@badge-number)
  at Protime     Enabled, id a7d8 (seen 1 m ago)
  expires        2027-01-15 11:12:00 UTC (in 3 h 12 m)
  key            version 3, fingerprint 3f9a0c11 (since 2 h ago)
  next renewal   2027-01-15 10:00:00 UTC (in 2 h)
  running        manual (#17) at resync, attempt 2 (started 5 s ago)
  last renewal   expiring (#16) succeeded 2 h ago, took 3.0 s
  owed resync    from the beginning to 2027-01-15 08:00:00 UTC
"
    );
    let text = card::render(&blocked("people"), &[], NOW, Style::default());
    assert!(text.contains("next try       2027-01-15 08:15:00 UTC (in 15 m)"), "{text}");
}

#[test]
fn a_problem_concerns_its_webhook_its_tenant_or_everybody() {
    let problem = |webhook: Option<&str>, tenant: Option<&str>| Problem {
        webhook: webhook.map(str::to_owned),
        tenant: tenant.map(str::to_owned),
        problem: String::new(),
        since: NOW,
    };
    let webhook = active("people");
    for (problem, expected) in [
        (problem(Some("acme/people"), None), true),
        (problem(Some("acme/contracts"), Some("acme")), false),
        (problem(None, Some("acme")), true),
        (problem(None, Some("globex")), false),
        (problem(None, None), true),
    ] {
        assert_eq!(concerns(&problem, &webhook), expected, "{problem:?}");
    }
}
