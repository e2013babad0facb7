//! Turns signals into what the daemon is to do.
//!
//! TERM and INT stop it, HUP makes it read its configuration again, USR1 makes it poll.
//!
//! While the daemon stops, a second TERM or INT changes nothing: what it still does is bounded, and
//! someone who cannot wait has SIGKILL, as systemd has. Only at a terminal, where people press Ctrl-C
//! again when nothing seems to happen, the second INT exits at once with 130, which is as safe as
//! SIGKILL and no safer.

use std::{
    future::pending,
    io::{self, IsTerminal as _},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::StreamExt as _;
use signal_hook::{
    SigId,
    consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGXFSZ},
};

/// The exit status of what an INT ended: 128 and the signal's number, as shells say it.
const INTERRUPTED: i32 = 128 + SIGINT;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Finish what must be finished, then exit.
    Stop,
    /// Ask every tenant for its list now.
    Poll,
    /// Read the configuration again.
    Reload,
}

/// HUP and USR1 that come before there is anything to reload or to poll. Left to themselves, they kill.
#[derive(Debug)]
pub(crate) struct Early {
    caught: [Caught; 2],
    /// Whether they kill again.
    released: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Caught {
    signal: i32,
    came: Arc<AtomicBool>,
    registered: SigId,
}

impl Early {
    /// Takes them over. Needs nothing, so that it can be the first thing that a process does.
    pub(crate) fn catch() -> io::Result<Self> {
        let released = Arc::new(AtomicBool::new(false));
        let catch = |signal| {
            let came = Arc::new(AtomicBool::new(false));
            let registered = signal_hook::flag::register(signal, Arc::clone(&came))?;
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&released))?;
            Ok::<_, io::Error>(Caught { signal, came, registered })
        };
        Ok(Self { caught: [catch(SIGHUP)?, catch(SIGUSR1)?], released })
    }

    /// Gives them their old meaning, for a process that is no daemon after all; also what came already.
    pub(crate) fn release(self) -> io::Result<()> {
        self.released.store(true, Ordering::SeqCst);
        for caught in &self.caught {
            if caught.came.load(Ordering::SeqCst) {
                signal_hook::low_level::emulate_default_handler(caught.signal)?;
            }
        }
        Ok(())
    }

    /// What has come, once someone else listens.
    fn end(self) -> Vec<i32> {
        let came = |caught: &Caught| {
            // In this order: what came in between is told twice, which does no harm.
            signal_hook::low_level::unregister(caught.registered);
            caught.came.load(Ordering::SeqCst).then_some(caught.signal)
        };
        self.caught.iter().filter_map(came).collect()
    }
}

pub(crate) struct Signals {
    stream: signal_hook_tokio::Signals,
    /// What came before, to be told first.
    early: Vec<i32>,
}

impl Signals {
    /// Takes over TERM, INT, HUP and USR1 for the rest of the process's life. Needs a tokio runtime.
    pub(crate) fn listen(early: Early) -> io::Result<Self> {
        Self::listen_at(io::stdin().is_terminal(), early)
    }

    fn listen_at(terminal: bool, early: Early) -> io::Result<Self> {
        if terminal {
            let interrupted = Arc::new(AtomicBool::new(false));
            // In this order: the first INT finds the flag unset and sets it.
            signal_hook::flag::register_conditional_shutdown(SIGINT, INTERRUPTED, Arc::clone(&interrupted))?;
            signal_hook::flag::register(SIGINT, interrupted)?;
        }
        // The default is death. As an error of the write that was too long, it is a disk that refuses.
        signal_hook::flag::register(SIGXFSZ, Arc::default())?;
        let stream = signal_hook_tokio::Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1])?;
        Ok(Self { stream, early: early.end() })
    }

    /// The next thing that a signal asks for; dropping the future loses no signal. Signals of one kind
    /// that arrive faster than they are taken count as one.
    pub(crate) async fn next(&mut self) -> Signal {
        loop {
            let signal = match self.early.pop() {
                Some(signal) => Some(signal),
                None => self.stream.next().await,
            };
            match signal {
                Some(SIGTERM | SIGINT) => return Signal::Stop,
                Some(SIGUSR1) => return Signal::Poll,
                Some(SIGHUP) => return Signal::Reload,
                Some(other) => tracing::debug!(signal = other, "a signal that was not asked for"),
                // Only a closed handle ends the stream, and no one has one.
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
        let early = Early::catch().expect("catches");
        if case.starts_with("released") {
            if case.ends_with("early") {
                raise(SIGHUP).expect("raised");
            }
            early.release().expect("released");
            raise(SIGUSR1).expect("raised");
            unreachable!("it kills");
        }
        if case == "early" {
            for signal in [SIGUSR1, SIGHUP] {
                raise(signal).expect("raised");
            }
        }
        let mut signals = Signals::listen_at(case == "terminal", early).expect("listens");
        match case.as_str() {
            "early" => {
                let told = [signals.next().await, signals.next().await];
                assert!(told.contains(&Signal::Poll) && told.contains(&Signal::Reload), "{told:?}");
                raise(SIGHUP).expect("raised");
                assert_eq!(signals.next().await, Signal::Reload);
            }
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
    fn what_comes_before_anyone_listens_is_told_and_kills_only_what_is_no_daemon() {
        let output = run("early");
        assert!(output.status.success(), "{output:?}");
        assert_eq!(run("released").status.signal(), Some(SIGUSR1));
        assert_eq!(run("released early").status.signal(), Some(SIGHUP));
    }

    #[test]
    fn a_second_interrupt_exits_at_once_at_a_terminal_only() {
        assert_eq!(run("terminal").status.code(), Some(130));
        let elsewhere = run("no terminal").status;
        assert!(elsewhere.success() && elsewhere.signal().is_none(), "{elsewhere}");
    }
}
