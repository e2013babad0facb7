//! The filter language of the lists: `field op literal`, joined by `and`.
//!
//! Operators are `eq`, `ge`, `le` and `in (…)`. Values are compared as text, which is how Protime
//! compares a `changeVersion` and what dates in ISO 8601 allow.

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    /// Equal to the value.
    Eq,
    /// Equal to or after the value.
    Ge,
    /// Equal to or before the value.
    Le,
    /// Equal to one of the values.
    In,
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Term {
    /// Which field.
    pub(crate) field: String,
    /// How.
    pub(crate) op: Op,
    /// With what; exactly one value unless the operator is [`Op::In`].
    pub(crate) values: Vec<String>,
}

/// All conditions of a request; none accepts everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Every one of them must hold.
    pub(crate) terms: Vec<Term>,
}

impl Filter {
    /// Reads a filter whose fields must be among `fields`; the error says what is wrong with it.
    pub(crate) fn parse(text: &str, fields: &[&str]) -> Result<Self, String> {
        let mut words = Words(text);
        let mut terms = Vec::new();
        if text.trim().is_empty() {
            return Ok(Self { terms });
        }
        loop {
            terms.push(words.term(fields)?);
            match words.next()? {
                None => return Ok(Self { terms }),
                Some(Word::Bare(and)) if and == "and" => {}
                Some(other) => return Err(format!("expected `and`, found {other:?}")),
            }
        }
    }

    /// Whether something whose fields `value` gives satisfies every condition.
    pub(crate) fn accepts<'a>(&self, value: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.terms.iter().all(|term| {
            let (Some(is), Some(asked)) = (value(&term.field), term.values.first()) else { return false };
            match term.op {
                Op::Eq => is == asked,
                Op::Ge => is >= asked.as_str(),
                Op::Le => is <= asked.as_str(),
                Op::In => term.values.iter().any(|one| one == is),
            }
        })
    }

    /// The value that a field is compared with by one of these operators.
    pub(crate) fn bound(&self, field: &str, ops: &[Op]) -> Option<&str> {
        self.terms
            .iter()
            .find(|term| term.field == field && ops.contains(&term.op))
            .and_then(|term| term.values.first())
            .map(String::as_str)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Word {
    Bare(String),
    Quoted(String),
    Punctuation(char),
}

struct Words<'a>(&'a str);

impl Words<'_> {
    fn term(&mut self, fields: &[&str]) -> Result<Term, String> {
        let field = match self.next()? {
            Some(Word::Bare(field)) if fields.contains(&field.as_str()) => field,
            found => return Err(format!("expected one of {}, found {found:?}", fields.join(", "))),
        };
        let op = match self.next()? {
            Some(Word::Bare(op)) if op == "eq" => Op::Eq,
            Some(Word::Bare(op)) if op == "ge" => Op::Ge,
            Some(Word::Bare(op)) if op == "le" => Op::Le,
            Some(Word::Bare(op)) if op == "in" => Op::In,
            found => return Err(format!("expected eq, ge, le or in after `{field}`, found {found:?}")),
        };
        let values = if op == Op::In { self.several()? } else { vec![self.value()?] };
        Ok(Term { field, op, values })
    }

    fn value(&mut self) -> Result<String, String> {
        match self.next()? {
            Some(Word::Bare(text) | Word::Quoted(text)) => Ok(text),
            found => Err(format!("expected a value, found {found:?}")),
        }
    }

    fn several(&mut self) -> Result<Vec<String>, String> {
        if self.next()? != Some(Word::Punctuation('(')) {
            return Err("expected `(` after `in`".to_owned());
        }
        let mut values = Vec::new();
        loop {
            values.push(self.value()?);
            match self.next()? {
                Some(Word::Punctuation(',')) => {}
                Some(Word::Punctuation(')')) => return Ok(values),
                found => return Err(format!("expected `,` or `)`, found {found:?}")),
            }
        }
    }

    fn next(&mut self) -> Result<Option<Word>, String> {
        self.0 = self.0.trim_start();
        let Some(first) = self.0.chars().next() else { return Ok(None) };
        match first {
            '(' | ')' | ',' => {
                self.0 = &self.0[1..];
                Ok(Some(Word::Punctuation(first)))
            }
            '\'' => self.quoted().map(Some),
            _ => {
                let end = self
                    .0
                    .find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '\''))
                    .unwrap_or(self.0.len());
                let (word, rest) = self.0.split_at(end);
                self.0 = rest;
                Ok(Some(Word::Bare(word.to_owned())))
            }
        }
    }

    fn quoted(&mut self) -> Result<Word, String> {
        let mut text = String::new();
        let mut rest = &self.0[1..];
        loop {
            let Some(end) = rest.find('\'') else { return Err("a quote is not closed".to_owned()) };
            text.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            if let Some(more) = rest.strip_prefix('\'') {
                text.push('\'');
                rest = more;
            } else {
                self.0 = rest;
                return Ok(Word::Quoted(text));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: [&str; 3] = ["id", "status", "date"];

    fn accepts(filter: &str, status: &str, date: &str) -> bool {
        Filter::parse(filter, &FIELDS).unwrap().accepts(|field| match field {
            "status" => Some(status),
            "date" => Some(date),
            _ => None,
        })
    }

    #[test]
    fn every_condition_must_hold() {
        assert!(accepts("", "Enabled", ""));
        assert!(accepts("status eq 'Enabled'", "Enabled", ""));
        assert!(!accepts("status eq 'Enabled'", "Disabled", ""));
        assert!(accepts("date ge 2026-01-01 and date le '2026-12-31'", "", "2026-12-31"));
        assert!(!accepts("date ge 2026-01-01 and date le '2026-12-31'", "", "2027-01-01"));
        assert!(accepts("status in ('O''Neil', Disabled)", "O'Neil", ""));
        assert!(!accepts("id eq 'x'", "Enabled", ""));
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for wrong in
            ["status", "status eq", "state eq 'x'", "status gt 1", "status eq 'x", "id eq a or id eq b"]
        {
            assert!(Filter::parse(wrong, &FIELDS).is_err(), "{wrong}");
        }
    }
}
