//! The vocabulary of the crate and its rules, as values: no I/O, no clock, no randomness.
//!
//! A webhook is a state machine. [`plan`] says what to do next about a [`state`], [`transition`] says what has
//! become of it; both are pure, and both exist once. Everything else here is what they speak of, so that every
//! other room may import it and none must import another room to speak of the same thing.
//!
//! Laws: time and random draws are arguments; times that Protime sets, and what is compared with them, are on
//! Protime's clock, all others are on ours (`state::Now` has both); a key shows itself only where it is asked to;
//! what is stored or shown by its serialised name keeps that name.
//!
//! In reading order: [`webhook`], [`key`] and [`state`] say who is who and what is known; [`gap`], [`lifetime`],
//! [`grain`] and [`backoff`] are the arithmetic of time; [`reason`], [`renewal`], [`post`], [`outbox`] and
//! [`removed`] are the parts of a state; then [`plan`], [`transition`], [`onward`] and [`journal`], of which
//! [`retention`] says what is kept. [`object`], [`collection`], [`filter`], [`query`] and [`page_cursor`] serve the
//! reading of a collection, [`task`], [`event`] and [`report`] are what programs, subscribers and clients are told.
//! [`words`] makes kinds that have a word each, [`wrong`] says why a text is not what it should be.

pub(crate) mod backoff;
pub(crate) mod collection;
pub(crate) mod event;
pub(crate) mod filter;
pub(crate) mod gap;
pub(crate) mod grain;
pub(crate) mod journal;
pub(crate) mod key;
pub(crate) mod lifetime;
pub(crate) mod object;
pub(crate) mod onward;
pub(crate) mod outbox;
pub(crate) mod page_cursor;
pub(crate) mod plan;
pub(crate) mod post;
pub(crate) mod query;
pub(crate) mod reason;
pub(crate) mod removed;
pub(crate) mod renewal;
pub(crate) mod report;
pub(crate) mod retention;
pub(crate) mod state;
pub(crate) mod suggestions;
pub(crate) mod task;
pub(crate) mod transition;
pub(crate) mod webhook;
pub(crate) mod words;
pub(crate) mod wrong;
