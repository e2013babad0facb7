//! `init`: writes a first configuration, from flags and, at a terminal, by asking for the rest.
//!
//! Laws: every answer is judged by the rules of the configuration itself, so what was accepted passes
//! `check`; a file that is there is replaced only with `--force`, and always as a whole; and the
//! client secret is never asked for, only where it lies.

mod draft;
mod flags;
mod place;
mod question;
mod steps;

use std::{
    io::{self, BufRead, IsTerminal as _, Write},
    path::Path,
};

use anyhow::Context as _;

use self::{draft::Draft, question::Question};
use super::{
    check,
    failure::Failure,
    output,
    style::{Style, plain},
};
use crate::config;
pub(super) use flags::Args;

/// Writes the configuration that the flags and the answers describe; `config` is where the daemon
/// looks for it.
pub(super) fn run(args: &Args, config: &Path) -> anyhow::Result<()> {
    let target = args.output.as_deref().unwrap_or(config);
    let to_stdout = target == Path::new("-");
    if !to_stdout {
        place::may_write(target, args.force)?;
    }
    let (mut draft, open) = from_flags(args)?;
    if let Some(missing) = missing(&open) {
        if !io::stdin().is_terminal() {
            let help = "add these flags, or run it at a terminal to be asked";
            return Err(Failure::Usage(format!("nothing was written; missing: {missing}; {help}")).into());
        }
        draft = dialogue(draft, open, &mut io::stdin().lock(), &mut io::stderr().lock())?;
    }
    let text = draft.text();
    if to_stdout {
        return output::print(&text);
    }
    place::write(target, &text, args.force)?;
    let written = config::load(target)
        .map_err(|error| Failure::Configuration(error.render(Style::of(&io::stderr()).colour)))?;
    output::print(&format!(
        "{} is written\n{}{}",
        target.display(),
        check::report(&written, Style::of(&io::stdout())),
        steps::after(&written)
    ))
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

fn missing(open: &[Question]) -> Option<String> {
    let flags: Vec<&str> =
        open.iter().filter(|question| !question.is_optional()).map(|question| question.flags()).collect();
    (!flags.is_empty()).then(|| flags.join(", "))
}

fn dialogue(
    mut draft: Draft,
    open: Vec<Question>,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> anyhow::Result<Draft> {
    for question in open {
        draft = ask(question, &draft, input, output).context("nothing was written")?;
    }
    Ok(draft)
}

/// Asks until the rules of the configuration accept the answer; each refusal says why, and what they
/// only doubt must be given twice. Enter alone takes what stands in brackets.
fn ask(
    question: Question,
    draft: &Draft,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> anyhow::Result<Draft> {
    writeln!(output, "{}", question.prompt())?;
    let default = question.default(draft);
    // What was kept in spite of a doubt is not doubted again.
    let known = question::judge(draft).unwrap_or_default();
    let new = |doubts: Vec<String>| -> Vec<String> {
        doubts.into_iter().filter(|doubt| !known.contains(doubt)).collect()
    };
    let mut doubted = None;
    loop {
        match &default {
            Some(default) => write!(output, "  [{default}] > ")?,
            None => write!(output, "  > ")?,
        }
        output.flush()?;
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            writeln!(output)?;
            anyhow::bail!("the input ended before every question was answered");
        }
        let answer = match (line.trim(), &default) {
            ("", Some(default)) => default.as_str(),
            (answer, _) => answer,
        };
        let candidate = question.by_text(answer, draft);
        let objections = match question::judge(&candidate).map(&new) {
            Ok(doubts) if doubts.is_empty() || doubted.as_deref() == Some(answer) => return Ok(candidate),
            Ok(mut doubts) => {
                doubted = Some(answer.to_owned());
                doubts.push("give the same answer again to keep it".to_owned());
                doubts
            }
            Err(reasons) => reasons,
        };
        for objection in objections {
            writeln!(output, "  {}", plain(&objection))?;
        }
    }
}

#[cfg(test)]
mod tests;
