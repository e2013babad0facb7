//! A file as TOML: its syntax, and its root table.

use std::{path::Path, string::FromUtf8Error};

use toml::de::DeTable;

use super::{
    error::Findings,
    key::Table,
    layout::Explained,
    redact,
    report::{Checked, Report},
    table,
};

/// What is to be said of a file that is not text.
pub(super) fn not_utf8(file: &Path, error: &FromUtf8Error, base: usize) -> Findings {
    let lossy = String::from_utf8_lossy(error.as_bytes());
    let source = redact::source(file, &lossy, base);
    let report = Report::new(&source);
    let at = error.utf8_error().valid_up_to();
    report.problem(
        source.at(at..at + char::REPLACEMENT_CHARACTER.len_utf8()),
        "the file is not UTF-8",
        "save it as UTF-8, as TOML demands; here stands the first byte that is not",
    );
    report.finish()
}

/// Reads a file, whose first byte has the offset `base` and whose root table is one of the schema.
pub(super) fn read<T>(
    file: &Path,
    text: &str,
    base: usize,
    schema: &'static Table,
    body: impl FnOnce(&table::Table<'_>) -> Checked<T>,
) -> (Findings, Checked<T>) {
    let source = redact::source(file, text, base);
    let report = Report::new(&source);
    let (root, mut errors) = DeTable::parse_recoverable(text);
    errors.sort_by_key(|error| error.span().map(|span| span.start));
    let mut syntax = None;
    let mut explained = Explained::default();
    let mut spans = Vec::new();
    for error in &errors {
        let place = error.span().unwrap_or(0..0);
        let is_repetition = error.message() == DUPLICATE_KEY;
        let is_explained = if is_repetition {
            explained.repetition(text, place.start)
        } else {
            explained.syntax_error(text, place.start)
        };
        if is_explained || spans.contains(&place) {
            continue;
        }
        let (message, help) = syntax_error(error.message(), &source.quoted(&source.at(place.clone())));
        if is_repetition {
            report.repeated(source.at(place.clone()), message, help);
        } else {
            syntax = Some(report.problem(source.at(place.clone()), message, help));
        }
        spans.push(place);
    }
    // What is left of a file with syntax errors would give problems that are none: it is judged no further.
    // Only keys that were given twice leave the rest as it was meant.
    let read = if let Some(reported) = syntax {
        for span in redact::unparsed(text) {
            report.redact(source.at(span));
        }
        Err(reported)
    } else {
        table::Table::read(&report, schema, schema.name, (root.get_ref(), source.at(0..0)), body)
    };
    (report.finish(), read)
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
        ("string values must be quoted", _) => "put the text in double quotes: \"…\"",
        ("invalid float", "`nan`" | "`inf`") => {
            "put the text in double quotes: \"…\"; what is not to have a value is left out"
        }
        ("unexpected leading zero", _) => {
            "write the number without the 0 before it, and permission bits as a text: \"0640\""
        }
        ("invalid unquoted key", _) => {
            "write `key = value`; a key has letters, digits, `_` and `-`, and a comment begins with #"
        }
        ("missing escaped value" | "too few unicode value digits" | "invalid escape sequence", _) => {
            "a backslash in double quotes is written twice; in single quotes it is itself"
        }
        (_, "") => "see https://toml.io for how TOML is written",
        (_, expected) => &format!("TOML expects {expected} here"),
    };
    (format!("not TOML: {what}"), help.to_owned())
}
