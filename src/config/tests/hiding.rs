//! No secret that was written into the file is ever shown, however the file is broken.

use proptest::prelude::*;

use super::*;

const SECRET: &str = "hunter2hunter2";

/// Everything that a person or a machine gets to see of a file that is wrong.
fn shown(text: &str) -> Option<String> {
    let error = read(text).err()?;
    let json = serde_json::to_string(&error.problems().collect::<Vec<_>>()).expect("plain data");
    Some(format!("{error}\n{error:?}\n{}\n{json}", error.render(true)))
}

#[test]
fn a_literal_secret_is_refused_and_not_shown() {
    for written in [
        "client_secret = \"hunter2hunter2\"",
        "client_secret = 'hunter2hunter2'",
        "client_secret = \"\"\"\nhunter2hunter2\"\"\"",
        "client_secret = '''hunter2\nhunter2'''",
        "client_secret = [\"hunter2hunter2\"]",
        "client_secret = { value = \"hunter2hunter2\" }",
        "client_secret = { credential = \"acme\", value = \"hunter2hunter2\" }",
        "client_secret = { credential = \"acme\", value = { x = [\"hunter2hunter2\"] } }",
        "client_secret = { env = \"hunter2hunter2!\" }",
        "client_secret = { file = \"hunter2hunter2\" }",
        "client_secret = { credential = \"hunter2/hunter2\" }",
        "client_secret.value = \"hunter2hunter2\"",
        "client_secret.file = [\"hunter2hunter2\"]",
        "clientSecret = \"hunter2hunter2\"",
        "secret = \"hunter2hunter2\"",
        "client_sceret = \"hunter2hunter2\"",
        "\"client_secret\" = \"hunter2hunter2\"",
        "extra = [{ a = \"hunter2hunter2\" }]",
        // Syntax errors.
        "client_secret = \"hunter2hunter2",
        "client_secret = hunter2hunter2",
        "client_secret \"hunter2hunter2\"",
        "client_secret hunter2hunter2",
        "client_secret = { value = \"hunter2hunter2\"",
        "client_secret = { value = \"hunter2}hunter2\" } }",
        "client_secret = { value = \n\"hunter2hunter2\" x }",
        "client_secret = \"\"\"\nhunter2hunter2",
        "client_secret = \"\"\"\nhunter2hunter2\"\"\"\"\"\" hunter2",
        "client_secret = \"a\"\nclient_secret = \"hunter2hunter2\"",
        "x = [1 2]\nclient_secret = \"hunter2hunter2\" # hunter2",
        "x = \"hunter2hunter2\" y",
        "client_secret = \"hunter2hunter2\" client_id = \"x\"",
        "[tenant.client_secret]\nvalue = \"hunter2hunter2",
    ] {
        let text = changed("client_secret = { credential = \"acme-client-secret\" }", written);
        let shown = shown(&text).expect(written);
        assert!(!shown.contains("hunter2"), "{written}\n{shown}");
    }
}

