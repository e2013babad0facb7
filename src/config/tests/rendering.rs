//! What a person sees, to the letter, and what a machine gets.

use super::*;
use crate::config::load;

#[test]
fn one_problem_as_a_person_sees_it() {
    let error =
        read(&changed("collection = \"clockings\"", "colection = \"clockings\"")).expect_err("a typo");
    let expected = "
  error: unknown key `colection` in [[tenant.webhook]]
    ╭─[config.toml:20:1]
 20 │ colection = \"clockings\"
    · ^^^^^^^^^
    ╰────
  help: did you mean `collection`?

1 problem in config.toml";
    assert_eq!(format!("\n{error}"), expected);
    assert_eq!(format!("\n{error:?}"), expected);
}

#[test]
fn a_repetition_shows_both_places_and_not_what_is_between() {
    let people = PEOPLE.replace("collection", "name = \"clockings\"\ncollection");
    let error = read(&format!("{GOOD}{people}")).expect_err("a repetition");
    let expected = "
  error: two webhooks of this tenant are named \"clockings\"
    ╭─[config.toml:19:8]
 19 │ name = \"clockings\"
    ·        ^^^^^^^^^^^
    ·             ╰── first here
    ╰────
    ╭─[config.toml:37:8]
 37 │ name = \"clockings\"
    ·        ^^^^^^^^^^^
    ·             ╰── again here
    ╰────
  help: give each webhook of a tenant a name of its own

1 problem in config.toml";
    assert_eq!(format!("\n{error}"), expected);
}

#[test]
fn colours_are_for_those_who_ask() {
    let error = read(&changed("\"15m\"", "\"15mni\"")).expect_err("a wrong unit");
    assert!(!error.render(false).contains('\u{1b}'));
    assert!(error.render(true).contains("\u{1b}[31merror:\u{1b}[0m"), "{}", error.render(true));
}

#[test]
fn a_machine_gets_line_column_message_and_help() {
    let error = read(&changed("= 120", "= 0")).expect_err("out of range");
    assert_eq!(
        serde_json::to_value(error.problems().collect::<Vec<_>>()).expect("plain data"),
        serde_json::json!([{
            "file": "config.toml", "line": 10, "column": 27,
            "message": "`max_requests_per_minute`: 0 is out of range",
            "help": "write a whole number from 1 to 1000000",
        }])
    );
}

#[test]
fn a_problem_at_the_end_of_the_file_or_over_several_lines_is_shown() {
    for (text, lines) in [
        ("log_level = \"info", [" 1 │ log_level = \"info", "╰────"]),
        ("user_agent = [\n\"a\",\n\"b\"]", [" 1 │ ╭─▶ user_agent = [", " 3 │ ╰─▶ \"b\"]"]),
        ("", ["[config.toml:1:1]", "2 problems in config.toml"]),
        ("status_poll = [1,\n", ["1 │ status_poll = [1,", "not TOML: unclosed array"]),
    ] {
        let error = read(text).expect_err(text).to_string();
        assert!(lines.iter().all(|line| error.contains(line)), "{error}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("config.toml");
    let error = load(&missing).expect_err("absent").to_string();
    assert!(error.contains(&format!("cannot read the configuration {}: No such file", missing.display())));
    assert!(error.contains("help: name an existing file with --config"), "{error}");
    let error = load(folder.path()).expect_err("a folder").to_string();
    assert!(error.contains("help: name the file in it"), "{error}");
    std::fs::write(&missing, b"user_agent = \"a\xff\"\n").expect("written");
    let error = load(&missing).expect_err("not UTF-8");
    let places: Vec<_> = error.problems().map(|p| (p.line, p.column, p.message.as_str())).collect();
    assert_eq!(places, [(Some(1), Some(16), "the file is not UTF-8")]);
    assert_eq!(error.problems().next().map(|problem| problem.file.as_str()), missing.to_str());
    std::fs::write(&missing, GOOD).expect("written");
    assert_eq!(load(&missing).expect("right").tenants.len(), 1);
}
