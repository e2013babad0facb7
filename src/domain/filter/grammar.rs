//! The grammar of filters that Protime publishes, read from a filter as an operator wrote it:
//!
//! ```text
//! expression = term { "or" term }.
//! term       = condition { "and" condition }.
//! condition  = name ("eq" | "ge" | "le" | "in") factor | "(" expression ")".
//! factor     = constant | [ name ] "(" constant { "," constant } ")".
//! constant   = a whole number, a text in single quotes, true, false.
//! ```
//!
//! A placeholder in braces stands where a text may stand, with quotes or without. Whether a field exists
//! is not asked here. Laws: what is refused is named, with what would be right; nothing recurses deeper
//! than a bound, whatever is written.

use std::{iter::Peekable, vec::IntoIter};

use super::Place;
use crate::domain::{
    words::words,
    wrong::{Wrong, refuse},
};

/// Parentheses within parentheses, at most: nothing sensible has more.
const DEEPEST: usize = 32;

/// What Protime has no operator for, and what is written instead.
const NO_OPERATORS: [(&str, &str); 17] = [
    ("gt", GREATER),
    (">", GREATER),
    ("lt", LESS),
    ("<", LESS),
    ("ne", OTHERS),
    ("not", OTHERS),
    ("!=", OTHERS),
    ("<>", OTHERS),
    ("!", OTHERS),
    (">=", "write `ge`"),
    ("=>", "write `ge`"),
    ("<=", "write `le`"),
    ("=<", "write `le`"),
    ("=", "write `eq`"),
    ("==", "write `eq`"),
    ("contains", "write `eq` and the whole text, or `in`"),
    ("like", "write `eq` and the whole text, or `in`"),
];
const GREATER: &str = "write `ge` and the next value: there are eq, ge, le and in";
const LESS: &str = "write `le` and the value before: there are eq, ge, le and in";
const OTHERS: &str = "name what is wanted with `eq` or `in`: there is no way to leave something out";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expression {
    Condition(Condition),
    All(Vec<Expression>),
    Any(Vec<Expression>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) field: String,
    pub(crate) operator: Operator,
    /// The name of the list, as in `circle(2, 8)`.
    pub(crate) list: Option<String>,
    /// With what: several in a list, else one.
    pub(crate) constants: Vec<Constant>,
}

words! {
    Operator("operator of a filter") {
        Eq = "eq",
        Ge = "ge",
        Le = "le",
        In = "in",
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Constant {
    /// A whole number, as it is written.
    Integer(String),
    /// A text, without its quotes; one placeholder alone is a [`Place`](Self::Place).
    Text(String),
    Flag(bool),
    /// A placeholder, with quotes or without.
    Place(Place),
}

/// Reads a filter; its placeholders must be known ones already.
pub(crate) fn parse(text: &str) -> Result<Expression, Wrong> {
    let mut parser = Parser { tokens: tokens(text)?.into_iter().peekable(), depth: 0 };
    let expression = parser.expression()?;
    match parser.tokens.next() {
        None => Ok(expression),
        Some(Token::Close) => refuse("closes a parenthesis that is not open", "remove `)`"),
        Some(other) => Err(other.instead_of_joint()),
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Open,
    Close,
    Comma,
}

fn tokens(text: &str) -> Result<Vec<Token>, Wrong> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            '(' => (Token::Open, &rest[1..]),
            ')' => (Token::Close, &rest[1..]),
            ',' => (Token::Comma, &rest[1..]),
            '\'' => quoted(&rest[1..])?,
            '"' | '`' | '‘' | '’' | '“' | '”' => {
                let help = "put texts and days into single quotes: '2026-01-31'";
                return refuse("has a text in other quotes than single ones", help);
            }
            _ => {
                let ends = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '\'' | '"');
                let (word, after) = rest.split_at(rest.find(ends).unwrap_or(rest.len()));
                (Token::Word(word.to_owned()), after)
            }
        };
        tokens.push(token);
        rest = after.trim_start();
    }
    Ok(tokens)
}

/// The text up to the quote that closes it; two quotes are one within a text.
fn quoted(text: &str) -> Result<(Token, &str), Wrong> {
    let (mut value, mut rest) = (String::new(), text);
    loop {
        let Some((before, after)) = rest.split_once('\'') else {
            return refuse("has a quote that is not closed", "write ' behind the text as well");
        };
        value.push_str(before);
        match after.strip_prefix('\'') {
            Some(more) => {
                value.push('\'');
                rest = more;
            }
            None => return Ok((Token::Text(value), after)),
        }
    }
}

impl Token {
    fn shown(&self) -> String {
        match self {
            Self::Word(word) => format!("`{word}`"),
            Self::Text(text) => format!("'{text}'"),
            Self::Open => "`(`".to_owned(),
            Self::Close => "`)`".to_owned(),
            Self::Comma => "`,`".to_owned(),
        }
    }

    fn instead_of_joint(&self) -> Wrong {
        match self {
            Self::Word(word) if word == "not" => no_operator(word, OTHERS),
            Self::Word(word) if word == "&&" || word.eq_ignore_ascii_case("and") => in_its_words(word, "and"),
            Self::Word(word) if word == "||" || word.eq_ignore_ascii_case("or") => in_its_words(word, "or"),
            other => {
                let help = "write `and` between two conditions; a text with blanks stands in single quotes";
                Wrong::new(format!("goes on with {} behind a condition", other.shown()), help)
            }
        }
    }
}

fn no_operator(word: &str, help: &str) -> Wrong {
    Wrong::new(format!("has the operator `{word}`, which Protime does not know"), help)
}

fn in_its_words(word: &str, meant: &str) -> Wrong {
    Wrong::new(format!("has `{word}`, which Protime writes otherwise"), format!("write `{meant}`"))
}

