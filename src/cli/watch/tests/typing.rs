//! What is typed, in any order with what arrives: no key is lost, and none means what it was not meant for.

use super::{NOW, after, alive, press, screen, shown, step};
use crate::{
    cli::watch::model::{Effect, Key, Message, Model, Over},
    domain::report::{History, Renewal},
};

fn history(name: &str) -> Message {
    let renewal = Renewal {
        id: 7,
        reason: "expiring".to_owned(),
        outcome: Some("succeeded".to_owned()),
        started_at: after(-9),
        finished_at: Some(NOW),
        steps: vec![step("post", -9, Some(0), Some("succeeded"))],
    };
    Message::History(name.to_owned(), Ok(History { renewals: vec![renewal] }))
}

fn text(model: &Model) -> String {
    screen(model, 90, 24).join("\n")
}

#[test]
fn a_renewal_is_asked_for_only_after_a_yes() {
    let mut model = shown(&[alive("clockings"), alive("people")]);
    press(&mut model, Key::Down);
    assert_eq!(press(&mut model, Key::Renew), None);
    assert!(screen(&model, 80, 24).iter().any(|row| row.contains("renew acme/people now?")));
    assert_eq!(press(&mut model, Key::Renew), None);
    assert_eq!(model.over, Over::Nothing);
    press(&mut model, Key::Renew);
    assert_eq!(press(&mut model, Key::Yes), Some(Effect::Renew("acme/people".to_owned())));
    let refused = "this user may not use the daemon's control socket";
    model.update(Message::Said(refused.to_owned()), NOW);
    assert_eq!(screen(&model, 80, 24).last().map(String::as_str), Some(refused));
}

#[test]
fn a_history_opens_scrolls_and_closes() {
    let mut model = shown(&[alive("clockings")]);
    assert_eq!(press(&mut model, Key::History), Some(Effect::History("acme/clockings".to_owned())));
    model.update(history("acme/clockings"), NOW);
    let text = screen(&model, 90, 24).join("\n");
    assert!(text.contains("history of acme/clockings") && text.contains("✓ post"), "{text}");
    press(&mut model, Key::Down);
    assert!(!screen(&model, 90, 24).join("\n").contains("#7"));
    assert_eq!(press(&mut model, Key::Leave), None);
    assert_eq!(press(&mut model, Key::Leave), Some(Effect::Quit));
}

#[test]
fn ctrl_c_leaves_from_everywhere() {
    let mut model = shown(&[alive("clockings")]);
    for key in [Key::Other, Key::Help, Key::Renew] {
        press(&mut model, key);
        assert_eq!(press(&mut model, Key::Quit), Some(Effect::Quit));
    }
}

#[test]
fn a_history_is_open_before_its_answer_has_come() {
    let mut model = shown(&[alive("clockings")]);
    press(&mut model, Key::History);
    assert!(text(&model).contains("history of acme/clockings"), "{}", text(&model));
    // What closes it does not leave the screen, and an answer that comes after that opens nothing.
    for key in [Key::Leave, Key::History] {
        assert_eq!(press(&mut model, key), None);
        model.update(history("acme/clockings"), NOW);
        assert_eq!(model.over, Over::Nothing);
        press(&mut model, Key::History);
    }
    model.update(history("acme/clockings"), NOW);
    assert!(text(&model).contains("#7"), "{}", text(&model));
}

#[test]
fn a_late_history_takes_the_place_of_nothing_that_was_opened_since() {
    let mut model = shown(&[alive("clockings"), alive("people")]);
    for key in [Key::History, Key::Leave, Key::Down, Key::Renew] {
        press(&mut model, key);
    }
    model.update(history("acme/clockings"), NOW);
    assert_eq!(press(&mut model, Key::Yes), Some(Effect::Renew("acme/people".to_owned())));
    press(&mut model, Key::History);
    model.update(history("acme/clockings"), NOW);
    assert!(text(&model).contains("history of acme/people"), "{}", text(&model));
    assert!(!text(&model).contains("#7"), "{}", text(&model));
}

#[test]
fn a_history_that_cannot_be_had_closes_and_says_why() {
    let mut model = shown(&[alive("clockings")]);
    press(&mut model, Key::History);
    let why = || Message::History("acme/clockings".to_owned(), Err("the daemon does not answer".to_owned()));
    model.update(why(), NOW);
    assert_eq!(model.over, Over::Nothing);
    assert!(text(&model).ends_with("the daemon does not answer"), "{}", text(&model));
    // No one waits for it any more.
    for key in [Key::History, Key::Leave, Key::Help] {
        press(&mut model, key);
    }
    model.update(why(), NOW);
    assert_eq!(model.over, Over::Help);
}

#[test]
fn a_key_that_has_nothing_to_act_on_is_answered() {
    let mut model = Model::default();
    for key in [Key::History, Key::Renew] {
        assert_eq!(press(&mut model, key), None);
        assert_eq!(model.over, Over::Nothing);
        assert!(text(&model).ends_with("there is no webhook here to act on"), "{}", text(&model));
    }
}
