//! Runs a program of the operator's: a resync or a key command.
//!
//! Laws, whatever the program does:
//! - It never outlives its task. It leads a process group of its own, and that group is killed when
//!   the program has ended, when its time is up, when the daemon stops and when the future is dropped.
//!   Only a process that leaves the group on purpose (`setsid`) escapes.
//! - It cannot hang us: not by leaving its input unread, not by writing without end, not by a child
//!   that keeps its output open.
//! - It gets no secret but the one on its standard input: the variables that hold a secret and those
//!   with which systemd addresses the daemon are taken out of its environment.
//! - Of what it writes only the end is kept, and never the secret that it was given.
//!
//! In reading order: [`task`] makes a run of what the configuration names, [`program`] says why one cannot
//! start, [`tail`] keeps the end of its output.

mod program;
mod tail;
mod task;
#[cfg(test)]
mod tests;

use std::{
    convert::Infallible,
    future::{Future, pending},
    io,
    os::{fd::OwnedFd, unix::process::ExitStatusExt as _},
    pin::{Pin, pin},
    process::{ExitStatus, Stdio},
    thread,
    time::Duration,
};

use futures_util::FutureExt as _;
use rustix::{
    io::retry_on_intr,
    process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid},
};
use tokio::{
    io::AsyncWriteExt as _,
    net::unix::pipe,
    process::{Child, ChildStdin},
    select,
    sync::{mpsc, watch},
    time::{sleep, timeout},
};
use zeroize::Zeroizing;

use crate::{
    config,
    domain::task::{TaskError, TaskErrorKind, TaskOutput},
    duration,
};

pub(crate) use self::{program::NotRunnable, tail::Tail, task::Program};

/// How long a program has between SIGTERM and SIGKILL when the daemon stops: well within the 20 s
/// in which the daemon has promised to be gone.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// How long output is still read once the program has ended: what it wrote itself is in the pipe by
/// then, and a helper that it left behind (`> >(logger)`) may finish its line.
const LINGER: Duration = Duration::from_millis(500);

/// How long a killed program may take to disappear; one that hangs in the kernel takes longer.
const KILLED: Duration = Duration::from_secs(5);

/// Variables that are meant for the daemon alone; so is everything that begins with `WATCHDOG_`.
const OWN_VARIABLES: [&str; 2] = ["CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET"];

pub(crate) struct Invocation<'a> {
    /// What to run, and for how long at most.
    pub(crate) command: &'a config::Command,
    /// Names of the environment variables that hold a secret of the daemon's.
    pub(crate) withheld: &'a [String],
    /// What it gets besides the daemon's own environment.
    pub(crate) environment: Vec<(&'static str, String)>,
    /// What it gets on standard input, before a line feed.
    pub(crate) input: Zeroizing<Vec<u8>>,
    /// A text that must not be kept should the program repeat it.
    pub(crate) secret: Option<&'a str>,
    /// How long it has between SIGTERM and SIGKILL when it is stopped.
    pub(crate) grace: Duration,
}

#[derive(Debug)]
pub(crate) struct Run {
    /// The end of its standard output and standard error, interleaved as written: at most 4 KiB.
    pub(crate) output: String,
    /// `Ok` for exit status 0.
    pub(crate) end: Result<(), CommandError>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    NotRunnable(#[from] NotRunnable),
    /// The daemon stops, and its process group was ended.
    #[error("'{0}' was ended because the daemon stops")]
    Stopped(String),
    /// It ended badly by itself, or its process group was killed.
    #[error("{0}")]
    Failed(String),
}

impl Run {
    pub(crate) fn into_result(self) -> Result<TaskOutput, TaskError> {
        match self.end {
            Ok(()) => Ok(Some(self.output)),
            Err(error) => Err(TaskError {
                message: error.to_string(),
                kind: match error {
                    CommandError::Stopped(_) => TaskErrorKind::Stopped,
                    _ => TaskErrorKind::Failed,
                },
                output: (!matches!(error, CommandError::NotRunnable(_))).then_some(self.output),
            }),
        }
    }
}

/// What made us turn to a running program.
enum Turn {
    Ended,
    TimedOut,
    Stop,
}

impl Invocation<'_> {
    /// Runs the program until it ends, its time is up or `stop` is ready. Dropping the future kills
    /// the process group.
    pub(crate) async fn run(self, stop: impl Future<Output = ()>) -> Run {
        let (_, nothing) = mpsc::channel(1);
        self.run_fed(nothing, stop).await
    }

