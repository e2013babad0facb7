//! `filter`: an operator's filter, read and held against what is known of its collection.

use super::{
    report::Checked,
    value::Value,
    wrong::{Wrong, refuse},
};
use crate::domain::{
    filter::{
        self, Filter, InvalidFilter,
        check::Use,
        grammar::{self, Expression, Objection},
    },
    suggestions,
};

/// A filter, and what it says.
pub(super) type Written = (Filter, Expression);

/// Reads a filter, of whatever collection it is.
pub(super) fn parse(text: &str) -> Result<Written, Wrong> {
    if text.chars().any(char::is_control) {
        return refuse("has a control character in it", "write it on one line, with blanks");
    }
    let filter = Filter::parse(text).map_err(|invalid| of_places(&invalid))?;
    Ok((filter, grammar::parse(text).map_err(wrong)?))
}

/// Checks a filter for its use.
pub(super) fn check(value: &Value<'_>, (filter, expression): Written, wanted: Use) -> Checked<Filter> {
    if wanted.delta && filter.has_end() {
        return Err(value.wrong(&Wrong::new(
            "ends with the gap, and a delta goes on after it",
            "remove {to} and {to_date}: what changes later would never show",
        )));
    }
    for odd in wanted.check(&expression).map_err(|objection| value.wrong(&wrong(objection)))? {
        value.warn(&odd);
    }
    let filter = filter.looking_back(wanted.lookback.unwrap_or_default());
    Ok(if wanted.delta { filter.for_delta() } else { filter })
}

fn wrong(Objection { what, help }: Objection) -> Wrong {
    Wrong { what, help }
}

fn of_places(invalid: &InvalidFilter) -> Wrong {
    let help = match invalid {
        InvalidFilter::Unknown(name) => {
            let meant = suggestions::nearest(name, filter::place_names())
                .map(|meant| format!("did you mean {{{meant}}}? "));
            format!("{}There are {}", meant.unwrap_or_default(), Filter::known())
        }
        InvalidFilter::Unbalanced => {
            format!("a placeholder is written {{from}}; there are {}", Filter::known())
        }
        InvalidFilter::Empty => "write a filter in Protime's syntax, or remove `filter`".to_owned(),
    };
    Wrong::new(invalid.to_string(), help)
}
