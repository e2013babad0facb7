//! Reads the text of a filter word by word.

use super::{Condition, Datum, Field, Fields, Filter, OPERATORS, Op, Operand, Type};
use crate::time::is_day;

/// So deep may parentheses be nested; a filter that a person writes needs two.
const DEEPEST: usize = 32;

#[derive(Debug, PartialEq, Eq)]
enum Word<'a> {
    Bare(&'a str),
    Quoted(String),
    Punctuation(char),
}

fn found(word: Option<Word<'_>>) -> String {
    match word {
        None => "the end".to_owned(),
        Some(Word::Bare(text)) => format!("`{text}`"),
        Some(Word::Quoted(text)) => format!("`'{text}'`"),
        Some(Word::Punctuation(sign)) => format!("`{sign}`"),
    }
}

fn expected<T>(what: &str, word: Option<Word<'_>>) -> Result<T, String> {
    Err(format!("expected {what}, found {}", found(word)))
}

pub(super) struct Words<'a> {
    rest: &'a str,
    fields: &'a Fields,
    depth: usize,
}

impl<'a> Words<'a> {
    pub(super) fn new(text: &'a str, fields: &'a Fields) -> Self {
        Self { rest: text, fields, depth: 0 }
    }

    pub(super) fn filter(mut self) -> Result<Filter, String> {
        let filter = self.either()?;
        match self.next()? {
            None => Ok(filter),
            other => expected("`and`, `or` or the end", other),
        }
    }

    fn either(&mut self) -> Result<Filter, String> {
        self.joined("or", |words| words.joined("and", Self::group, Filter::And), Filter::Or)
    }

    fn joined(
        &mut self,
        by: &str,
        part: fn(&mut Self) -> Result<Filter, String>,
        several: fn(Vec<Filter>) -> Filter,
    ) -> Result<Filter, String> {
        let mut parts = vec![part(self)?];
        while self.take(by)? {
            parts.push(part(self)?);
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { several(parts) })
    }

    fn group(&mut self) -> Result<Filter, String> {
        let before = self.rest;
        if self.next()? != Some(Word::Punctuation('(')) {
            self.rest = before;
            return self.condition().map(Filter::Is);
        }
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("parentheses are nested more than {DEEPEST} times"));
        }
        let inner = self.either()?;
        self.depth -= 1;
        match self.next()? {
            Some(Word::Punctuation(')')) => Ok(inner),
            other => expected("`)`", other),
        }
    }

    fn condition(&mut self) -> Result<Condition, String> {
        let names = || self.fields.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let (name, field) = match self.next()? {
            Some(Word::Bare(name)) => match self.fields.get(name) {
                Some(field) => (name, field),
                None if self.fields.is_empty() => return Err(format!("`{name}`: no filter is taken here")),
                None => return Err(format!("`{name}` is not a field here; there are {}", names())),
            },
            other => return expected(&format!("one of {}", names()), other),
        };
        let word = self.next()?;
        let Some((by, op)) = OPERATORS.into_iter().find(|(by, _)| word == Some(Word::Bare(by))) else {
            return expected(&format!("eq, ge, le or in after `{name}`"), word);
        };
        if !field.operators.contains(&op) {
            return Err(format!("`{name}` is not compared by `{by}`"));
        }
        let operand = match op {
            Op::In => self.several(name, field)?,
            _ => Operand::Values(vec![self.value(name, field)?]),
        };
        Ok(Condition { field: name.to_owned(), op, operand })
    }

    fn value(&mut self, name: &str, field: &Field) -> Result<Datum, String> {
        let (word, wanted) = (self.next()?, wanted(field.holds));
        let datum = match (&word, field.holds) {
            (Some(Word::Bare(digits)), Type::Integer) => digits.parse().ok().map(Datum::Integer),
            (Some(Word::Bare("true")), Type::Boolean) => Some(Datum::Boolean(true)),
            (Some(Word::Bare("false")), Type::Boolean) => Some(Datum::Boolean(false)),
            (Some(Word::Quoted(text)), Type::Date) if is_day(text) => Some(Datum::Text(text.clone())),
            (Some(Word::Quoted(text)), Type::Text) => Some(Datum::Text(text.clone())),
            _ => None,
        };
        let datum = datum.ok_or_else(|| format!("`{name}` takes {wanted}, found {}", found(word)))?;
        match &datum {
            Datum::Text(text) if !field.values.is_empty() && !field.values.contains(text) => {
                Err(format!("`{name}` is never `{text}`; there are {}", field.values.join(", ")))
            }
            _ => Ok(datum),
        }
    }

    /// `(1, 2)` or `circle(1, 2)`.
    fn several(&mut self, name: &str, field: &Field) -> Result<Operand, String> {
        let operand = match self.next()? {
            Some(Word::Punctuation('(')) => Operand::Values,
            Some(Word::Bare(list)) if field.lists.iter().any(|known| known == list) => match self.next()? {
                Some(Word::Punctuation('(')) => Operand::Named,
                other => return expected(&format!("`(` after `{list}`"), other),
            },
            other => return expected("`(` after `in`", other),
        };
        let mut values = Vec::new();
        loop {
            values.push(self.value(name, field)?);
            match self.next()? {
                Some(Word::Punctuation(',')) => {}
                Some(Word::Punctuation(')')) => return Ok(operand(values)),
                other => return expected("`,` or `)`", other),
            }
        }
    }

    /// Takes the next word if it is this one.
    fn take(&mut self, word: &str) -> Result<bool, String> {
        let before = self.rest;
        if self.next()? == Some(Word::Bare(word)) {
            return Ok(true);
        }
        self.rest = before;
        Ok(false)
    }

    fn next(&mut self) -> Result<Option<Word<'a>>, String> {
        self.rest = self.rest.trim_start();
        let Some(first) = self.rest.chars().next() else { return Ok(None) };
        match first {
            '(' | ')' | ',' => {
                self.rest = &self.rest[1..];
                Ok(Some(Word::Punctuation(first)))
            }
            '\'' => self.quoted().map(Some),
            _ => {
                let ends = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '\'');
                let (word, rest) = self.rest.split_at(self.rest.find(ends).unwrap_or(self.rest.len()));
                self.rest = rest;
                Ok(Some(Word::Bare(word)))
            }
        }
    }

    /// A text in quotes; a quote in it is written twice.
    fn quoted(&mut self) -> Result<Word<'a>, String> {
        let mut text = String::new();
        let mut rest = &self.rest[1..];
        loop {
            let Some(end) = rest.find('\'') else { return Err("a quote is not closed".to_owned()) };
            text.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            if let Some(more) = rest.strip_prefix('\'') {
                text.push('\'');
                rest = more;
            } else {
                self.rest = rest;
                return Ok(Word::Quoted(text));
            }
        }
    }
}

fn wanted(holds: Type) -> &'static str {
    match holds {
        Type::Integer => "a whole number",
        Type::Text => "a text in single quotes",
        Type::Date => "a date in single quotes such as '2026-11-23'",
        Type::Boolean => "true or false",
    }
}
