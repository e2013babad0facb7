//! Turns signals into what the daemon is to do.
//!
//! TERM and INT stop it, HUP makes it read its configuration anew, USR1 makes it poll.
//!
//! While the daemon stops, a second TERM or INT changes nothing: what it still does is bounded, and
//! whoever cannot wait has SIGKILL, as systemd has. Only at a terminal, where people press Ctrl-C once
//! more when nothing seems to happen, the second INT exits at once with 130, which is as safe as
//! SIGKILL and no safer.

use std::{
    future::pending,
    io::{self, IsTerminal as _},
    sync::{Arc, atomic::AtomicBool},
};

use futures_util::StreamExt as _;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGXFSZ};

/// The exit status of what an INT ended: 128 and the signal's number, as shells say it.
const INTERRUPTED: i32 = 128 + SIGINT;

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Finish what must be finished, then exit.
    Stop,
    /// Ask every tenant for its list now.
    Poll,
    /// Read the configuration anew.
    Reload,
}

/// The signals of the process, from the moment of its making.
pub(crate) struct Signals(signal_hook_tokio::Signals);

impl Signals {
    /// Takes over TERM, INT, HUP and USR1 for the rest of the process's life. Needs a tokio runtime.
    pub(crate) fn listen() -> io::Result<Self> {
        Self::listen_at(io::stdin().is_terminal())
    }

    fn listen_at(terminal: bool) -> io::Result<Self> {
        if terminal {
            let interrupted = Arc::new(AtomicBool::new(false));
            // In this order: the first INT finds the flag unset and sets it.
            signal_hook::flag::register_conditional_shutdown(SIGINT, INTERRUPTED, Arc::clone(&interrupted))?;
            signal_hook::flag::register(SIGINT, interrupted)?;
        }
        // The default is death. As an error of the write that was too long, it is a disk that refuses.
        signal_hook::flag::register(SIGXFSZ, Arc::default())?;
        signal_hook_tokio::Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1]).map(Self)
    }

    /// The next thing that a signal asks for; dropping the future loses no signal. Signals of one kind
    /// that arrive faster than they are taken count as one.
    pub(crate) async fn next(&mut self) -> Signal {
        loop {
            match self.0.next().await {
                Some(SIGTERM | SIGINT) => return Signal::Stop,
                Some(SIGUSR1) => return Signal::Poll,
                Some(SIGHUP) => return Signal::Reload,
                Some(other) => tracing::debug!(signal = other, "a signal that was not asked for"),
                // Only a closed handle ends the stream, and nobody has one.
                None => pending().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        env,
        os::unix::process::ExitStatusExt as _,
        process::{Command, Output},
    };

    use signal_hook::low_level::raise;

    use super::*;

    /// Signals concern a whole process, so each case runs in one of its own: this test binary again,
    /// with the one test that [`in_a_process_of_its_own`] names.
    fn run(case: &str) -> Output {
        Command::new(env::current_exe().expect("this binary"))
            .args(["--exact", "signals::tests::in_a_process_of_its_own", "--ignored", "--nocapture"])
            .env("CASE", case)
            .output()
            .expect("runs")
    }

    #[tokio::test]
    #[ignore = "run by the other tests, in a process of its own"]
    async fn in_a_process_of_its_own() {
        let case = env::var("CASE").expect("set by the other tests");
        let mut signals = Signals::listen_at(case == "terminal").expect("listens");
        match case.as_str() {
            "meanings" => {
                for (signal, meaning) in
                    [(SIGHUP, Signal::Reload), (SIGUSR1, Signal::Poll), (SIGTERM, Signal::Stop)]
                {
                    raise(signal).expect("raised");
                    assert_eq!(signals.next().await, meaning);
                }
            }
            _ => {
                for _ in 0..2 {
                    raise(SIGINT).expect("raised");
                    assert_eq!(signals.next().await, Signal::Stop);
                }
            }
        }
    }

    #[test]
    fn each_signal_has_its_meaning() {
        let output = run("meanings");
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
    }

    #[test]
    fn a_second_interrupt_exits_at_once_at_a_terminal_only() {
        assert_eq!(run("terminal").status.code(), Some(130));
        let elsewhere = run("no terminal").status;
        assert!(elsewhere.success() && elsewhere.signal().is_none(), "{elsewhere}");
    }
}
