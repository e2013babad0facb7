//! Brings the receiver's data up to date for a gap, whose events Protime never replays.
//!
//! Law: done means that the receiver has everything that had changed when the resync *began*. How
//! that comes about is the business of the kind that the operator chose; there is one file a kind.
//!
//! In reading order: a program and [`http`] do the work themselves; [`read`] takes what the daemon has read, and
//! gives it to a receiver or to a program.

mod http;
mod read;
#[cfg(test)]
mod tests;

use std::future::Future;

use crate::{
    command::Program,
    config::{self, ResyncKind},
    domain::task::{TaskContext, TaskError, TaskOutput},
    http::{BuildError, Endpoint, Outbound},
};

pub(crate) use read::{Outlet, Read, Target};

#[derive(Debug, Clone)]
pub(crate) enum Resync {
    /// Someone else closes the gap.
    Task(Box<ResyncTask>),
    /// The daemon reads the collection itself. `renewal`, which alone may ask Protime,
    /// reads its pages and gives what it finds to the target here.
    Read(Box<Read>),
    /// The loss is accepted.
    None,
}

impl Resync {
    /// The resync that the configuration asks for. `secret_env` names the environment variables that
    /// hold a secret of the daemon's: no program gets them. `outbound` makes what speaks with a server.
    /// `destination_url` is the webhook's.
    pub(crate) fn new(
        config: &config::Resync,
        destination_url: &str,
        secret_env: &[String],
        outbound: &Outbound,
    ) -> Result<Self, BuildError> {
        Ok(match &config.kind {
            ResyncKind::Command(command) => {
                Self::Task(Box::new(ResyncTask::Command(Program::new(command, secret_env))))
            }
            ResyncKind::Http(endpoint) => {
                Self::Task(Box::new(ResyncTask::Http(outbound.endpoint(endpoint)?)))
            }
            ResyncKind::Read(read) => {
                Self::Read(Box::new(Read::new(read, destination_url, secret_env, outbound)?))
            }
            ResyncKind::None => Self::None,
        })
    }
}

#[derive(Debug, Clone)]
pub(crate) enum ResyncTask {
    /// A program that is told the gap on standard input and in its environment; exit status 0 is its word that the
    /// receiver is up to date. A resync has no use for the key, so it does not get it.
    Command(Program),
    /// A server that gets the JSON object of a program by POST.
    Http(Endpoint),
}

impl ResyncTask {
    /// Closes the gap that `context` names, until `stop` is ready; dropping the future ends the work.
    pub(crate) async fn run(
        &self,
        context: &TaskContext,
        stop: impl Future<Output = ()>,
    ) -> Result<TaskOutput, TaskError> {
        match self {
            Self::Command(program) => program.invocation(context, None).run(stop).await.into_result(),
            Self::Http(endpoint) => http::run(endpoint, context, stop).await,
        }
    }
}
