//! The filter of a resync that reads a collection: Protime's own syntax, with places for the gap.
//!
//! Laws: what is read is never less than the gap. Days are widened by one on both sides, because
//! Protime's days begin at the customer's midnight and ours at UTC's; and a span of more than a year
//! between `{from_date}` and `{to_date}` is cut into years, because most collections take no more at
//! a time. A value stands in quotes, whether the operator wrote them or not.
//!
//! The day of an object is the day that it is *of*, not the one on which it was changed. What the
//! daemon writes itself therefore begins long before the gap and ends long after it.

pub(crate) mod check;
mod days;
pub(crate) mod grammar;

use jiff::{Timestamp, ToSpan as _, civil::Date};

pub(crate) use days::{Days, last_year};

use crate::domain::{
    suggestions,
    words::words,
    wrong::{Wrong, refuse},
};

/// No time before the year 10000 is written with more characters.
const LONGEST_TIME: &str = "9999-12-31T23:59:59.999999999Z";

/// Nor is a day.
const LONGEST_DATE: &str = "9999-12-31";

/// How many years "everything" is where a filter is read year by year: longer than anyone has to keep records
/// of working time.
const YEARS_OF_EVERYTHING: i16 = 10;

/// How many years after the gap the daemon's own dates end: no one plans an absence further ahead.
const YEARS_AHEAD: i16 = 2;

words! {
    /// A placeholder, in the order in which messages name them.
    Place("placeholder of a filter") {
        From = "from",
        To = "to",
        FromDate = "from_date",
        ToDate = "to_date",
        /// 1 January of last year, the earliest day that a delta may begin with.
        LastYear = "last_year",
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// In quotes of the operator's.
    Quoted(Place),
    /// Without, so that the quotes are ours.
    Bare(Place),
}

/// A filter as it stands in the configuration, or as the daemon writes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    written: String,
    parts: Vec<Part>,
    /// How many days `{from_date}` is moved back.
    lookback: i32,
    /// Whether the daemon wrote it.
    own: bool,
    /// Whether it is of a delta, which begins with 1 January of last year at the earliest.
    delta: bool,
}

fn unknown(name: &str) -> Wrong {
    let meant = suggestions::nearest(name, Place::WORDS.iter().map(|(known, _)| *known));
    let meant = meant.map(|meant| format!("did you mean {{{meant}}}? ")).unwrap_or_default();
    let what = format!("has a placeholder {{{name}}} that is not known");
    Wrong::new(what, format!("{meant}There are {}", Filter::known()))
}

