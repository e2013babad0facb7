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
//! does what it says (`renewal::procedure`).
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
//! | room | what it is |
//! |---|---|
//! | `domain` | the vocabulary: values without I/O, time always an argument |
//! | `clock` | the only reader of wall-clock time |
//! | `stop` | the wish to stop, as an argument |
//! | `config` | the checked configuration, or every problem of the file at once |
//! | `renewal` | the procedure: what to do (pure), and doing it |
//! | `bulletin` | tells any number of listeners what happened, in order |
//! | `tally` | counts what happened, for the metrics |
//! | `protime` | the client of the API: answers become decisions |
//! | `store` | SQLite: what is known, recorded and owed |
//! | `resync` | brings the receiver up to date for a gap |
//! | `handoff` | gives a new key to those who check signatures with it |
//! | `command` | runs a program of the operator's for either of them |
//! | `outbound` | speaks with a server of the operator's for either of them; how an HTTP client is built |
//! | `unix_group` | groups by name, for key files and sockets |
//! | `regular_file` | reads what is a file, and waits for nothing that is not |
//! | `scheduler` | the cron that wakes the poll, and nothing else |
//! | `sockets` | HTTP on two Unix sockets: status and control |
//! | `signals` | signals become wishes |
//! | `logging` | the log, without secrets |
//! | `daemon` | the composition root: builds all this, runs it, drains it |
//! | `cli` | the command line, mostly a client of the sockets |
//! | `receiver` | what a receiver in Rust uses: the only public part |
//! | `fuzzing` | what must hold for any bytes from outside; only in tests and for `fuzz/` |
//! | `crash` | points at which a test lets the daemon die; empty in a release build |
//!
//! The simulated Protime, with a reference receiver and the audit of what was lost, is a crate of its own,
//! `crates/sandbox`, for the commands `sandbox` and `demo`, tests and benches. It can share no code with the
//! client, so a mistake must be made twice to pass a test.
//!
//! For a receiver, see [`receiver`]. The feature `daemon`, on by default, is everything else: the program
//! and all that it depends on.
//!
//! `domain`, `domain::plan` and `domain::backoff` are pure. `protime`, `resync`, `handoff` and `store`
//! never import one another; `renewal` joins them. Only `daemon` and `cli` see the whole configuration.

mod domain;

pub mod receiver;

#[cfg(feature = "daemon")]
mod clock;
#[cfg(feature = "daemon")]
mod stop;

#[cfg(feature = "daemon")]
mod config;

#[cfg(feature = "daemon")]
mod renewal;

#[cfg(feature = "daemon")]
mod bulletin;
#[cfg(feature = "daemon")]
mod tally;

#[cfg(feature = "daemon")]
mod protime;
#[cfg(feature = "daemon")]
mod store;

#[cfg(feature = "daemon")]
mod resync;

#[cfg(feature = "daemon")]
mod handoff;

#[cfg(feature = "daemon")]
mod command;
#[cfg(feature = "daemon")]
mod outbound;
#[cfg(feature = "daemon")]
mod regular_file;
#[cfg(feature = "daemon")]
mod unix_group;

#[cfg(feature = "daemon")]
mod scheduler;
#[cfg(feature = "daemon")]
mod signals;
#[cfg(feature = "daemon")]
mod sockets;

#[cfg(feature = "daemon")]
mod logging;

#[cfg(feature = "daemon")]
mod daemon;

#[cfg(feature = "daemon")]
mod cli;

#[cfg(feature = "daemon")]
mod crash;

#[cfg(all(feature = "daemon", any(test, fuzzing)))]
pub mod fuzzing;

/// Runs the program: everything from its arguments to its exit code.
#[cfg(feature = "daemon")]
#[must_use]
pub fn main() -> std::process::ExitCode {
    cli::main()
}
