//! Keeps Protime webhooks alive.
#![allow(unused_imports)]

mod cli;
mod clock;
mod command;
mod config;
mod crash;
mod daemon;
mod domain;
mod handoff;
mod logging;
mod protime;
mod renewal;
mod resync;
mod sandbox;
mod scheduler;
mod signals;
mod sockets;
mod stop;
mod store;
mod unix_group;

/// Runs the program: everything from its arguments to its exit code.
#[must_use]
pub fn main() -> std::process::ExitCode {
    cli::main()
}
