//! A resync by the daemon itself: the objects of the collection go to the receiver as events, or to a
//! program as lines.
//!
//! This room knows where they go and not where they come from: `renewal` reads the pages and hands
//! each to an [`Outlet`]. Laws: a page has arrived when [`Outlet::page`] says so and not before; of
//! two versions of an object the later one arrives later.

mod pipe;
mod replay;

use std::fmt;

use reqwest::Url;

use self::{
    pipe::{Lines, Pipe},
    replay::Replay,
};
use crate::{
    config::{self, Delivery, ReadKind},
    domain::{key::WebhookKey, object::Object, task::TaskError},
    http::{BuildError, Outbound},
};

#[derive(Debug, Clone)]
pub(crate) struct Read {
    pub(crate) config: config::ReadResync,
    pub(crate) target: Target,
}

#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// To a URL, as signed events.
    Replay(Replay),
    /// To a program, which has them when it has ended well.
    Pipe(Pipe),
}

#[derive(Debug)]
pub(crate) enum Outlet<'a> {
    /// Signs with this key.
    Replay(&'a Replay, &'a WebhookKey),
    /// Writes into the program's input.
    Pipe(Lines),
}

impl fmt::Display for Target {
    /// Which target it is, without what people put secrets into.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replay(replay) => f.write_str(&replay.place()),
            Self::Pipe(pipe) => f.write_str(pipe.program()),
        }
    }
}

impl Read {
    /// Reads the configuration and prepares the connections; connects to nothing.
    pub(super) fn new(
        config: &config::ReadResync,
        destination_url: &str,
        secret_env: &[String],
        outbound: &Outbound,
    ) -> Result<Self, BuildError> {
        let target = match &config.delivery {
            Delivery::Replay(Some(url)) => Target::Replay(Replay::new(url.clone(), outbound)?),
            Delivery::Replay(None) => {
                let url = Url::parse(destination_url).map_err(|error| {
                    BuildError(format!("{destination_url:?} is not a valid URL: {error}"))
                })?;
                Target::Replay(Replay::new(url, outbound)?)
            }
            Delivery::Pipe(command) => Target::Pipe(Pipe::new(command, secret_env)),
        };
        Ok(Self { config: config.clone(), target })
    }

    pub(crate) fn is_delta(&self) -> bool {
        matches!(self.config.kind, ReadKind::Delta { .. })
    }
}

impl Outlet<'_> {
    /// Delivers a page; with success every object of it has arrived, or is in the program's input.
    pub(crate) async fn page(&self, objects: &[Object]) -> Result<(), TaskError> {
        match self {
            Self::Replay(replay, key) => replay.page(key, objects).await,
            Self::Pipe(lines) => {
                lines.page(objects).await;
                Ok(())
            }
        }
    }

    /// Says that there are no more pages, to whom it concerns.
    pub(crate) async fn end(&self) {
        if let Self::Pipe(lines) = self {
            lines.end().await;
        }
    }
}
