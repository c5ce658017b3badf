//! The wide-area network between the nodes, emulated in user space: one route
//! per pair of nodes, each with its own delay, bandwidth and faults.
//! `docs/links.md` says what is emulated and what is not.
//!
//! In reading order: a [`Route`] is who dials whom, [`LinkState`] how it fares;
//! a [`Command`] changes that, at a [`LinkEmulator`] in this process or, by
//! [`Links`], at one in another; a [`RouteReport`] counts how often it bit.

mod clock;
mod command;
mod connection;
mod control;
mod counts;
mod emulator;
mod lane;
mod route;
mod state;

pub use command::{Command, Isolation, Nodes, Shape};
pub use control::{LinkControl, Links, Reply, Request, listen, serve};
pub use counts::{LaneCounts, RouteCounts, RouteReport};
pub use emulator::LinkEmulator;
pub use route::{Route, routes_between};
pub use state::{Flap, LaneState, LinkQuality, LinkState};
