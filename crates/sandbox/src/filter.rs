//! The filter language of the lists, as Protime publishes it.
//!
//! Terms are joined by `or`, conditions by `and`, and parentheses group them. A condition is
//! `name op value`: the operators are `eq`, `ge`, `le` and `in`, a value is a whole number, a text in
//! single quotes, a truth value, or for `in` a list of values in parentheses or one by name such as
//! `circle(2, 8)`. A date is a text in quotes. `or` joins conditions on one field of the category
//! Multiple only. Everything else is refused, because a filter that is misread loses data silently.

mod words;

use std::collections::BTreeMap;

use serde::Deserialize;

use self::words::Words;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Op {
    Eq,
    Ge,
    Le,
    In,
}

const OPERATORS: [(&str, Op); 4] = [("eq", Op::Eq), ("ge", Op::Ge), ("le", Op::Le), ("in", Op::In)];

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Type {
    Integer,
    #[default]
    Text,
    /// A day, written as a text.
    Date,
    Boolean,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Field {
    pub(crate) property: String,
    #[serde(rename = "type")]
    pub(crate) holds: Type,
    pub(crate) operators: Vec<Op>,
    /// Whether its conditions may be joined by `or`.
    #[serde(default)]
    pub(crate) multiple: bool,
    /// The only values there are; empty for any.
    #[serde(default)]
    pub(crate) values: Vec<String>,
    /// The lists by name that `in` takes.
    #[serde(default)]
    pub(crate) lists: Vec<String>,
}

pub(crate) type Fields = BTreeMap<String, Field>;

/// What a field of an object holds, or is compared with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(untagged)]
pub(crate) enum Datum {
    Integer(i64),
    Text(String),
    Boolean(bool),
}

impl Datum {
    fn last_digit(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(number.rem_euclid(10)),
            _ => None,
        }
    }
}

impl From<&str> for Datum {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operand {
    Values(Vec<Datum>),
    /// Whatever belongs to a list by name with these arguments.
    Named(Vec<Datum>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) field: String,
    pub(crate) op: Op,
    /// With what; exactly one value unless the operator is [`Op::In`].
    pub(crate) operand: Operand,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Filter {
    /// All of these must hold; none accepts everything.
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Is(Condition),
}

impl Filter {
    /// Reads a filter on fields that hold texts.
    pub(crate) fn parse(text: &str, names: &[&str]) -> Result<Self, String> {
        let field = Field { operators: vec![Op::Eq, Op::In], multiple: true, ..Field::default() };
        Self::read(text, &names.iter().map(|name| ((*name).to_owned(), field.clone())).collect())
    }

    /// Reads a filter on these fields; the error says what is wrong with it.
    pub(crate) fn read(text: &str, fields: &Fields) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::And(Vec::new()));
        }
        let filter = Words::new(text, fields).filter()?;
        filter.check_or(fields)?;
        Ok(filter)
    }

    /// Whether something whose fields `value` gives satisfies the filter.
    pub(crate) fn accepts<D: Into<Datum>>(&self, value: impl Fn(&str) -> Option<D>) -> bool {
        self.holds(&|field: &str| value(field).map(Into::into))
    }

    fn holds(&self, value: &impl Fn(&str) -> Option<Datum>) -> bool {
        match self {
            Self::And(all) => all.iter().all(|one| one.holds(value)),
            Self::Or(any) => any.iter().any(|one| one.holds(value)),
            Self::Is(condition) => value(&condition.field).is_some_and(|datum| condition.holds(&datum)),
        }
    }

    /// The texts that a field is compared with by an operator in every case, whatever else holds.
    pub(crate) fn bounds<'a>(&'a self, field: &str, op: Op) -> Vec<&'a str> {
        match self {
            Self::And(all) => all.iter().flat_map(|one| one.bounds(field, op)).collect(),
            Self::Is(Condition { field: of, op: by, operand: Operand::Values(values) })
                if of == field && *by == op =>
            {
                let text = |datum: &'a Datum| match datum {
                    Datum::Text(text) => Some(text.as_str()),
                    _ => None,
                };
                values.iter().filter_map(text).collect()
            }
            Self::Or(_) | Self::Is(_) => Vec::new(),
        }
    }

    /// `or` is for conditions on one field, and only where that field is of the category Multiple.
    fn check_or(&self, fields: &Fields) -> Result<(), String> {
        match self {
            Self::Is(_) => Ok(()),
            Self::And(all) => all.iter().try_for_each(|one| one.check_or(fields)),
            Self::Or(any) => {
                let mut names: Vec<&str> = any.iter().flat_map(Self::names).collect();
                names.sort_unstable();
                names.dedup();
                match names.as_slice() {
                    [name] if fields.get(*name).is_some_and(|field| field.multiple) => Ok(()),
                    [name] => Err(format!("`{name}` cannot be joined by `or`")),
                    _ => Err(format!(
                        "`or` joins conditions on one field, not on `{}`; parentheses may be missing",
                        names.join("` and `")
                    )),
                }
            }
        }
    }

    fn names(&self) -> Vec<&str> {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().flat_map(Self::names).collect(),
            Self::Is(condition) => vec![&condition.field],
        }
    }
}

impl Condition {
    fn holds(&self, is: &Datum) -> bool {
        match &self.operand {
            // Which person is in which circle or group is the simulated tenant's own affair: the last digit
            // tells.
            Operand::Named(arguments) => arguments.iter().any(|one| one.last_digit() == is.last_digit()),
            Operand::Values(values) => {
                let mut values = values.iter();
                match self.op {
                    Op::Eq | Op::In => values.any(|one| one == is),
                    Op::Ge => values.all(|one| is >= one),
                    Op::Le => values.all(|one| is <= one),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
