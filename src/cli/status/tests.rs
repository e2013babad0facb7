//! What a person sees.

use super::*;
use crate::{
    cli::{
        tests::{NOW, after, webhook},
        view::headline,
    },
    domain::report::{self, ActiveRenewal, KeySink, LastError, LastRenewal, Remote, State, Status},
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
    let status = Status { daemon, tenants, removed_webhooks: Vec::new() };
    View { status, webhooks, health }
}

fn unhealthy(mut view: View) -> View {
    view.health.healthy = false;
    view
}

fn sink(name: &str, version: Option<u64>, error: Option<&str>) -> KeySink {
    KeySink {
        sink: name.to_owned(),
        version,
        attempts: error.map_or(0, |_| 2),
        last_error: error.map(str::to_owned),
        retry_at: error.map(|_| after(60)),
    }
}

fn in_columns(width: u16) -> Style {
    Style { colour: false, width: Some(width) }
}

fn lines(view: &View, style: Style, all: bool) -> Vec<String> {
    overview::render(view, NOW, style, all).lines().map(str::to_owned).collect()
}

#[test]
fn a_pipe_gets_the_answer_first_and_every_webhook_on_a_line_of_its_own() {
    let view = view(vec![active("clockings"), blocked("contracts"), active("people")], vec![tenant()]);
    assert_eq!(
        overview::render(&unhealthy(view), NOW, Style::default(), false),
        "\
1 of 3 webhooks needs you: 1 blocked, 2 active; next renewal in 2 h
daemon 0.1.0 (pid 1) started 2 h ago; configuration config.toml read 2 h ago
! acme: the list of webhooks cannot be read: connection refused (Protime last answered 10 m ago)
! acme: this machine's clock is 45 s ahead of Protime's; check the time service here
■ acme/contracts  blocked                      not at Protime: post: 403: the scope [31mis missing; next try in 15 m
● acme/clockings  active     ━━━━━━──────┿┄┄┄  renews in 2 h, expires in 3 h 12 m
● acme/people     active     ━━━━━━──────┿┄┄┄  renews in 2 h, expires in 3 h 12 m
"
    );
}

#[test]
fn a_terminal_gets_lines_that_fit_it() {
    let view = unhealthy(view(vec![active("clockings"), blocked("contracts")], Vec::new()));
    assert_eq!(
        overview::render(&view, NOW, in_columns(80), false),
        "\
1 of 2 webhooks needs you: 1 blocked, 1 active; next renewal in 2 h
daemon 0.1.0 (pid 1) started 2 h ago; configuration config.toml read 2 h ago

acme
  ■ contracts  blocked                      not at Protime
      post: 403: the scope [31mis missing
      next try in 15 m
  ● clockings  active     ━━━━━━──────┿┄┄┄  renews in 2 h, expires in 3 h 12 m
"
    );
    for width in [40, 60, 80, 100, 200] {
        for line in lines(&view, in_columns(width), false).iter().skip(2) {
            assert!(line.chars().count() <= usize::from(width), "{width}: {line}");
        }
    }
    let narrow = lines(&view, in_columns(40), false);
    assert!(narrow.contains(&"  ● clockings active".to_owned()), "{narrow:#?}");
    assert!(narrow.contains(&"      renews in 2 h, expires in 3 h 12 m".to_owned()), "{narrow:#?}");
}

#[test]
fn many_healthy_webhooks_are_a_number_at_a_terminal() {
    let mut webhooks: Vec<Webhook> = (0..999).map(|number| active(&format!("w{number}"))).collect();
    webhooks.push(blocked("contracts"));
    let view = unhealthy(view(webhooks, Vec::new()));
    let text = lines(&view, in_columns(80), false);
    assert!(text.len() < 15, "{text:#?}");
    let summary = "  ● 999 healthy; the first renews in 2 h; the first expires in 3 h 12 m";
    assert!(text.contains(&summary.to_owned()), "{text:#?}");
    assert!(text.iter().any(|line| line.contains("■ contracts")), "{text:#?}");
    assert!(lines(&view, in_columns(80), true).len() > 1000);
    let piped = lines(&view, Style::default(), false);
    assert!(piped.iter().any(|line| line.starts_with("● acme/w998 ")));
}

#[test]
fn the_first_line_is_the_whole_answer() {
    let said = |view: &View| headline(view, NOW);
    let next = "; next renewal in 2 h";
    for (webhooks, expected) in [
        (Vec::new(), "no webhooks"),
        (vec![active("a")], "1 webhook, all active"),
        (vec![active("a"), active("b")], "2 webhooks, all active"),
        (vec![active("a"), webhook("acme", "b")], "2 webhooks, all active"),
        (vec![blocked("a")], "the only webhook needs you: 1 blocked"),
        (vec![blocked("a"), blocked("b"), active("c")], "2 of 3 webhooks need you: 2 blocked, 1 active"),
    ] {
        assert_eq!(said(&view(webhooks, Vec::new())), format!("{expected}{next}"));
    }
    let mut general = view(vec![active("a")], Vec::new());
    general.health.problems = vec![problem(None, None, "the disk is nearly full")];
    assert_eq!(said(&general), format!("1 problem needs you; 1 webhook: 1 active{next}"));
}

#[test]
fn tenants_with_problems_come_first() {
    let mut unhealthy = blocked("people");
    unhealthy.tenant = "globex".to_owned();
    let mut other = tenant();
    (other.last_poll_error, other.clock_skew_seconds) = (None, None);
    let globex = report::Tenant { name: "globex".to_owned(), ..other.clone() };
    let text = lines(&view(vec![active("clockings"), unhealthy], vec![other, globex]), in_columns(80), false);
    let at = |name: &str| text.iter().position(|line| line == name);
    assert!(at("globex") < at("acme") && at("globex").is_some(), "{text:#?}");
}

#[test]
fn states_are_coloured_on_a_terminal() {
    let style = Style { colour: true, width: Some(120) };
    let view = view(vec![active("people"), blocked("contracts")], Vec::new());
    let text = overview::render(&view, NOW, style, false);
    assert!(text.contains("\x1b[32m●\x1b[0m") && text.contains("\x1b[31m■\x1b[0m"), "{text}");
}

fn problem(webhook: Option<&str>, tenant: Option<&str>, problem: &str) -> Problem {
    Problem {
        webhook: webhook.map(str::to_owned),
        tenant: tenant.map(str::to_owned),
        problem: problem.to_owned(),
        since: after(-120),
    }
}

#[test]
fn what_concerns_no_single_webhook_is_said_once() {
    let mut view = view(Vec::new(), vec![tenant()]);
    view.health.problems = vec![
        problem(None, Some("acme"), "the list cannot be read: connection refused"),
        problem(None, Some("acme"), "a scope is missing"),
        problem(None, None, "the disk is nearly full"),
    ];
    for style in [Style::default(), in_columns(120)] {
        let text = overview::render(&view, NOW, style, false);
        assert!(text.contains("! the disk is nearly full (since 2 m ago)"), "{text}");
        assert_eq!(text.matches("a scope is missing (since 2 m ago)").count(), 1, "{text}");
    }
}

#[test]
fn a_card_tells_everything_that_applies() {
    let mut whole = active("clockings");
    whole.state = State::Renewing;
    whole.external_references = vec!["people,@badge-number".to_owned()];
    whole.owed_resync = Some(report::OwedResync { from: None, to: NOW });
    whole.renewal = Some(ActiveRenewal {
        id: 17,
        reason: "manual".to_owned(),
        step: "resync".to_owned(),
        attempt: 2,
        started_at: after(-5),
        progress: Some(report::Progress { pages: 1, objects: 250 }),
    });
    whole.key_sinks = vec![sink("file /a", Some(3), None), sink("http keys", None, Some("503"))];
    whole.audit = Some(report::Audit { refreshes: 4, objects: 1, last_at: after(-60) });
    assert_eq!(
        card::render(&whole, &[], NOW, Style::default()),
        "\
acme/clockings  ◐ renewing
  collection     clockings
  destination    https://example.com/hook
  references     (people,@badge-number)
  at Protime     Enabled, id a7d8 (seen 1 m ago)
  expires        2027-01-15 11:12:00 UTC (in 3 h 12 m)
  lifetime       ━━━━━━━━━─────────┿┄┄┄┄┄
  key            version 3, fingerprint 3f9a0c11 (since 2 h ago)
  key sink       file /a: has version 3
  key sink       http keys: has no key; 2 attempts failed: 503; next try 2027-01-15 08:01:00 UTC (in 1 m)
  next renewal   2027-01-15 10:00:00 UTC (in 2 h)
  running        manual (#17) at resync, attempt 2, 250 objects and 1 page so far (started 5 s ago)
  last renewal   expiring (#16) succeeded 2 h ago, took 3.0 s
  owed resync    from the beginning to 2027-01-15 08:00:00 UTC
  audit          1 object offered by 4 deltas while it delivered, the last 1 m ago
"
    );
    let text = card::render(&blocked("people"), &[], NOW, Style::default());
    assert!(text.contains("next try       2027-01-15 08:15:00 UTC (in 15 m)"), "{text}");
}

#[test]
fn a_card_fits_its_terminal_and_says_nothing_twice() {
    let refused = "the list of webhooks cannot be read: 403: the scope \x1b[31mis missing";
    let problems = [problem(Some("acme/people"), None, refused), problem(None, Some("acme"), refused)];
    let mut people = blocked("people");
    people.state = State::Retrying;
    people.last_error.as_mut().expect("an error").step = "poll".to_owned();
    assert_eq!(
        card::render(&people, &[&problems[0], &problems[1]], NOW, in_columns(40)),
        "\
acme/people  ▲ retrying
  problem        the list of webhooks
                 cannot be read: 403:
                 the scope [31mis
                 missing (since 2 m ago)
  last error     30 s ago, poll
  next try       2027-01-15 08:15:00 UTC
                 (in 15 m)
  collection     people
  destination    https://example.com/hook
  at Protime     not known yet
"
    );
}

#[test]
fn what_a_tenant_has_said_its_webhooks_do_not_repeat_at_a_terminal() {
    let refused = "the list of webhooks cannot be read: connection refused";
    let mut clockings = webhook("acme", "clockings");
    clockings.state = State::Retrying;
    let mut view = view(vec![clockings], vec![tenant()]);
    view.health.problems = vec![
        problem(None, Some("acme"), refused),
        problem(
            None,
            Some("acme"),
            "this machine's clock and Protime's differ by 45 s; check the time service here",
        ),
        problem(Some("acme/clockings"), None, refused),
    ];
    let text = lines(&unhealthy(view), in_columns(100), false);
    assert_eq!(
        text[2..],
        [
            "",
            "acme",
            "  ! the list of webhooks cannot be read: connection refused (Protime last answered 10 m ago)",
            "  ! this machine's clock is 45 s ahead of Protime's; check the time service here",
            "  ▲ clockings  retrying   not at Protime",
            "      the list of webhooks cannot be read, see above",
        ]
    );
}

#[test]
fn a_problem_concerns_its_webhook_its_tenant_or_everyone() {
    let problem = |webhook: Option<&str>, tenant: Option<&str>| problem(webhook, tenant, "");
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

#[test]
fn what_left_the_configuration_and_what_is_wrong_with_it_is_said() {
    let mut view = view(vec![active("clockings")], Vec::new());
    view.webhooks[0].key_sinks = vec![sink("file /a", Some(3), None), sink("http keys", None, Some("503"))];
    view.status.removed_webhooks = vec![report::RemovedWebhook {
        tenant: "acme".to_owned(),
        name: "people".to_owned(),
        collection: "people".to_owned(),
        destination_url: "https://example.com/hook".to_owned(),
        on_remove: "keep".to_owned(),
        left_at: after(-120),
        remote: view.webhooks[0].remote.clone(),
        note: "delete it yourself".to_owned(),
    }];
    let broken = |line| report::ConfigProblem {
        file: "c.toml".to_owned(),
        line: Some(line),
        column: Some(1),
        message: "unknown key".to_owned(),
        help: None,
    };
    let problems = vec![broken(3), broken(7)];
    let message = "c.toml:3:1: unknown key (and 1 more)".to_owned();
    view.status.daemon.config_error = Some(report::ConfigError { at: NOW, message, problems });
    let text = overview::render(&view, NOW, Style::default(), false);
    for line in [
        "! c.toml:7:1: unknown key",
        "! acme/people (people to https://example.com/hook) left the configuration 2 m ago, \
         Enabled at Protime until 2027-01-15 11:12:00 UTC: delete it yourself",
    ] {
        assert!(text.lines().any(|said| said == line), "no {line} in\n{text}");
    }
    assert!(text.contains(": key sink http keys: 503; next try in 1 m\n"), "{text}");
}
