//! What a key of the configuration is: an entry of the schema, and how its value is read.

use std::{ops::RangeInclusive, time::Duration};

use serde::Serialize;

use super::{
    report::Checked,
    units,
    value::{TEXT, Value},
    wrong::Wrong,
};

/// The keys of one table, each a constant and an entry in its list; what is written above a key is its
/// documentation, as `config.example.toml` has it.
macro_rules! table {
    ($table:ident = $name:literal; $($(#[doc = $doc:literal])+ $key:ident: $type:ty = $entry:expr;)+) => {
        $($(#[doc = $doc])+ pub(in crate::config) static $key: $type = $entry.doc(concat!($($doc),+));)+
        pub(in crate::config) static $table: Table = Table { name: $name, keys: &[$(&$key),+] };
    };
}
pub(super) use table;

/// A table of the file.
pub(super) struct Table {
    /// What it is called, as it is written.
    pub(super) name: &'static str,
    /// In the order in which messages name them.
    pub(super) keys: &'static [&'static dyn Described],
}

/// A key, and what its value is.
pub(super) struct Entry<V: 'static> {
    pub(super) about: About,
    pub(super) value: V,
}

/// A key whose value becomes a `T`.
pub(super) type Key<T> = Entry<Reading<T>>;

/// A key whose value is a table, or an array of them.
pub(super) type Part = Entry<&'static Table>;

/// How a value is read.
pub(super) struct Reading<T: 'static> {
    form: Form<T>,
    /// What is strange about a value that is right.
    odd: fn(&T) -> Option<String>,
}

/// What is known of a key, whatever its type.
#[derive(Debug, Clone, Copy)]
pub(super) struct About {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    /// As it is written in the file; none where there is none, or where it depends on something else.
    pub(super) default: Option<&'static str>,
    pub(super) is_required: bool,
    /// What to write where it is missing.
    pub(super) help: &'static str,
    /// The kinds of its table that take it; all, where none is named.
    pub(super) kinds: &'static [&'static str],
    /// Its value may hold a secret, or what is no one else's business.
    pub(super) is_discreet: bool,
    /// A reload tells that a change of it is not in force.
    pub(super) needs_restart: bool,
}

/// How a value is written.
pub(super) enum Form<T: 'static> {
    /// A text: what it is to be, and what reads it.
    Text(&'static str, fn(&str) -> Result<T, Wrong>),
    /// A text that may be a secret by mistake.
    Discreet(fn(&str) -> Result<T, Wrong>),
    Word(&'static [(&'static str, T)]),
    Number(RangeInclusive<u32>, fn(u32) -> T),
    /// Anything else: what it is to be, and what reads it.
    Other(&'static str, fn(&Value<'_>, &str) -> Checked<T>),
}

/// A key without its type.
pub(super) trait Described: Sync {
    fn about(&self) -> &About;
    /// The words that it takes, if it takes no other.
    fn words(&self) -> Vec<&'static str> {
        Vec::new()
    }
    /// Reports what is wrong with a value by itself.
    fn check(&self, value: &Value<'_>);
}

impl<T: Clone + Sync> Described for Key<T> {
    fn about(&self) -> &About {
        &self.about
    }

    fn words(&self) -> Vec<&'static str> {
        if let Form::Word(words) = &self.value.form {
            words.iter().map(|(word, _)| *word).collect()
        } else {
            Vec::new()
        }
    }

    fn check(&self, value: &Value<'_>) {
        // What is wrong has been reported, which is all that is asked here.
        let _ = self.read(value);
    }
}

impl Described for Part {
    fn about(&self) -> &About {
        &self.about
    }

    // Its reader enters it.
    fn check(&self, _: &Value<'_>) {}
}

impl<T: Clone> Key<T> {
    /// The value as it is meant.
    pub(super) fn read(&self, value: &Value<'_>) -> Checked<T> {
        let read = match &self.value.form {
            Form::Text(wanted, read) => value.parse(wanted, read),
            Form::Discreet(read) => value.parse_discreetly(read),
            Form::Word(words) => value.word(words),
            Form::Number(range, of) => value.number(range).map(of),
            Form::Other(wanted, read) => read(value, wanted),
        }?;
        if let Some(odd) = (self.value.odd)(&read) {
            value.warn(&odd);
        }
        Ok(read)
    }

