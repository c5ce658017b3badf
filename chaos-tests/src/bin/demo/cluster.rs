//! `demo cluster`: a cluster with accounts to write to that stays until `demo stop`,
//! for drills and for trying things out.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};
use registry_chaos_tests::cluster::{
    Cluster, ClusterPlan, Layout, Programs, drill_target, find_binary, repository_root, start_links,
};
use registry_chaos_tests::market::{Market, bank_of};

use crate::console::Console;
use crate::kept;

/// Stand by in the city that a drill gives up, to take the place of its nodes.
const SPARES: [(u64, &str, &str); 3] =
    [(14, "sh-4", "shanghai"), (15, "sh-5", "shanghai"), (16, "sh-6", "shanghai")];
/// The city that may recover alone.
const RECOVERY_CITY: &str = "wuhan";
/// Accounts, each with a balance.
const ACCOUNTS: u64 = 4;

#[derive(Args)]
pub(crate) struct ClusterArgs {
    /// Who must agree to a commit.
    #[arg(long, value_enum, default_value_t = LayoutName::DualCity)]
    layout: LayoutName,
    /// Round-trip time between the cities.
    #[arg(long, default_value_t = 12)]
    rtt_ms: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum LayoutName {
    DualCity,
    Witnessed,
}

/// Starts it in the folder, which is emptied, and leaves it running.
pub(crate) async fn start(
    console: &Console,
    of: &ClusterArgs,
    work_dir: &Path,
) -> anyhow::Result<()> {
    ensure!(
        kept::running(work_dir)?.is_empty(),
        "a cluster runs in {} already: end it with `demo stop --work-dir {0}`",
        work_dir.display()
    );
    let (layout, name, spares) = match of.layout {
        LayoutName::DualCity => (Layout::DualCity, "dual-city", &SPARES[..]),
        LayoutName::Witnessed => (Layout::Witnessed, "witnessed", &[][..]),
    };
    let plan = ClusterPlan::variant(&repository_root(), work_dir, layout, |_| {})?;
    let plan = plan.with_spares(spares)?;
    let links = start_links(&plan, of.rtt_ms).await?;
    let cluster = Cluster::start_without_links(plan).await?;
    let operator = cluster.operator()?;
    cluster.with_logs(operator.bootstrap(RECOVERY_CITY).await.context("bootstrap"))?;
    cluster.leader().await?;
    Market::set_up(&cluster.officers()?, ACCOUNTS, 1_000, 1_000_000).await?;

    let path = write_target(&cluster, name, of.rtt_ms)?;
    let mut processes = cluster.processes();
    processes.push(("link-emulator".to_owned(), links.pid()));
    // Recorded first: whatever fails after this can still be stopped.
    kept::record(work_dir, &processes)?;
    let endpoints = cluster.plan().endpoints().join(",");
    cluster.detach();
    links.detach();
    let shown = work_dir.display();
    console
        .say(&format!("  clients: registryctl --endpoints {endpoints} --identity {shown}/pki/…"));
    console.say(&format!("  drills:  registryctl drill … --target {}", path.display()));
    console.say(&format!("  stop:    demo stop --work-dir {shown}"));
    Ok(())
}

fn write_target(cluster: &Cluster, layout: &str, rtt_ms: u64) -> anyhow::Result<PathBuf> {
    let accounts: Vec<_> = (1..=ACCOUNTS).map(|id| (id, bank_of(id))).collect();
    let node = find_binary("registry-node", "REGISTRY_NODE_BIN")?;
    let links = find_binary("link-emulator", "LINK_EMULATOR_BIN")?;
    let programs = Programs { node: &node, links: &links };
    let text = drill_target(cluster.plan(), layout, rtt_ms, &accounts, &programs);
    let path = cluster.plan().work_dir().join("drill-target.toml");
    fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}
