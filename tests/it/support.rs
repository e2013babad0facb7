//! What the tests stand on: processes that end with their test, a tenant, a receiver, and the daemon.

mod config;
mod daemon;
pub(crate) mod database;
mod http;
mod process;
mod receiver;
mod sandbox;
mod server;
mod subscriber;
mod tls;
mod token_tap;
mod waiting;
mod world;

pub(crate) use protime_sandbox::receiver::sign;

pub(crate) use config::{Config, Webhook, words};
pub(crate) use daemon::Daemon;
pub(crate) use http::{RUNTIME, Socket, fetch};
pub(crate) use process::{Process, program};
pub(crate) use receiver::Receiver;
pub(crate) use sandbox::Sandbox;
pub(crate) use server::{Reply, Server};
pub(crate) use subscriber::{Event, Subscriber};
pub(crate) use tls::{Authority, Tls};
pub(crate) use token_tap::TokenTap;
pub(crate) use waiting::{eventually, pause, until};
pub(crate) use world::World;