#[test]
fn a_url_is_shown_without_user_info_and_query() {
    for url in [
        "http://user:hunter2@www.example.com/x",
        "http://hunter2@www.example.com/x?key=hunter2",
        "ftp://www.example.com/x?hunter2",
        "https://user:hun@hunter2@www.example.com:x/",
        "https://www.example.com/#hunter2",
        "https://user:hunter2/@[/x",
    ] {
        let text = changed("https://www.your-company.com/protime/clockings", url);
        let shown = shown(&text).expect(url);
        assert!(shown.contains("destination_url") && !shown.contains("hunter2"), "{shown}");
    }
    let origin = "api_origin = \"https://user:hunter2@a.eu\"\ntoken_url = \"https://hunter2@a.eu/token\"";
    let shown = shown(&changed("environment = \"production\"", origin)).expect("user info");
    assert!(shown.contains("has user info in it") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn blanks_keep_lines_and_columns() {
    let text = "client_secret = \"ä€😀x\" # ä\nclient_secret = \"\"\"\r\na\n\"\"\"\nname = \"é\"";
    let source = crate::config::redact::source(Path::new("x"), text, 0);
    assert_eq!(source.shown.len(), text.len());
    assert_eq!(source.shown.chars().count(), text.chars().count());
    assert_eq!(source.shown.lines().count(), text.lines().count());
    assert!(source.shown.ends_with("\nname = \"é\"") && !source.shown.contains(['ä', '€', '😀']));
}

#[test]
fn names_of_secrets_stay_readable() {
    let shown = shown(&changed("{ credential =", "{ env = \"ACME\", credential =")).expect("two places");
    assert!(shown.contains("{ env = \"ACME\", credential = \"acme-client-secret\" }"), "{shown}");
}

#[test]
fn nothing_of_the_file_speaks_to_the_terminal() {
    for text in [
        "name = \"\u{1b}[2J\"",
        "\"\\u001b[2J\" = 1",
        "x = \u{9b}2J",
        "x = 1\ry = 2\r\n",
        "[tenant.\"\u{9b}2J\"]",
    ] {
        let error = read(text).expect_err(text).to_string();
        assert!(error.chars().all(|c| c == '\n' || !c.is_control()), "{error:?}");
    }
}

#[test]
fn what_cannot_be_seen_is_shown_as_a_dot() {
    for (from, to, shown) in [
        ("[daemon]", "\u{a0}[daemon]", "·[daemon]"),
        ("name = \"acme\"", "name = \"ac\u{202e}me\"", "name = \"ac•me\""),
        ("name = \"acme\"", "na\u{200b}me = \"acme\"", "na•me ="),
    ] {
        let text = read(&changed(from, to)).expect_err("it has mistakes").to_string();
        assert!(text.contains(shown) && !text.contains(['\u{a0}', '\u{202e}', '\u{200b}']), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_slip_of_the_finger_never_shows_the_secret(
        at in 0.0..1.0_f64, cut in 0..2_usize, put in "|[\"'=\\[\\]{}#.,\n a-]",
    ) {
        let text = changed("{ credential = \"acme-client-secret\" }", &format!("\"{SECRET}\""));
        let line = text.find("client_id").expect("there");
        let end = text.find("[[tenant.webhook]]").expect("there");
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a small text")]
        let at = line + ((end - line) as f64 * at) as usize;
        let slipped = format!("{}{put}{}", &text[..at], &text[at + cut..]);
        if let Some(shown) = shown(&slipped) {
            prop_assert!(!shown.contains("hunter2"), "{}\n{}", slipped, shown);
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(start in 0..GOOD.len(), length in 0..80_usize, put in "[\\[\\]{}=\"'#.,\n a-zé0-9]{0,12}") {
        let end = (start + length).min(GOOD.len());
        let text = format!("{}{put}{}", &GOOD[..start], &GOOD[end..]);
        if let Some(shown) = shown(&text) {
            prop_assert!(shown.contains("in config.toml"));
        }
    }
}

#[test]
fn a_mistyped_key_whose_values_are_no_secret_keeps_its_value() {
    for (from, to, shown) in [
        ("collection = \"clock", "colection = \"clock", "colection = \"clockings\""),
        ("[api]", "[api]\nlog_level = \"info\"", "log_level = \"info\""),
        ("retry_max", "retry-max", "retry-max = \"15m\""),
    ] {
        let text = read(&changed(from, to)).expect_err("it has mistakes").to_string();
        assert!(text.contains(shown), "{text}");
    }
    // What is near to a short word, to a URL or to nothing may be a secret.
    for (from, to) in [
        ("[api]", "[api]\ncode = \"hunter2\""),
        (
            "destination_url = \"https://www.your-company.com/protime/clockings\"",
            "destination_ur = \"hunter2\"",
        ),
        ("client_id = \"my-client\"", "clientid = \"hunter2\""),
        ("[tenant.webhook.resync]", "mod = \"hunter2\"\n\n[tenant.webhook.resync]"),
    ] {
        let text = read(&changed(from, to)).expect_err("it has mistakes").to_string();
        assert!(!text.contains("hunter2"), "{text}");
    }
}
