//! How a route fares at the moment.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// One direction of a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneState {
    /// What every byte takes at least.
    #[serde(rename = "delay_us", with = "micros")]
    pub delay: Duration,
    /// At most so much more, at random; bytes of one connection keep their order.
    #[serde(rename = "jitter_us", with = "micros")]
    pub jitter: Duration,
    /// What all connections of the route carry together; `None` is no limit.
    pub bytes_per_s: Option<u64>,
    /// Nothing passes, and no connection notices.
    pub blocked: bool,
}

/// A route goes down and comes back, again and again; it begins with going down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flap {
    /// How long it is down.
    #[serde(rename = "down_us", with = "micros")]
    pub down: Duration,
    /// How long it is whole.
    #[serde(rename = "up_us", with = "micros")]
    pub up: Duration,
}

/// A route. "There" is from the dialling to the dialled node, "back" the other way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkState {
    /// From who dials to who is dialled.
    pub there: LaneState,
    /// The other way.
    pub back: LaneState,
    /// Connections are dropped and refused.
    pub cut: bool,
    /// The same with a period.
    pub flap: Option<Flap>,
}

/// What links between cities are like as long as nothing is wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkQuality {
    /// Round-trip time, half of it each way.
    pub rtt: Duration,
    /// Up to so much more, each way.
    pub jitter: Duration,
    /// Per route and direction; `None` is no limit.
    pub bytes_per_s: Option<u64>,
    /// Decides each jitter.
    pub seed: u64,
}

impl LinkQuality {
    /// Distance alone.
    #[must_use]
    pub fn with_rtt(rtt: Duration) -> Self {
        Self { rtt, ..Self::default() }
    }

    pub(crate) fn state(&self) -> LinkState {
        let lane = LaneState {
            delay: self.rtt / 2,
            jitter: self.jitter,
            bytes_per_s: self.bytes_per_s,
            blocked: false,
        };
        LinkState { there: lane, back: lane, ..LinkState::default() }
    }
}

/// Which way a lane runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    There,
    Back,
}

impl LinkState {
    pub(crate) fn lane(&self, direction: Direction) -> &LaneState {
        match direction {
            Direction::There => &self.there,
            Direction::Back => &self.back,
        }
    }

    pub(crate) fn lane_mut(&mut self, direction: Direction) -> &mut LaneState {
        match direction {
            Direction::There => &mut self.there,
            Direction::Back => &mut self.back,
        }
    }
}

/// A route's state, and what happened to it once. A connection compares the
/// counts with those at its beginning, so that it misses nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Conditions {
    pub(crate) state: LinkState,
    /// In the down phase of a flap.
    pub(crate) flapped_down: bool,
    pub(crate) refuse_until: Option<Instant>,
    pub(crate) events: Events,
}

/// How often each thing was done to a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Events {
    pub(crate) resets: u64,
    /// The dialling node's end was closed without the dialled one being told.
    pub(crate) near_closed: u64,
    /// The other way round.
    pub(crate) far_closed: u64,
    pub(crate) heals: u64,
}

impl Conditions {
    pub(crate) fn is_down(&self) -> bool {
        self.state.cut || self.flapped_down
    }

    pub(crate) fn refuses(&self, now: Instant) -> bool {
        self.is_down() || self.refuse_until.is_some_and(|until| now < until)
    }
}

mod micros {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_micros)
    }
}
