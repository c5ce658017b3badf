//! What can be done to links, as values: applied to an emulator in this
//! process, or sent to one in another.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::counts::{LaneCounts, RouteReport};
use super::route::Route;
use super::state::LaneState;

/// Some nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nodes {
    /// Every node.
    All,
    /// The nodes of a city.
    City(String),
    /// These.
    Ids(Vec<u64>),
}

impl Nodes {
    pub(crate) fn hold(&self, node: u64, city: &str) -> bool {
        match self {
            Self::All => true,
            Self::City(name) => name == city,
            Self::Ids(ids) => ids.contains(&node),
        }
    }
}

impl From<u64> for Nodes {
    fn from(node: u64) -> Self {
        Self::Ids(vec![node])
    }
}

impl From<&[u64]> for Nodes {
    fn from(nodes: &[u64]) -> Self {
        Self::Ids(nodes.to_vec())
    }
}

impl From<&str> for Nodes {
    fn from(city: &str) -> Self {
        Self::City(city.to_owned())
    }
}

/// Changes of one direction; what is absent stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// One-way delay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_us: Option<u64>,
    /// At most so much more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter_us: Option<u64>,
    /// 0 takes the limit away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_s: Option<u64>,
    /// Whether nothing passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<bool>,
}

/// One change. `one` and `other` choose the routes between two groups of
/// nodes, whichever dials; `from` and `to` choose what flows from one to the
/// other, again whichever dialled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Changes delay, jitter, bandwidth, block of one direction.
    #[expect(missing_docs, reason = "the enum says what they are")]
    Shape { from: Nodes, to: Nodes, shape: Shape },
    /// Drops every connection and refuses new ones until healed.
    #[expect(missing_docs, reason = "the enum says what they are")]
    Cut { one: Nodes, other: Nodes },
    /// Drops every connection once, and refuses new ones for a time.
    #[expect(missing_docs, reason = "the enum says what they are")]
    Reset {
        one: Nodes,
        other: Nodes,
        #[serde(default)]
        refuse_ms: u64,
    },
    /// Closes the connections' ends at `closed`; those at `unaware` stay open
    /// and answer nothing. New connections pass.
    #[expect(missing_docs, reason = "the enum says what they are")]
    HalfOpen { closed: Nodes, unaware: Nodes },
    /// Cuts and heals with a period until healed.
    #[expect(missing_docs, reason = "the enum says what they are")]
    Flap { one: Nodes, other: Nodes, down_ms: u64, up_ms: u64 },
    /// Back to what the emulator began with. Ends that were not told of a
    /// closed connection are reset.
    #[expect(missing_docs, reason = "the enum says what they are")]
    Heal { one: Nodes, other: Nodes },
}

/// Which way a node is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// It hears nobody and nobody hears it.
    Both,
    /// It hears nobody.
    In,
    /// Nobody hears it.
    Out,
}

impl Command {
    /// Sets the round-trip time between two groups, half of it each way.
    #[must_use]
    pub fn rtt(one: impl Into<Nodes>, other: impl Into<Nodes>, rtt: Duration) -> Vec<Self> {
        let delay_us = u64::try_from(rtt.as_micros() / 2).ok();
        both_ways(one.into(), other.into(), Shape { delay_us, ..Shape::default() })
    }

    /// Limits each route between two groups, each way.
    #[must_use]
    pub fn bandwidth(
        one: impl Into<Nodes>,
        other: impl Into<Nodes>,
        bytes_per_s: u64,
    ) -> Vec<Self> {
        let shape = Shape { bytes_per_s: Some(bytes_per_s), ..Shape::default() };
        both_ways(one.into(), other.into(), shape)
    }

    /// Sets the jitter between two groups, each way.
    #[must_use]
    pub fn jitter(one: impl Into<Nodes>, other: impl Into<Nodes>, jitter: Duration) -> Vec<Self> {
        let jitter_us = u64::try_from(jitter.as_micros()).ok();
        both_ways(one.into(), other.into(), Shape { jitter_us, ..Shape::default() })
    }

    /// Swallows everything that goes from one group to another.
    #[must_use]
    pub fn block(from: impl Into<Nodes>, to: impl Into<Nodes>) -> Self {
        let shape = Shape { blocked: Some(true), ..Shape::default() };
        Self::Shape { from: from.into(), to: to.into(), shape }
    }

