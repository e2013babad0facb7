//! One question to a person, again and again until the answer is right.

use std::io::{BufRead, Write};

use super::{
    draft::Draft,
    question::{Question, judge},
};
use crate::cli::style::plain;

/// Asks until the rules of the configuration accept the answer; each refusal says why, and what they
/// only doubt must be given twice. Enter alone takes what stands in brackets.
pub(super) fn ask(
    question: Question,
    draft: &Draft,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> anyhow::Result<Draft> {
    writeln!(output, "{}", question.prompt())?;
    let default = question.default(draft);
    // What was kept in spite of a doubt is not doubted again.
    let known = judge(draft).unwrap_or_default();
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
        let objections = match judge(&candidate).map(&new) {
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
