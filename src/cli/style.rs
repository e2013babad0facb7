//! How text looks: in colour only where that is wanted, and never with someone else's control characters.

use std::{env, io::IsTerminal, os::fd::AsFd};

use crate::{redact::is_unsafe, text::counted};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Style {
    pub(super) colour: bool,
    /// Columns of the terminal; `None` where nothing limits a line.
    pub(super) width: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    Good,
    Busy,
    Doubtful,
    Bad,
    Strong,
    Faint,
}

impl Style {
    /// What this stream can show: colours on a terminal, unless `NO_COLOR` or a dumb one forbids it.
    pub(super) fn of(stream: &(impl IsTerminal + AsFd)) -> Self {
        if !stream.is_terminal() {
            return Self::default();
        }
        let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) || is_dumb();
        let columns = rustix::termios::tcgetwinsize(stream).map_or(0, |size| size.ws_col);
        Self { colour: !plain, width: (columns > 0).then_some(columns) }
    }

    pub(super) fn paint(self, paint: Paint, text: &str) -> String {
        let code = match paint {
            _ if !self.colour => return text.to_owned(),
            Paint::Good => "32",
            Paint::Busy => "36",
            Paint::Doubtful => "33",
            Paint::Bad => "31",
            Paint::Strong => "1",
            Paint::Faint => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    pub(super) fn warning(self, text: &str) -> String {
        format!("{} {text}", self.paint(Paint::Doubtful, "warning:"))
    }

    pub(super) fn summary(
        self,
        head: &str,
        counts: [usize; 2],
        warnings: impl Iterator<Item = String>,
    ) -> String {
        let [tenants, webhooks] = counts;
        let head = format!("{head}: {}, {}\n", counted(tenants, "tenant"), counted(webhooks, "webhook"));
        warnings.fold(head, |text, warning| text + &self.warning(&warning) + "\n")
    }
}

pub(super) fn is_dumb() -> bool {
    env::var_os("TERM").is_some_and(|value| value == "dumb")
}

/// The text without control characters, each white space as one space: errors and the output of
/// commands come from elsewhere, and must not steer the terminal.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !is_unsafe(*c)).collect()
}

pub(super) fn plain_lines(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(|line| plain(line).trim_end().to_owned())
}

/// The text in lines that fit the stream beside an indentation of so many columns, broken between
/// words; one line where nothing limits it.
pub(super) fn wrapped(text: &str, style: Style, indent: usize) -> Vec<String> {
    let Some(width) = style.width else { return vec![text.to_owned()] };
    broken(text, usize::from(width).saturating_sub(indent).max(20))
}

/// The text in lines of at most so many characters, broken between words. A longer word stays whole.
pub(super) fn broken(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_laid_on_only_where_there_are_colours() {
        let colourful = Style { colour: true, width: None };
        assert_eq!(colourful.paint(Paint::Bad, "no"), "\x1b[31mno\x1b[0m");
        assert_eq!(Style::default().paint(Paint::Bad, "no"), "no");
    }

    #[test]
    fn sentences_are_broken_between_words() {
        let narrow = Style { colour: false, width: Some(24) };
        let lines = wrapped("one two three four five six https://example.com/a/long/one", narrow, 4);
        assert_eq!(lines, ["one two three four", "five six", "https://example.com/a/long/one"]);
        assert_eq!(wrapped("one  two", Style::default(), 4), ["one  two"]);
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(broken("one two  three\nfour", 8), ["one two", "three", "four"]);
        assert_eq!(broken("é é é é", 3), ["é é", "é é"]);
        assert_eq!(broken("a wordthatistoolong b", 5), ["a", "wordthatistoolong", "b"]);
        assert!(broken("", 5).is_empty());
    }

    #[test]
    fn foreign_text_cannot_steer_the_terminal() {
        assert_eq!(plain("a\x1b[31mb\x07\tc\r\nd\u{202e}e\u{9b}f"), "a[31mb c  def");
        let lines: Vec<_> = plain_lines("one\r\ntwo  \n\x1b[2Jthree").collect();
        assert_eq!(lines, ["one", "two", "[2Jthree"]);
    }
}