    /// Drops and refuses every connection between two groups.
    #[must_use]
    pub fn cut(one: impl Into<Nodes>, other: impl Into<Nodes>) -> Self {
        Self::Cut { one: one.into(), other: other.into() }
    }

    /// Swallows what a node sends, is sent, or both.
    #[must_use]
    pub fn isolate(node: u64, way: Isolation) -> Vec<Self> {
        let (hears_nothing, is_unheard) =
            (Self::block(Nodes::All, node), Self::block(node, Nodes::All));
        match way {
            Isolation::Both => vec![hears_nothing, is_unheard],
            Isolation::In => vec![hears_nothing],
            Isolation::Out => vec![is_unheard],
        }
    }

    /// Swallows everything between two groups. A node in neither sees both:
    /// a bridge.
    #[must_use]
    pub fn partition(one: impl Into<Nodes>, other: impl Into<Nodes>) -> Vec<Self> {
        let (one, other) = (one.into(), other.into());
        vec![Self::block(one.clone(), other.clone()), Self::block(other, one)]
    }

    /// Makes every route whole again.
    #[must_use]
    pub fn heal_all() -> Self {
        Self::Heal { one: Nodes::All, other: Nodes::All }
    }

    /// How often this bit between two reports: connections for what ends them,
    /// bytes for the rest. A fault with 0 tested nothing. Healing answers 0.
    #[must_use]
    pub fn bites(&self, before: &[RouteReport], after: &[RouteReport]) -> u64 {
        let total = |reports: &[RouteReport]| reports.iter().map(|r| self.bites_on(r)).sum::<u64>();
        total(after).saturating_sub(total(before))
    }

    fn bites_on(&self, report: &RouteReport) -> u64 {
        let (route, counts) = (&report.route, &report.counts);
        match self {
            Self::Shape { from, to, shape } => {
                let way = Way::of(route, from, to);
                let there = if way.there { shape.bites_on(&counts.there) } else { 0 };
                there + if way.back { shape.bites_on(&counts.back) } else { 0 }
            }
            Self::Cut { one, other }
            | Self::Reset { one, other, .. }
            | Self::Flap { one, other, .. }
                if Way::of(route, one, other).any() =>
            {
                counts.connections_dropped + counts.connections_refused
            }
            Self::HalfOpen { closed, unaware } if Way::of(route, closed, unaware).any() => {
                counts.connections_half_opened
            }
            Self::Cut { .. }
            | Self::Reset { .. }
            | Self::Flap { .. }
            | Self::HalfOpen { .. }
            | Self::Heal { .. } => 0,
        }
    }
}

fn both_ways(one: Nodes, other: Nodes, shape: Shape) -> Vec<Command> {
    vec![
        Command::Shape { from: one.clone(), to: other.clone(), shape },
        Command::Shape { from: other, to: one, shape },
    ]
}

impl Shape {
    pub(crate) fn change(&self, lane: &mut LaneState) {
        if let Some(delay_us) = self.delay_us {
            lane.delay = Duration::from_micros(delay_us);
        }
        if let Some(jitter_us) = self.jitter_us {
            lane.jitter = Duration::from_micros(jitter_us);
        }
        if let Some(bytes_per_s) = self.bytes_per_s {
            lane.bytes_per_s = (bytes_per_s > 0).then_some(bytes_per_s);
        }
        if let Some(blocked) = self.blocked {
            lane.blocked = blocked;
        }
    }

    fn bites_on(&self, counts: &LaneCounts) -> u64 {
        let delayed = self.delay_us.map_or(0, |_| counts.bytes_delivered);
        let jittered = self.jitter_us.map_or(0, |_| counts.bytes_jittered);
        let limited = self.bytes_per_s.map_or(0, |_| counts.bytes_limited);
        let held = self.blocked.map_or(0, |_| counts.bytes_held);
        delayed + jittered + limited + held
    }
}

/// Which directions of a route run from one group to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) there: bool,
    pub(crate) back: bool,
}

impl Way {
    pub(crate) fn of(route: &Route, from: &Nodes, to: &Nodes) -> Self {
        let dialling = |nodes: &Nodes| nodes.hold(route.from_node, &route.from_city);
        let dialled = |nodes: &Nodes| nodes.hold(route.to_node, &route.to_city);
        Self { there: dialling(from) && dialled(to), back: dialled(from) && dialling(to) }
    }

    pub(crate) fn any(self) -> bool {
        self.there || self.back
    }
}
