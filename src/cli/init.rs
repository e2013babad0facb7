//! `init`: writes a first configuration, from flags and, at a terminal, by asking for the rest.
//!
//! Laws: every answer is judged by the rules of the configuration itself, so what was accepted passes
//! `check`; a file that is there is replaced only with `--force`, and always as a whole; and the
//! client secret is never asked for, only where it lies.

mod ask;
mod draft;
mod place;
mod question;
mod steps;

use std::{
    io::{self, BufRead, IsTerminal as _, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;

use self::{draft::Draft, question::Question};
use super::{check, failure::Failure, output, style::Style};
use crate::config;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "What no flag says is asked for at a terminal. In the destination URL, the key file and the \
                        arguments of the resync command, {collection} stands for each collection.\n\n\
                        Example: protime-webhookd init --tenant acme --environment production"
)]
pub(super) struct Args {
    /// What Protime wants to be told with every request: "Service/Version (Company)"
    #[arg(long, value_name = "TEXT")]
    user_agent: Option<String>,
    /// The tenant, as in its address <https://TENANT.myprotime.eu>
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Where the tenant is: production or sandbox
    #[arg(long, value_name = "WORD", conflicts_with_all = ["api_origin", "token_url"])]
    environment: Option<String>,
    /// Instead of --environment: scheme, host and port of the API
    #[arg(long, value_name = "URL", requires = "token_url")]
    api_origin: Option<String>,
    /// Instead of --environment: where tokens are got
    #[arg(long, value_name = "URL", requires = "api_origin")]
    token_url: Option<String>,
    /// The OAuth client that Protime gave you
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// Name of the systemd credential that holds the client secret
    #[arg(long, value_name = "NAME", group = "client_secret")]
    client_secret_credential: Option<String>,
    /// File that holds the client secret
    #[arg(long, value_name = "PATH", group = "client_secret")]
    client_secret_file: Option<String>,
    /// Environment variable that holds the client secret
    #[arg(long, value_name = "NAME", group = "client_secret")]
    client_secret_env: Option<String>,
    /// A collection to watch; may be repeated
    #[arg(long, value_name = "NAME")]
    collection: Vec<String>,
    /// Where Protime is to send the events
    #[arg(long, value_name = "URL")]
    destination_url: Option<String>,
    /// Program, and its arguments, that brings the receiver up to date after a gap
    #[arg(long, value_name = "PROGRAM", num_args = 1.., conflicts_with = "resync")]
    resync_command: Vec<String>,
    /// Instead of --resync-command: another kind of resync
    #[arg(long, value_name = "KIND", value_parser = question::kinds())]
    resync: Option<String>,
    /// File that gets the webhook's key, for the receiver
    #[arg(long, value_name = "PATH")]
    key_file: Option<String>,
    /// Where to write; - is standard output [default: the file of --config]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
}

/// Writes the configuration that the flags and the answers describe; `config` is where the daemon
/// looks for it.
pub(super) fn run(args: &Args, config: &Path) -> anyhow::Result<ExitCode> {
    let target = args.output.as_deref().unwrap_or(config);
    let to_stdout = target == Path::new("-");
    if !to_stdout {
        place::may_write(target, args.force)?;
    }
    let (mut draft, open) = from_flags(args)?;
    let at_terminal = io::stdin().is_terminal();
    refuse_missing(&open, at_terminal)?;
    if at_terminal {
        draft = dialogue(draft, open, &mut io::stdin().lock(), &mut io::stderr().lock())?;
    }
    let text = draft.text();
    if to_stdout {
        output::print(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    place::write(target, &text, args.force)?;
    let written = config::load(target)
        .map_err(|error| Failure::Configuration(error.render(Style::of(&io::stderr()).colour)))?;
    output::print(&format!(
        "{} is written\n{}{}",
        target.display(),
        check::report(&written, Style::of(&io::stdout())),
        steps::after(&written)
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// What the flags say, and the questions that they leave open. An error tells of every wrong flag.
fn from_flags(args: &Args) -> Result<(Draft, Vec<Question>), Failure> {
    let mut draft = Draft::sample();
    let (mut open, mut wrong) = (Vec::new(), String::new());
    for question in Question::ALL {
        let Some(candidate) = question.by_flags(args, &draft) else {
            open.push(question);
            continue;
        };
        match question::judge(&candidate) {
            Ok(_) => draft = candidate,
            Err(reasons) => {
                let flags = question.flags();
                wrong.extend(reasons.iter().map(|reason| format!("\n  {flags}: {reason}")));
            }
        }
    }
    if wrong.is_empty() {
        return Ok((draft, open));
    }
    let missing = missing(&open).map_or_else(String::new, |missing| format!("\n  missing: {missing}"));
    Err(Failure::Usage(format!("nothing was written:{wrong}{missing}")))
}

/// Without a terminal nobody can be asked.
fn refuse_missing(open: &[Question], at_terminal: bool) -> Result<(), Failure> {
    match missing(open) {
        Some(missing) if !at_terminal => {
            let help = "add these flags, or run it at a terminal to be asked";
            Err(Failure::Usage(format!("nothing was written; missing: {missing}; {help}")))
        }
        _ => Ok(()),
    }
}

/// The flags of open questions that must be answered.
fn missing(open: &[Question]) -> Option<String> {
    let flags: Vec<&str> =
        open.iter().filter(|question| !question.is_optional()).map(|question| question.flags()).collect();
    (!flags.is_empty()).then(|| flags.join(", "))
}

/// Asks what is open.
fn dialogue(
    mut draft: Draft,
    open: Vec<Question>,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> anyhow::Result<Draft> {
    for question in open {
        draft = ask::ask(question, &draft, input, output).context("nothing was written")?;
    }
    Ok(draft)
}

#[cfg(test)]
mod tests;