    /// What the value is where the key is absent; none if that is not told here.
    pub(super) fn default_value(&self) -> Option<T> {
        let default = self.about.default?;
        match &self.value.form {
            Form::Text(_, read) | Form::Discreet(read) => read(default).ok(),
            Form::Word(words) => {
                words.iter().find(|(word, _)| *word == default).map(|(_, value)| value.clone())
            }
            Form::Number(_, of) => default.parse().ok().map(of),
            Form::Other(..) => None,
        }
    }
}

const fn about(name: &'static str, is_discreet: bool) -> About {
    let (doc, help) = ("", "");
    About {
        name,
        doc,
        default: None,
        is_required: false,
        help,
        kinds: &[],
        is_discreet,
        needs_restart: false,
    }
}

/// A key, how its value is written, and nothing that is special about it yet.
pub(super) const fn key<T>(name: &'static str, form: Form<T>) -> Key<T> {
    let is_discreet = matches!(form, Form::Discreet(_));
    Entry { about: about(name, is_discreet), value: Reading { form, odd: |_| None } }
}

pub(super) const fn part(name: &'static str, table: &'static Table) -> Part {
    Entry { about: about(name, true), value: table }
}

/// A key whose value is a text in no form worth saying.
pub(super) const fn text<T>(name: &'static str, read: fn(&str) -> Result<T, Wrong>) -> Key<T> {
    key(name, Form::Text(TEXT, read))
}

pub(super) const DURATION: Form<Duration> =
    Form::Text("a duration in double quotes, such as \"90s\"", units::duration);
pub(super) const POSITIVE: Form<Duration> =
    Form::Text("a duration in double quotes, such as \"90s\"", units::positive_duration);

pub(super) const fn number(name: &'static str, range: RangeInclusive<u32>) -> Key<u32> {
    key(name, Form::Number(range, |number| number))
}

/// A key whose value are permission bits.
pub(super) const fn mode(name: &'static str) -> Key<u32> {
    key(name, Form::Text("permission bits in octal and in double quotes, such as \"0640\"", units::mode))
}

impl<V> Entry<V> {
    pub(super) const fn doc(mut self, doc: &'static str) -> Self {
        self.about.doc = doc;
        self
    }

    pub(super) const fn default(mut self, written: &'static str) -> Self {
        self.about.default = Some(written);
        self
    }

    pub(super) const fn required(mut self, help: &'static str) -> Self {
        self.about.is_required = true;
        self.help(help)
    }

    pub(super) const fn help(mut self, help: &'static str) -> Self {
        self.about.help = help;
        self
    }

    pub(super) const fn only_for(mut self, kinds: &'static [&'static str]) -> Self {
        self.about.kinds = kinds;
        self
    }

    pub(super) const fn discreet(mut self) -> Self {
        self.about.is_discreet = true;
        self
    }

    pub(super) const fn restart(mut self) -> Self {
        self.about.needs_restart = true;
        self
    }
}

impl<T> Key<T> {
    pub(super) const fn odd(mut self, odd: fn(&T) -> Option<String>) -> Self {
        self.value.odd = odd;
        self
    }
}

impl Table {
    /// Whether a key belongs to it, in any of its kinds.
    pub(super) fn has(&self, name: &str) -> bool {
        self.keys.iter().any(|key| key.about().name == name)
    }

    /// The words that say which kind of the table it is; none where it has no kinds.
    pub(super) fn kinds(&self) -> Vec<&'static str> {
        let kind = self.keys.iter().find(|key| key.about().name == "kind");
        kind.map(|kind| kind.words()).unwrap_or_default()
    }

    /// The kinds that take a key, where not all of them do.
    pub(super) fn kinds_of(&self, name: &str) -> Vec<&'static str> {
        let keys = self.keys.iter().map(|key| key.about()).filter(|key| key.name == name);
        keys.flat_map(|key| key.kinds).copied().collect()
    }

    /// The settings that are different in what it became and that only a restart puts in force.
    pub(super) fn needing_restart<T: Serialize>(&self, earlier: &T, now: &T) -> Vec<String> {
        let setting = |of: &T, name| serde_json::to_value(of).ok()?.get(name).cloned();
        let keys = self.keys.iter().map(|key| key.about()).filter(|key| key.needs_restart);
        let different = keys.filter(|key| setting(earlier, key.name) != setting(now, key.name));
        different.map(|key| format!("{}.{}", self.name.trim_matches(['[', ']']), key.name)).collect()
    }
}
