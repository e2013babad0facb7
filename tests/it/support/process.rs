//! A child process that never outlives its test.

use std::{
    process::{Child, Command, ExitStatus},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// The binary under test, with an environment that says nothing to it.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_protime-webhookd"));
    for variable in ["RUST_LOG", "STATE_DIRECTORY", "RUNTIME_DIRECTORY", "CREDENTIALS_DIRECTORY"] {
        command.env_remove(variable);
    }
    for variable in ["PROTIME_WEBHOOKD_CONFIG", "NOTIFY_SOCKET", "JOURNAL_STREAM", "http_proxy", "HTTP_PROXY"]
    {
        command.env_remove(variable);
    }
    command.env("NO_COLOR", "1");
    command
}

#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self(command.spawn().expect("the program starts"))
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).unwrap()).expect("a process id");
        kill_process(pid, signal).expect("the process is there");
    }

    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("our own child")
    }

    /// Waits for the end; `None` if it does not come in time.
    pub(crate) fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.ended() {
                return Some(status);
            }
            if Instant::now() > deadline {
                return None;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn kill(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _gone = self.0.kill();
        self.0.wait().expect("our own child");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}
