//! One question to a person, again and again until the answer is right.

use std::io::{BufRead, Write};

use super::{
    super::style::plain,
    draft::Draft,
    question::{Question, accept},
};

/// Asks until the rules of the configuration accept the answer; each refusal says why. Enter alone
/// takes what stands in brackets.
pub(super) fn ask(
    question: Question,
    draft: &Draft,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> anyhow::Result<Draft> {
    writeln!(output, "{}", question.prompt())?;
    let default = question.default(draft);
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
            ("", Some(default)) => default,
            (answer, _) => answer,
        };
        match accept(question.by_text(answer, draft)) {
            Ok(accepted) => return Ok(accepted),
            Err(reasons) => {
                for reason in reasons {
                    writeln!(output, "  {}", plain(&reason))?;
                }
            }
        }
    }
}
