//! Standard output, written as a whole and without a panic if no one reads it.

use std::io::{self, Write as _};

use serde_json::Value;

pub(super) fn print(text: &str) -> anyhow::Result<()> {
    print_bytes(text.as_bytes())
}

pub(super) fn print_bytes(bytes: &[u8]) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()?;
    Ok(())
}

pub(super) fn print_json(value: &Value) -> anyhow::Result<()> {
    print(&format!("{value:#}\n"))
}

/// Writes a line for the person who waits, on standard error.
pub(super) fn note(line: &str) -> anyhow::Result<()> {
    writeln!(io::stderr().lock(), "{line}")?;
    Ok(())
}
