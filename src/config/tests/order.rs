//! Tables in the wrong order, or with the wrong brackets: one mistake, one problem.

use super::*;

const TENANT: &str = "[[tenant]]\nname = \"acme\"\nenvironment = \"production\"\nclient_id = \"c\"\n\
                      client_secret = { env = \"S\" }\n";
const WEBHOOK: &str =
    "[[tenant.webhook]]\ncollection = \"people\"\ndestination_url = \"https://a.eu/people\"\n";
const RESYNC: &str = "[tenant.webhook.resync]\nkind = \"none\"\n";
const SINK: &str = "[[tenant.webhook.key_sink]]\nkind = \"file\"\npath = \"/run/people.key\"\n";

fn file(parts: &[&str]) -> String {
    format!("user_agent = \"S/1 (C)\"\n{}", parts.concat())
}

#[test]
fn a_part_above_its_whole_is_one_problem() {
    let rows: [(&[&str], &str, &str, &str); 6] = [
        (&[RESYNC, TENANT, WEBHOOK], "2:2", "[tenant.webhook.resync]", "[[tenant]]"),
        (&[RESYNC, TENANT, WEBHOOK, SINK, WEBHOOK, RESYNC], "2:2", "[tenant.webhook.resync]", "[[tenant]]"),
        (&[TENANT, RESYNC, WEBHOOK], "7:9", "[tenant.webhook.resync]", "[[tenant.webhook]]"),
        (&[TENANT, SINK, WEBHOOK, RESYNC], "7:10", "[[tenant.webhook.key_sink]]", "[[tenant.webhook]]"),
        (&[WEBHOOK, RESYNC, TENANT], "2:3", "[[tenant.webhook]]", "[[tenant]]"),
        (&[TENANT, RESYNC], "7:9", "[tenant.webhook.resync]", "[[tenant.webhook]]"),
    ];
    for (parts, place, part, whole) in rows {
        let expected = format!(
            "{place}: {part} stands above every {whole}, and is a part of one; write {whole} and its keys above \
             it: a part belongs to the last {whole} before it"
        );
        assert_eq!(problems(&file(parts)), [expected], "{parts:?}");
    }
}

#[test]
fn what_stands_twice_is_told_once() {
    let twice = "is given twice; keep one of them; what there may be several of is written with \
                 double brackets, as in `[[tenant]]`, and stands above the tables that are its parts";
    assert_eq!(problems(&file(&[TENANT, WEBHOOK, RESYNC, RESYNC])), [format!("12:17: `resync` {twice}")]);
    let single = "[tenant.webhook]\ncollection = \"people\"\n";
    let brackets = |place: &str, name: &str| {
        format!(
            "{place}: `{name}`: [tenant{}] is a table; it must be an array of tables: write [[tenant{0}]], with \
             double brackets",
            if name == "tenant" { "" } else { ".webhook" }
        )
    };
    assert_eq!(
        problems(&file(&[TENANT, single, RESYNC, WEBHOOK, RESYNC])),
        [brackets("7:1", "webhook")],
        "the others are as they should be"
    );
    assert_eq!(problems(&file(&[TENANT, WEBHOOK, RESYNC, "[tenant]\nname = \"x\"\n"])).len(), 1);
    // Two keys that are each given twice are two mistakes.
    let found =
        problems(&changed("retry_max = \"15m\"", "a = 1\na = 2\nretry_max = \"1m\"\nretry_max = \"2m\""));
    assert_eq!(found.iter().filter(|problem| problem.ends_with(twice)).count(), 2, "{found:?}");
}

#[test]
fn a_table_that_stands_in_the_wrong_place_is_not_missed_as_well() {
    for (from, to, expected) in [
        (
            "[tenant.webhook.resync]",
            "[tenant.resync]",
            "24:9: unknown key `resync` in [[tenant]]; it belongs in [[tenant.webhook]]; ",
        ),
        (
            "[tenant.webhook.resync]",
            "[resync]",
            "24:2: unknown key `resync` in the root table; it belongs in [[tenant.webhook]]; ",
        ),
    ] {
        let found = problems(&changed(from, to));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{found:#?}");
    }
    let agent = "user_agent = \"WebhookRenewal/v1 (Your Company)\"\n";
    let found = problems(&changed(agent, "").replace("[daemon]\n", &format!("[daemon]\n{agent}")));
    assert!(
        found.len() == 1
            && found[0].starts_with("3:1: unknown key `user_agent` in [daemon]; it belongs above"),
        "{found:#?}"
    );
    // Another webhook that has none misses it all the same.
    let without = WEBHOOK.replace("people", "counters");
    let found = problems(&format!("{}{without}", changed("[tenant.webhook.resync]", "[tenant.resync]")));
    assert!(
        found.len() == 2 && found[0].starts_with("24:9: ") && found[1].starts_with("35:1: "),
        "{found:#?}"
    );
}

#[test]
fn a_line_that_is_no_toml_is_one_problem() {
    for line in ["name: acme", "; a comment", "// a comment", "user_agent = \"x\"\rb = 1\rc = 2"] {
        let found = problems(&format!("{line}\n"));
        assert!(found.len() == 1 && found[0].contains("not TOML: "), "{line}: {found:#?}");
    }
}
