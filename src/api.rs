//! The two Unix sockets by which the daemon is seen and steered: HTTP/1.1 with JSON.
//!
//! The **status** socket is read only and never holds a secret; everyone who may connect may read it.
//! The **control** socket answers everything that the status socket does, gives out keys and takes
//! orders; the permission of its file is the authority, there is no other.
//!
//! Laws:
//! - nothing is decided here: every answer comes from the daemon's handle;
//! - every error is an `application/problem+json` that says what would be right;
//! - no client can harm another: connections per user, sizes and the times to send a request and to read an answer
//!   are limited, and a client that waits costs a task and nothing else;
//! - no client can hold up a stop: long polls are answered, idle connections closed.
//!
//! In reading order: [`bind`] puts a socket in place and [`serve`] answers its connections, until one is in a
//! [`stall`]; [`read`] has what both sockets answer, with [`events`]; [`status`] and [`control`] are the two, the
//! second with [`import`] and [`verify`]. Below them, [`query`] and [`body`] read requests, [`pieces`] are what long
//! answers are handed over in, and [`problem`] makes the answers that are errors.

pub(crate) mod bind;
mod body;
pub(crate) mod control;
mod events;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod import;
mod pieces;
mod problem;
mod query;
pub(crate) mod read;
pub(crate) mod serve;
mod stall;
pub(crate) mod status;
#[cfg(test)]
mod tests;
mod verify;
