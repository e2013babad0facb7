//! The resync command that the demo's daemon is configured with: this program again.
//!
//! It asks the receiver to bring itself up to date and passes on whether that succeeded, which is
//! what the resync command of any receiver with such an endpoint comes to.

use std::process::ExitCode;

use anyhow::Context as _;

use super::source::loopback_client;
use crate::cli::output;

/// POSTs to `<receiver>/resync/<collection>`, with the collection from the daemon's environment.
pub(super) async fn run(receiver: &str) -> anyhow::Result<ExitCode> {
    let collection = std::env::var("PROTIME_COLLECTION")
        .context("PROTIME_COLLECTION is not set; this is for the daemon to run, not for a person")?;
    let answer = loopback_client()?.post(format!("{receiver}/resync/{collection}")).send().await?;
    let status = answer.status();
    let said = answer.text().await?;
    anyhow::ensure!(status.is_success(), "the receiver answers {status}: {}", said.trim_end());
    output::print(&said)?;
    Ok(ExitCode::SUCCESS)
}
