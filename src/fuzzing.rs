//! Targets for a fuzzer: everything that reads bytes from outside, and what must hold whatever they are.
//!
//! Built with `--cfg fuzzing` for the programs in `fuzz/`, and for the tests, which run every input
//! that is kept in `fuzz/corpus`: what a fuzzer has found once is looked for ever after. No part of
//! the program.
//!
//! Laws of all of them: nothing panics, nothing takes long, and what is made of the bytes is what the
//! room promises that made it.

#![allow(clippy::missing_panics_doc, reason = "a panic is how a target tells what it has found")]

use std::{fmt::Write as _, path::Path};

use jiff::{Timestamp, ToSpan as _};
use protime_webhook_receiver::Event;
use zeroize::Zeroizing;

use crate::{
    api,
    command::Tail,
    config,
    domain::{
        filter::Filter,
        key::{self, WebhookKey},
    },
    protime,
};

/// A target: its name, and what it does with any bytes.
type Target = (&'static str, fn(&[u8]));

/// Every target by its name.
pub const TARGETS: [Target; 14] = [
    ("webhook_list", protime::fuzzing::webhook_list),
    ("post_answer", protime::fuzzing::post_answer),
    ("collection_page", protime::fuzzing::collection_page),
    ("error_body", protime::fuzzing::error_body),
    ("token_answer", protime::fuzzing::token_answer),
    ("body", protime::fuzzing::body),
    ("link", protime::fuzzing::link),
    ("time", protime::fuzzing::time),
    ("event", event),
    ("filter", filter),
    ("configuration", configuration),
    ("settings", settings),
    ("socket_request", api::fuzzing::request),
    ("key_and_output", key_and_output),
];

/// Gives the bytes to the target of that name.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    assert!(target.is_some(), "there is no target '{name}'");
    if let Some((_, target)) = target {
        target(data);
    }
}

/// An event: its `Authorization` on the first line, then its body.
fn event(data: &[u8]) {
    let (authorization, body) = first_line(data);
    if let Some(key) = WebhookKey::new("key".to_owned()) {
        let right = key.authorization(body);
        assert_eq!(key.verify(&right, body), Ok(()), "what is signed is genuine");
        let claimed = authorization.unwrap_or_default();
        if key.verify(claimed, body).is_ok() {
            // But for the letters of the scheme, and the space around both words.
            let words: Vec<&str> = claimed.split_whitespace().collect();
            let scheme = words.first().is_some_and(|scheme| scheme.eq_ignore_ascii_case("HMAC-SHA256"));
            assert!(scheme && words[1..] == [&right["HMAC-SHA256 ".len()..]], "no other signature is right");
        }
    }
    if let Ok(event) = Event::parse("clockings", body) {
        assert!(!event.id().is_empty(), "every object has an id");
        // Not as a `Value`: that has a limit of depth, which a receiver may have or not.
        assert!(event.raw_data().starts_with('{'), "its data is an object");
    }
}

fn filter(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(filter) = Filter::parse(text) else { return };
    let longest = filter.longest().len();
    let to = Timestamp::UNIX_EPOCH + 500_000.hours();
    for from in [None, Some(to - 100.hours()), Some(to - 20_000.hours()), Some(to)] {
        let days = filter.days(from, to, None);
        assert!(!days.is_empty(), "something is asked for");
        for days in days {
            assert!(days.from <= days.to, "{days:?}");
            assert!(filter.fill(from, to, days).len() <= longest, "the longest is the longest: {text:?}");
        }
    }
}

/// A configuration, but for one that reads further files.
fn configuration(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if !text.contains("include") {
        judged(text);
    }
}

/// The single values of a configuration that is right but for them: one a line.
fn settings(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.lines();
    let mut config = String::new();
    for line in include_str!("fuzzing/settings.toml").lines() {
        // A TOML string in its basic form is written as JSON writes it, but for DEL.
        let value = line.strip_suffix("= ?").and_then(|key| Some((key, lines.next()?)));
        let quoted = |text: &str| serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f");
        // Writing into a String does not fail.
        let _ = match value {
            Some((key, value)) => writeln!(config, "{key}= {}", quoted(value)),
            None if line.ends_with("= ?") => Ok(()),
            None => writeln!(config, "{line}"),
        };
    }
    judged(&config);
}

