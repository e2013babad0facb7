//! One value of the file: its type, its place, and what is wrong with it.

use std::{
    ops::{Range, RangeInclusive},
    time::Duration,
};

use toml::de::DeValue;

use super::{Checked, Header, Report, Reported, Table, Wrong, hide_strings};
use crate::config::{suggestions, units};

/// A yes or no, where a yes may say more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Flag<T> {
    No,
    Yes,
    With(T),
}

/// A value of the file and the key, or the array, that it belongs to.
#[derive(Debug, Clone)]
pub(in crate::config) struct Value<'a> {
    report: &'a Report<'a>,
    key: &'static str,
    key_span: Range<usize>,
    span: Range<usize>,
    written: &'a toml::Spanned<DeValue<'a>>,
}

impl<'a> Value<'a> {
    pub(super) fn new(
        report: &'a Report<'a>,
        key: &'static str,
        key_span: Range<usize>,
        value: &'a toml::Spanned<DeValue<'a>>,
    ) -> Self {
        Self { report, key, key_span, span: report.source.at(value.span()), written: value }
    }

    /// The key that it belongs to.
    pub(in crate::config) fn key(&self) -> &'static str {
        self.key
    }

    /// Where it stands.
    pub(in crate::config) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// A text, read by one of the readers of texts.
    pub(in crate::config) fn parse<T>(&self, read: impl FnOnce(&str) -> Result<T, Wrong>) -> Checked<T> {
        self.parse_as("a text in double quotes", read)
    }

    /// A text of a form that is worth saying where something else stands, read by one of the readers of texts.
    pub(in crate::config) fn parse_as<T>(
        &self,
        wanted: &str,
        read: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Checked<T> {
        let text = self.written.get_ref().as_str().ok_or_else(|| self.wrong_type(wanted))?;
        read(text).map_err(|wrong| self.wrong(&wrong))
    }

    /// A duration.
    pub(in crate::config) fn duration(&self) -> Checked<Duration> {
        self.parse_as("a duration in double quotes, such as \"90s\"", units::duration)
    }

    /// A duration that is not zero.
    pub(in crate::config) fn positive_duration(&self) -> Checked<Duration> {
        self.parse_as("a duration in double quotes, such as \"90s\"", units::positive_duration)
    }

    /// Permission bits.
    pub(in crate::config) fn mode(&self) -> Checked<u32> {
        self.parse_as("permission bits in octal and in double quotes, such as \"0640\"", units::mode)
    }

    /// A text that may be a secret by mistake: it is not shown if it is wrong.
    pub(in crate::config) fn parse_discreetly<T>(
        &self,
        read: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Checked<T> {
        let wrong = match self.written.get_ref().as_str().map(read) {
            Some(Ok(value)) => return Ok(value),
            Some(Err(wrong)) => wrong,
            None => Wrong::new("is not a string", "put it in double quotes"),
        };
        hide_strings(self.report, self.written);
        Err(self.problem(format!("`{}` {}", self.key, wrong.what), wrong.help))
    }

    /// A text that is not empty.
    pub(in crate::config) fn text(&self) -> Checked<String> {
        self.text_or(&format!("write a text, or remove `{}`", self.key))
    }

    /// A text that is not empty; `help` says what would be right.
    pub(in crate::config) fn text_or(&self, help: &str) -> Checked<String> {
        self.parse(|text| {
            let wrong = |what| Err(Wrong::new(what, help));
            if text.trim().is_empty() {
                wrong("is empty")
            } else if text.chars().any(char::is_control) {
                wrong("has a control character in it")
            } else {
                Ok(text.to_owned())
            }
        })
    }

    /// One of some words.
    pub(in crate::config) fn word<T: Copy>(&self, known: &[(&'static str, T)]) -> Checked<T> {
        let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
        self.parse(|text| {
            if let Some((_, value)) = known.iter().find(|(word, _)| *word == text) {
                return Ok(*value);
            }
            let choice = format!("one of {}", suggestions::all(&words));
            Err(Wrong::new(
                "is not a word that is known here",
                match suggestions::nearest(text, words.iter().copied()) {
                    Some(meant) => format!("did you mean \"{meant}\"? It is {choice}"),
                    None => format!("write {choice}"),
                },
            ))
        })
    }

    /// `true` or `false`, or a text that is read and stands for a `true` with more to say.
    pub(in crate::config) fn flag_or<T>(
        &self,
        wanted: &str,
        read: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Checked<Flag<T>> {
        match self.written.get_ref() {
            DeValue::Boolean(true) => Ok(Flag::Yes),
            DeValue::Boolean(false) => Ok(Flag::No),
            DeValue::String(text) => read(text).map(Flag::With).map_err(|wrong| self.wrong(&wrong)),
            _ => Err(self.wrong_type(wanted)),
        }
    }

    /// A whole number in a range.
    pub(in crate::config) fn number(&self, range: RangeInclusive<u32>) -> Checked<u32> {
        let DeValue::Integer(integer) = self.written.get_ref() else {
            return Err(self.wrong_type(&format!("a whole number such as {}", range.start().max(&10))));
        };
        let number = i128::from_str_radix(integer.as_str(), integer.radix()).ok();
        number
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                let help = format!("write a whole number from {} to {}", range.start(), range.end());
                self.wrong(&Wrong::new("is out of range", help))
            })
    }

    /// The items of an array.
    pub(in crate::config) fn array(&self, wanted: &str) -> Checked<Vec<Value<'a>>> {
        let DeValue::Array(items) = self.written.get_ref() else { return Err(self.wrong_type(wanted)) };
        Ok(items.iter().map(|item| Value::new(self.report, self.key, self.key_span.clone(), item)).collect())
    }

    /// Reads every table of an array of tables; a mistake in one does not keep the others from being read.
    pub(in crate::config) fn tables<T>(
        &self,
        name: &'static str,
        mut body: impl FnMut(&Table<'_>) -> Checked<T>,
    ) -> Checked<Vec<T>> {
        if self.is_table() {
            return Err(self.one_for_all(name));
        }
        let tables = self.array(&format!("an array of tables: write {name}, with double brackets"))?;
        let read: Vec<Checked<T>> = tables.into_iter().map(|table| table.table(name, &mut body)).collect();
        read.into_iter().collect()
    }

    /// Reports a table where there should be an array of them, with nothing of what follows from that: it is
    /// written with single brackets, or it is there only because a part of it is.
    fn one_for_all(&self, name: &str) -> Reported {
        let source = self.report.source;
        let place = source.part(&self.span).start;
        let header = Header::of(&source.shown, place).filter(|header| header.holds(place));
        let part = header.filter(|header| header.is_part_of(name));
        self.report.found.borrow_mut().forget_repeated(source, place, name, part.is_some());
        let Some(part) = part else {
            return self.wrong_type(&format!("an array of tables: write {name}, with double brackets"));
        };
        self.problem(
            format!("{} stands above every {name}, and is a part of one", part.written),
            format!("write {name} and its keys above it: a part belongs to the last {name} before it"),
        )
    }

    /// Reads a table, then reports every key in it that was not asked for.
    pub(in crate::config) fn table<T>(
        &self,
        name: &'static str,
        body: impl FnOnce(&Table<'_>) -> Checked<T>,
    ) -> Checked<T> {
        let DeValue::Table(entries) = self.written.get_ref() else {
            return Err(self.wrong_type(&format!("a table: write {name}")));
        };
        Table::read(self.report, name, entries, self.span(), body)
    }

    /// Whether it is a text, and so, in the place of a secret's table, the secret itself.
    pub(in crate::config) fn is_table(&self) -> bool {
        self.written.get_ref().is_table()
    }

    /// Never shows it.
    pub(in crate::config) fn hide(&self) {
        hide_strings(self.report, self.written);
    }

    /// Reports what is wrong with it; the message does not quote it.
    pub(in crate::config) fn problem(&self, message: impl Into<String>, help: impl Into<String>) -> Reported {
        self.report.problem(vec![(self.span(), String::new())], message, help)
    }

    /// Reports that its key should not be there.
    pub(in crate::config) fn key_problem(&self, message: &str, help: &str) -> Reported {
        self.report.problem(vec![(self.key_span.clone(), String::new())], message, help)
    }

    /// Reports that it repeats what stands elsewhere.
    pub(in crate::config) fn repeats(&self, first: Range<usize>, message: &str, help: &str) -> Reported {
        let labels = vec![(self.span(), "again here".to_owned()), (first, "first here".to_owned())];
        self.report.problem(labels, message, help)
    }

    /// Reports what is wrong with it and quotes it.
    pub(in crate::config) fn wrong(&self, wrong: &Wrong) -> Reported {
        self.problem(format!("`{}`: {} {}", self.key, self.quoted(), wrong.what), wrong.help.as_str())
    }

    /// Notes that it is accepted but looks like a mistake; quotes it.
    pub(in crate::config) fn warn(&self, what: &str) {
        self.report.warning(&self.span, &format!("`{}`: {} {what}", self.key, self.quoted()));
    }

    fn wrong_type(&self, wanted: &str) -> Reported {
        let kind = match self.written.get_ref() {
            DeValue::Array(_) => "an array",
            DeValue::Integer(_) => "an integer",
            DeValue::String(_) => "a string",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Table(_) => "a table",
        };
        self.wrong(&Wrong::new(format!("is {kind}"), format!("it is to be {wanted}")))
    }

    fn quoted(&self) -> String {
        self.report.source.quoted(&self.span)
    }
}
