//! The file's text, and where in it something stands.
//!
//! Law: what is shown of the file is [`Source::shown`], in which secrets are blanked, and never the
//! text itself. Both have the same length, so an offset means the same place in either.
//!
//! A configuration may have several files. Offsets are counted through all of them, as if they stood one
//! behind the other, so that an offset alone says which file it is in.

use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
};

use super::{
    error::{ConfigError, Problem, Shown},
    raw, redact,
};
use crate::regular_file;

/// How many characters of a value are quoted in a message.
const QUOTED: usize = 80;

/// A file's text and its name.
#[derive(Debug)]
pub(super) struct Source<'a> {
    /// The file, as the user named it.
    pub(super) file: PathBuf,
    /// What it holds.
    pub(super) text: &'a str,
    /// The same with blanks where a secret stands or could stand.
    pub(super) shown: String,
    /// The offset of its first byte.
    base: usize,
}

impl<'a> Source<'a> {
    /// Takes the text of a file whose first byte has the offset `base`.
    pub(super) fn new(file: &Path, text: &'a str, base: usize) -> Self {
        Self { file: file.to_owned(), text, shown: redact::blanked(text, &redact::secrets(text)), base }
    }

    /// The offsets of a part of the text.
    pub(super) fn at(&self, part: Range<usize>) -> Range<usize> {
        part.start + self.base..part.end + self.base
    }

    /// The part of the text at these offsets.
    pub(super) fn part(&self, span: &Range<usize>) -> Range<usize> {
        span.start.saturating_sub(self.base)..span.end.saturating_sub(self.base)
    }

    /// What may be shown of the text, without these parts either.
    pub(super) fn without(&self, hidden: &[Range<usize>]) -> Shown {
        let hidden: Vec<Range<usize>> = hidden.iter().map(|span| self.part(span)).collect();
        Shown {
            name: self.file.display().to_string(),
            base: self.base,
            text: redact::blanked(&self.shown, &hidden),
        }
    }

    /// What may be quoted of a value in a message: the first line, if it is not too long.
    pub(super) fn quoted(&self, span: &Range<usize>) -> String {
        let text = self.shown.get(self.part(span)).unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        let mut quoted: String = line.chars().take(QUOTED).collect();
        if quoted.len() < text.len() {
            quoted.push('…');
        }
        quoted
    }

    /// Line and column of an offset in bytes, both from 1; a column is a character, and a byte order
    /// mark is none.
    pub(super) fn position(&self, offset: usize) -> (usize, usize) {
        position(self.text, offset.saturating_sub(self.base))
    }
}

/// Line and column of the byte at `at`.
pub(super) fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before[line_start..].trim_start_matches('\u{feff}').chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}

/// Bytes that are no text.
#[derive(Debug)]
pub(super) struct NotUtf8 {
    /// The text that they are nearest to.
    pub(super) lossy: String,
    /// The first byte of it that is not as it was.
    pub(super) at: usize,
}

/// Reads bytes that must be UTF-8.
pub(super) fn decode(bytes: Vec<u8>) -> Result<String, NotUtf8> {
    String::from_utf8(bytes).map_err(|error| NotUtf8 {
        lossy: String::from_utf8_lossy(error.as_bytes()).into_owned(),
        at: error.utf8_error().valid_up_to(),
    })
}

/// What is to be said of a file that is no text.
pub(super) fn not_utf8(file: &Path, text: &NotUtf8, base: usize) -> raw::Findings {
    let source = Source::new(file, &text.lossy, base);
    let report = raw::Report::new(&source);
    report.problem(
        vec![(source.at(text.at..text.at + char::REPLACEMENT_CHARACTER.len_utf8()), String::new())],
        "the file is not UTF-8",
        "save it as UTF-8, as TOML demands; here stands the first byte that is not",
    );
    report.finish()
}

/// Reads a file that must be UTF-8.
pub(super) fn read(file: &Path) -> Result<String, ConfigError> {
    let bytes = regular_file::read(file).map_err(|error| unreadable(file, &error))?;
    decode(bytes).map_err(|text| ConfigError::new(vec![not_utf8(file, &text, 0)]))
}

fn unreadable(file: &Path, error: &io::Error) -> ConfigError {
    let help = match error.kind() {
        io::ErrorKind::NotFound => {
            "name an existing file with --config or $PROTIME_WEBHOOKD_CONFIG, or let `protime-webhookd init` write \
             one"
        }
        io::ErrorKind::PermissionDenied => {
            "let the user that runs protime-webhookd read the file and enter every folder above it"
        }
        io::ErrorKind::IsADirectory => "name the file in it, such as config.toml",
        _ => "name a TOML file that can be read with --config or $PROTIME_WEBHOOKD_CONFIG",
    };
    let message = format!("cannot read the configuration {}: {error}", file.display());
    let name = file.display().to_string();
    let problem = Problem {
        file: name.clone(),
        line: None,
        column: None,
        message,
        help: help.to_owned(),
        labels: Vec::new(),
    };
    let shown = Shown { name, base: 0, text: String::new() };
    ConfigError::new(vec![raw::Findings { shown, problems: vec![problem], warnings: Vec::new() }])
}
