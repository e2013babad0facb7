//! A filter held against what is known of its collection: what Protime would refuse at night is refused
//! when it is written.
//!
//! Law: what no page of Protime's says is let pass.

use jiff::{ToSpan as _, civil::Date};

use super::{
    Place,
    grammar::{Condition, Constant, Expression, Operator},
};
use crate::domain::{
    collection::{Collection, Field, Form},
    suggestions,
    wrong::{Wrong, refuse},
};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Use {
    /// What is known of the collection, if anything is.
    pub(crate) collection: Option<&'static Collection>,
    pub(crate) delta: bool,
    /// How many days `lookback` moves it back, if that is written.
    pub(crate) lookback: Option<i32>,
    /// 1 January of last year.
    pub(crate) last_year: Date,
}

/// Where the days of a filter begin or end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    Day(Date),
    Place(Place),
}

impl Use {
    /// What Protime would not take, or else what it may not take and what the filter leaves out.
    pub(crate) fn check(self, expression: &Expression) -> Result<Vec<String>, Wrong> {
        if let Some(fields) = self.collection.and_then(|it| it.fields(self.delta)) {
            self.fields_of(expression, fields)?;
        }
        let all = match expression {
            Expression::All(conditions) => conditions.as_slice(),
            one => std::slice::from_ref(one),
        };
        let (mut begin, mut end) = (None, None);
        for condition in flattened(all) {
            let bound = condition.constants.first().and_then(bound);
            match (condition.field.as_str(), condition.operator) {
                ("date", Operator::Ge) => begin = begin.or(bound),
                ("date", Operator::Le) => end = end.or(bound),
                _ => {}
            }
        }
        if self.collection.is_some_and(|it| it.dated.is_some()) {
            self.range(begin, end)?;
        }
        Ok([self.a_year_and_a_day(begin, end), self.left_out(begin, end)].into_iter().flatten().collect())
    }

    /// Checks that every field exists and is compared as it can be.
    fn fields_of(self, expression: &Expression, fields: &'static [Field]) -> Result<(), Wrong> {
        match expression {
            Expression::Condition(condition) => {
                match fields.iter().find(|field| field.name == condition.field) {
                    Some(field) => compared(condition, field.form),
                    None => Err(self.no_field(&condition.field, fields)),
                }
            }
            Expression::All(all) => all.iter().try_for_each(|one| self.fields_of(one, fields)),
            Expression::Any(any) => {
                any.iter().try_for_each(|one| self.fields_of(one, fields))?;
                let single = |condition: &&Condition| {
                    let field = fields.iter().find(|field| field.name == condition.field);
                    field.is_some_and(|field| matches!(field.form, Form::Day | Form::Flag))
                };
                match flattened(any).into_iter().find(single) {
                    None => Ok(()),
                    Some(Condition { field, .. }) => refuse(
                        format!(
                            "joins conditions of `{field}` by `or`, which Protime takes for lists of words only"
                        ),
                        "put what `or` joins into parentheses, such as (kind eq 'InOut' or kind eq 'Reason')",
                    ),
                }
            }
        }
    }

    fn no_field(self, name: &str, fields: &'static [Field]) -> Wrong {
        let collection = self.collection.map_or("this collection", |collection| collection.name);
        let what = if self.delta { "the delta" } else { "the list" };
        if self.delta && name == "person" {
            return Wrong::new(
                "filters a delta by `person`, which Protime does not allow",
                "remove that condition, or write kind = \"list\"",
            );
        }
        let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
        let known = match names[..] {
            [] => format!("Protime documents no filter for {what} of {collection}; remove `filter`"),
            _ => format!("{what} of {collection} has {}", suggestions::all(&names)),
        };
        // The filter of a collection without a property `date` is called so all the same.
        let compared = self.collection.and_then(|it| it.dated).filter(|dated| dated.property == name);
        let meant = compared.map(|_| "date").or_else(|| suggestions::nearest(name, names.iter().copied()));
        let meant = meant.map(|meant| format!("did you mean `{meant}`? ")).unwrap_or_default();
        Wrong::new(
            format!("filters by `{name}`, which {what} of {collection} does not know"),
            format!("{meant}{known}"),
        )
    }

    /// Checks that the days begin, and that they are not more than Protime takes.
    fn range(self, begin: Option<Bound>, end: Option<Bound>) -> Result<(), Wrong> {
        let collection = self.collection.map_or("", |collection| collection.name);
        let both = "date ge {from_date} and date le {to_date}";
        let Some(begin) = begin else {
            let written = if self.delta { "date ge {last_year}" } else { both };
            return refuse(
                format!("lacks `date ge …`, which Protime demands of {collection}"),
                format!(
                    "write `{written}`, joined by `and`; or remove `filter`, and the daemon writes the dates itself"
                ),
            );
        };
        let too_long = match (begin, end) {
            (Bound::Day(first), Some(Bound::Day(last))) if last < first => {
                return refuse("ends before it begins", "give `date le …` the later day");
            }
            (Bound::Day(first), Some(Bound::Day(last))) => last > first.saturating_add(1.year()),
            (Bound::Place(Place::LastYear), Some(Bound::Day(last))) => {
                last > self.last_year.saturating_add(1.year())
            }
            // It begins with a day that stays, and ends with one that goes on.
            (Bound::Day(_) | Bound::Place(Place::LastYear), Some(Bound::Place(_))) => true,
            (_, None) | (Bound::Place(_), _) => false,
        };
        if self.is_limited_to_a_year() && too_long {
            let help = if self.delta {
                "remove `date le …`: a delta needs no end".to_owned()
            } else {
                format!("write `{both}`, which the daemon asks for year by year")
            };
            return refuse("spans more than a year, and Protime takes no more at a time", help);
        }
        Ok(())
    }