/// A configuration is right, or everything that is wrong is told.
fn judged(text: &str) {
    if let Err(problems) = config::judge(Path::new("/etc/protime-webhookd/config.toml"), text) {
        assert!(problems.problems().count() > 0, "a refusal has a reason");
        for problem in problems.problems() {
            assert!(!problem.message.is_empty(), "a problem is named");
        }
        let shown = problems.render(false);
        assert!(!shown.is_empty(), "it is shown");
        let calm = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
        assert!(shown.chars().all(calm), "nothing speaks to a terminal: {shown:?}");
        for secret in literal_secrets(text) {
            assert!(!shown.contains(secret), "a secret is shown: {shown}");
        }
    }
}

/// What someone wrote for a secret where its place was to be named, as far as it is found nowhere else.
fn literal_secrets(text: &str) -> impl Iterator<Item = &str> {
    let values =
        text.lines().filter_map(|line| line.trim().strip_prefix("client_secret = \"")?.split('"').next());
    let rare = |value: &&str| value.len() >= 8 && value.bytes().any(|byte| byte.is_ascii_digit());
    let once = |value: &&str| text.matches(value).count() == 1;
    values.filter_map(secret).filter(rare).filter(once)
}

/// A key that someone gives us, and the output of a program that got it: the key on the first line, the
/// output behind it, in pieces whose length the first byte of it tells.
fn key_and_output(data: &[u8]) {
    let (line, output) = first_line(data);
    let line = line.unwrap_or_default();
    if let Ok(key) = key::imported(Zeroizing::new(line.to_owned())) {
        let text = key.expose();
        assert!(!text.is_empty() && !text.chars().any(|c| c.is_control() || c.is_whitespace()), "{text:?}");
        assert_eq!(format!("{key:?}"), "[redacted]", "a key does not print");
    }
    let Some((size, output)) = output.split_first() else { return };
    let secret = secret(line);
    let mut tail = Tail::new(secret);
    for piece in output.chunks(usize::from(*size).max(1)) {
        tail.extend(piece);
    }
    let text = tail.text();
    assert!(text.len() <= 4096, "the end of it is kept");
    assert!(secret.is_none_or(|secret| !text.contains(secret)), "no secret is kept");
}

/// The first line as text, if it is text, and what stands behind it.
pub(crate) fn first_line(data: &[u8]) -> (Option<&str>, &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n');
    let (line, rest) = match end {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, &data[data.len()..]),
    };
    (std::str::from_utf8(line).ok(), rest)
}

/// A text that a secret may be: long enough, and not found in what stands in its place.
pub(crate) fn secret(text: &str) -> Option<&str> {
    let fits = text.len() >= 6 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (fits && !"redacted".contains(text)).then_some(text)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::PathBuf};

    use super::*;

    fn folder(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
    }

    fn names(folder: &Path) -> BTreeSet<String> {
        let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn every_target_has_a_program_and_a_corpus() {
        let known: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(names(&folder("fuzz_targets")), known);
        assert_eq!(names(&folder("corpus")), known);
    }

    #[test]
    fn the_laws_hold_for_every_input_that_is_kept() {
        for (name, target) in TARGETS {
            let mut inputs = 0;
            for entry in fs::read_dir(folder("corpus").join(name)).unwrap() {
                let path = entry.unwrap().path();
                let whole = fs::read(&path).unwrap();
                // And for what is left of it where it broke off.
                for end in [0, whole.len() / 3, whole.len() / 2, whole.len().saturating_sub(1), whole.len()] {
                    let kept = std::panic::catch_unwind(|| target(&whole[..end]));
                    assert!(kept.is_ok(), "the first {end} bytes of {} break a law", path.display());
                }
                inputs += 1;
            }
            assert!(inputs > 2, "{name} has {inputs} inputs");
        }
    }
}
