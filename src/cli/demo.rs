//! Scaffold of the demo's command.

use std::process::ExitCode;

/// Scaffold.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Scaffold.
#[expect(clippy::unused_async, reason = "scaffold")]
pub(crate) async fn run(_args: Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("a scaffold")
}
