//! The file as it is written: a walk over TOML that collects problems instead of stopping at one.
//!
//! Laws: a key that nobody asked for is a problem, because [`Value::table`] looks for such keys after
//! the body it was given; and who fails has reported why, because nobody else can make a [`Reported`].
//!
//! A file with syntax errors is judged no further: what is left of it would give problems that are
//! none. Only keys that were given twice leave the rest as it was meant.

mod found;
mod layout;
mod value;

use std::{cell::RefCell, ops::Range};

use toml::de::{DeTable, DeValue};

use super::{
    error::{Problem, Shown},
    keys, redact,
    source::Source,
    suggestions,
};

use found::Found;
use layout::{Explained, Header};
pub(super) use value::{Flag, Value};

/// Proof that a problem has been reported.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reported(());

/// A value, or the proof that a problem has been reported.
pub(super) type Checked<T> = Result<T, Reported>;

/// Why a text is not what it should be, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    /// What is wrong, to follow the text in a sentence.
    pub(super) what: String,
    /// What would be right.
    pub(super) help: String,
}

impl Wrong {
    /// What is wrong with a text, and what would be right.
    pub(super) fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what: visible(what.into()), help: visible(help.into()) }
    }
}

/// A parser may repeat in its error what it was given, and a control character would speak to the terminal.
fn visible(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    let escaped = |c: char| if c.is_control() { c.escape_debug().to_string() } else { c.to_string() };
    text.chars().map(escaped).collect()
}

/// What has been found in a file so far.
#[derive(Debug)]
pub(super) struct Report<'a> {
    source: &'a Source<'a>,
    found: RefCell<Found>,
}

/// What was found in a file in the end.
#[derive(Debug)]
pub(super) struct Findings {
    /// The file, without its secrets.
    pub(super) shown: Shown,
    /// In the order of the file.
    pub(super) problems: Vec<Problem>,
    /// In the order of the file, each with file, line and column.
    pub(super) warnings: Vec<String>,
}

impl<'a> Report<'a> {
    /// Nothing has been found yet.
    pub(super) fn new(source: &'a Source<'a>) -> Self {
        Self { source, found: RefCell::default() }
    }

