//! What a key of the configuration is: an entry of the schema, and how its value is read.

use std::{ops::RangeInclusive, time::Duration};

use serde::Serialize;

use super::{
    report::Checked,
    units,
    value::{TEXT, Value},
};
use crate::domain::wrong::Wrong;

/// The keys of one table, each a field of a constant: its documentation, its name, its type (`Key` must be there or has a
/// default, `Option` may be absent, `Part` is a table), how its value is written, and of [`About`] what is not as usual.
/// A table that is `read as` a struct becomes one with the values of all its keys.
macro_rules! table {
    ($table:ident: $keys:ident = $called:literal, read as $settings:ident; $($body:tt)+) => {
        table! { $table: $keys = $called; $($body)+ }
        table! { @settings $table $settings $($body)+ }
    };
    ($table:ident: $keys:ident = $called:literal; $(
        $(#[doc = $doc:literal])+ $key:ident: $kind:ident $(<$type:ty>)? = $value:expr $(, $field:ident: $is:expr)*;
    )+) => {
        pub(super) struct $keys {
            pub(super) table: Table,
            $(pub(super) $key: table!(@key $kind $(<$type>)?),)+
        }
        pub(super) static $table: $keys = $keys {
            $($key: key::Entry {
                about: key::About {
                    $($field: $is,)*
                    ..key::About::usual(stringify!($key), concat!($($doc),+), table!(@needed $kind), table!(@part $kind))
                }
                .settled(),
                value: $value,
            },)+
            table: Table { name: $called, keys: &[$(&$table.$key),+] },
        };
    };
    (@needed Key) => { true };
    (@needed $kind:ident) => { false };
    (@part Part) => { true };
    (@part $kind:ident) => { false };
    (@key Part) => { Part };
    (@key $kind:ident<$type:ty>) => { key::Key<$type> };
    (@settings $table:ident $settings:ident $(
        $(#[doc = $doc:literal])+ $key:ident: $kind:ident<$type:ty> = $value:expr $(, $field:ident: $is:expr)*;
    )+) => {
        #[derive(Debug, Clone, serde::Serialize)]
        pub(crate) struct $settings {
            $(pub(crate) $key: table!(@value $kind<$type>),)+
        }

        impl $settings {
            pub(super) fn read(table: &impl key::Values) -> Checked<Self> {
                Ok(Self { $($key: table!(@read table $kind $table.$key)?,)+ })
            }
        }
    };
    (@value Key<$type:ty>) => { $type };
    (@value Option<$type:ty>) => { Option<$type> };
    (@read $from:ident Key $key:expr) => { $from.get(&$key) };
    (@read $from:ident Option $key:expr) => { $from.maybe(&$key) };
}
pub(super) use table;

pub(super) struct Table {
    /// What it is called, as it is written.
    pub(super) name: &'static str,
    /// In the order in which messages name them.
    pub(super) keys: &'static [&'static dyn Described],
}

pub(super) struct Entry<V: 'static> {
    pub(super) about: About,
    pub(super) value: V,
}

/// A key whose value becomes a `T`.
pub(super) type Key<T> = Entry<Form<T>>;

/// A key whose value is a table, or an array of them.
pub(super) type Part = Entry<&'static Table>;

/// What is known of a key, whatever its type.
#[derive(Debug, Clone, Copy)]
pub(super) struct About {
    pub(super) name: &'static str,
    /// As the example of a configuration has it.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test holds the example against it"))]
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

impl About {
    /// What is known of most keys.
    pub(super) const fn usual(
        name: &'static str,
        doc: &'static str,
        is_required: bool,
        is_discreet: bool,
    ) -> Self {
        Self {
            name,
            doc,
            default: None,
            is_required,
            help: "",
            kinds: &[],
            is_discreet,
            needs_restart: false,
        }
    }

