//! `demo`: one whole life of two webhooks, with nothing needed but this program.
//!
//! A simulated tenant and the reference receiver run in this process, the real daemon as a child of it, and
//! changes keep coming: creation, a renewal, the receiver's outage, the comeback, a kill -9 in the
//! middle of a renewal. In the end every change is looked for at the receiver, and the exit code is 0
//! only if none was lost, the keys agree and every part came to its end within its deadline.
//!
//! Reading order: `scenario` (what is done), `harness` (what runs), `setup` (every number), `screen` and
//! `verdict` (what one sees). Tenant, receiver and audit are those of the sandbox.

mod daemon;
mod facts;
mod folder;
mod harness;
mod scenario;
mod screen;
mod setup;
mod verdict;

use std::{path::Path, process::ExitCode};

use anyhow::Context as _;
use futures_util::StreamExt as _;
use protime_sandbox::receiver::request_resync;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_tokio::Signals;

use self::{harness::Harness, screen::Screen, verdict::Verdict};
use crate::cli::{failure::is_closed_pipe, output};

#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "It takes less than half a minute, in a temporary folder that is removed afterwards.\n\
    Exit code 0 says that nothing was lost. After a failure the folder stays, with the daemon's log in it.\n\
    Only a demo that is itself killed with SIGKILL leaves its daemon behind.\n\n\
    Example: protime-webhookd demo"
)]
pub(crate) struct Args {
    /// Keep the temporary folder: configuration, database, keys and the daemon's log
    #[arg(long)]
    keep: bool,
    /// What the demo's daemon runs as its resync command: ask the receiver with this origin to resync
    #[arg(long, hide = true, value_name = "ORIGIN", conflicts_with = "keep")]
    resync: Option<String>,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    if let Some(receiver) = &args.resync {
        return resync(receiver).await;
    }
    // From here on, so that no signal comes between the first child and its end.
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let mut folder = folder::create(args.keep)?;
    let mut harness = Harness::start(folder.path(), Screen::new()).await?;
    // What was told, or the signal that came before all was.
    let end = tokio::select! {
        biased;
        Some(signal) = signals.next() => Ok(Err(signal)),
        told = tell(&mut harness, folder.path(), args.keep) => told.map(Ok),
    };
    let log = harness.daemon.log.clone();
    harness.stop().await;
    let failed = match &end {
        Ok(Ok(verdict)) => !verdict.is_good(),
        Ok(Err(_)) => false,
        Err(error) => !is_closed_pipe(error),
    };
    let path = folder.path().to_owned();
    if args.keep || failed {
        folder.disable_cleanup(true);
    } else {
        folder.close().with_context(|| format!("cannot remove {}", path.display()))?;
    }
    match end {
        Ok(Ok(_)) if failed => {
            anyhow::bail!("the demo did not end as it should; the daemon's log is {}", log.display())
        }
        Ok(Ok(_)) => {
            if args.keep {
                output::print(&format!("everything is in {}\n", path.display()))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Ok(Err(signal)) => {
            output::note("\ninterrupted; the daemon is ended")?;
            // As shells say it: 128 and the signal's number.
            Ok(ExitCode::from(u8::try_from(128 + signal).unwrap_or(1)))
        }
        Err(error) if failed => anyhow::bail!("{error:#}; the daemon's log is {}", log.display()),
        Err(error) => Err(error),
    }
}

/// Asks the receiver with this origin, with the collection from the daemon's environment.
async fn resync(receiver: &str) -> anyhow::Result<ExitCode> {
    let collection = std::env::var("PROTIME_COLLECTION")
        .context("PROTIME_COLLECTION is not set; this is for the daemon to run, not for a person")?;
    output::print(&request_resync(receiver, &collection).await?)?;
    Ok(ExitCode::SUCCESS)
}

async fn tell(harness: &mut Harness, folder: &Path, keep: bool) -> anyhow::Result<Verdict> {
    let place = folder.display();
    let fate = if keep { "kept" } else { "removed afterwards" };
    harness.screen.say(&format!(
        "One whole life of two webhooks in less than half a minute: a simulated Protime tenant, a receiver, and \
         the real daemon, which has its files in {place} ({fate})."
    ))?;
    part(harness, "1. Creation", scenario::creation).await?;
    part(harness, "2. A renewal in time", scenario::renewal).await?;
    part(harness, "3. The receiver is down", scenario::outage).await?;
    part(harness, "4. The comeback", scenario::comeback).await?;
    part(harness, "5. kill -9 in the middle of a renewal", scenario::kill).await?;
    let verdict = part(harness, "6. The end", scenario::end).await?;
    let table = verdict.render(harness.screen.style);
    harness.screen.print(&table)?;
    Ok(verdict)
}

async fn part<T>(
    harness: &mut Harness,
    title: &str,
    play: impl AsyncFnOnce(&mut Harness) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    harness.screen.title(title)?;
    play(harness).await.with_context(|| format!("part \"{title}\""))
}
