//! `run`: the daemon in the foreground.

use std::{io, process::ExitCode};

use super::{check, sandbox};
use crate::{app, config::Config, logging, signals::Early};

pub(super) fn run(config: Config, early: Option<Early>) -> anyhow::Result<ExitCode> {
    let early = early.map_or_else(Early::catch, Ok)?;
    check::named(&config)?;
    logging::init(&config.daemon.log_level, config.daemon.log_format);
    let runtime = runtime()?;
    let done = runtime.block_on(app::run(config, early));
    // What still blocks (a DNS query, say) must not hold up the end.
    runtime.shutdown_background();
    done?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn sandbox(args: sandbox::Args) -> anyhow::Result<ExitCode> {
    runtime()?.block_on(sandbox::run(args)).map_err(|error| anyhow::anyhow!("{error:?}"))?;
    Ok(ExitCode::SUCCESS)
}

/// A runtime of two workers: one stalled task stops no one, and an idle one costs little.
pub(super) fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(8)
        .thread_name("worker")
        .enable_all()
        .build()
}
