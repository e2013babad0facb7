//! Brings the receiver's data up to date for a gap, whose events Protime never replays.
//!
//! Law: done means that the receiver has everything that had changed when the resync *began*. How
//! that comes about is the business of the kind that the operator chose; there is one file a kind.
//!
//! In reading order: [`command`] and [`http`] leave the work to others; [`read`] takes what the daemon itself
//! has read, and gives it to a receiver or to a program.

mod command;
mod http;
mod read;

use std::future::Future;

use crate::{
    config::{self, ResyncKind},
    domain::task::{TaskContext, TaskError, TaskOutput},
    http::{BuildError, Outbound},
};

use self::{command::CommandResync, http::HttpResync};

pub(crate) use read::{Outlet, Read, Target};

#[derive(Debug, Clone)]
pub(crate) enum Resync {
    /// Someone else closes the gap.
    Task(ResyncTask),
    /// The daemon reads the collection itself. `renewal`, which alone may ask Protime,
    /// reads its pages and gives what it finds to the target here.
    Read(Read),
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
                Self::Task(ResyncTask::Command(CommandResync::new(command, secret_env)))
            }
            ResyncKind::Http(endpoint) => {
                Self::Task(ResyncTask::Http(HttpResync::new(outbound.endpoint(endpoint)?)))
            }
            ResyncKind::Read(read) => Self::Read(Read::new(read, destination_url, secret_env, outbound)?),
            ResyncKind::None => Self::None,
        })
    }
}

#[derive(Debug, Clone)]
pub(crate) enum ResyncTask {
    Command(CommandResync),
    Http(HttpResync),
}

impl ResyncTask {
    /// Closes the gap that `context` names, until `stop` is ready; dropping the future ends the work.
    pub(crate) async fn run(
        &self,
        context: &TaskContext,
        stop: impl Future<Output = ()>,
    ) -> Result<TaskOutput, TaskError> {
        match self {
            Self::Command(command) => command.run(context, stop).await,
            Self::Http(http) => http.run(context, stop).await,
        }
    }
}
