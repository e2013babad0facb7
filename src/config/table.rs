//! A table of the file under the eyes of a reader, judged by the schema.

use std::{cell::RefCell, ops::Range};

use toml::de::DeTable;

use super::{
    key::{self, About, Described, Entry, Key, Part, Values},
    layout::Header,
    redact,
    report::{Checked, Report, Reported},
    schema,
    value::Value,
};
use crate::domain::suggestions;

/// Judged as soon as it is entered: every key that it lacks, every value that is wrong by itself and every
/// key of another kind has been reported before a reader asks for anything, and every unknown key when the
/// reader is done. So a reader may give up at the first value that it cannot get, once it has looked at what
/// only several values can have wrong.
pub(super) struct Table<'a> {
    report: &'a Report<'a>,
    /// What it is called in messages.
    name: &'static str,
    /// The keys that it takes, being of its kind.
    keys: Vec<&'static dyn Described>,
    entries: &'a DeTable<'a>,
    span: Range<usize>,
    /// Keys that belong elsewhere and of which everything has been said.
    settled: RefCell<Vec<&'static str>>,
}

impl<'a> Table<'a> {
    /// Reads a table, which is called `name`.
    pub(super) fn read<T>(
        report: &'a Report<'a>,
        schema: &'static key::Table,
        name: &'static str,
        (entries, span): (&'a DeTable<'a>, Range<usize>),
        body: impl FnOnce(&Self) -> Checked<T>,
    ) -> Checked<T> {
        let written = entries.get("kind").and_then(|kind| kind.get_ref().as_str());
        let kind = written.and_then(|written| schema.kinds().into_iter().find(|kind| *kind == written));
        let takes = |key: &&&dyn Described| {
            let kinds = key.about().kinds;
            kinds.is_empty() || kind.is_some_and(|kind| kinds.contains(&kind))
        };
        let keys: Vec<&dyn Described> = schema.keys.iter().filter(takes).copied().collect();
        let table = Self { report, name, keys, entries, span, settled: RefCell::default() };
        for key in &table.keys {
            match table.value(key.about().name) {
                Some(value) => key.check(&value),
                None if key.about().is_required => drop(table.lacks(key.about())),
                None => {}
            }
        }
        for key in schema.keys.iter().filter(|key| !takes(key)).map(|key| key.about().name) {
            match kind {
                Some(kind) if !table.says_enough_of(key) => table.foreign(key, kind, &schema.kinds_of(key)),
                // Which keys belong here is not known.
                _ => table.settled.borrow_mut().push(key),
            }
        }
        let value = body(&table);
        match table.unknown_keys() {
            Some(reported) => value.and(Err(reported)),
            None => value,
        }
    }

    /// Whether nothing more is to be said of a key, because it belongs here, or because that has been said.
    fn says_enough_of(&self, name: &str) -> bool {
        self.keys.iter().any(|key| key.about().name == name) || self.settled.borrow().contains(&name)
    }

    fn value(&self, name: &'static str) -> Option<Value<'a>> {
        let (written, value) = self.entries.get_key_value(name)?;
        Some(Value::new(self.report, name, self.report.source.at(written.span()), value))
    }

    /// The value of a key as it is written, if it is there.
    pub(super) fn written<V>(&self, key: &Entry<V>) -> Option<Value<'a>> {
        self.value(key.about.name)
    }

    /// The value of a key and where it stands, if it is there and right by itself.
    pub(super) fn placed<T: Clone>(&self, key: &Key<T>) -> Option<(T, Value<'a>)> {
        let value = self.written(key)?;
        Some((key.value.read(&value).ok()?, value))
    }

    /// The same of a key that must be there.
    pub(super) fn needed<T: Clone>(&self, key: &Key<T>) -> Checked<(T, Value<'a>)> {
        let value = self.written(key).ok_or_else(|| self.lacks(&key.about))?;
        Ok((key.value.read(&value)?, value))
    }

