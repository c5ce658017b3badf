//! PostgreSQL: a primary and two standbys, of which one must have a commit on
//! disk before it is answered, as in a majority of three.

mod ledger;
mod servers;

use std::path::Path;

use crate::Kind;
use crate::drive::{Batches, Bounds, drive};
use crate::measure::Figures;

pub(crate) use servers::Programs;

/// Found best on two cores: more batches at once wait for each other's accounts.
const BATCHES: Batches = Batches { trades: 4_096, in_flight: 2 };

/// Starts the servers in a folder below `parent`, measures both cases and stops them.
pub(crate) async fn run(
    programs: &Programs,
    parent: &Path,
    bounds: Bounds,
) -> anyhow::Result<Vec<(Kind, Figures)>> {
    let mut servers = programs.folder(parent)?;
    let measured = async {
        let config = programs.start(&mut servers).await?;
        let ledger = ledger::PostgresLedger::create(config).await?;
        drive(&ledger, &servers.pids(), BATCHES, bounds).await
    };
    let measured = measured.await;
    servers.explain(measured)
}
