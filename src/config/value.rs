//! One value of the file: its type, its place, and what is wrong with it.

use std::{
    collections::HashMap,
    fmt::Display,
    hash::Hash,
    ops::{Range, RangeInclusive},
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::report::{Checked, Report, Reported};
use crate::domain::{
    suggestions,
    wrong::{Wrong, refuse},
};

/// What a value must be that is read as a text and has no other form worth saying.
pub(super) const TEXT: &str = "a text in double quotes";

/// A value of the file and the key, or the array, that it belongs to.
#[derive(Debug, Clone)]
pub(super) struct Value<'a> {
    pub(super) report: &'a Report<'a>,
    pub(super) key: &'static str,
    key_span: Range<usize>,
    pub(super) span: Range<usize>,
    written: &'a Spanned<DeValue<'a>>,
}

impl<'a> Value<'a> {
    /// The value of a key that stands at `key_span`.
    pub(super) fn new(
        report: &'a Report<'a>,
        key: &'static str,
        key_span: Range<usize>,
        written: &'a Spanned<DeValue<'a>>,
    ) -> Self {
        Self { report, key, key_span, span: report.source.at(written.span()), written }
    }

    /// A text, read by one of the readers of texts; `wanted` is told where something else stands.
    pub(super) fn parse<T>(&self, wanted: &str, read: impl FnOnce(&str) -> Result<T, Wrong>) -> Checked<T> {
        let text = self.as_str().ok_or_else(|| self.wrong_type(wanted))?;
        read(text).map_err(|wrong| self.wrong(&wrong))
    }

    /// A text that may be a secret by mistake: it is not shown if it is wrong.
    pub(super) fn parse_discreetly<T>(&self, read: impl FnOnce(&str) -> Result<T, Wrong>) -> Checked<T> {
        let wrong = match self.as_str().map(read) {
            Some(Ok(value)) => return Ok(value),
            Some(Err(wrong)) => wrong,
            None => Wrong::new("is not a string", "put it in double quotes"),
        };
        self.redact();
        Err(self.problem(format!("`{}` {}", self.key, wrong.what), wrong.help))
    }

    pub(super) fn word<T: Clone>(&self, known: &[(&'static str, T)]) -> Checked<T> {
        self.parse(TEXT, |text| {
            if let Some((_, value)) = known.iter().find(|(word, _)| *word == text) {
                return Ok(value.clone());
            }
            let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
            let choice = format!("one of {}", suggestions::all(&words));
            let help = match suggestions::nearest(text, words) {
                Some(meant) => format!("did you mean \"{meant}\"? It is {choice}"),
                None => format!("write {choice}"),
            };
            refuse("is not a word that is known here", help)
        })
    }

    /// `true` or `false`, or a text that is read and stands for a `true` with more to say than `yes`.
    pub(super) fn switch<T>(
        &self,
        wanted: &str,
        yes: T,
        read: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Checked<Option<T>> {
        match self.written.get_ref() {
            DeValue::Boolean(flag) => Ok(flag.then_some(yes)),
            _ => self.parse(wanted, read).map(Some),
        }
    }

    pub(super) fn number(&self, range: &RangeInclusive<u32>) -> Checked<u32> {
        let DeValue::Integer(integer) = self.written.get_ref() else {
            return Err(self.wrong_type(&format!("a whole number such as {}", range.start().max(&10))));
        };
        let number = i128::from_str_radix(integer.as_str(), integer.radix()).ok();
        let number = number.and_then(|number| u32::try_from(number).ok());
        number.filter(|number| range.contains(number)).ok_or_else(|| {
            let help = format!("write a whole number from {} to {}", range.start(), range.end());
            self.wrong(&Wrong::new("is out of range", help))
        })
    }

    pub(super) fn items(&self, wanted: &str) -> Checked<Vec<Value<'a>>> {
        let DeValue::Array(items) = self.written.get_ref() else { return Err(self.wrong_type(wanted)) };
        let item = |item| Value::new(self.report, self.key, self.key_span.clone(), item);
        Ok(items.iter().map(item).collect())
    }

    /// An array of texts, all of which are read; each may be there once.
    pub(super) fn distinct<T: Clone + Eq + Hash + Display>(
        &self,
        wanted: &str,
        read: fn(&str) -> Result<T, Wrong>,
    ) -> Checked<Vec<T>> {
        let mut firsts = Firsts::default();
        let read = self.items(wanted)?.into_iter().map(|item| {
            let thing = item.parse(TEXT, read)?;
            let message = format!("\"{thing}\" is listed twice");
            firsts.only(thing.clone(), &item, &message, "keep one of the two").map(|()| thing)
        });
        let read: Vec<Checked<T>> = read.collect();
        read.into_iter().collect()
    }

    pub(super) fn as_str(&self) -> Option<&'a str> {
        self.written.get_ref().as_str()
    }

    pub(super) fn entries(&self) -> Option<&'a DeTable<'a>> {
        self.written.get_ref().as_table()
    }

    /// Never shows it.
    pub(super) fn redact(&self) {
        hide_strings(self.report, self.written);
    }

    /// Reports what is wrong with it; the message does not quote it.
    pub(super) fn problem(&self, message: impl Into<String>, help: impl Into<String>) -> Reported {
        self.report.problem(self.span.clone(), message, help)
    }

    /// Reports that its key should not be there.
    pub(super) fn key_problem(&self, message: impl Into<String>, help: impl Into<String>) -> Reported {
        self.report.problem(self.key_span.clone(), message, help)
    }

    /// Reports what is wrong with it and quotes it.
    pub(super) fn wrong(&self, wrong: &Wrong) -> Reported {
        self.problem(format!("`{}`: {} {}", self.key, self.quoted(), wrong.what), wrong.help.as_str())
    }

    /// Notes that it is accepted but looks like a mistake; quotes it.
    pub(super) fn warn(&self, what: &str) {
        self.report.warning(&self.span, &format!("`{}`: {} {what}", self.key, self.quoted()));
    }

    pub(super) fn wrong_type(&self, wanted: &str) -> Reported {
        let kind = match self.written.get_ref() {
            DeValue::Array(_) => "an array",
            DeValue::Integer(_) => "an integer",
            DeValue::String(_) => "a string",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Table(_) => "a table",
        };
        self.wrong(&Wrong::new(format!("is {kind}"), format!("it must be {wanted}")))
    }

    fn quoted(&self) -> String {
        self.report.source.quoted(&self.span)
    }
}

fn hide_strings(report: &Report<'_>, value: &Spanned<DeValue<'_>>) {
    match value.get_ref() {
        DeValue::Array(items) => items.iter().for_each(|item| hide_strings(report, item)),
        DeValue::Table(entries) => entries.values().for_each(|value| hide_strings(report, value)),
        DeValue::Boolean(_) => {}
        _ => report.redact(report.source.at(value.span())),
    }
}

/// Where each of some things stands first.
pub(super) struct Firsts<K>(HashMap<K, Range<usize>>);

impl<K> Default for Firsts<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash> Firsts<K> {
    /// Notes that a thing stands here; an equal one that stands before it is reported with it.
    pub(super) fn only(&mut self, thing: K, value: &Value<'_>, message: &str, help: &str) -> Checked<()> {
        let first = self.0.entry(thing).or_insert_with(|| value.span.clone());
        if *first == value.span {
            return Ok(());
        }
        let labels =
            vec![(value.span.clone(), "again here".to_owned()), (first.clone(), "first here".to_owned())];
        Err(value.report.problem_of(labels, message, help))
    }
}
