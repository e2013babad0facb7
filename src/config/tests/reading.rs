//! Resyncs of the kinds `list` and `delta`: what is accepted, and what is wrong with what is not.

use std::time::Duration;

use super::*;
use crate::config::{Delivery, ReadKind, ReadResync, ResyncKind};

fn file(resyncs: &[&str]) -> String {
    file_of("people", resyncs)
}

pub(super) fn file_of(collection: &str, resyncs: &[&str]) -> String {
    let webhook = |(number, resync): (usize, &&str)| {
        format!(
            "[[tenant.webhook]]\nname = \"n{number}\"\ncollection = \"{collection}\"\n\
             destination_url = \"https://a.eu/{number}\"\n[tenant.webhook.resync]\n{resync}\n"
        )
    };
    let webhooks: String = resyncs.iter().enumerate().map(webhook).collect();
    format!(
        "user_agent = \"S/1 (C)\"\n[[tenant]]\nname = \"acme\"\nenvironment = \"production\"\n\
         client_id = \"c\"\nclient_secret = {{ env = \"S\" }}\n{webhooks}"
    )
}

fn accepted(resync: &str) -> ReadResync {
    accepted_of("people", resync)
}

pub(super) fn accepted_of(collection: &str, resync: &str) -> ReadResync {
    let config = read(&file_of(collection, &[resync])).unwrap_or_else(|error| panic!("{resync}: {error}"));
    match &config.tenants[0].webhooks[0].resync.kind {
        ResyncKind::Read(read) => read.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_not_said_has_a_default() {
    let list = accepted("kind = \"list\"");
    assert_eq!((list.kind, list.filter, list.delivery), (ReadKind::List, None, Delivery::Replay(None)));
    assert_eq!(list.timeout, Duration::from_hours(6));
    let delta = accepted("kind = \"delta\"");
    assert_eq!(delta.kind, ReadKind::Delta { keep_warm: None, audit: false });
    for (written, hours) in [("true", 24), ("\"12h\"", 12)] {
        let delta = accepted(&format!("kind = \"delta\"\nkeep_warm = {written}\naudit = true"));
        let keep_warm = Some(Duration::from_hours(hours));
        assert_eq!(delta.kind, ReadKind::Delta { keep_warm, audit: true });
    }
    let delta = accepted("kind = \"delta\"\nkeep_warm = false\naudit = false");
    assert_eq!(delta.kind, ReadKind::Delta { keep_warm: None, audit: false });
}

#[test]
fn objects_go_to_a_url_or_to_a_program() {
    let list = accepted("kind = \"list\"\nreplay_to = \"http://127.0.0.1:9/x\"");
    assert_eq!(list.delivery, Delivery::Replay(Some("http://127.0.0.1:9/x".parse().expect("a URL"))));
    let list = accepted("kind = \"list\"\npipe_to = [\"load\", \"-v\"]\ntimeout = \"5m\"");
    let Delivery::Pipe(command) = list.delivery else { panic!("{:?}", list.delivery) };
    assert_eq!(
        (command.program.as_str(), command.args, command.timeout.as_secs()),
        ("load", vec!["-v".to_owned()], 300)
    );
}

#[test]
fn mistakes_are_named() {
    let rows = [
        (
            "kind = \"list\"\nfilter = \"date ge {form_date}\"",
            "`filter`: \"date ge {form_date}\" has a placeholder {form_date} that is not known; did you mean {from_date}? There are {from}, {to}, {from_date}, {to_date}, {last_year}",
        ),
        (
            "kind = \"list\"\nfilter = \"date ge {from\"",
            "`filter`: \"date ge {from\" has a brace without its partner; a placeholder is written {from}; there are {from}, {to}, {from_date}, {to_date}, {last_year}",
        ),
        (
            "kind = \"delta\"\nfilter = \"a le {to}\"",
            "`filter`: \"a le {to}\" ends with the gap, and a delta goes on after it; remove {to} and {to_date}: what changes later would never show",
        ),
        (
            "kind = \"delta\"\nfilter = \"a ge {from}\"\nkeep_warm = true",
            "`keep_warm` keeps a delta for later gaps, and `filter` is of one gap only; write a `filter` without places of the gap, such as {last_year} instead, or remove `keep_warm`",
        ),
        (
            "kind = \"delta\"\naudit = true",
            "`audit` counts what `keep_warm` brings; write keep_warm = true, or remove `audit`",
        ),
        (
            "kind = \"delta\"\nkeep_warm = \"71h\"",
            "`keep_warm`: \"71h\" is too seldom: Protime ends a delta that was not asked for 72 hours; write \"48h\" or less",
        ),
        (
            "kind = \"delta\"\nkeep_warm = 3",
            "`keep_warm`: 3 is an integer; it must be true, false, or a duration in double quotes such as \"12h\"",
        ),
        (
            "kind = \"list\"\nkeep_warm = true",
            "kind = \"list\" has no `keep_warm`; remove it, or write kind = \"delta\"",
        ),
        (
            "kind = \"list\"\ncommand = [\"x\"]",
            "kind = \"list\" has no `command`; remove it, or write kind = \"command\"",
        ),
        (
            "kind = \"none\"\nfilter = \"x\"",
            "kind = \"none\" has no `filter`; remove it, or write kind = \"list\" or \"delta\"",
        ),
        (
            "kind = \"list\"\nreplay_to = \"https://a.eu\"\npipe_to = [\"x\"]",
            "`replay_to` and `pipe_to` exclude each other; keep `replay_to` to send every object as an event, or `pipe_to` to give them to a program",
        ),
        (
            "kind = \"list\"\nreplay_to = \"http://a.eu\"",
            "`replay_to`: \"http://a.eu\" is not encrypted; write https://; http:// is accepted for loopback addresses only (127.0.0.0/8, [::1], localhost)",
        ),
        (
            "kind = \"list\"\npipe_to = []",
            "`pipe_to` is empty; it must be an array of texts, program first: pipe_to = [\"/usr/local/bin/program\", \"argument\"]",
        ),
        (
            "kind = \"list\"\nearliest = \"2020-01-01\"",
            "`earliest` stands without days that could begin with it; this collection is read as a whole: remove the key, or write a `filter` with {from_date}",
        ),
        (
            "kind = \"list\"\nfilter = \"a ge {from}\"\nearliest = \"2020-01-01\"",
            "`earliest` stands without days that could begin with it; write {from_date} into `filter`, or remove the key",
        ),
        (
            "kind = \"list\"\nfilter = \"d ge {from_date}\"\nearliest = \"2026-11-25\"",
            "`earliest`: \"2026-11-25\" is a day to come, before which nothing would be read; write a date such as \"2020-01-01\"",
        ),
        (
            "kind = \"list\"\nfilter = \"d ge {from_date}\"\nearliest = \"-000001-01-01\"",
            "`earliest`: \"-000001-01-01\" is not a date; write a date such as \"2020-01-01\"",
        ),
        (
            "kind = \"list\"\nfilter = \"a ge\\n{from}\"",
            "`filter`: \"a ge\\n{from}\" has a control character in it; write it on one line, with blanks",
        ),
        (
            "kind = \"delta\"\nkeep_warm = \"yes\"",
            "`keep_warm`: \"yes\" is not a duration: a number is expected before a unit, without a sign; write true, false, or a duration in double quotes such as \"12h\"",
        ),
        (
            "kind = \"delta\"\nkeep_warm = true\naudit = \"true\"",
            "`audit`: \"true\" is a text; write true or false, without quotes",
        ),
        (
            "kind = \"list\"\nfilter = \"d ge {from_date}\"\nearliest = \"soon\"",
            "`earliest`: \"soon\" is not a date; write a date such as \"2020-01-01\"",
        ),
    ];
    for (resync, expected) in rows {
        let found = problems(&file(&[resync]));
        assert!(found.len() == 1 && found[0].ends_with(&format!(": {expected}")), "{resync}\n{found:#?}");
    }
}

#[test]
fn a_collection_has_one_delta() {
    let found = problems(&file(&["kind = \"delta\"", "kind = \"delta\""]));
    assert!(
        found.len() == 1 && found[0].contains("two webhooks of this tenant keep a delta of \"people\""),
        "{found:#?}"
    );
    assert!(read(&file(&["kind = \"delta\"", "kind = \"list\""])).is_ok());
}
