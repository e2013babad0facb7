//! `sandbox`: a simulated tenant in the foreground, for a person or a test to rehearse against.

mod flags;
mod paste;
mod print;
mod switches;

use std::time::Duration;

use anyhow::Context as _;
use futures_util::StreamExt as _;
use protime_sandbox::{Sandbox, SandboxConfig, load::Load};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_tokio::Signals;

pub(crate) use flags::Args;

/// Serves until a signal or the admin API ends it.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let (secret_file, secret) = paste::secret(args.client_secret_file.as_deref())?;
    let (log, lines) = tokio::sync::mpsc::unbounded_channel();
    let sandbox = Sandbox::start(SandboxConfig {
        listen: args.listen,
        tenant: args.tenant.clone(),
        client_id: args.client_id.clone(),
        client_secret: secret,
        settings: args.settings(),
        faults: args.fault.clone(),
        log: Some(log),
    })
    .await?;
    let load = Load {
        collections: args.collection.clone(),
        per_second: args.changes_per_second,
        related: args.related_changes,
        ..Load::default()
    };
    let snippet = paste::snippet(&args, &sandbox.origin(), &secret_file);
    let opening = format!("{snippet}\nlistening on {}\n", sandbox.origin());
    let printer = print::spawn(opening, lines).context("cannot start the printer")?;
    sandbox.handle().set_load(load).map_err(|why| anyhow::anyhow!("--changes-per-second: {why}"))?;
    tokio::select! {
        _ = signals.next() => {}
        () = sandbox.stop_requested() => {}
    }
    signals.handle().close();
    sandbox.shutdown().await;
    // A reader that has stopped reading must not keep the process alive.
    let _ = tokio::time::timeout(Duration::from_secs(1), printer).await;
    Ok(())
}
