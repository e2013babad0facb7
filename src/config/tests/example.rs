//! `config.example.toml` is right, and what it says of defaults is true.

use super::*;
use crate::config::{
    Command, KeySink,
    schema::{self, SECRET},
};

const EXAMPLE: &str = include_str!("../../../config.example.toml");

/// What a line of the example is.
#[derive(Debug, PartialEq)]
enum Line<'a> {
    Prose(&'a str),
    /// `# key = value` or `# [[table]]`, without its `# `.
    Commented(&'a str),
    Other,
}

fn line(text: &str) -> Line<'_> {
    let Some(text) = text.strip_prefix('#') else { return Line::Other };
    let text = text.trim_start();
    let is_key = text
        .split_once(" = ")
        .is_some_and(|(key, _)| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
    if is_key || text.starts_with('[') { Line::Commented(text) } else { Line::Prose(text) }
}

/// The commented lines of the example in groups that stand together, each with its line numbers and
/// the prose directly above it.
fn groups() -> Vec<(Vec<usize>, &'static str)> {
    let mut groups: Vec<(Vec<usize>, &str)> = Vec::new();
    let mut prose = "";
    let mut together = false;
    for (number, text) in EXAMPLE.lines().enumerate() {
        match line(text) {
            Line::Commented(_) if together => groups.last_mut().expect("begun").0.push(number),
            Line::Commented(_) => groups.push((vec![number], prose)),
            Line::Prose(text) => prose = text,
            Line::Other => prose = "",
        }
        together = matches!(line(text), Line::Commented(_));
    }
    groups
}

/// The example with some lines uncommented, and without the line of each of some keys that stands last
/// before them.
fn uncommented(numbers: &[usize], without: &[&str]) -> String {
    let lines: Vec<&str> = EXAMPLE.lines().collect();
    let above = &lines[..numbers[0]];
    let taken_out: Vec<Option<usize>> = without
        .iter()
        .map(|key| {
            let of_key = |text: &&str| line(text) == Line::Other && text.starts_with(&format!("{key} ="));
            above.iter().rposition(of_key)
        })
        .collect();
    let shown = lines.iter().enumerate().filter(|(number, _)| !taken_out.contains(&Some(*number)));
    let shown = shown.map(|(number, text)| match line(text) {
        Line::Commented(text) if numbers.contains(&number) => text,
        _ => text,
    });
    shown.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_is_right() {
    let config = read(EXAMPLE).expect("the example is right");
    assert_eq!(config.warnings, [] as [&str; 0]);
    assert_eq!(config.tenants[0].webhooks[0].key_sinks.len(), 1);
}

#[test]
fn each_default_in_the_example_is_the_one_of_the_code() {
    let plain = format!("{:?}", read(EXAMPLE).expect("the example is right"));
    let mut defaults = 0;
    let mut others = 0;
    for (numbers, prose) in groups() {
        if prose.starts_with("Instead of") || prose.starts_with("Another") {
            continue;
        }
        for number in numbers {
            let text = uncommented(&[number], &[]);
            let config = read(&text).unwrap_or_else(|error| panic!("line {}: {error}", number + 1));
            let same = format!("{config:?}") == plain;
            let no_default = prose.contains("(No default");
            assert_eq!(same, !no_default, "line {} of the example", number + 1);
            *(if same { &mut defaults } else { &mut others }) += 1;
        }
    }
    assert_eq!((defaults, others), (28, 8));
}

#[test]
fn each_alternative_in_the_example_is_right() {
    let mut alternatives = 0;
    for (numbers, prose) in groups().iter().filter(|(_, prose)| prose.starts_with("Instead of")) {
        let replaced: Vec<&str> = prose.split('`').skip(1).step_by(2).collect();
        assert!(!replaced.is_empty(), "{prose} names keys in backticks");
        let text = uncommented(numbers, &replaced);
        let config = read(&text).unwrap_or_else(|error| panic!("{prose}: {error}"));
        assert_eq!(config.tenants.len(), 1);
        alternatives += 1;
    }
    assert_eq!(alternatives, 4);
}

#[test]
fn the_other_key_sinks_in_the_example_have_the_default_timeout() {
    let mut others = 0;
    for (numbers, _) in groups().iter().filter(|(_, prose)| prose.starts_with("Another one")) {
        let written = read(&uncommented(numbers, &[])).expect("right");
        let timeout = match &written.tenants[0].webhooks[0].key_sinks[1] {
            KeySink::Command(Command { timeout, .. }) => timeout,
            KeySink::Http(endpoint) => &endpoint.timeout,
            KeySink::File { .. } => panic!("a file has no timeout"),
        };
        let last = numbers.len() - 1;
        let default = read(&uncommented(&numbers[..last], &[])).expect("right");
        assert_eq!(format!("{default:?}"), format!("{written:?}"));
        assert_eq!(timeout.as_secs(), 30);
        others += 1;
    }
    assert_eq!(others, 2);
}

#[test]
fn whatever_else_the_example_shows_is_right() {
    let others: Vec<_> = groups().into_iter().filter(|(_, prose)| prose.starts_with("Another")).collect();
    assert_eq!(others.len(), 5);
    for (numbers, prose) in &others {
        read(&uncommented(numbers, &[])).unwrap_or_else(|error| panic!("{prose}: {error}"));
    }
    let all: Vec<usize> = others.into_iter().flat_map(|(numbers, _)| numbers).collect();
    let config = read(&uncommented(&all, &[])).expect("right together");
    assert_eq!(config.tenants[0].webhooks.len(), 4);
}

/// What the example says of a table: all that stands below its headers, and the comment above each.
fn about_table(name: &str) -> Vec<&'static str> {
    let (mut about, mut above, mut is_it) = (Vec::new(), Vec::new(), name == "the root table");
    for text in EXAMPLE.lines() {
        let bare = text.trim_start_matches("# ");
        if bare.starts_with('[') {
            is_it = bare == name;
            about.extend(above.drain(..).filter(|_| is_it));
        }
        match line(text) {
            _ if is_it => about.push(text),
            Line::Prose(_) => above.push(text),
            _ => above.clear(),
        }
    }
    about
}

/// The words of some lines, whatever their case.
fn words(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().filter(|word| *word != "#").collect();
    words.join(" ").trim_end_matches('.').to_lowercase()
}

#[test]
fn the_example_says_of_every_key_what_the_schema_says() {
    let parts = ["daemon", "renewal", "api", "metrics", "history", "tenant", "webhook", "resync", "key_sink"];
    for table in schema::TABLES.iter().filter(|table| table.name != SECRET.table.name) {
        let lines = about_table(table.name);
        let said = words(&lines.join("\n"));
        for key in table.keys.iter().map(|key| key.about()).filter(|key| !parts.contains(&key.name)) {
            let which = format!("{} of {}", key.name, table.name);
            let starts =
                |start: &str| lines.iter().any(|text| text.trim_start_matches("# ").starts_with(start));
            // A token is written alike wherever one stands.
            let is_shown = starts(&format!("{} = ", key.name)) || key.name == "token";
            assert!(is_shown, "{which} is not there");
            assert!(said.contains(&words(key.doc)), "{which}:{}", key.doc);
            if let Some(default) = key.default {
                let is_number = !default.starts_with('0') && default.parse::<u32>().is_ok();
                let written = if is_number { default.to_owned() } else { format!("\"{default}\"") };
                assert!(starts(&format!("{} = {written}", key.name)), "the default of {which}");
            }
        }
    }
}

#[test]
fn every_key_that_is_known_is_in_the_example() {
    // What a table knows is what it lists when it meets a key that it does not know.
    for (header, at) in [
        ("", "user_agent"),
        ("[daemon]", "[daemon]"),
        ("[renewal]", "[renewal]"),
        ("[metrics]", "[metrics]"),
        ("[api]", "[api]"),
        ("[history]", "[history]"),
        ("[[tenant]]", "[[tenant]]"),
        ("[[tenant.webhook]]", "[[tenant.webhook]]"),
        ("[tenant.webhook.resync]", "[tenant.webhook.resync]"),
        ("[[tenant.webhook.key_sink]]", "[[tenant.webhook.key_sink]]"),
    ] {
        let text = EXAMPLE.replacen(
            &format!("\n{at}"),
            &format!("\n{header}\nzzzzzzzzzzzz = 1\n{}", if header.is_empty() { at } else { "" }),
            1,
        );
        let problems = problems(&text);
        let (_, known) = problems[0].split_once(" knows ").expect("what is known");
        for key in known.split('`').skip(1).step_by(2) {
            let table = EXAMPLE.contains(&format!("{key}]"));
            let written =
                EXAMPLE.lines().any(|line| line.trim_start_matches("# ").starts_with(&format!("{key} = ")));
            assert!(table || written, "{key} of {header}");
        }
    }
}
