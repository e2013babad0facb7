//! The daemon under test, asked over its sockets and through the command line.

use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use rustix::process::Signal;
use serde_json::Value;

use super::{Process, Socket, eventually, program};

/// One daemon with its folder, running or not.
#[derive(Debug)]
pub(crate) struct Daemon {
    folder: PathBuf,
    process: Option<Process>,
    environment: Vec<(String, String)>,
    pub(crate) status: Socket,
    pub(crate) control: Socket,
}

impl Daemon {
    /// Not started yet; `folder` holds its `config.toml`.
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            process: None,
            environment: Vec::new(),
            status: Socket::new(&folder.join("status.sock")),
            control: Socket::new(&folder.join("control.sock")),
        }
    }

    pub(crate) fn env(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.join("config.toml")
    }

    /// Starts it, without waiting for anything.
    pub(crate) fn launch(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        let log = OpenOptions::new().create(true).append(true).open(self.folder.join("daemon.log")).unwrap();
        let mut command = program();
        command.arg("--config").arg(self.config()).arg("run").stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log).envs(self.environment.iter().cloned());
        self.process = Some(Process::spawn(&mut command));
    }

    pub(crate) fn start(&mut self) {
        self.launch();
        eventually("the daemon's sockets answer", || {
            if let Some(status) = self.process().ended() {
                panic!("the daemon ended at its start: {status}\n{}", self.log());
            }
            self.control.try_get("/v1/health").ok().and(self.status.try_get("/v1/health").ok())
        });
    }

    pub(crate) fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("the daemon was started")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.as_ref().expect("the daemon was started").id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.as_ref().expect("the daemon was started").signal(signal);
    }

    /// Waits for the end that a signal asked for: exit code 0 within 20 seconds.
    pub(crate) fn expect_end(&mut self) {
        self.expect_end_within(Duration::from_secs(20));
    }

    pub(crate) fn expect_end_within(&mut self, limit: Duration) {
        let mut process = self.process.take().expect("the daemon was started");
        let status = process.wait(limit).unwrap_or_else(|| panic!("it does not end within {limit:?}"));
        assert_eq!(status.code(), Some(0), "{}", self.log());
    }

    pub(crate) fn stop(&mut self) {
        self.signal(Signal::TERM);
        self.expect_end();
    }

    pub(crate) fn kill(&mut self) {
        self.process.take().expect("the daemon was started").kill();
    }

    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.join("daemon.log")).unwrap_or_default()).into_owned()
    }

    /// Runs a command of the binary with the daemon's configuration.
    pub(crate) fn cli(&self, words: &[&str]) -> Output {
        program().arg("--config").arg(self.config()).args(words).stdin(Stdio::null()).output().unwrap()
    }

    /// One webhook as the control socket shows it.
    pub(crate) fn webhook(&self, name: &str) -> Value {
        let answer = self.control.get(&format!("/v1/webhooks/acme/{name}"));
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    /// The renewals of a webhook, oldest first.
    pub(crate) fn history(&self, name: &str) -> Vec<Value> {
        let answer = self.control.get(&format!("/v1/webhooks/acme/{name}/history?limit=1000"));
        assert_eq!(answer.status, 200, "{}", answer.text);
        let mut renewals = answer.json()["renewals"].as_array().unwrap().clone();
        renewals.reverse();
        renewals
    }

    /// The reasons and outcomes of a webhook's renewals, oldest first.
    pub(crate) fn story(&self, name: &str) -> Vec<String> {
        let word = |value: &Value| value.as_str().unwrap_or("open").to_owned();
        self.history(name)
            .iter()
            .map(|it| format!("{} {}", word(&it["reason"]), word(&it["outcome"])))
            .collect()
    }

    /// The current key, as the control socket gives it out.
    pub(crate) fn key(&self, name: &str) -> Option<String> {
        let answer = self.control.get(&format!("/v1/webhooks/acme/{name}/key"));
        (answer.status == 200).then(|| answer.json()["key"].as_str().unwrap().to_owned())
    }
}