impl Filter {
    /// Reads the places of a filter; Protime's syntax around them is passed on as it is.
    pub(crate) fn parse(text: &str) -> Result<Self, Wrong> {
        let mut parts = Vec::new();
        let mut rest = text;
        let mut within_quotes = false;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, after) = rest.split_at(at);
            let Some(end) = after.find('}').filter(|_| after.starts_with('{')) else {
                let help = format!("a placeholder is written {{from}}; there are {}", Self::known());
                return refuse("has a brace without its partner", help);
            };
            let name = &after[1..end];
            let place = name.parse().map_err(|_| unknown(name))?;
            within_quotes ^= before.matches('\'').count() % 2 == 1;
            let place = if within_quotes { Part::Quoted(place) } else { Part::Bare(place) };
            parts.extend([Part::Text(before.to_owned()), place]);
            rest = &after[end + 1..];
        }
        parts.push(Part::Text(rest.to_owned()));
        if text.trim().is_empty() {
            return refuse("is empty", "write a filter in Protime's syntax, or remove `filter`");
        }
        Ok(Self { written: text.to_owned(), parts, lookback: 0, own: false, delta: false })
    }

    /// What the daemon writes for the list of a collection that demands dates.
    pub(crate) fn of_dates(lookback: i32) -> Self {
        Self {
            lookback,
            own: true,
            ..Self::parse("date ge {from_date} and date le {to_date}").unwrap_or_default()
        }
    }

    /// What the daemon writes for a delta that demands dates: a start that never becomes too old, and
    /// no end, because what changes later must show.
    pub(crate) fn of_last_year() -> Self {
        Self { own: true, delta: true, ..Self::parse("date ge {last_year}").unwrap_or_default() }
    }

    /// The same, with `{from_date}` moved back by so many days.
    pub(crate) fn looking_back(self, lookback: i32) -> Self {
        Self { lookback, ..self }
    }

    pub(crate) fn for_delta(self) -> Self {
        Self { delta: true, ..self }
    }

    /// The filter as it was written, placeholders and all, and how far it looks back: with another
    /// one, something else is read.
    pub(crate) fn shape(&self) -> String {
        match self.lookback {
            0 => self.written.clone(),
            days => format!("{} -{days}d", self.written),
        }
    }

    /// What may stand in braces, for messages.
    pub(crate) fn known() -> String {
        let each: Vec<String> = Place::WORDS.iter().map(|(name, _)| format!("{{{name}}}")).collect();
        each.join(", ")
    }

    pub(crate) fn is_own(&self) -> bool {
        self.own
    }

    fn has(&self, place: Place) -> bool {
        self.parts.iter().any(|part| *part == Part::Quoted(place) || *part == Part::Bare(place))
    }

    /// Whether it ends with the gap.
    pub(crate) fn has_end(&self) -> bool {
        self.has(Place::To) || self.has(Place::ToDate)
    }

    /// Whether it begins with the gap.
    pub(crate) fn has_beginning(&self) -> bool {
        self.has(Place::From) || self.has(Place::FromDate)
    }

    /// Whether it begins with a day, which may be another one for everything.
    pub(crate) fn begins_with_a_day(&self) -> bool {
        self.has(Place::FromDate)
    }

    pub(crate) fn depends_on_the_gap(&self) -> bool {
        self.has_beginning() || self.has_end()
    }

    /// The days that are to be asked for, each entry in a request of its own; `earliest` is where
    /// everything begins for this operator.
    ///
    /// A filter with both dates is read year by year. One with `{from_date}` alone cannot be, so for
    /// everything it begins one year before the end.
    pub(crate) fn days(&self, from: Option<Timestamp>, to: Timestamp, earliest: Option<Date>) -> Vec<Days> {
        let both = self.has(Place::FromDate) && self.has(Place::ToDate);
        let years = if both { YEARS_OF_EVERYTHING } else { 1 };
        let everything = || earliest.unwrap_or_else(|| days::after(to).saturating_sub(years.years()));
        let first =
            from.map_or_else(everything, |from| days::before(from).saturating_sub(self.lookback.days()));
        // A gap may be older than a delta can be: then it begins as early as Protime lets it.
        let first = if self.delta { first.max(last_year(to)) } else { first };
        let last = self.last(to);
        let first = first.min(last);
        if both { days::by_year(first, last) } else { vec![Days { from: first, to: last }] }
    }

    pub(crate) fn days_after(&self, done: Days, to: Timestamp) -> Vec<Days> {
        let next = done.to.saturating_add(1.day());
        if next > self.last(to) { Vec::new() } else { self.days(None, to, Some(next)) }
    }

    fn last(&self, to: Timestamp) -> Date {
        let ahead = if self.own && !self.delta { YEARS_AHEAD } else { 0 };
        days::after(to).saturating_add(ahead.years())
    }

    /// The filter for a gap and one entry of its [`days`](Self::days).
    pub(crate) fn fill(&self, from: Option<Timestamp>, to: Timestamp, days: Days) -> String {
        let value = |place: Place| match place {
            Place::From => from.unwrap_or(Timestamp::UNIX_EPOCH).to_string(),
            Place::To => to.to_string(),
            Place::FromDate => days.from.to_string(),
            Place::ToDate => days.to.to_string(),
            Place::LastYear => last_year(to).to_string(),
        };
        self.filled(value)
    }

    /// The filter with the longest value that each place can have.
    pub(crate) fn longest(&self) -> String {
        self.filled(|place| match place {
            Place::From | Place::To => LONGEST_TIME.to_owned(),
            Place::FromDate | Place::ToDate | Place::LastYear => LONGEST_DATE.to_owned(),
        })
    }

    fn filled(&self, value: impl Fn(Place) -> String) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Quoted(place) => value(*place),
            Part::Bare(place) => format!("'{}'", value(*place)),
        };
        self.parts.iter().map(part).collect()
    }
}

#[cfg(test)]
mod tests;
