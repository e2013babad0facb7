//! Keeps Protime webhooks alive: renews them in time, rotates their keys and loses no event.
//!
//! A Protime webhook is valid for a limited time, and is disabled when it expires or when its receiver
//! fails too often. One POST brings it back, and at that moment its old key is dead; what happened in
//! the gap is never sent again. So the whole art is in the order of things, and in knowing at any
//! moment, through a crash or a lost answer, how far they have come.
//!
//! # The idea
//!
//! What is to be done about a webhook is a pure function of what is stored, what Protime last said,
//! the policy and *now* (`domain::plan`). Whatever happens (a tick of the cron, a deadline, a signal,
//! a request, a start after a crash) only leads to that function being asked again, and one place
//! does what it says (`renewal::procedure`). What becomes of a webhook by that is another (`domain::transition`).
//!
//! # The laws
//!
//! They hold through kill -9, power loss, a full disk, network faults and clock jumps at any moment.
//!
//! 1. **Nothing is lost.** Every change in a watched collection reaches the receiver: by an event that
//!    is signed with a key that was handed off, or by a resync that began after the change. What is
//!    owed is on disk until it is paid.
//! 2. **A key that was received is never lost**, and never used before it is durable.
//! 3. **An unknown outcome is found out, not assumed.** After a lost answer or a crash in the middle of
//!    a POST, the list of webhooks tells what became of it.
//! 4. **No hot loop and no tug-of-war.** Failures back off; renewals that no plan explains are limited.
//! 5. **One daemon per state directory.**
//! 6. **No secret is shown**: not in a log, an error, an argument, the environment, or the status.
//!
//! # The rooms, in reading order
//!
//! An import goes down only, and never to a neighbour on the same floor (`tests/it/house.rs`).
//!
//! | room | what it is |
//! |---|---|
//! | `domain` | the vocabulary and the rules, pure: `plan` says what to do next, `transition` what has become of a webhook |
//! | `clock` | the only reader of wall-clock time |
//! | `config` | the checked configuration, or every problem of the file at once |
//! | `store` | SQLite: loads states, and commits what it is given under a condition |
//! | `command` | runs a program of the operator's |
//! | `http` | speaks with a server of the operator's; how an HTTP client is built |
//! | `protime` | the client of the API: answers become decisions |
//! | `resync` | brings the receiver up to date for a gap |
//! | `handoff` | gives a new key to those who check signatures with it |
//! | `renewal` | asks the plan, does what it says, and applies what came of it; the poller of a tenant's list |
//! | `views` | from states to what is shown: JSON, health, metrics |
//! | `engine` | the loops that do the work, the setup in force, the reload |
//! | `service` | what the sockets and the command line may ask for |
//! | `api` | HTTP on two Unix sockets and on loopback: status, control, events, metrics |
//! | `app` | the composition root: builds all this, runs it until it is stopped, drains it |
//! | `cli` | the command line, mostly a client of the sockets |
//!
//! Beside them stand what everyone may use and what knows no one: `claims` (what is under way), `event_bus` (hands
//! events to any number of subscribers, in order), `counters` (for the metrics), `duration` (as people write it),
//! `durable_file` (there whole or not at all), `logging` (the log, without secrets), `redact` (what is cut out of
//! what is shown), `signals`, `text` (counted, and as TOML has it), `unix_group`, `regular_file` (reads what is a
//! file, and waits for nothing that is not), `failpoint` (where a test lets the daemon die; empty in a release
//! build). `fuzzing` says what must hold for any bytes from outside, for tests and `fuzz/` only.
//!
//! The simulated Protime, with a reference receiver and the audit of what was lost, is a crate of its own,
//! `crates/sandbox`, for the commands `sandbox` and `demo`, tests and benches. It can share no code with the
//! client, so a mistake must be made twice to pass a test.
//!
//! What a receiver in Rust uses is a crate of its own, `protime-webhook-receiver`, and this one builds on it.

mod domain;

mod claims;
mod clock;
mod config;
mod counters;
mod durable_file;
mod duration;
mod event_bus;
mod failpoint;
mod logging;
mod redact;
mod regular_file;
mod signals;
mod text;
mod unix_group;

mod store;

mod command;
mod http;

mod handoff;
mod protime;
mod resync;

mod renewal;
mod views;

mod engine;
mod service;

mod api;
mod app;
mod cli;

#[cfg(any(test, fuzzing))]
pub mod fuzzing;

/// Runs the program: everything from its arguments to its exit code.
#[must_use]
pub fn main() -> std::process::ExitCode {
    cli::main()
}
