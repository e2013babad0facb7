//! The sandbox over real sockets: a client, a receiver and a fault at a time.

mod api;
mod changes;
mod collections;
mod deliveries;
mod faults;
mod support;
mod switches;
