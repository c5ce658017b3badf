//! etcd: three members, trades as transactions that compare what they change.

mod ledger;
mod servers;
mod wire;

use std::path::Path;

use crate::Kind;
use crate::drive::{Batches, Bounds, drive};
use crate::measure::Figures;
use crate::servers::Servers;

pub(crate) use servers::Program;

/// Every batch changes nearly every account, so the next one must wait for it.
const BATCHES: Batches = Batches { trades: 4_096, in_flight: 1 };

/// Starts the members in a folder below `parent`, measures both cases and stops them.
pub(crate) async fn run(
    program: &Program,
    parent: &Path,
    bounds: Bounds,
) -> anyhow::Result<Vec<(Kind, Figures)>> {
    let mut servers = Servers::in_folder(parent, "KILL")?;
    let measured = async {
        let leader = program.start(&mut servers).await?;
        let ledger = ledger::EtcdLedger::create(leader).await?;
        drive(&ledger, &servers.pids(), BATCHES, bounds).await
    };
    let measured = measured.await;
    servers.explain(measured)
}
