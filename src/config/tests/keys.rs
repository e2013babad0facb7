//! What the tables of the schema list is what the readers of the tables know, and nothing else.

use std::collections::BTreeSet;

use super::*;
use crate::config::{needs_restart, schema};

/// The words in the message's backticks behind `before`.
fn words<'a>(message: &'a str, before: &str) -> BTreeSet<&'a str> {
    let (_, list) = message.split_once(before).unwrap_or_else(|| panic!("no {before:?} in {message}"));
    list.split('`').skip(1).step_by(2).collect()
}

/// The keys that the reader of a table says it knows, when it meets one that it does not.
fn known_in(table: &str, text: &str) -> BTreeSet<String> {
    let unknown = format!("unknown key `zzz` in {table}; ");
    let found = problems(text);
    let told =
        found.iter().find(|problem| problem.contains(&unknown)).unwrap_or_else(|| panic!("{found:#?}"));
    words(told, &format!("{table} knows ")).into_iter().map(str::to_owned).collect()
}

/// The same for a table that has kinds, each with keys of its own.
fn known_in_kinds(table: &str, header: &str) -> BTreeSet<String> {
    let with = |kind: &str| format!("{WITHOUT_PARTS}{header}\nkind = \"{kind}\"\nzzz = 1\n");
    let found = problems(&with(""));
    let told = found.iter().find(|problem| problem.contains("write one of ")).expect("the kinds");
    let kinds = words(told, "write one of ");
    assert!(kinds.len() > 2, "{kinds:?}");
    kinds.iter().flat_map(|kind| known_in(table, &with(kind))).collect()
}

const WITHOUT_PARTS: &str = "user_agent = \"S/1 (C)\"\n[[tenant]]\nname = \"acme\"\nenvironment = \"production\"\n\
                             client_id = \"c\"\nclient_secret = { env = \"S\" }\n[[tenant.webhook]]\n\
                             collection = \"people\"\ndestination_url = \"https://a.eu/people\"\n";

#[test]
fn every_key_that_a_reader_knows_is_listed_and_no_other() {
    let below = |header: &str, table: &str| known_in(table, &changed(header, &format!("{header}\nzzz = 1")));
    let root = known_in("the root table", &format!("zzz = 1\n{GOOD}"));
    let metrics = known_in("[metrics]", &format!("{GOOD}[metrics]\nzzz = 1\n"));
    let history = known_in("[history]", &format!("{GOOD}[history]\nzzz = 1\n"));
    let secret = known_in("client_secret", &changed("{ credential = ", "{ zzz = 1, credential = "));
    let resync = known_in_kinds("[tenant.webhook.resync]", "[tenant.webhook.resync]");
    let key_sink = known_in_kinds("[[tenant.webhook.key_sink]]", "[[tenant.webhook.key_sink]]");
    let rows = [
        ("the root table", root),
        ("[daemon]", below("[daemon]", "[daemon]")),
        ("[renewal]", below("[renewal]", "[renewal]")),
        ("[api]", below("[api]", "[api]")),
        ("[metrics]", metrics),
        ("[history]", history),
        ("[[tenant]]", below("[[tenant]]", "[[tenant]]")),
        ("the table that `client_secret` or `token` is", secret),
        ("[[tenant.webhook]]", below("[[tenant.webhook]]", "[[tenant.webhook]]")),
        ("[tenant.webhook.resync]", resync),
        ("[[tenant.webhook.key_sink]]", key_sink),
    ];
    for ((name, known), table) in rows.into_iter().zip(schema::TABLES) {
        let listed = table.keys.iter().map(|key| key.about().name.to_owned());
        assert_eq!((table.name, known), (name, listed.collect()));
    }
}

#[test]
fn the_schema_holds_together() {
    for table in schema::TABLES {
        let kinds = table.kinds();
        for key in table.keys {
            let about = key.about();
            assert!(!about.doc.trim().is_empty(), "{} of {}", about.name, table.name);
            assert!(!about.is_required || about.help.starts_with("write "), "{}: {}", about.name, about.help);
            assert!(about.kinds.iter().all(|kind| kinds.contains(kind)), "{}: {:?}", about.name, about.kinds);
            assert!(!about.is_required || about.default.is_none(), "{} is required", about.name);
        }
    }
}

#[test]
fn a_key_may_have_several_homes() {
    assert_eq!(schema::home("log_level").as_deref(), Some("in [daemon]"));
    assert_eq!(schema::home("name").as_deref(), Some("in [[tenant]] or [[tenant.webhook]]"));
    assert_eq!(schema::home("include").as_deref(), Some("above the first table"));
    assert_eq!(schema::home("env").as_deref(), Some("in the table that `client_secret` or `token` is"));
    assert_eq!((schema::home("daemon"), schema::home("headers")), (None, None));
}

#[test]
fn what_only_a_restart_puts_in_force_is_told() {
    let earlier = read(GOOD).expect("right");
    let all = "[metrics]\nlisten = \"127.0.0.1:9464\"\n[daemon]\nstate_dir = \"/srv/x\"\n\
               status_socket = \"/run/a\"\ncontrol_socket = \"/run/b\"\nstatus_socket_mode = \"0600\"\n\
               control_socket_mode = \"0600\"\nsocket_group = \"g\"\nlog_level = \"off\"\nlog_format = \"json\"";
    let now = read(&changed("[daemon]", all)).expect("right");
    let told = needs_restart((&earlier.daemon, &earlier.metrics), &now);
    let keys = schema::TABLES.iter().flat_map(|table| {
        let keys = table.keys.iter().filter(|key| key.about().needs_restart);
        keys.map(|key| format!("{}.{}", table.name.trim_matches(['[', ']']), key.about().name))
    });
    assert_eq!(told, keys.collect::<Vec<_>>());
    assert_eq!(told.len(), 8);
    // A default that is written is the same setting.
    let same =
        read(&changed("[daemon]", "[daemon]\nstate_dir = \"/var/lib/protime-webhookd\"")).expect("right");
    assert!(needs_restart((&earlier.daemon, &earlier.metrics), &same).is_empty());
}
