//! Mistakes of the file as a whole: what is there twice or not at all, many at once, broken syntax.

use super::*;

#[test]
fn duplicates() {
    let tenant = &GOOD[GOOD.find("[[tenant]]").expect("there")..];
    let again = |changes: &[(&str, &str)]| {
        let mut text = tenant.to_owned();
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        problems(&format!("{GOOD}\n{text}"))
    };
    let new_file = ("clockings.key", "other.key");
    let name = "give each tenant a name of its own";
    let pair = "Protime knows a webhook by its destination URL and collection: keep one of the two";
    assert_eq!(again(&[new_file]), [format!("37:8: two tenants are named \"acme\"; {name}")]);
    assert_eq!(
        again(&[("name = \"acme\"", "name = \"ACME\""), new_file]),
        [format!(
            "45:19: another tenant of this configuration is the same at Protime and sends \"clockings\" to the same URL; {pair}"
        )]
    );
    let spelling = ("https://www.your-company.com/", "https://WWW.your-company.com:443/");
    assert_eq!(
        again(&[("name = \"acme\"", "name = \"ACME\""), new_file, spelling]),
        [format!(
            "45:19: another tenant of this configuration is the same at Protime and sends \"clockings\" to the same URL; {pair}"
        )]
    );
    assert_eq!(
        again(&[("name = \"acme\"", "name = \"other\"")]),
        [
            "54:8: two key sinks write to the same file; give each key a file of its own: the second would overwrite the first"
        ]
    );
    let webhook = |from: &str, to: &str| problems(&format!("{GOOD}{}", PEOPLE.replace(from, to)));
    assert_eq!(
        webhook("collection", "name = \"clockings\"\ncollection"),
        [
            "37:8: two webhooks of this tenant are named \"clockings\"; give each webhook of a tenant a name of its own"
        ]
    );
    assert_eq!(
        webhook("\"people\"", "\"clockings\""),
        [
            "37:14: two webhooks of this tenant are named \"clockings\"; without `name` it is the collection: give one of them a `name` of its own"
        ]
    );
    let same_pair = PEOPLE
        .replace("collection = \"people\"", "name = \"two\"\ncollection = \"clockings\"")
        .replace("/people", "/clockings");
    assert_eq!(
        problems(&format!("{GOOD}{same_pair}")),
        [format!("39:19: two webhooks of this tenant send \"clockings\" to the same URL; {pair}")]
    );
}

/// Protime keeps one delta per collection and client, whatever their names in the file are.
#[test]
fn a_delta_is_kept_by_one_webhook_alone() {
    let tenant = |name: &str, client: &str, places: &str, collection: &str| {
        format!(
            "[[tenant]]\nname = \"{name}\"\n{places}\nclient_id = \"{client}\"\nclient_secret = {{ env = \"S\" }}\n\
             [[tenant.webhook]]\nname = \"w\"\ncollection = \"{collection}\"\n\
             destination_url = \"https://a.eu/{name}\"\n[tenant.webhook.resync]\nkind = \"delta\"\n"
        )
    };
    let production = "environment = \"production\"";
    let written = "api_origin = \"https://ACME.myprotime.eu:443/\"\ntoken_url = \"https://other.eu/token\"";
    let one = tenant("acme", "c", production, "people");
    let with = |other: &str| format!("user_agent = \"S/1 (C)\"\n{one}{other}");
    let shared = "23:1: another tenant of this configuration is the same client at Protime and keeps a delta of \"people\"; Protime \
                  keeps one delta per collection and client, so each would end the other's: write kind = \"list\" for one of \
                  them, or give one of the tenants a client of its own";
    assert_eq!(problems(&with(&tenant("two", "c", written, "people"))), [shared]);
    assert_eq!(
        problems(&with(&tenant("two", "c", written, "People"))),
        [shared.replace("\"people\"", "\"People\"")],
        "Protime does not tell letters apart"
    );
    for fine in [
        tenant("two", "d", written, "people"),
        tenant("two", "c", production, "people"),
        tenant("two", "c", written, "counters"),
        tenant("two", "c", written, "people").replace("\"delta\"", "\"list\""),
    ] {
        assert!(read(&with(&fine)).is_ok(), "{fine}");
    }
    let again = one[one.find("[[tenant.webhook]]").expect("there")..]
        .replace("\"w\"", "\"w2\"")
        .replace("\"people\"", "\"People\"")
        .replace("a.eu/acme", "a.eu/again");
    assert_eq!(
        problems(&with(&again)),
        [
            "17:1: two webhooks of this tenant keep a delta of \"People\"; Protime keeps one delta per collection and \
          client, so each would end the other's: write kind = \"list\" for one of them"
        ]
    );
    let same_pair = again.replace("a.eu/again", "a.eu/acme").replace("\"delta\"", "\"list\"");
    let found = problems(&with(&same_pair));
    assert!(found.len() == 1 && found[0].contains("send \"People\" to the same URL"), "{found:?}");
}

