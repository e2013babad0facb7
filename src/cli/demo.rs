//! `demo`: one whole life of two webhooks, with nothing needed but this program.
//!
//! A simulated tenant and a receiver run in this process, the real daemon as a child of it, and
//! changes keep coming: creation, a renewal, the receiver's outage, the comeback, a kill -9 in the
//! middle of a renewal. In the end every change is looked for at the receiver, and the exit code is 0
//! only if none was lost, the keys agree and every act came to its end within its deadline.
//!
//! Reading order: `acts` (the story), `stage` (what runs), `receiver`, `ledger` and `reckoning` (what
//! arrived), `setup` (every number), `screen` and `verdict` (what one sees).

mod acts;
mod daemon;
mod facts;
mod folder;
mod ledger;
mod receiver;
mod reckoning;
mod resync;
mod screen;
mod setup;
mod source;
mod stage;
mod verdict;

use std::{
    io::{self, ErrorKind},
    process::ExitCode,
};

use anyhow::Context as _;
use futures_util::StreamExt as _;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_tokio::Signals;

use self::{folder::Folder, screen::Screen, stage::Stage, verdict::Verdict};
use crate::cli::output;

/// Flags of `demo`.
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

/// How the story ended.
enum End {
    Told(Verdict),
    Interrupted(i32),
}

/// Tells the story and cleans up, however it ends.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    if let Some(receiver) = &args.resync {
        return resync::run(receiver).await;
    }
    // From here on, so that no signal comes between the first child and its end.
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let mut folder = Folder::create(args.keep)?;
    let mut stage = Stage::set(&folder, Screen::new()).await?;
    let end = tokio::select! {
        biased;
        Some(signal) = signals.next() => Ok(End::Interrupted(signal)),
        told = tell(&mut stage, &folder) => told.map(End::Told),
    };
    let log = stage.daemon.log().to_owned();
    stage.strike().await;
    let failed = match &end {
        Ok(End::Told(verdict)) => !verdict.is_good(),
        Ok(End::Interrupted(_)) => false,
        Err(error) => !is_closed_pipe(error),
    };
    if failed {
        folder.keep();
    }
    let kept = folder.is_kept();
    let path = folder.path().to_owned();
    folder.end().with_context(|| format!("cannot remove {}", path.display()))?;
    match end {
        Ok(End::Told(verdict)) if verdict.is_good() => {
            if kept {
                output::print(&format!("everything is in {}\n", path.display()))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Ok(End::Told(_)) => {
            anyhow::bail!("the demo did not end as it should; the daemon's log is {}", log.display())
        }
        Ok(End::Interrupted(signal)) => {
            output::note("\ninterrupted; the daemon is ended")?;
            // As shells say it: 128 and the signal's number.
            Ok(ExitCode::from(u8::try_from(128 + signal).unwrap_or(1)))
        }
        Err(error) if failed => anyhow::bail!("{error:#}; the daemon's log is {}", log.display()),
        Err(error) => Err(error),
    }
}

async fn tell(stage: &mut Stage, folder: &Folder) -> anyhow::Result<Verdict> {
    let place = folder.path().display();
    let fate = if folder.is_kept() { "kept" } else { "removed afterwards" };
    stage.screen.say(&format!(
        "One whole life of two webhooks in less than half a minute: a simulated Protime tenant, a receiver, and \
         the real daemon, which has its files in {place} ({fate})."
    ))?;
    act(stage, "1. Creation", acts::creation).await?;
    act(stage, "2. A renewal in time", acts::renewal).await?;
    act(stage, "3. The receiver is down", acts::outage).await?;
    act(stage, "4. The comeback", acts::comeback).await?;
    act(stage, "5. kill -9 in the middle of a renewal", acts::kill).await?;
    let verdict = act(stage, "6. The end", acts::end).await?;
    let table = verdict.render(stage.screen.style());
    stage.screen.block(&table)?;
    Ok(verdict)
}

async fn act<T>(
    stage: &mut Stage,
    title: &str,
    play: impl AsyncFnOnce(&mut Stage) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    stage.screen.title(title)?;
    play(stage).await.with_context(|| format!("act \"{title}\""))
}

/// Whether nobody reads what is told any more.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain();
    causes.any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    })
}
