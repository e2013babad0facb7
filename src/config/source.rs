//! A file's text, where in it something stands, and how it is shown.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

/// How many characters of a value are quoted in a message.
const QUOTED: usize = 80;

#[derive(Debug)]
// Offsets are counted through all files of a configuration, as if they stood one behind the other, so that an
// offset alone says which file it is in.
pub(super) struct Source<'a> {
    /// The file, as the user named it.
    pub(super) file: PathBuf,
    pub(super) text: &'a str,
    /// The same with blanks where a secret stands or could stand, of the same length, lines and columns, and
    /// with nothing that speaks to a terminal. Only this is ever shown.
    pub(super) shown: String,
    /// The offset of its first byte.
    base: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) name: String,
    /// The offset of its first byte.
    pub(super) base: usize,
    /// Its text without its secrets.
    pub(super) text: String,
}

impl<'a> Source<'a> {
    /// Takes the text of a file whose first byte has the offset `base`, and where in it secrets are.
    pub(super) fn new(file: &Path, text: &'a str, secrets: &[Range<usize>], base: usize) -> Self {
        Self { file: file.to_owned(), text, shown: blanked(text, secrets), base }
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
    pub(super) fn without(&self, redacted: &[Range<usize>]) -> Shown {
        let redacted: Vec<Range<usize>> = redacted.iter().map(|span| self.part(span)).collect();
        let text = blanked(&self.shown, &redacted);
        Shown { name: self.file.display().to_string(), base: self.base, text }
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

    /// Line and column of an offset in bytes, both from 1.
    pub(super) fn position(&self, offset: usize) -> (usize, usize) {
        position(self.text, offset.saturating_sub(self.base))
    }
}

/// Line and column of the byte at `at`, both from 1; a column is a character, and a byte order mark is none.
pub(super) fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before[line_start..].trim_start_matches('\u{feff}').chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}

/// The text with every character in one of the ranges, and every one that cannot be seen (controls that
/// are not a line end, blanks that look like others, marks of direction), replaced by one of the same length.
fn blanked(text: &str, ranges: &[Range<usize>]) -> String {
    let mut redacted = vec![false; text.len()];
    for range in ranges {
        let end = range.end.min(text.len());
        redacted[range.start.min(end)..end].fill(true);
    }
    let keeps_lines = |at: usize, character| match character {
        '\n' => true,
        '\r' => text[at + 1..].starts_with('\n'),
        _ => false,
    };
    text.char_indices()
        .map(|(at, character)| match character.len_utf8() {
            _ if keeps_lines(at, character) => character,
            _ if !redacted[at] && (character == '\t' || is_visible(at, character)) => character,
            1 => '*',
            2 => '·',
            3 => '•',
            _ => '𐄀',
        })
        .collect()
}

/// Whether a character is seen as itself; a mark that begins the text says how it is encoded.
fn is_visible(at: usize, character: char) -> bool {
    let is_odd = match character {
        '\u{feff}' => at > 0,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' => true,
        _ => character.is_control() || (character.is_whitespace() && character != ' '),
    };
    !is_odd
}