    /// The same with more input after the first: each piece is written before the next is taken, so
    /// a program that reads slowly slows the sender. The input ends when the senders are gone; the
    /// channel closes when the program reads no more.
    pub(crate) async fn run_fed(self, more: mpsc::Receiver<Vec<u8>>, stop: impl Future<Output = ()>) -> Run {
        let mut stop = pin!(stop);
        let mut tail = Tail::new(self.secret);
        let end = if stop.as_mut().now_or_never().is_some() {
            Err(CommandError::Stopped(self.command.program.clone()))
        } else {
            self.run_into(&mut tail, more, stop).await
        };
        Run { output: tail.text(), end }
    }

    async fn run_into(
        &self,
        tail: &mut Tail,
        more: mpsc::Receiver<Vec<u8>>,
        stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<(), CommandError> {
        let (mut group, stdin, mut output) = self.start()?;
        let program = &self.command.program;
        // The system refuses to say how it ended; its process group is killed.
        let unwatched = |error| CommandError::Failed(format!("cannot watch '{program}': {error}"));
        let mut exit = group.exit().map_err(unwatched)?;

        let turn = select! {
            () = exit.reached() => Turn::Ended,
            () = sleep(self.command.timeout) => Turn::TimedOut,
            () = stop => Turn::Stop,
            never = forever(async { tokio::join!(feed(stdin, &self.input, more), tail.fill(&mut output)) }) => {
                match never {}
            }
        };
        match turn {
            Turn::Ended => {}
            Turn::TimedOut => group.signal(Signal::KILL),
            Turn::Stop => {
                group.signal(Signal::TERM);
                // A program may have much to say while it ends, and must not block on saying it.
                let ended = select! {
                    () = exit.reached() => true,
                    () = sleep(self.grace) => false,
                    never = forever(tail.fill(&mut output)) => match never {},
                };
                if !ended {
                    group.signal(Signal::KILL);
                }
            }
        }
        if !matches!(turn, Turn::Ended) {
            let gone = timeout(KILLED, exit.reached()).await;
            tracing::debug!(program = %self.command.program, gone = gone.is_ok(), "a program was ended");
        }
        // A process that still holds the output open after this is killed with the group or not waited for.
        if timeout(LINGER, tail.fill(&mut output)).await.is_err() {
            tracing::debug!(program = %self.command.program, "a program left its output open");
        }
        match turn {
            Turn::Ended => self.judge(group.reap().await.map_err(unwatched)?),
            Turn::TimedOut => {
                let after = duration::written(self.command.timeout);
                Err(CommandError::Failed(format!(
                    "'{program}' was killed because it was not done after {after}"
                )))
            }
            Turn::Stop => Err(CommandError::Stopped(program.clone())),
        }
    }

    fn start(&self) -> Result<(Group, Option<ChildStdin>, pipe::Receiver), NotRunnable> {
        let spawn = || {
            // One pipe for both, so that what is written stays in its order.
            let (reader, writer) = io::pipe()?;
            let output = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
            let mut command = tokio::process::Command::new(&self.command.program);
            command.args(&self.command.args).current_dir("/").process_group(0);
            command.stdin(Stdio::piped()).stdout(writer.try_clone()?).stderr(writer);
            for name in self.withheld.iter().map(String::as_str).chain(OWN_VARIABLES) {
                command.env_remove(name);
            }
            for (name, _) in std::env::vars_os() {
                if name.as_encoded_bytes().starts_with(b"WATCHDOG_") {
                    command.env_remove(name);
                }
            }
            command.envs(self.environment.iter().map(|(name, value)| (name, value)));
            // Our own copies of the writing end go with `command`: only then does the output end.
            Ok((command.spawn()?, output))
        };
        let (mut child, output) =
            spawn().map_err(|error: io::Error| program::explain(&self.command.program, &error))?;
        let stdin = child.stdin.take();
        Ok((Group(child), stdin, output))
    }

    fn judge(&self, status: ExitStatus) -> Result<(), CommandError> {
        let how = match (status.code(), status.signal()) {
            (Some(0), _) => return Ok(()),
            (Some(code), _) => format!("ended with exit status {code}"),
            (None, number) => format!("was ended by signal {}", signal_name(number.unwrap_or_default())),
        };
        Err(CommandError::Failed(format!("'{}' {how}", self.command.program)))
    }
}

/// A process group, killed when dropped.
///
/// The leader is reaped after the last signal to its group and never before: a process id that is
/// not reaped is not given to anyone else, so a signal cannot hit a stranger.
struct Group(Child);

impl Group {
    fn pid(&self) -> Option<Pid> {
        self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
    }