    fn is_limited_to_a_year(self) -> bool {
        self.delta || self.collection.and_then(|it| it.dated).is_some_and(|it| it.a_year_at_most)
    }

    /// What Protime may refuse, for all that is documented.
    fn a_year_and_a_day(self, begin: Option<Bound>, end: Option<Bound>) -> Option<String> {
        let (Bound::Day(first), Bound::Day(last)) = (begin?, end?) else { return None };
        let what = "spans a year and a day, both ends counted, and Protime takes a year: whether it counts both \
                    is not documented; end it a day earlier";
        (self.is_limited_to_a_year() && last == first.saturating_add(1.year())).then(|| what.to_owned())
    }

    /// What Protime takes, but brings less than is wanted, or not for long.
    fn left_out(self, begin: Option<Bound>, end: Option<Bound>) -> Option<String> {
        if self.delta {
            // What is right today must not keep a daemon from starting in a year: so no more than a warning.
            return match begin? {
                Bound::Day(day) if day < self.last_year => Some(
                    "begins before 1 January of last year, which Protime refuses of a delta; write {last_year}"
                        .to_owned(),
                ),
                Bound::Day(day) => Some(format!(
                    "begins with a day that Protime refuses from 1 January {} on; write {{last_year}}",
                    day.year().saturating_add(2)
                )),
                Bound::Place(_) => None,
            };
        }
        let gap =
            |bound, places: [Place; 2]| matches!(bound, Some(Bound::Place(place)) if places.contains(&place));
        let from = gap(begin, [Place::From, Place::FromDate]) && self.lookback.unwrap_or_default() == 0;
        let to = gap(end, [Place::To, Place::ToDate]);
        let missed = match (from, to) {
            (true, true) => {
                "objects of other days, such as a clocking of last month or an absence of next month"
            }
            (true, false) => "objects of earlier days, such as a clocking of last month",
            (false, true) => "objects of later days, such as an absence of next month",
            (false, false) => return None,
        };
        Some(format!(
            "reads the days of the gap alone, and so does not see what was changed in it of {missed}; remove \
             `filter`, and the daemon reads further, {}or write kind = \"delta\", which sees every change",
            if from { "write `lookback`, " } else { "" }
        ))
    }
}

/// Checks the operator and the values of one condition.
fn compared(condition: &Condition, form: Form) -> Result<(), Wrong> {
    let Condition { field, operator, list, constants } = condition;
    // That ids are compared with `eq`, words with `in` and days with both is not shown, nor excluded.
    let fits = match form {
        Form::Day => true,
        Form::Ids(_) | Form::Word => matches!(operator, Operator::Eq | Operator::In),
        Form::Flag => matches!(operator, Operator::Eq),
    };
    if !fits {
        let right = match form {
            Form::Ids(_) => format!("write `{field} in (1, 2)`"),
            Form::Flag => format!("write `{field} eq true`"),
            Form::Day | Form::Word => format!("write `{field} eq '…'`, and `or` between several"),
        };
        return refuse(format!("compares `{field}` by `{}`, which it cannot be", operator.as_str()), right);
    }
    if let (Form::Ids(known), Some(list)) = (form, list)
        && !known.is_empty()
        && !known.contains(&list.as_str())
    {
        let what = format!("names the list `{list}` of `{field}`, which Protime does not have");
        return refuse(what, format!("there are {}", suggestions::all(known)));
    }
    constants.iter().try_for_each(|constant| valued(field, form, constant))
}

fn valued(field: &str, form: Form, constant: &Constant) -> Result<(), Wrong> {
    let day = |what: String| {
        let help = format!("write a day such as '2026-01-31', or {{from_date}}: `{field} ge {{from_date}}`");
        refuse(what, help)
    };
    match (form, constant) {
        (Form::Day, Constant::Place(Place::From | Place::To)) => {
            day(format!("compares `{field}`, which is a day, with a moment"))
        }
        (Form::Day, Constant::Text(text))
            if text.parse::<Date>().is_err() || text.len() != "2026-01-31".len() =>
        {
            day(format!("compares `{field}` with '{text}', which is not a valid day"))
        }
        (Form::Day, Constant::Integer(_) | Constant::Flag(_)) => {
            day(format!("compares `{field}` with what is not a day"))
        }
        (Form::Ids(_), Constant::Text(_) | Constant::Flag(_) | Constant::Place(_)) => refuse(
            format!("compares `{field}` with what is not a whole number"),
            format!("write ids as numbers, without quotes: `{field} in (1, 2)`"),
        ),
        (Form::Word, Constant::Integer(_) | Constant::Flag(_)) => refuse(
            format!("compares `{field}` with what is not a text"),
            format!("write the word in single quotes: `{field} eq '…'`"),
        ),
        (Form::Flag, Constant::Integer(_) | Constant::Text(_) | Constant::Place(_)) => refuse(
            format!("compares `{field}` with what is neither true nor false"),
            format!("write `{field} eq true`, without quotes"),
        ),
        _ => Ok(()),
    }
}

/// Every condition, whatever joins them.
fn flattened(expressions: &[Expression]) -> Vec<&Condition> {
    let mut conditions = Vec::new();
    for expression in expressions {
        match expression {
            Expression::Condition(condition) => conditions.push(condition),
            Expression::All(parts) | Expression::Any(parts) => conditions.extend(flattened(parts)),
        }
    }
    conditions
}

fn bound(constant: &Constant) -> Option<Bound> {
    match constant {
        Constant::Place(place) => Some(Bound::Place(*place)),
        Constant::Text(text) => text.parse().ok().map(Bound::Day),
        Constant::Integer(_) | Constant::Flag(_) => None,
    }
}