struct Parser {
    tokens: Peekable<IntoIter<Token>>,
    depth: usize,
}

impl Parser {
    fn takes(&mut self, wanted: &Token) -> bool {
        self.tokens.next_if_eq(wanted).is_some()
    }

    fn expression(&mut self) -> Result<Expression, Wrong> {
        self.joined("or", Self::term, Expression::Any)
    }

    fn term(&mut self) -> Result<Expression, Wrong> {
        self.joined("and", Self::condition, Expression::All)
    }

    fn joined(
        &mut self,
        by: &str,
        part: fn(&mut Self) -> Result<Expression, Wrong>,
        several: fn(Vec<Expression>) -> Expression,
    ) -> Result<Expression, Wrong> {
        let mut parts = vec![part(self)?];
        while self.takes(&Token::Word(by.to_owned())) {
            parts.push(part(self)?);
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { several(parts) })
    }

    fn condition(&mut self) -> Result<Expression, Wrong> {
        let whole = "a condition is written: date ge '2026-01-31'";
        match self.tokens.next() {
            Some(Token::Open) => self.group(),
            Some(Token::Word(word)) if word == "not" || word == "!" => Err(no_operator(&word, OTHERS)),
            Some(Token::Word(word)) if is_name(&word) => self.comparison(word).map(Expression::Condition),
            Some(other) => refuse(format!("has {} where a field should stand", other.shown()), whole),
            None => refuse("ends where a condition should follow", whole),
        }
    }

    fn group(&mut self) -> Result<Expression, Wrong> {
        self.depth += 1;
        if self.depth > DEEPEST {
            let what = format!("has more than {DEEPEST} parentheses within each other");
            return refuse(what, "remove those that are not needed");
        }
        let expression = self.expression()?;
        self.depth -= 1;
        match self.tokens.next() {
            Some(Token::Close) => Ok(expression),
            Some(other) => Err(other.instead_of_joint()),
            None => refuse("has a parenthesis that is not closed", "write `)`"),
        }
    }

    fn comparison(&mut self, field: String) -> Result<Condition, Wrong> {
        let operator = match self.tokens.next() {
            Some(Token::Word(word)) => operator(&word, &field)?,
            Some(other) => {
                let what = format!("has {} where an operator should follow `{field}`", other.shown());
                return refuse(what, "write eq, ge, le or in");
            }
            None => {
                let what = format!("ends where an operator should follow `{field}`");
                return refuse(what, "write eq, ge, le or in, and a value");
            }
        };
        if operator != Operator::In {
            let constants = vec![self.constant(&field, operator)?];
            return Ok(Condition { field, operator, list: None, constants });
        }
        let list = match self.tokens.next_if(|token| matches!(token, Token::Word(word) if is_name(word))) {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        };
        if !self.takes(&Token::Open) {
            let help = format!("write `{field} in (1, 2)`, or a list with its name, such as circle(2, 8)");
            return refuse("has no list behind `in`", help);
        }
        let mut constants = Vec::new();
        loop {
            constants.push(self.constant(&field, operator)?);
            if self.takes(&Token::Close) {
                return Ok(Condition { field, operator, list, constants });
            }
            if !self.takes(&Token::Comma) {
                let help = "write commas between its values, and `)` behind them";
                return refuse(format!("has a list of `{field}` that does not go on well"), help);
            }
        }
    }

    fn constant(&mut self, field: &str, operator: Operator) -> Result<Constant, Wrong> {
        let wanted = "write a whole number, a text or a day in single quotes, true or false";
        match self.tokens.next() {
            Some(Token::Text(text)) => Ok(braced(&text).map_or(Constant::Text(text), Constant::Place)),
            Some(Token::Word(word)) => constant(&word, field, operator),
            Some(other) => {
                let what = format!("has {} where a value of `{field}` should stand", other.shown());
                refuse(what, wanted)
            }
            None => refuse(format!("ends where a value of `{field}` should follow"), wanted),
        }
    }
}

fn operator(word: &str, field: &str) -> Result<Operator, Wrong> {
    let small = word.to_lowercase();
    if let Ok(operator) = small.parse::<Operator>() {
        return if small == word { Ok(operator) } else { Err(in_its_words(word, operator.as_str())) };
    }
    if let Some((_, help)) = NO_OPERATORS.into_iter().find(|(other, _)| *other == small) {
        return Err(no_operator(word, help));
    }
    let what = format!("has `{word}` where an operator should follow `{field}`");
    refuse(what, "write eq, ge, le or in")
}

fn constant(word: &str, field: &str, operator: Operator) -> Result<Constant, Wrong> {
    let digits = word.strip_prefix('-').unwrap_or(word);
    match word {
        "true" => return Ok(Constant::Flag(true)),
        "false" => return Ok(Constant::Flag(false)),
        _ if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            return Ok(Constant::Integer(word.to_owned()));
        }
        _ => {}
    }
    if let Some(place) = braced(word) {
        return Ok(Constant::Place(place));
    }
    let looks_like_a_day = word.len() >= 8 && word.starts_with(|c: char| c.is_ascii_digit());
    let kind = if looks_like_a_day { "a day" } else { "a text" };
    let written = match operator {
        Operator::In => format!("{field} in ('{word}')"),
        _ => format!("{field} {} '{word}'", operator.as_str()),
    };
    refuse(format!("has {kind} without quotes: {word}"), format!("write `{written}`"))
}

/// The placeholder that a text is, and nothing else.
fn braced(text: &str) -> Option<Place> {
    text.strip_prefix('{')?.strip_suffix('}')?.parse().ok()
}

fn is_name(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.chars().all(plain)
}

#[cfg(test)]
mod tests;
