//! A person's word for what kills a key or deletes a webhook; a script is not asked.

use std::io::{self, IsTerminal as _, Write as _};

/// Whether there is a person to ask.
pub(super) fn is_attended() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks the person; everything but a yes is a no.
pub(super) fn confirmed(question: &str) -> io::Result<bool> {
    let mut stderr = io::stderr().lock();
    write!(stderr, "{question} [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