    /// What ends when the leader has ended, and leaves it unreaped, which a child of tokio's would not.
    fn exit(&self) -> io::Result<Exit> {
        let pid = self.pid().ok_or(io::ErrorKind::NotFound)?;
        let (alive, exit) = watch::channel(());
        thread::Builder::new().name("command".to_owned()).stack_size(64 * 1024).spawn(move || {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            // An error says that there is nothing to wait for; reaping tells what happened.
            if let Err(error) = retry_on_intr(|| waitid(WaitId::Pid(pid), options)) {
                tracing::debug!(pid = pid.as_raw_pid(), %error, "a program could not be waited for");
            }
            drop(alive);
        })?;
        Ok(Exit(exit))
    }

    fn signal(&self, signal: Signal) {
        let Some(pid) = self.pid() else { return };
        // ESRCH: no one is left. EPERM: what is left runs as another user now and is not ours to end.
        if let Err(error) = kill_process_group(pid, signal) {
            tracing::debug!(pid = pid.as_raw_pid(), %error, "a process group could not be signalled");
        }
    }

    async fn reap(&mut self) -> io::Result<ExitStatus> {
        self.signal(Signal::KILL);
        self.0.wait().await
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // No process id is left once the leader is reaped; before that tokio reaps it later.
        self.signal(Signal::KILL);
    }
}

/// The end of a program: its sender lives as long as the program runs.
struct Exit(watch::Receiver<()>);

impl Exit {
    /// Waits for the end; at once if it has come.
    async fn reached(&mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

/// Writes the input and closes it. A program need not read it, so a closed pipe is not a failure:
/// the exit status says whether the program got what it needed.
async fn feed(stdin: Option<ChildStdin>, input: &[u8], mut more: mpsc::Receiver<Vec<u8>>) {
    let Some(mut stdin) = stdin else { return };
    let written = async {
        stdin.write_all(input).await?;
        stdin.write_all(b"\n").await?;
        while let Some(piece) = more.recv().await {
            stdin.write_all(&piece).await?;
        }
        io::Result::Ok(())
    };
    if let Err(error) = written.await {
        tracing::debug!(%error, "a program did not read its input");
    }
}

/// Does `work` and then waits for ever, so that only the other branches of a `select!` end it.
async fn forever(work: impl Future) -> Infallible {
    work.await;
    pending().await
}

fn signal_name(number: i32) -> String {
    match signal_hook::low_level::signal_name(number) {
        Some(name) => format!("{number} ({name})"),
        None => number.to_string(),
    }
}