    /// The same; what has a default need not be there.
    pub(super) const fn settled(self) -> Self {
        Self { is_required: self.is_required && self.default.is_none(), ..self }
    }
}

/// How a value is written.
pub(super) enum Form<T: 'static> {
    /// A text: what it must be, and what reads it.
    Text(&'static str, fn(&str) -> Result<T, Wrong>),
    /// A text that may be a secret by mistake.
    Discreet(fn(&str) -> Result<T, Wrong>),
    Word(&'static [(&'static str, T)]),
    Number(RangeInclusive<u32>, fn(u32) -> T),
    /// Anything else: what it must be, and what reads it.
    Other(&'static str, fn(&Value<'_>, &str) -> Checked<T>),
    /// One of the others, and what is strange about a value that is right.
    Odd(&'static Form<T>, fn(&T) -> Option<String>),
}

/// A text that has no other form worth saying.
pub(super) const fn text<T>(read: fn(&str) -> Result<T, Wrong>) -> Form<T> {
    Form::Text(TEXT, read)
}

pub(super) const DURATION: Form<Duration> =
    Form::Text("a duration in double quotes, such as \"90s\"", units::duration);
pub(super) const POSITIVE: Form<Duration> =
    Form::Text("a duration in double quotes, such as \"90s\"", units::positive_duration);
pub(super) const MODE: Form<u32> =
    Form::Text("permission bits in octal and in double quotes, such as \"0640\"", units::mode);

pub(super) trait Described: Sync {
    fn about(&self) -> &About;
    /// The words that it takes, if it takes no other.
    fn words(&self) -> Vec<&'static str> {
        vec![]
    }
    /// Reports what is wrong with a value by itself.
    fn check(&self, value: &Value<'_>);
}

impl<T: Clone + Sync> Described for Key<T> {
    fn about(&self) -> &About {
        &self.about
    }

    fn words(&self) -> Vec<&'static str> {
        if let Form::Word(words) = &self.value {
            words.iter().map(|(word, _)| *word).collect()
        } else {
            vec![]
        }
    }

    fn check(&self, value: &Value<'_>) {
        // What is wrong has been reported, which is all that is asked here.
        let _ = self.value.read(value);
    }
}

impl Described for Part {
    fn about(&self) -> &About {
        &self.about
    }

    // Its reader enters it.
    fn check(&self, _: &Value<'_>) {}
}

impl<T: Clone> Form<T> {
    pub(super) fn read(&self, value: &Value<'_>) -> Checked<T> {
        match self {
            Self::Text(wanted, read) => value.parse(wanted, read),
            Self::Discreet(read) => value.parse_discreetly(read),
            Self::Word(words) => value.word(words),
            Self::Number(range, of) => value.number(range).map(of),
            Self::Other(wanted, read) => read(value, wanted),
            Self::Odd(form, odd) => {
                let read = form.read(value)?;
                if let Some(odd) = odd(&read) {
                    value.warn(&odd);
                }
                Ok(read)
            }
        }
    }

    /// A default as it is meant; none where it cannot be told without a file.
    fn read_default(&self, default: &str) -> Option<T> {
        match self {
            Self::Text(_, read) | Self::Discreet(read) => read(default).ok(),
            Self::Word(words) => words.iter().find(|(word, _)| *word == default).map(|(_, is)| is.clone()),
            Self::Number(_, of) => default.parse().ok().map(of),
            Self::Odd(form, _) => form.read_default(default),
            Self::Other(..) => None,
        }
    }
}

pub(super) trait Values {
    /// The value of a key, or its default.
    fn get<T: Clone>(&self, key: &Key<T>) -> Checked<T>;
    /// The value of a key, if it is there.
    fn maybe<T: Clone>(&self, key: &Key<T>) -> Checked<Option<T>>;
}

impl<T: Clone> Key<T> {
    /// What the value is where the key is absent; none if that is not told here.
    pub(super) fn default_value(&self) -> Option<T> {
        self.value.read_default(self.about.default?)
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
