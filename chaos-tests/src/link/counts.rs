//! What each route carried, and how often each fault bit.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::route::Route;
use super::state::LinkState;

/// One route as it is and as it went so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteReport {
    /// Which one.
    pub route: Route,
    /// How it fares at the moment.
    pub state: LinkState,
    /// Since the emulator started.
    pub counts: RouteCounts,
}

/// Connections of a route and what passed over them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteCounts {
    /// Carried to the dialled node.
    pub connections_opened: u64,
    /// Turned away while the route was down.
    pub connections_refused: u64,
    /// Ended by a cut, a reset or a flap.
    pub connections_dropped: u64,
    /// Of which one end was closed and the other not told.
    pub connections_half_opened: u64,
    /// Down phases of flapping.
    pub flaps: u64,
    /// From who dials to who is dialled.
    pub there: LaneCounts,
    /// The other way.
    pub back: LaneCounts,
}

/// One direction of a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneCounts {
    /// Handed to the receiver.
    pub bytes_delivered: u64,
    /// Came while the lane was blocked and had to wait.
    pub bytes_held: u64,
    /// How long connections had something to deliver and could not, added up.
    pub blocked_ms: u64,
    /// Had to wait for the bandwidth.
    pub bytes_limited: u64,
    /// How long, added up over connections.
    pub limited_ms: u64,
    /// Came later than the delay alone would have had it.
    pub bytes_jittered: u64,
    /// Taken from the end of a half-open connection that was not told.
    pub bytes_swallowed: u64,
}

#[derive(Debug, Default)]
pub(crate) struct RouteCounter {
    pub(crate) opened: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) half_opened: AtomicU64,
    pub(crate) flaps: AtomicU64,
}

#[derive(Debug, Default)]
pub(crate) struct LaneCounter {
    pub(crate) delivered: AtomicU64,
    pub(crate) held: AtomicU64,
    pub(crate) blocked_us: AtomicU64,
    pub(crate) limited: AtomicU64,
    pub(crate) limited_us: AtomicU64,
    pub(crate) jittered: AtomicU64,
    pub(crate) swallowed: AtomicU64,
}

pub(crate) fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl RouteCounter {
    pub(crate) fn counts(&self, there: &LaneCounter, back: &LaneCounter) -> RouteCounts {
        RouteCounts {
            connections_opened: read(&self.opened),
            connections_refused: read(&self.refused),
            connections_dropped: read(&self.dropped),
            connections_half_opened: read(&self.half_opened),
            flaps: read(&self.flaps),
            there: there.counts(),
            back: back.counts(),
        }
    }
}

impl LaneCounter {
    fn counts(&self) -> LaneCounts {
        LaneCounts {
            bytes_delivered: read(&self.delivered),
            bytes_held: read(&self.held),
            blocked_ms: read(&self.blocked_us) / 1000,
            bytes_limited: read(&self.limited),
            limited_ms: read(&self.limited_us) / 1000,
            bytes_jittered: read(&self.jittered),
            bytes_swallowed: read(&self.swallowed),
        }
    }
}

/// Adds the time from its making to its end to a counter of microseconds, also
/// when the connection that waits is dropped.
pub(crate) struct Stopwatch<'a> {
    since: Instant,
    counter: &'a AtomicU64,
}

impl<'a> Stopwatch<'a> {
    pub(crate) fn start(counter: &'a AtomicU64) -> Self {
        Self { since: Instant::now(), counter }
    }
}

impl Drop for Stopwatch<'_> {
    fn drop(&mut self) {
        self.counter.fetch_add(micros(self.since.elapsed()), Ordering::Relaxed);
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
