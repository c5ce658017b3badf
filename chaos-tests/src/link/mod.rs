//! The wide-area network between the cities, emulated in user space: one
//! route per pair of nodes, each with its own delay, cut and black hole.
//!
//! What it is not: it knows nothing of TCP below the stream. The handshake
//! with a route's near end is not delayed, and a black hole keeps what it
//! swallows and delivers it when healed, as a sender's retransmissions would.

mod clock;
mod delay_line;
mod emulator;
mod route;

pub use emulator::LinkEmulator;
pub use route::{LinkState, Route, routes_between};
