//! The switches as flags, with the names and positions of the JSON settings; `docs/sandbox.md` has more.

use std::time::Duration;

use clap::{
    Arg, ArgMatches, Command, Error, FromArgMatches,
    builder::{PossibleValue, PossibleValuesParser},
    error::ErrorKind,
};
use protime_sandbox::settings::{FLAGS, Flag, Settings};
use serde_json::{Map, Value, json};

use crate::duration;

pub(super) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The settings with the switches where the flags put them.
#[derive(Debug, Clone)]
pub(super) struct Switches(pub(super) Settings);

/// What of a setting's name says that it is a duration, and is not in the flag's.
const UNIT: &str = "_ms";

fn arg(flag: &Flag) -> Arg {
    let name = flag.setting.trim_end_matches(UNIT);
    let arg = Arg::new(flag.setting).long(name.replace('_', "-")).value_name(flag.value_name);
    let arg = arg.help(flag.help).help_heading(flag.heading).default_value(flag.default);
    if name != flag.setting {
        return arg.value_parser(duration::parse);
    }
    if flag.positions.is_empty() {
        return arg;
    }
    // The help lists them all, each with what it means.
    let known = flag.positions.iter().map(|(word, help)| PossibleValue::new(*word).help(*help));
    arg.value_parser(PossibleValuesParser::new(known))
}

impl clap::Args for Switches {
    fn augment_args(command: Command) -> Command {
        command.args(FLAGS.iter().map(arg))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Switches {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let value = |flag: &Flag| {
            if flag.setting.ends_with(UNIT) {
                matches.get_one(flag.setting).map(|time: &Duration| json!(ms(*time)))
            } else {
                matches.get_one(flag.setting).map(|text: &String| json!(text))
            }
        };
        let patch: Map<String, Value> =
            FLAGS.iter().filter_map(|flag| Some((flag.setting.to_owned(), value(flag)?))).collect();
        let settings = Settings::default().with(patch.into());
        settings.map(Self).map_err(|why| Error::raw(ErrorKind::ValueValidation, why))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
