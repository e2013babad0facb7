//! The whole program, seen from outside: the built binary as daemon, as simulated tenant and as
//! command line, with real sockets, files, signals and processes.
//!
//! Laws of these tests: nothing of the daemon's inside is used, and of the sandbox's crate only the receiver
//! and the audit of what was lost, which share no code with the daemon; every test has its own folder, ports
//! and processes, which end with it; only loopback is spoken to; and no test depends on speed:
//! conditions are waited for, with a generous deadline, and a test that fails prints the daemon's log.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::assigning_clones,
    reason = "a test fails by panicking, with a message that says what was expected"
)]

mod after_end;
mod at_night;
mod at_once;
mod chaos;
mod check;
mod clocks;
mod commands;
mod completions;
mod conformance;
mod contract_tenants;
mod costs;
mod created;
mod events;
mod failpoints;
mod faults;
mod foreign;
mod history;
mod house;
mod http_resync;
mod import;
mod include;
mod init;
mod kills;
mod listeners;
mod load;
mod metrics;
mod moments;
mod odd_files;
mod online;
mod order;
mod panics;
mod preflight;
mod proxies;
mod read;
mod reasons;
mod recognised;
mod references;
mod reload;
mod reloading;
mod remote;
mod removed;
mod resync;
mod schedule;
mod scopes;
mod secrets;
mod service_manager;
mod signals;
mod sinks;
mod sockets;
mod support;
mod tls;
mod tolerance;
mod unknown_outcomes;
mod unpersisted;
mod verify;
mod watch;
