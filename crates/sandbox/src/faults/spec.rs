//! Fault rules as a person types them: `ENDPOINT:ACTION[=ARGUMENT][:TIMES]`.

use std::str::FromStr;

use serde::Deserialize as _;
use serde_json::json;

use super::{Action, Endpoint, OtherAnswer, Rule};
use crate::time::{duration, millis};

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(':');
        let (Some(which), Some(what), times, None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(format!("`{text}` is not of the form ENDPOINT:ACTION[=ARGUMENT][:TIMES]"));
        };
        let mut rule = Self::new(endpoint(which)?, Some(1), action(what)?);
        match times {
            None => {}
            Some("*") => rule.times = None,
            Some(times) if times.ends_with('%') => {
                let percent: f64 = times.trim_end_matches('%').parse().map_err(|_| wrong_times(times))?;
                rule.times = None;
                rule.probability = percent / 100.0;
            }
            Some(times) => rule.times = Some(times.parse().map_err(|_| wrong_times(times))?),
        }
        rule.check().map(|()| rule)
    }
}

fn wrong_times(times: &str) -> String {
    format!("`{times}` is neither a number of times, nor `*`, nor a probability such as `10%`")
}

fn endpoint(name: &str) -> Result<Endpoint, String> {
    Endpoint::deserialize(json!(name)).map_err(|error| format!("endpoint: {error}"))
}

fn action(text: &str) -> Result<Action, String> {
    let (name, argument) =
        text.split_once('=').map_or((text, None), |(name, argument)| (name, Some(argument)));
    let needed = || argument.ok_or_else(|| format!("`{name}` needs an argument: `{name}=…`"));
    let ms = || needed().and_then(duration).map(millis);
    if let Ok(status) = name.parse() {
        return with_status(status, argument);
    }
    match (name, argument) {
        ("delay-before", _) => Ok(Action::DelayBefore { ms: ms()? }),
        ("delay-after", _) => Ok(Action::DelayAfter { ms: ms()? }),
        ("process-late", _) => Ok(Action::ProcessLate { ms: ms()? }),
        ("dribble", _) => Ok(Action::Dribble { ms: ms()?, bytes: 1 }),
        ("content-length", _) => Ok(Action::ContentLength { delta: number(needed()?)? }),
        ("huge", _) => Ok(Action::Huge { mib: argument.map_or(Ok(64), number)? }),
        ("truncate", _) => Ok(Action::Truncate { bytes: argument.map(number).transpose()? }),
        ("key-field", _) => Ok(Action::KeyField { name: needed()?.to_owned() }),
        ("reset-before", None) => Ok(Action::ResetBefore),
        ("reset-after", None) => Ok(Action::ResetAfter),
        ("not-json", None) => Ok(Action::NotJson { body: None }),
        ("no-key", None) => Ok(Action::NoKey),
        ("reset-before" | "reset-after" | "not-json" | "no-key", Some(_)) => {
            Err(format!("`{name}` takes no argument"))
        }
        _ => Err(format!("`{name}` is not an action; see --help")),
    }
}

fn with_status(status: u16, argument: Option<&str>) -> Result<Action, String> {
    let retry_after_date = argument.is_some_and(|text| text.starts_with('@'));
    let retry_after = argument.map(|text| number(text.trim_start_matches('@'))).transpose()?;
    let other = OtherAnswer { status, retry_after, retry_after_date, ..OtherAnswer::default() };
    Ok(Action::Status(other))
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.trim_start_matches('+').parse().map_err(|_| format!("`{text}` is not a fitting number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Rule {
        text.parse().unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    #[test]
    fn every_action_can_be_typed() {
        assert_eq!(read("create:reset-after:2"), Rule::new(Endpoint::Create, Some(2), Action::ResetAfter));
        assert_eq!(
            read("list:delay-after=1500ms:*"),
            Rule::new(Endpoint::List, None, Action::DelayAfter { ms: 1_500 })
        );
        assert_eq!(read("any:content-length=-3").action, Action::ContentLength { delta: -3 });
        assert_eq!(read("any:content-length=+3").action, Action::ContentLength { delta: 3 });
        assert_eq!(read("delta:truncate").action, Action::Truncate { bytes: None });
        assert_eq!(read("create:key-field=code").action, Action::KeyField { name: "code".to_owned() });
        let rule = read("token:503:10%");
        assert_eq!((rule.times, rule.probability), (None, 0.1));
        let other =
            OtherAnswer { status: 429, retry_after: Some(5), retry_after_date: true, ..Default::default() };
        assert_eq!(read("list:429=@5").action, Action::Status(other));
        for text in [
            "get:delay-before=1s",
            "delete:process-late=2s",
            "collection:huge",
            "any:huge=2",
            "any:dribble=10ms",
            "create:not-json",
            "create:no-key",
            "create:reset-before",
        ] {
            read(text);
        }
    }

    #[test]
    fn a_wrong_rule_is_named() {
        for (text, culprit) in [
            ("create", "create"),
            ("creates:reset-after", "creates"),
            ("create:explode", "explode"),
            ("create:reset-after=1", "reset-after"),
            ("create:delay-after", "delay-after"),
            ("create:delay-after=5", "`5`"),
            ("create:reset-after:often", "often"),
            ("create:reset-after:200%", "2"),
            ("create:199", "199"),
        ] {
            let why = text.parse::<Rule>().err().unwrap_or_default();
            assert!(why.contains(culprit), "{text}: {why}");
        }
    }
}
