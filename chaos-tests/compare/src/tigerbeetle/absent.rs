//! What there is of TigerBeetle in a build without its feature.

use std::path::Path;

use crate::Kind;
use crate::drive::Bounds;
use crate::measure::Figures;

/// There is none.
#[derive(Debug)]
pub(crate) enum Cluster {}

impl Cluster {
    /// # Errors
    /// Always; says how to get the other build.
    pub(crate) fn find(_: &super::Location) -> anyhow::Result<Self> {
        anyhow::bail!(
            "not in this build: run chaos-tests/compare/tigerbeetle-setup and build with \
             --features tigerbeetle"
        )
    }
}

pub(crate) async fn run(
    cluster: &Cluster,
    _: &Path,
    _: Bounds,
) -> anyhow::Result<Vec<(Kind, Figures)>> {
    match *cluster {}
}
