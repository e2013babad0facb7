//! The file's text, and where in it something stands.
//!
//! Law: what is shown of the file is [`Source::shown`], in which secrets are blanked, and never the
//! text itself. Both have the same length, so an offset means the same place in either.

use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
};

use super::{
    error::{ConfigError, Problem},
    hide,
};

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
}

impl<'a> Source<'a> {
    /// Takes a file's text.
    pub(super) fn new(file: &Path, text: &'a str) -> Self {
        Self { file: file.to_owned(), text, shown: hide::blanked(text, &hide::secrets(text)) }
    }

    /// What may be quoted of a value in a message: the first line, if it is not too long.
    pub(super) fn quoted(&self, span: &Range<usize>) -> String {
        let text = self.shown.get(span.clone()).unwrap_or_default();
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
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before[line_start..].trim_start_matches('\u{feff}').chars().count() + 1;
        (before.matches('\n').count() + 1, column)
    }
}

/// Reads a file that must be UTF-8.
pub(super) fn read(file: &Path) -> Result<String, ConfigError> {
    let bytes = std::fs::read(file).map_err(|error| unreadable(file, &error))?;
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
        let source = Source::new(file, &text);
        let (line, column) = source.position(offset);
        let problem = Problem {
            line: Some(line),
            column: Some(column),
            message: "the file is not UTF-8".to_owned(),
            help: "save it as UTF-8, as TOML demands; here stands the first byte that is not".to_owned(),
            labels: vec![(offset..offset + char::REPLACEMENT_CHARACTER.len_utf8(), String::new())],
        };
        ConfigError::new(file, source.shown, vec![problem])
    })
}

fn unreadable(file: &Path, error: &io::Error) -> ConfigError {
    let help = match error.kind() {
        io::ErrorKind::NotFound => {
            "name an existing file with --config or $PROTIME_WEBHOOKD_CONFIG; config.example.toml is one to \
             start from"
        }
        io::ErrorKind::PermissionDenied => {
            "let the user that runs protime-webhookd read the file and enter every folder above it"
        }
        io::ErrorKind::IsADirectory => "name the file in it, such as config.toml",
        _ => "name a readable TOML file with --config or $PROTIME_WEBHOOKD_CONFIG",
    };
    let message = format!("cannot read the configuration {}: {error}", file.display());
    let problem = Problem { line: None, column: None, message, help: help.to_owned(), labels: Vec::new() };
    ConfigError::new(file, String::new(), vec![problem])
}