#[test]
fn an_empty_file_and_one_without_webhooks() {
    let no_agent = "1:1: `user_agent` is missing in the root table; write `user_agent = \"Service/Version (Company)\"` above the first table: Protime demands it";
    let no_tenant = "there is no [[tenant]] in the file; write at least one [[tenant]] with at least one [[tenant.webhook]]";
    assert_eq!(problems(""), [no_agent.to_owned(), format!("1:1: {no_tenant}")]);
    assert_eq!(problems("user_agent = \"a/1 (b)\"\ntenant = []"), [format!("2:10: {no_tenant}")]);
    let without = &GOOD[..GOOD.find("[[tenant.webhook]]").expect("there")];
    assert_eq!(
        problems(without),
        [
            "12:1: this tenant has no [[tenant.webhook]]; write at least one [[tenant.webhook]] below it, or remove the tenant"
        ]
    );
    assert_eq!(
        problems("user_agent = \"a/1 (b)\"\n[tenant]\nname = \"acme\""),
        [
            "2:1: `tenant`: [tenant] is a table; it must be an array of tables: write [[tenant]], with double brackets"
        ]
    );
}

#[test]
fn all_problems_are_told_at_once_in_the_order_of_the_file() {
    let mut text = GOOD.to_owned();
    for (from, to) in [
        ("*/5 * * * *", "*/5 * * *"),
        ("retry_max = ", "retry_maximum = "),
        ("= 120", "= true"),
        ("\"production\"", "\"staging\""),
        ("{ credential = \"acme-client-secret\" }", "\"hunter2\""),
        ("https://www", "http://www"),
        ("people,@", "people;@"),
        ("kind = \"file\"", "kind = \"fax\""),
        ("\"systemctl\"", "7"),
    ] {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    let places: Vec<String> =
        problems(&text).iter().map(|problem| problem.split(": ").next().unwrap_or("").to_owned()).collect();
    assert_eq!(places, ["4:15", "7:1", "10:27", "14:15", "16:17", "21:19", "22:24", "29:8", "34:12"]);
}

#[test]
fn syntax_errors_are_told_all_and_alone() {
    assert_eq!(
        problems("user_agent = WebhookRenewal\nunknown = 1\nlog_level = \"inof\n[daemon\n"),
        [
            "1:14: not TOML: string values must be quoted; put the text in double quotes: \"…\"",
            "3:18: not TOML: invalid basic string; TOML expects `\"` here",
            "4:8: not TOML: unclosed table; TOML expects `]` here",
        ]
    );
}

#[test]
fn a_key_that_is_given_twice_does_not_keep_the_rest_from_being_judged() {
    assert_eq!(
        problems(&changed("retry_max = \"15m\"", "retry_max = \"15m\"\nretry_max = \"20m\"\nx = 1")),
        [
            "8:1: `retry_max` is given twice; keep one of them; what there may be several of is written with double brackets, as in `[[tenant]]`, and stands above the tables that are its parts",
            "9:1: unknown key `x` in [renewal]; [renewal] knows `renew_before`, `jitter`, `retry_initial`, `retry_max`, `max_concurrent`, `max_unplanned_rotations_per_hour`, `gap_margin` and `previous_key_grace`",
        ]
    );
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_fine() {
    assert!(read(&format!("\u{feff}{}", GOOD.replace('\n', "\r\n"))).is_ok());
    assert!(problems("\u{feff}user_agent = 1")[0].starts_with("1:1: "));
    let text = changed("= 120", "= 0").replace('\n', "\r\n");
    assert!(problems(&text)[0].starts_with("10:27: "));
}
