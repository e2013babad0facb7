//! The resync command of the demo's daemon, which is this program: it asks the receiver for a resync.

use std::process::ExitCode;

use anyhow::Context as _;

use protime_sandbox::receiver::request_resync;

use crate::cli::output;

/// Asks the receiver with this origin, with the collection from the daemon's environment.
pub(super) async fn run(receiver: &str) -> anyhow::Result<ExitCode> {
    let collection = std::env::var("PROTIME_COLLECTION")
        .context("PROTIME_COLLECTION is not set; this is for the daemon to run, not for a person")?;
    output::print(&request_resync(receiver, &collection).await?)?;
    Ok(ExitCode::SUCCESS)
}
