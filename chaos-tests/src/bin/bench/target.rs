//! What the figures should be, on two processors that carry all nodes, the
//! links and the load generator.

use registry_chaos_tests::cluster::Layout;
use serde::Serialize;

use crate::bed::Place;

/// A cost that grows less than this with a thousand times the work is flat.
const GROWTH: f64 = 1.5;
const NATIONAL_DAY_S: f64 = 180.0;
const NODE_MIB: f64 = 2_048.0;
const RESTART_S: f64 = 15.0;
const PERSONS_S: f64 = 120.0;
const PERSONS_MIB: f64 = 1_024.0;

/// What was to be reached, and whether it was.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Target {
    /// In words; empty where none is set.
    pub(crate) target: String,
    /// Nothing where none is set, or where the run was too small to tell.
    pub(crate) met: Option<bool>,
}

impl Target {
    pub(crate) fn new(target: impl Into<String>, met: bool) -> Self {
        Self { target: target.into(), met: Some(met) }
    }

    /// Both must be met.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            target: format!("{}, {}", self.target, other.target),
            met: self.met.zip(other.met).map(|(one, two)| one && two),
        }
    }

    /// The same, not judged.
    pub(crate) fn unjudged(self) -> Self {
        Self { met: None, ..self }
    }

    pub(crate) fn met_in_words(&self) -> &'static str {
        match self.met {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "-",
        }
    }
}

/// Of a day's trades in chunks. `near_per_s` is the rate without distance.
pub(crate) fn chunks(place: Place, per_s: f64, cpu_us: f64, near_per_s: Option<f64>) -> Target {
    match (place.layout, place.rtt_ms) {
        (Layout::SingleCity, _) => Target::new(">= 200,000/s", per_s >= 200_000.0)
            .and(Target::new("CPU <= 5 us", cpu_us <= 5.0)),
        (Layout::DualCity | Layout::Witnessed, 0) => {
            Target::new(">= 120,000/s", per_s >= 120_000.0)
                .and(Target::new("CPU <= 8 us", cpu_us <= 8.0))
        }
        (Layout::DualCity | Layout::Witnessed, _) => Target {
            target: ">= 80 % of 0 ms".to_owned(),
            met: near_per_s.map(|near_per_s| per_s >= near_per_s * 0.8),
        }
        .and(Target::new("CPU <= 8 us", cpu_us <= 8.0)),
    }
}

/// Of trades settled one by one by many callers.
pub(crate) fn single(place: Place, per_s: f64) -> Target {
    match place.layout {
        Layout::SingleCity => Target::new(">= 30,000/s", per_s >= 30_000.0),
        Layout::DualCity | Layout::Witnessed => Target::default(),
    }
}

/// Of one trade at a time: a round trip, an fsync and 2 ms.
pub(crate) fn light(place: Place, fsync_ms: f64, p50_ms: f64, p99_ms: f64) -> Target {
    let rtt_ms = place.rtt_ms as f64;
    let (p50_limit_ms, p99_limit_ms) = (rtt_ms + fsync_ms + 2.0, 2.0 * rtt_ms);
    let limit = |name: &str, limit_ms: f64, value_ms: f64| {
        Target::new(format!("{name} <= {limit_ms:.1}"), value_ms <= limit_ms)
    };
    limit("p50", p50_limit_ms, p50_ms).and(limit("p99", p99_limit_ms, p99_ms))
}

/// Of one verification at a time: a quorum round, as measured, and 1.5 ms.
pub(crate) fn verification(round_ms: f64, p50_ms: f64) -> Target {
    let limit_ms = round_ms + 1.5;
    Target::new(format!("p50 <= {limit_ms:.1}"), p50_ms <= limit_ms)
}

/// Of verifications by many at once.
pub(crate) fn verifications(per_s: f64) -> Target {
    Target::new(">= 20,000/s", per_s >= 20_000.0)
}

/// Of the whole national day.
pub(crate) fn national_day(seconds: f64) -> Target {
    Target::new("< 3 min", seconds < NATIONAL_DAY_S)
}

/// Of every node's memory in it.
pub(crate) fn national_memory(greatest_mib: f64) -> Target {
    Target::new("<= 2,048 MiB", greatest_mib <= NODE_MIB)
}

/// Of two million persons' accounts, opened and credited.
pub(crate) fn persons_loaded(seconds: f64) -> Target {
    Target::new("< 2 min", seconds < PERSONS_S)
}

/// Of every node's memory with them.
pub(crate) fn persons_memory(greatest_mib: f64) -> Target {
    Target::new("<= 1,024 MiB", greatest_mib <= PERSONS_MIB)
}

/// Of a node that starts with the day's trades settled.
pub(crate) fn restart(ready_s: f64) -> Target {
    Target::new("< 15 s", ready_s < RESTART_S)
}

/// Of a cost that should not depend on how much there is already.
pub(crate) fn growth(ratio: f64) -> Target {
    Target::new("< 1.5x", ratio < GROWTH)
}
