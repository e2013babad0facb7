//! The screen, from messages to text; what is typed is in `typing`.

mod typing;

use ratatui::{Terminal, backend::TestBackend};
use serde_json::json;

use super::{
    draw::draw,
    model::{Effect, Event, Key, Message, Model},
};
use crate::{
    cli::{
        tests::{NOW, after, step, webhook},
        view::View,
    },
    domain::report::{ActiveRenewal, Health, Key as WebhookKey, LastError, Problem, Remote, State, Webhook},
};

fn alive(name: &str) -> Webhook {
    Webhook {
        key: Some(WebhookKey { version: 3, fingerprint: "3f9a0c11".to_owned(), rotated_at: after(-7200) }),
        remote: Some(Remote {
            id: "a7d8".to_owned(),
            status: "Enabled".to_owned(),
            valid_until: Some(after(7200)),
            seen_at: NOW,
        }),
        next_renewal_at: Some(after(3600)),
        ..webhook("acme", name)
    }
}

fn blocked(name: &str) -> Webhook {
    let error =
        LastError { at: NOW, step: "post".to_owned(), message: "no scope".to_owned(), retry_at: None };
    Webhook { state: State::Blocked, last_error: Some(error), ..webhook("acme", name) }
}

fn view(webhooks: &[Webhook], events: bool) -> Message {
    let daemon = json!({
        "version": "0.1.0", "pid": 1, "started_at": NOW, "config_file": "c.toml", "config_loaded_at": NOW,
        "counts": {}, "next_renewal_at": after(3600),
    });
    let status = json!({"daemon": daemon, "tenants": []});
    let view = View {
        status: serde_json::from_value(status).expect("a view"),
        webhooks: webhooks.to_vec(),
        health: Health { healthy: true, problems: Vec::new() },
    };
    Message::View { view: Box::new(view), events }
}

fn shown(webhooks: &[Webhook]) -> Model {
    let mut model = Model::default();
    assert_eq!(model.update(view(webhooks, true), NOW), None);
    model
}

fn press(model: &mut Model, key: Key) -> Option<Effect> {
    model.update(Message::Typed(key), NOW)
}

fn happened(kind: &str, facts: serde_json::Value) -> Message {
    Message::Happened(Box::new(Event {
        kind: kind.to_owned(),
        facts: serde_json::from_value(facts).expect("facts"),
    }))
}

fn screen(model: &Model, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("no terminal is needed");
    terminal.draw(|frame| draw(frame, model, NOW)).expect("drawn");
    let buffer = terminal.backend().buffer();
    let rows = buffer.content().chunks(usize::from(width));
    rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect::<String>().trim_end().to_owned())
        .collect()
}

#[test]
fn the_screen_shows_lifetimes_the_log_and_the_keys() {
    let mut model = shown(&[alive("clockings"), blocked("people")]);
    model.update(
        happened(
            "renewal_step",
            json!({"at": NOW, "tenant": "acme", "webhook": "clockings", "step": "post", "outcome": "started"}),
        ),
        NOW,
    );
    press(&mut model, Key::Down);
    assert_eq!(
        screen(&model, 90, 15),
        [
            "1 of 2 webhooks needs you: 1 blocked, 1 active; next renewal in 1 h",
            "● acme/clockings  active     ━━━━━━━━━━─────┿┄┄┄┄  renews in 1 h, ends in 2 h",
            "■ acme/people     blocked                          not at Protime",
            "post: no scope",
            "",
            "",
            " events, times in UTC ────────────────────────────────────────────────────────────────────",
            "08:00:00  acme/clockings  post …",
            "",
            "",
            "",
            "",
            "",
            "",
            "? help  ↑↓ select  r renew  h history  p poll  q quit",
        ]
    );
}

