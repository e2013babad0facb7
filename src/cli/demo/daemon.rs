//! The real daemon, as a child process of the demo.

use std::{
    fs::OpenOptions,
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::{Child, Command},
    time::timeout,
};

/// What a service manager says to the demo is not said to its daemon.
const NOT_FOR_IT: [&str; 4] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "CREDENTIALS_DIRECTORY"];

pub(super) struct Daemon {
    program: PathBuf,
    config: PathBuf,
    pub(super) log: PathBuf,
    child: Option<Child>,
}

impl Daemon {
    /// A daemon that does not run yet. What it writes is appended to `log`.
    pub(super) fn new(program: PathBuf, config: PathBuf, log: PathBuf) -> Self {
        Self { program, config, log, child: None }
    }

    pub(super) fn start(&mut self) -> anyhow::Result<()> {
        let open = || -> io::Result<_> {
            let log = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.log)?;
            Ok((log.try_clone()?, log))
        };
        let (out, err) = open().with_context(|| format!("cannot write {}", self.log.display()))?;
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(&self.config).arg("run");
        // It must not outlive the demo: killed when this is dropped, and in the demo's process group, so that
        // what a terminal sends reaches both. Only a demo that is itself killed with SIGKILL leaves it
        // behind.
        command.stdin(Stdio::null()).stdout(out).stderr(err).kill_on_drop(true);
        for name in NOT_FOR_IT {
            command.env_remove(name);
        }
        let child = command.spawn().with_context(|| format!("cannot start {}", self.program.display()))?;
        self.child = Some(child);
        Ok(())
    }

    /// Fails if it ended though no one asked it to.
    pub(super) fn check(&mut self) -> anyhow::Result<()> {
        match self.child.as_mut().map(Child::try_wait).transpose()?.flatten() {
            None => Ok(()),
            Some(status) => anyhow::bail!("the daemon ended by itself: {status}"),
        }
    }

    /// Ends it with SIGKILL, if it runs, and waits until it is gone.
    pub(super) async fn kill(&mut self) -> io::Result<()> {
        match self.child.take() {
            Some(mut child) => child.kill().await,
            None => Ok(()),
        }
    }

    /// Asks it with SIGTERM to end, and tells how it did.
    pub(super) async fn terminate(&mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        let mut child = self.child.take().context("the daemon does not run")?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        kill_process(pid.context("the daemon ended by itself")?, Signal::TERM)?;
        let ended = timeout(patience, child.wait()).await;
        Ok(ended.with_context(|| format!("the daemon runs on {} s after SIGTERM", patience.as_secs()))??)
    }
}
