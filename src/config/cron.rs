//! Cron patterns, checked with the scheduler's own parser and set to its rules.

use chrono::DateTime;
use croner::{
    Cron,
    errors::CronError,
    parser::{CronParser, Seconds, Year},
};

use crate::domain::wrong::{Wrong, refuse};

/// Each field: its name, how its values are written, the first and the last of them.
const FIELDS: [(&str, &str, (u32, u32)); 6] = [
    ("second", "0-59", (0, 59)),
    ("minute", "0-59", (0, 59)),
    ("hour", "0-23", (0, 23)),
    ("day of the month", "1-31", (1, 31)),
    ("month", "1-12 or JAN-DEC", (1, 12)),
    ("weekday", "0-7 or SUN-SAT", (0, 6)),
];

const HELP: &str =
    "write `second minute hour day month weekday`, such as \"0 */5 * * * *\"; five fields get second 0";

/// A pattern of six fields that has a next time; one of five fields gets second 0.
pub(super) fn pattern(text: &str) -> Result<String, Wrong> {
    let mut fields: Vec<&str> = text.split_whitespace().collect();
    match fields.len() {
        5 => fields.insert(0, "0"),
        6 => {}
        1 => return refuse("has one field and not five or six", HELP),
        count => return refuse(format!("has {count} fields and not five or six"), HELP),
    }
    for (index, (field, (name, range, _))) in fields.iter().zip(FIELDS).enumerate() {
        let mut alone = ["*"; 6];
        alone[index] = field;
        // The parser skips empty items, and a field of nothing else never matches.
        let wrong = if field.split(',').any(str::is_empty) {
            Some("empty item in a list".to_owned())
        } else {
            parse(&alone.join(" ")).err().map(|error| reason(&error))
        };
        if let Some(wrong) = wrong {
            return refuse(
                format!("is not a cron pattern: {name} `{}`: {wrong}", field.escape_debug()),
                format!("the {name} is {range}, `*`, or a list, range or step of them; {HELP}"),
            );
        }
    }
    let pattern = fields.join(" ");
    let cron = parse(&pattern)
        .map_err(|error| Wrong::new(format!("is not a cron pattern: {}", reason(&error)), HELP))?;
    // A pattern knows no years, so what comes at all comes again and again: any moment will do to look from.
    if cron.find_next_occurrence(&DateTime::UNIX_EPOCH, false).is_err() {
        return refuse(
            "never comes: no day fits it",
            "write a day that exists; day of the month and weekday must both fit",
        );
    }
    Ok(pattern)
}

/// What is strange about a pattern that is right: a step that never comes to a second value is hardly meant.
pub(super) fn oddity(pattern: &str) -> Option<String> {
    let fields = pattern.split_whitespace().zip(FIELDS);
    let mut items = fields.flat_map(|(field, of)| field.split(',').map(move |item| (item, of)));
    items.find_map(|(item, (name, range, ends))| {
        let (base, step) = item.split_once('/')?;
        let step: u32 = step.parse().ok()?;
        let (first, last) = match base.split_once('-') {
            Some((first, last)) => (first.parse().ok()?, last.parse().ok()?),
            None if matches!(base, "*" | "?") => ends,
            None => (base.parse().ok()?, ends.1),
        };
        // One value alone is written so by no one.
        let is_odd = first < last && step > last - first;
        is_odd.then(|| {
            format!(
                "has the step {step} in its {name} `{item}`, which is {range}: only {first} ever comes; write a smaller \
                 step, or step in a field to the right of it"
            )
        })
    })
}

fn parse(pattern: &str) -> Result<Cron, CronError> {
    CronParser::builder()
        .seconds(Seconds::Required)
        .year(Year::Disallowed)
        .dom_and_dow(true)
        .build()
        .parse(pattern)
}

fn reason(error: &CronError) -> String {
    let text = match error {
        CronError::ComponentError(text)
        | CronError::IllegalCharacters(text)
        | CronError::InvalidPattern(text) => text.clone(),
        other => other.to_string(),
    };
    text.trim_end_matches('.').to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, Wrong> {
        pattern(text)
    }

    #[test]
    fn patterns_by_table() {
        for (text, pattern) in [
            ("0 */5 * * * *", "0 */5 * * * *"),
            ("*/5 * * * *", "0 */5 * * * *"),
            ("  30  0 12 * *  MON-FRI ", "30 0 12 * * MON-FRI"),
            ("* * * * * *", "* * * * * *"),
            ("0 0 0 29 2 *", "0 0 0 29 2 *"),
            ("0 0 0 L * *", "0 0 0 L * *"),
            ("0 0 0 13 * 5", "0 0 0 13 * 5"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(pattern), "{text}");
        }
        for (text, why) in [
            ("", "has 0 fields"),
            ("@daily", "has one field"),
            ("0 0 * *", "has 4 fields"),
            ("0 0 0 1 1 * 2030", "has 7 fields"),
            ("0 60 * * * *", "minute `60`: number out of bounds"),
            ("0 0 25 * * *", "hour `25`: number out of bounds"),
            ("0 0 0 0 * *", "day of the month `0`"),
            ("0 0 0 * 13 *", "month `13`"),
            ("0 0 0 * * 8", "weekday `8`"),
            ("0 */0 * * * *", "step cannot be zero"),
            ("x * * * * *", "second `x`"),
            ("0 , * * * *", "empty item"),
            ("0 5,,6 * * * *", "empty item"),
            ("*/g\0\u{1b}[31m * * * *", "in part '*/g\\0\\u{1b}[31m'"),
            ("0 0 0 31 2 *", "never comes"),
            ("0 0 0 30 FEB *", "never comes"),
        ] {
            let wrong = read(text).expect_err(text);
            assert!(wrong.what.contains(why), "{text}: {}", wrong.what);
        }
    }

    #[test]
    fn a_step_beyond_its_field_is_odd() {
        for (pattern, odd) in [
            ("*/90 * * * *", Some("has the step 90 in its minute `*/90`, which is 0-59: only 0 ever comes")),
            ("*/60 * * * *", Some("has the step 60 in its minute")),
            ("*/61 * * * * *", Some("in its second `*/61`")),
            ("0 0 */24 * * *", Some("has the step 24 in its hour `*/24`, which is 0-23")),
            ("0 0 0 */31 * *", Some("in its day of the month `*/31`, which is 1-31: only 1 ever comes")),
            ("0 0 0 1 */12 *", Some("in its month")),
            ("0 0 0 * * */7", Some("in its weekday")),
            ("0 5,10-20/30 * * * *", Some("in its minute `10-20/30`, which is 0-59: only 10 ever comes")),
            ("0 30/45 * * * *", Some("only 30 ever comes")),
            ("*/59 * * * *", None),
            ("0 */30 * * * *", None),
            ("0 0 */23 * * *", None),
            ("0 0 0 */30 * *", None),
            ("0 0-10/10 * * * *", None),
            ("0 */5 * * * *", None),
            ("0 0 0 * JAN MON-FRI", None),
        ] {
            let pattern = read(pattern).expect(pattern);
            let told = oddity(&pattern);
            match odd {
                Some(odd) => {
                    assert!(told.as_ref().is_some_and(|told| told.contains(odd)), "{pattern}: {told:?}");
                }
                None => assert_eq!(told, None, "{pattern}"),
            }
        }
    }
}
