//! Brings the receiver's data up to date for a gap, whose events Protime never replays.
//!
//! Law: done means that the receiver has everything that had changed when the resync *began*. How
//! that comes about is the business of the kind that the operator chose; there is one file a kind.

mod command;
mod http;

use std::future::Future;

use crate::{
    config::{self, ResyncKind},
    domain::errand::{Context, Done, Failure},
    outbound::{BuildError, Outbound},
};

use self::{command::CommandResync, http::HttpResync};

/// The resync of one webhook.
#[derive(Debug, Clone)]
pub(crate) enum Resync {
    /// A program of the operator's.
    Command(CommandResync),
    /// A server of the operator's.
    Http(HttpResync),
    /// The loss is accepted.
    None,
}

impl Resync {
    /// The resync that the configuration asks for. `secret_env` names the environment variables that
    /// hold a secret of the daemon's: no program gets them. `outbound` makes what speaks with a server.
    pub(crate) fn new(
        config: &config::Resync,
        secret_env: &[String],
        outbound: &Outbound,
    ) -> Result<Self, BuildError> {
        Ok(match &config.kind {
            ResyncKind::Command(command) => Self::Command(CommandResync::new(command, secret_env)),
            ResyncKind::Http(endpoint) => Self::Http(HttpResync::new(outbound.endpoint(endpoint)?)),
            ResyncKind::None => Self::None,
        })
    }

    /// Closes the gap that `context` names, until `stop` is ready; dropping the future ends the work.
    pub(crate) async fn run(
        &self,
        context: &Context,
        stop: impl Future<Output = ()>,
    ) -> Result<Done, Failure> {
        match self {
            Self::Command(command) => command.run(context, stop).await,
            Self::Http(http) => http.run(context, stop).await,
            Self::None => Ok(Done { output: None, skipped: true }),
        }
    }
}
