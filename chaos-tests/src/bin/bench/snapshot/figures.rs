//! What transfers and catching up took, and what they should take.

use comfy_table::Table;
use serde::Serialize;

use crate::report::{grouped, left, right_from, table, tenths, whole};
use crate::target::Target;

const RATE_MB_PER_S: f64 = 100.0;
const EXTRA_MIB: f64 = 64.0;
/// Single trades may take so much longer while a snapshot is sent.
const SLOWER: f64 = 2.0;
/// A node that was away must become one that is not.
const FASTER: f64 = 3.0;

/// All of the case.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Snapshots {
    /// Between the cities.
    pub(crate) rtt_ms: u64,
    pub(crate) state_mb: f64,
    pub(crate) transfers: Vec<Transfer>,
    pub(crate) catch_up: CatchUp,
    /// Of the processors, taken by processes that are no part of this.
    pub(crate) others_percent: f64,
}

/// One snapshot for a node that has nothing of it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Transfer {
    pub(crate) name: String,
    pub(crate) sent_mb: f64,
    pub(crate) seconds: f64,
    pub(crate) rate_mb_per_s: f64,
    /// From when the node answered until it had all that the leader had then.
    pub(crate) caught_up_s: f64,
    /// Processor time until the snapshot had arrived.
    pub(crate) cpu: Cpu,
    /// Greatest resident set until then, over the one before.
    pub(crate) sender_extra_mib: f64,
    pub(crate) receiver_extra_mib: f64,
    pub(crate) target: Target,
    /// Where single trades settled meanwhile.
    pub(crate) settling: Option<Settling>,
}

/// Seconds of processor time.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Cpu {
    pub(crate) sender_s: f64,
    pub(crate) receiver_s: f64,
    pub(crate) links_s: f64,
}

/// Single trades of one run: before the transfer, and until the node had caught up.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Settling {
    pub(crate) callers: usize,
    pub(crate) before: Latency,
    pub(crate) meanwhile: Latency,
    pub(crate) target: Target,
}

/// Of one trade, from its request to its answer.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Latency {
    pub(crate) trades: usize,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// A node that missed trades gets them from the log.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CatchUp {
    pub(crate) trades: u64,
    /// As the others had taken them in.
    pub(crate) live_per_s: f64,
    pub(crate) caught_up_per_s: f64,
    pub(crate) ratio: f64,
    pub(crate) snapshots_installed: u64,
    pub(crate) target: Target,
}

/// Of a transfer without a limit of its rate.
pub(crate) fn unlimited(rate_mb_per_s: f64, extra_mib: f64) -> Target {
    Target::new(format!(">= {RATE_MB_PER_S} MB/s"), rate_mb_per_s >= RATE_MB_PER_S)
        .and(memory(extra_mib))
}

/// Of the memory of either side.
pub(crate) fn memory(extra_mib: f64) -> Target {
    Target::new(format!("< {EXTRA_MIB} MiB more"), extra_mib < EXTRA_MIB)
}

/// Of single trades during a transfer.
pub(crate) fn settling(before: &Latency, meanwhile: &Latency) -> Target {
    let slower = (meanwhile.p50_ms / before.p50_ms).max(meanwhile.p99_ms / before.p99_ms);
    Target::new(format!("p50, p99 < {SLOWER} times"), slower < SLOWER)
}

/// Of catching up from the log.
pub(crate) fn catch_up(ratio: f64) -> Target {
    Target::new(format!(">= {FASTER} times the live rate"), ratio >= FASTER)
}

impl Snapshots {
    /// Each transfer.
    pub(crate) fn transfers(&self) -> Table {
        let mut table = table([
            "snapshot",
            "MB",
            "seconds",
            "MB/s",
            "all of it",
            "CPU s: sender",
            "receiver",
            "links",
            "MiB more: sender",
            "receiver",
            "target",
            "met",
        ]);
        for transfer in &self.transfers {
            table.add_row([
                transfer.name.clone(),
                whole(transfer.sent_mb),
                tenths(transfer.seconds),
                whole(transfer.rate_mb_per_s),
                tenths(transfer.caught_up_s),
                tenths(transfer.cpu.sender_s),
                tenths(transfer.cpu.receiver_s),
                tenths(transfer.cpu.links_s),
                tenths(transfer.sender_extra_mib),
                tenths(transfer.receiver_extra_mib),
                transfer.target.target.clone(),
                transfer.target.met_in_words().to_owned(),
            ]);
        }
        right_from(&mut table, 1);
        left(&mut table, &[10, 11]);
        table
    }

    /// Single trades before and during those beside which they settled.
    pub(crate) fn latencies(&self) -> Table {
        let header =
            ["single trades", "before", "p50 ms", "p99 ms", "meanwhile", "p50 ms", "p99 ms"];
        let mut table = table(header.into_iter().chain(["target", "met"]).collect::<Vec<_>>());
        for transfer in &self.transfers {
            let Some(settling) = &transfer.settling else { continue };
            let Settling { before, meanwhile, target, .. } = settling;
            table.add_row([
                transfer.name.clone(),
                grouped(before.trades as u64),
                tenths(before.p50_ms),
                tenths(before.p99_ms),
                grouped(meanwhile.trades as u64),
                tenths(meanwhile.p50_ms),
                tenths(meanwhile.p99_ms),
                target.target.clone(),
                target.met_in_words().to_owned(),
            ]);
        }
        right_from(&mut table, 1);
        left(&mut table, &[7, 8]);
        table
    }

    /// Of the node that missed trades.
    pub(crate) fn caught_up(&self) -> String {
        let CatchUp { trades, live_per_s, caught_up_per_s, ratio, target, .. } = &self.catch_up;
        format!(
            "\n{} trades behind: taken in at {}/s, caught up at {}/s, {ratio:.1} times as fast (target {}: {})",
            grouped(*trades),
            whole(*live_per_s),
            whole(*caught_up_per_s),
            target.target,
            target.met_in_words()
        )
    }
}