    /// Reports a problem with the culprit first in `labels`.
    pub(super) fn problem(
        &self,
        labels: Vec<(Range<usize>, String)>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Reported {
        let position = labels.first().map(|(span, _)| self.source.position(span.start));
        self.found.borrow_mut().problems.push(Some(Problem {
            file: self.source.file.display().to_string(),
            line: position.map(|(line, _)| line),
            column: position.map(|(_, column)| column),
            message: message.into(),
            help: help.into(),
            labels,
        }));
        Reported(())
    }

    /// Notes what is accepted but looks like a mistake.
    pub(super) fn warning(&self, span: &Range<usize>, message: &str) {
        let (line, column) = self.source.position(span.start);
        let warning = format!("{}:{line}:{column}: {message}", self.source.file.display());
        self.found.borrow_mut().warnings.push((span.start, warning));
    }

    /// Never shows this part of the file.
    fn hide(&self, span: Range<usize>) {
        self.found.borrow_mut().hidden.push(span);
    }

    /// Every problem, and the warnings; both in the order of the file.
    pub(super) fn finish(self) -> Findings {
        let mut found = self.found.into_inner();
        found.forget_misplaced();
        let Found { problems, mut warnings, hidden, .. } = found;
        warnings.sort();
        let warnings = warnings.into_iter().map(|(_, warning)| warning).collect();
        let mut problems: Vec<Problem> = problems.into_iter().flatten().collect();
        problems.sort_by_key(|problem| (problem.line, problem.column));
        Findings { shown: self.source.without(&hidden), problems, warnings }
    }
}

/// Parses the file and reads its root table, which is called `name`.
pub(super) fn document<T>(
    report: &Report<'_>,
    name: &'static str,
    body: impl FnOnce(&Table<'_>) -> Checked<T>,
) -> Checked<T> {
    let source = report.source;
    let (root, mut errors) = DeTable::parse_recoverable(report.source.text);
    errors.sort_by_key(|error| error.span().map(|span| span.start));
    let mut syntax = None;
    let mut explained = Explained::default();
    let mut spans = Vec::new();
    for error in &errors {
        let place = error.span().unwrap_or(0..0);
        let is_repetition = error.message() == DUPLICATE_KEY;
        let is_explained = if is_repetition {
            explained.repetition(source.text, place.start)
        } else {
            explained.syntax_error(source.text, place.start)
        };
        if is_explained || spans.contains(&place) {
            continue;
        }
        let (message, help) = syntax_error(error.message(), &source.quoted(&source.at(place.clone())));
        if is_repetition {
            report.found.borrow_mut().next_is_repeated();
        }
        let reported = report.problem(vec![(source.at(place.clone()), String::new())], message, help);
        if !is_repetition {
            syntax = Some(reported);
        }
        spans.push(place);
    }
    match syntax {
        Some(reported) => {
            for span in redact::unparsed(source.text) {
                report.hide(source.at(span));
            }
            Err(reported)
        }
        None => Table::read(report, name, root.get_ref(), source.at(0..0), body),
    }
}

const DUPLICATE_KEY: &str = "duplicate key";

/// What is wrong, and what would be right, where `written` stands.
fn syntax_error(message: &str, written: &str) -> (String, String) {
    if message == DUPLICATE_KEY {
        let help = "keep one of them; what there may be several of is written with double brackets, as in \
         `[[tenant]]`, and stands above the tables that are its parts";
        return (format!("`{written}` is given twice"), help.to_owned());
    }
    let (what, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    let help = match (what, expected) {
        ("string values must be quoted", _) => "put the text in double quotes: \"…\"".to_owned(),
        ("invalid float", "`nan`" | "`inf`") => {
            "put the text in double quotes: \"…\"; what is not to have a value is left out".to_owned()
        }
        ("unexpected leading zero", _) => {
            "write the number without the 0 before it, and permission bits as a text: \"0640\"".to_owned()
        }
        ("invalid unquoted key", _) => {
            "write `key = value`; a key has letters, digits, `_` and `-`, and a comment begins with #"
                .to_owned()
        }
        ("missing escaped value" | "too few unicode value digits" | "invalid escape sequence", _) => {
            "a backslash in double quotes is written twice; in single quotes it is itself".to_owned()
        }
        (_, "") => "see https://toml.io for how TOML is written".to_owned(),
        (_, expected) => format!("TOML expects {expected} here"),
    };
    (format!("not TOML: {what}"), help)
}

/// A table under the eyes of a reader.
#[derive(Debug)]
pub(super) struct Table<'a> {
    report: &'a Report<'a>,
    name: &'static str,
    entries: &'a DeTable<'a>,
    span: Range<usize>,
    asked: RefCell<Vec<&'static str>>,
    tolerated: RefCell<Vec<&'static str>>,
}

impl<'a> Table<'a> {
    fn read<'b, T>(
        report: &'b Report<'b>,
        name: &'static str,
        entries: &'b DeTable<'b>,
        span: Range<usize>,
        body: impl FnOnce(&Table<'_>) -> Checked<T>,
    ) -> Checked<T> {
        let table =
            Table { report, name, entries, span, asked: RefCell::default(), tolerated: RefCell::default() };
        let value = body(&table);
        let unknown = table.unknown_keys();
        match unknown {
            Some(reported) => value.and(Err(reported)),
            None => value,
        }
    }

    /// The value of a key, if it is there.
    pub(super) fn optional(&self, key: &'static str) -> Option<Value<'a>> {
        self.asked.borrow_mut().push(key);
        let (written, value) = self.entries.get_key_value(key)?;
        Some(Value::new(self.report, key, self.at(written.span()), value))
    }

    /// The value of a key, or a problem that shows what is missing.
    pub(super) fn required(&self, key: &'static str, help: &str) -> Checked<Value<'a>> {
        self.optional(key)
            .ok_or_else(|| self.missing(&[key], &format!("`{key}` is missing in {}", self.name), help))
    }

    /// The value of a key, read; the default where the key is absent, and where it is wrong, which
    /// has then been reported.
    pub(super) fn or<T>(
        &self,
        key: &'static str,
        default: T,
        read: impl FnOnce(Value<'a>) -> Checked<T>,
    ) -> T {
        self.optional(key).and_then(|value| read(value).ok()).unwrap_or(default)
    }

    /// The value of a key, read, if it is there.
    pub(super) fn maybe<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(Value<'a>) -> Checked<T>,
    ) -> Checked<Option<T>> {
        self.optional(key).map(read).transpose()
    }

    /// Reads a table of this one; an absent one is read as if it were empty.
    pub(super) fn section<T>(
        &self,
        key: &'static str,
        name: &'static str,
        body: impl FnOnce(&Table<'_>) -> Checked<T>,
    ) -> Checked<T> {
        match self.optional(key) {
            Some(value) => value.table(name, body),
            None => Table::read(self.report, name, &DeTable::new(), self.span.clone(), body),
        }
    }

    /// Reports that one of some keys should be there; one that was probably meant to be, or that stands in
    /// another table, is reported instead.
    pub(super) fn missing(&self, keys: &[&'static str], message: &str, help: &str) -> Reported {
        self.report.found.borrow_mut().next_is_missing(keys);
        self.report.problem(vec![(self.span.clone(), String::new())], message, help)
    }

    /// Refuses a key for the reason given.
    pub(super) fn refuse(&self, key: &'static str, message: &str, help: &str) {
        self.tolerated.borrow_mut().push(key);
        if let Some((written, value)) = self.entries.get_key_value(key) {
            hide_strings(self.report, value);
            self.report.problem(vec![(self.at(written.span()), String::new())], message, help);
        }
    }

    /// Lets keys be, because it is not known which keys belong here.
    pub(super) fn tolerate(&self, keys: &[&'static str]) {
        self.tolerated.borrow_mut().extend(keys);
    }

    /// Reports a problem that has no place in the file; once, however often it is met.
    pub(super) fn problem_elsewhere(&self, message: &str, help: &str) -> Reported {
        if self.report.found.borrow().problems.iter().flatten().any(|known| known.message == message) {
            return Reported(());
        }
        self.report.problem(Vec::new(), message, help)
    }

    /// The offsets of what the parser found at these places of the file.
    fn at(&self, part: Range<usize>) -> Range<usize> {
        self.report.source.at(part)
    }

    fn unknown_keys(&self) -> Option<Reported> {
        let asked = self.asked.borrow();
        let tolerated = self.tolerated.borrow();
        let mut reported = None;
        for (key, value) in self.entries {
            let word: &str = key.get_ref();
            if asked.contains(&word) || tolerated.contains(&word) {
                continue;
            }
            let meant = suggestions::nearest(word, asked.iter().copied());
            if !redact::harmless(word, meant) {
                // Whatever it is, it may be a secret under a mistyped name.
                hide_strings(self.report, value);
            }
            let help = if let Some(meant) = meant {
                self.report.found.borrow_mut().forget_missing(meant, &self.span);
                format!("did you mean `{meant}`?")
            } else {
                let home = keys::home(word).map(|home| format!("it belongs {home}; ")).unwrap_or_default();
                self.report.found.borrow_mut().is_misplaced(word, self.at(key.span()).start);
                format!("{home}{} knows {}", self.name, suggestions::all(&asked))
            };
            let span = self.at(key.span());
            let written = self.report.source.quoted(&span);
            let message = format!("unknown key `{written}` in {}", self.name);
            reported = Some(self.report.problem(vec![(span, String::new())], message, help));
        }
        reported
    }
}

fn hide_strings(report: &Report<'_>, value: &toml::Spanned<DeValue<'_>>) {
    match value.get_ref() {
        DeValue::Array(items) => items.iter().for_each(|item| hide_strings(report, item)),
        DeValue::Table(entries) => entries.values().for_each(|value| hide_strings(report, value)),
        DeValue::Boolean(_) => {}
        _ => report.hide(report.source.at(value.span())),
    }
}