    /// Reads a table of this one, if it is there.
    pub(super) fn part<T>(
        &self,
        key: &Part,
        body: impl FnOnce(&Table<'_>) -> Checked<T>,
    ) -> Option<Checked<T>> {
        Some(enter(&self.written(key)?, key.value, key.value.name, body))
    }

    /// Reads a table of this one; an absent one is read as if it were empty.
    pub(super) fn section<T>(&self, key: &Part, body: impl FnOnce(&Table<'_>) -> Checked<T>) -> Checked<T> {
        if let Some(value) = self.written(key) {
            return enter(&value, key.value, key.value.name, body);
        }
        let nothing = (&DeTable::new(), self.span.clone());
        Table::read(self.report, key.value, key.value.name, nothing, body)
    }

    /// Reads every table of an array of tables, if it is there; a mistake in one does not keep the others
    /// from being read.
    pub(super) fn parts<T>(
        &self,
        key: &Part,
        mut body: impl FnMut(&Table<'_>) -> Checked<T>,
    ) -> Option<Checked<Vec<T>>> {
        let (value, name) = (self.written(key)?, key.value.name);
        if value.entries().is_some() {
            return Some(Err(one_for_all(&value, name)));
        }
        let read = |tables: Vec<Value<'_>>| -> Vec<Checked<T>> {
            tables.iter().map(|table| enter(table, key.value, name, &mut body)).collect()
        };
        let tables = value.items(&format!("an array of tables: write {name}, with double brackets"));
        Some(tables.map(read).and_then(|read| read.into_iter().collect()))
    }

    /// The same, where there must be one.
    pub(super) fn at_least_one<T>(
        &self,
        key: &Part,
        (message, help): (&str, &str),
        body: impl FnMut(&Table<'_>) -> Checked<T>,
    ) -> Checked<Vec<T>> {
        match (self.parts(key, body), self.written(key)) {
            (Some(Ok(none)), Some(value)) if none.is_empty() => Err(value.problem(message, help)),
            (Some(found), _) => found,
            (None, _) => Err(self.missing(&[key.about.name], message, help)),
        }
    }

    /// Reads where a secret is found. What stands in place of the table is the secret itself, and never
    /// shown.
    pub(super) fn secret<T>(
        &self,
        key: &Part,
        body: impl FnOnce(&Value<'_>, &Table<'_>) -> Checked<T>,
    ) -> Option<Checked<T>> {
        let value = self.written(key)?;
        if value.entries().is_none() {
            value.redact();
            return Some(Err(value.problem("a secret must not be written into this file", key.about.help)));
        }
        Some(enter(&value, key.value, key.about.name, |table| body(&value, table)))
    }

    pub(super) fn lacks(&self, key: &About) -> Reported {
        self.missing(&[key.name], &format!("`{}` is missing in {}", key.name, self.name), key.help)
    }

    pub(super) fn missing(&self, keys: &[&'static str], message: &str, help: &str) -> Reported {
        self.report.missing(keys, self.span.clone(), message, help)
    }

    /// Reports a problem that has no place in the file.
    pub(super) fn problem_elsewhere(&self, message: &str, help: &str) -> Reported {
        self.report.problem_of(Vec::new(), message, help)
    }

    /// Notes that it is accepted as a whole but looks like a mistake.
    pub(super) fn warn(&self, what: &str) {
        self.report.warning(&self.span, what);
    }

    /// Refuses a key that is one of another table, for the reason given.
    pub(super) fn refuse(&self, name: &'static str, message: &str, help: &str) {
        self.settled.borrow_mut().push(name);
        if let Some(value) = self.value(name) {
            value.redact();
            value.key_problem(message, help);
        }
    }

    /// Refuses a key of other kinds: it is not ignored.
    fn foreign(&self, name: &'static str, kind: &str, others: &[&str]) {
        let help = format!("remove it, or write kind = {}", suggestions::one_of(others));
        self.refuse(name, &format!("kind = \"{kind}\" has no `{name}`"), &help);
    }

    fn unknown_keys(&self) -> Option<Reported> {
        let known: Vec<&str> = self.keys.iter().map(|key| key.about().name).collect();
        let mut reported = None;
        for (key, value) in self.entries.iter().filter(|(key, _)| !self.says_enough_of(key.get_ref())) {
            let word: &str = key.get_ref();
            let value = Value::new(self.report, "", self.report.source.at(key.span()), value);
            let meant = suggestions::nearest(word, known.iter().copied());
            if !redact::harmless(word, meant) {
                // Whatever it is, it may be a secret under a mistyped name.
                value.redact();
            }
            let help = if let Some(meant) = meant {
                self.report.mistyped(meant, &self.span);
                format!("did you mean `{meant}`?")
            } else {
                self.report.misplaced(word, self.report.source.at(key.span()).start);
                let home = schema::home(word).map(|home| format!("it belongs {home}; ")).unwrap_or_default();
                format!("{home}{} knows {}", self.name, suggestions::all(&known))
            };
            let written = self.report.source.quoted(&self.report.source.at(key.span()));
            reported = Some(value.key_problem(format!("unknown key `{written}` in {}", self.name), help));
        }
        reported
    }
}

impl Values for Table<'_> {
    fn get<T: Clone>(&self, key: &Key<T>) -> Checked<T> {
        match self.written(key) {
            Some(value) => key.value.read(&value),
            None => key.default_value().ok_or_else(|| self.lacks(&key.about)),
        }
    }

    fn maybe<T: Clone>(&self, key: &Key<T>) -> Checked<Option<T>> {
        self.written(key).map(|value| key.value.read(&value)).transpose()
    }
}

fn enter<T>(
    value: &Value<'_>,
    schema: &'static key::Table,
    name: &'static str,
    body: impl FnOnce(&Table<'_>) -> Checked<T>,
) -> Checked<T> {
    let Some(entries) = value.entries() else {
        return Err(value.wrong_type(&format!("a table: write {name}")));
    };
    Table::read(value.report, schema, name, (entries, value.span.clone()), body)
}

/// Reports a table where there should be an array of them, with nothing of what follows from that: it is
/// written with single brackets, or it is there only because a part of it is.
fn one_for_all(value: &Value<'_>, name: &str) -> Reported {
    let source = value.report.source;
    let place = source.part(&value.span).start;
    let header = Header::of(&source.shown, place).filter(|header| header.holds(place));
    let part = header.filter(|header| header.is_part_of(name));
    value.report.one_for_all(place, name, part.is_some());
    let Some(part) = part else {
        return value.wrong_type(&format!("an array of tables: write {name}, with double brackets"));
    };
    value.problem(
        format!("{} stands above every {name}, and is a part of one", part.written),
        format!("write {name} and its keys above it: a part belongs to the last {name} before it"),
    )
}
