//! Gives a new key to those who check signatures with it.
//!
//! The old key is dead by then, so a sink that fails is tried again until it has the newest key.
//! Laws: a delivery may be repeated at will, it has the same effect twice; an older key never replaces a newer
//! one where that is in our hands; a key is in no argument, environment or log.
//!
//! A program and a server get the JSON object of [`TaskContext::message`] with the key; [`mod@file`] keeps it where a
//! receiver reads it.

mod file;
#[cfg(test)]
mod tests;

use std::future::Future;

use reqwest::Method;

use crate::{
    command::Program,
    config,
    domain::{
        key::WebhookKey,
        task::{TaskContext, TaskError, TaskOutput},
    },
    http::{BuildError, Endpoint, Outbound},
};

use self::file::FileSink;
pub(crate) use self::file::KeyFiles;

/// What can be seen to keep a key from such a sink, without touching anything and perhaps as another user than
/// the daemon's.
pub(crate) fn objection(config: &config::KeySink) -> Option<String> {
    match config {
        config::KeySink::File { path, format, mode, group } => {
            FileSink::new(path, *format, *mode, group.as_deref(), &KeyFiles::default()).objection()
        }
        config::KeySink::Command(_) | config::KeySink::Http(_) => None,
    }
}

#[derive(Debug, Clone)]
pub(crate) enum KeySink {
    /// A file, replaced atomically.
    File(FileSink),
    /// A program that gets the key on standard input and nowhere else: arguments and environment of a process can
    /// be read by others.
    Command(Program),
    /// A server that gets the key by PUT, with `key_version`: should two requests overtake each other on their way,
    /// it tells by it which key is newer.
    Http(Endpoint),
}

impl KeySink {
    /// The sink that the configuration asks for. `secret_env` names the environment variables that
    /// hold a secret of the daemon's: no program gets them. `outbound` makes what speaks with a server, and `files`
    /// is what this process knows of key files.
    pub(crate) fn new(
        config: &config::KeySink,
        secret_env: &[String],
        outbound: &Outbound,
        files: &KeyFiles,
    ) -> Result<Self, BuildError> {
        Ok(match config {
            config::KeySink::File { path, format, mode, group } => {
                Self::File(FileSink::new(path, *format, *mode, group.as_deref(), files))
            }
            config::KeySink::Command(command) => Self::Command(Program::new(command, secret_env)),
            config::KeySink::Http(endpoint) => Self::Http(outbound.endpoint(endpoint)?),
        })
    }

    /// What the sink is called where it is recorded what it has: the same after a restart, and
    /// different for every sink of a webhook that does something different.
    pub(crate) fn id(&self) -> String {
        match self {
            Self::File(sink) => sink.id(),
            Self::Command(program) => format!("command:{}", program.words()),
            Self::Http(endpoint) => format!("http:{}", endpoint.url()),
        }
    }

    /// What the sink is called where people read it: its kind and its path, program or host. Arguments
    /// and queries may hold secrets.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::File(sink) => sink.id(),
            Self::Command(program) => format!("command:{}", program.name()),
            Self::Http(endpoint) => format!("http:{}", endpoint.place()),
        }
    }

    /// Whether a delivery is over in a moment, so that it is worth beginning while the daemon stops.
    pub(crate) fn takes_no_time(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// Whether a key could be delivered, as far as can be told without one. To be asked before the
    /// POST, which kills the key that the receiver has. `current` is that key, where it is known, and its
    /// version.
    pub(crate) async fn preflight(&self, current: Option<(&WebhookKey, u64)>) -> Result<(), TaskError> {
        match self {
            Self::File(sink) => sink.preflight(current).await,
            Self::Command(program) => program.preflight().await,
            Self::Http(endpoint) => endpoint.preflight().await,
        }
    }

    /// Whether someone may get this key from the sink as it is now, whatever is recorded of it: from a file that
    /// has it, although not as it should.
    pub(crate) async fn may_show(&self, key: &WebhookKey, version: u64) -> bool {
        match self {
            Self::File(sink) => sink.may_show(key, version).await,
            Self::Command(_) | Self::Http(_) => false,
        }
    }

    /// Delivers `key`, which is number `version` of its webhook. `stop` ends a program; a file is
    /// finished, which takes no time. Exit status 0 and an answer of 2xx mean that the key is in force. The output
    /// is the end of what a program wrote.
    pub(crate) async fn deliver(
        &self,
        context: &TaskContext,
        key: &WebhookKey,
        version: u64,
        stop: impl Future<Output = ()>,
    ) -> Result<TaskOutput, TaskError> {
        match self {
            Self::File(sink) => sink.deliver(context, key, version).await,
            Self::Command(program) => {
                program.invocation(context, Some((key, version))).run(stop).await.into_result()
            }
            Self::Http(endpoint) => {
                let message = context.message(Some((key, version)));
                let sent = endpoint.send(Method::PUT, endpoint.url(), Some(&message), Some(key.expose()));
                endpoint.unless(stop, "the request to", sent).await?.into_result()
            }
        }
    }

    /// Whether the sink still has this key, where that can be seen: a file may be gone after a boot,
    /// for `/run` is emptied then. `None` where it cannot.
    pub(crate) async fn holds(&self, key: &WebhookKey, version: u64) -> Option<bool> {
        match self {
            Self::File(sink) => Some(sink.holds(key, version).await),
            Self::Command(_) | Self::Http(_) => None,
        }
    }
}