#[test]
fn a_narrow_terminal_gets_whole_sentences() {
    let mut people = blocked("people");
    people.last_error = Some(LastError {
        at: NOW,
        step: "post".to_owned(),
        message: "scope connector-protimeapi-webhooks.write is missing; ask Protime to grant it".to_owned(),
        retry_at: None,
    });
    let mut model = shown(&[alive("clockings"), people]);
    press(&mut model, Key::Down);
    let step = |outcome: &str, error: &str| {
        let facts = json!({
            "at": NOW, "tenant": "acme", "webhook": "people", "step": "post", "outcome": outcome, "error": error,
        });
        happened("renewal_step", facts)
    };
    model.update(step("failed", "Protime does not create or renew the webhook"), NOW);
    assert_eq!(
        screen(&model, 40, 24)[..],
        [
            "1 of 2 webhooks needs you: 1 blocked, 1",
            "active; next renewal in 1 h",
            "● acme/clockings  renews in 1 h",
            "■ acme/people     not at Protime",
            "post: scope",
            "connector-protimeapi-webhooks.write is",
            "missing; ask Protime to grant it",
            " events, times in UTC ──────────────────",
            "08:00:00  acme/people post failed:",
            "          Protime does not create or",
            "          renew the webhook",
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            "? help  r renew  h history  q quit",
        ]
    );
    press(&mut model, Key::Help);
    let help = screen(&model, 40, 24).join(" ");
    let help = help.split(['│', ' ']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    assert!(help.contains("the time left after it to try again"), "{help}");
}

#[test]
fn what_is_wrong_with_the_tenant_or_the_daemon_is_told_with_any_webhook() {
    let mut model = shown(&[alive("clockings")]);
    let mut message = view(&[alive("clockings")], true);
    if let Message::View { view, .. } = &mut message {
        view.health.healthy = false;
        let of = |tenant: Option<&str>, problem: &str| Problem {
            webhook: None,
            tenant: tenant.map(str::to_owned),
            problem: problem.to_owned(),
            since: NOW,
        };
        view.health.problems = vec![
            of(None, "the file is wrong"),
            of(Some("acme"), "no scope"),
            of(Some("globex"), "elsewhere"),
        ];
    }
    model.update(message, NOW);
    let rows = screen(&model, 80, 24);
    assert!(rows.contains(&"the file is wrong; no scope".to_owned()), "{rows:#?}");
}

#[test]
fn a_row_leaves_out_what_there_is_no_room_for() {
    let mut running = alive("clockings");
    running.renewal = Some(ActiveRenewal {
        id: 7,
        reason: "foreign_rotation".to_owned(),
        step: "catch_up".to_owned(),
        attempt: 12,
        started_at: NOW,
        progress: None,
    });
    let mut long = alive("a-name-that-is-longer-than-any-terminal-is-wide");
    long.state = State::Contended;
    for (webhooks, width, expected) in [
        (
            vec![alive("clockings")],
            80,
            "● acme/clockings  active     ━━━━━━━━━━─────┿┄┄┄┄  renews in 1 h, ends in 2 h",
        ),
        (vec![alive("clockings")], 70, "● acme/clockings  active     ━━━━━──┿┄┄  renews in 1 h, ends in 2 h"),
        (vec![alive("clockings")], 60, "● acme/clockings  active     renews in 1 h, ends in 2 h"),
        (vec![alive("clockings")], 46, "● acme/clockings  active     renews in 1 h"),
        (vec![alive("clockings")], 40, "● acme/clockings  renews in 1 h"),
        (
            vec![running.clone()],
            80,
            "● acme/clockings  active     foreign_rotation (#7) at catch_up, attempt 12",
        ),
        (vec![running], 40, "● acme/clockings  active     at catch_up"),
        (vec![long], 40, "◆ …n-any-terminal-is-wide  renews in 1 h"),
    ] {
        let rows = screen(&shown(&webhooks), width, 24);
        assert!(rows.iter().any(|row| row == expected), "{width}: no {expected} in {rows:#?}");
    }
}

#[test]
fn every_size_of_terminal_is_painted() {
    let webhooks: Vec<Webhook> = (0..1000).map(|number| alive(&format!("w{number}"))).collect();
    let mut model = shown(&webhooks);
    for (width, height) in [(1, 1), (20, 5), (40, 12), (80, 24), (200, 60)] {
        for key in [Key::Last, Key::Help, Key::Leave, Key::First] {
            press(&mut model, key);
            assert_eq!(screen(&model, width, height).len(), usize::from(height));
        }
    }
    press(&mut model, Key::Last);
    assert!(screen(&model, 80, 24).iter().any(|row| row.contains("acme/w999")));
}

#[test]
fn a_daemon_that_went_away_is_said_so_and_comes_back() {
    let mut model = shown(&[alive("clockings")]);
    for second in 0..3 {
        model.update(Message::Lost("no one listens".to_owned()), after(second));
    }
    let rows = screen(&model, 80, 24);
    assert!(rows[0].starts_with("the daemon does not answer"), "{rows:#?}");
    assert!(rows[1].contains("acme/clockings"), "what was known stays: {rows:#?}");
    model.update(view(&[alive("clockings")], true), after(4));
    let log: Vec<&str> = model.log.iter().map(|(_, line)| line.as_str()).collect();
    assert_eq!(log, ["the daemon does not answer", "the daemon answers again"]);
}

#[test]
fn without_events_the_log_comes_from_what_changed() {
    let mut model = Model::default();
    model.update(view(&[alive("clockings"), alive("gone")], false), NOW);
    let mut changed = blocked("clockings");
    changed.key = Some(WebhookKey { version: 4, fingerprint: "aaaa0000".to_owned(), rotated_at: NOW });
    model.update(view(&[changed, alive("people")], false), NOW);
    let log: Vec<&str> = model.log.iter().map(|(_, line)| line.as_str()).collect();
    assert_eq!(
        log,
        [
            "acme/clockings  new key version 4 (aaaa0000)",
            "acme/clockings  active → blocked",
            "acme/people  is new",
            "acme/gone  is no longer configured",
        ]
    );
}

#[test]
fn events_are_sentences() {
    let who = |more: serde_json::Value| {
        let mut facts = json!({"at": NOW, "tenant": "acme", "webhook": "acme/people"});
        for (name, value) in more.as_object().expect("an object") {
            facts[name] = value.clone();
        }
        facts
    };
    for (kind, facts, expected) in [
        (
            "renewal_started",
            who(json!({"renewal_id": 7, "reason": "manual"})),
            "acme/people  renewal #7 begins: manual",
        ),
        (
            "renewal_step",
            who(json!({"step": "post", "outcome": "failed", "error": "503\u{1b}[2J"})),
            "acme/people  post failed: 503[2J",
        ),
        (
            "renewal_finished",
            who(json!({"renewal_id": 7, "outcome": "succeeded"})),
            "acme/people  renewal #7 succeeded",
        ),
        (
            "key_rotated",
            who(json!({"key_version": 2, "fingerprint": "ab"})),
            "acme/people  new key version 2 (ab)",
        ),
        (
            "webhook_state",
            who(json!({"previous_state": "active", "state": "renewing"})),
            "acme/people  active → renewing",
        ),
        ("poll_finished", json!({"tenant": "acme", "error": "refused"}), "acme  poll failed: refused"),
        ("reset", json!({}), "some events were missed"),
    ] {
        let mut model = Model::default();
        model.update(happened(kind, facts), NOW);
        assert_eq!(model.log[0].1, expected);
    }
    let mut model = Model::default();
    model.update(happened("poll_finished", json!({"tenant": "acme"})), NOW);
    assert!(model.log.is_empty(), "a good poll is nothing to read");
}

#[test]
fn the_start_of_a_step_is_forgotten_when_it_has_ended() {
    let mut model = Model::default();
    let mut step = |webhook: &str, step: &str, outcome: &str| {
        let facts = json!({"tenant": "acme", "webhook": webhook, "step": step, "outcome": outcome});
        model.update(happened("renewal_step", facts), NOW);
        model.log.iter().map(|(_, line)| line.clone()).collect::<Vec<String>>()
    };
    assert_eq!(step("people", "resync", "started"), ["acme/people  resync …"]);
    step("clockings", "resync", "started");
    assert_eq!(step("people", "resync", "skipped"), ["acme/clockings  resync …"]);
    assert_eq!(step("clockings", "resync", "succeeded"), ["acme/clockings  resync succeeded"]);
}
