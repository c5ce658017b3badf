//! `demo cluster`: a cluster with accounts to write to that stays until `demo stop`,
//! for drills and for trying things out.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};
use registry_chaos_tests::cluster::{
    Cluster, ClusterPlan, DrillTarget, Layout, Managed, find_binary, repository_root, start_links,
};
use registry_chaos_tests::market::{Market, bank_of};
use registry_client::pki;

use crate::console::Console;
use crate::kept;

/// Stand by in the city that a drill gives up, to take the place of its nodes.
const SPARES: [(u64, &str, &str); 3] =
    [(14, "sh-4", "shanghai"), (15, "sh-5", "shanghai"), (16, "sh-6", "shanghai")];
/// The city that may recover alone.
const RECOVERY_CITY: &str = "wuhan";
/// Accounts, each with a balance.
const ACCOUNTS: u64 = 4;
const TARGET: &str = "drill-target.toml";
/// Folder and name of the cluster that waits for a backup, below the first one's.
const RESTORED: &str = "restored";
const RESTORED_CLUSTER_ID: &str = "carbon-registry-restored";

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

impl LayoutName {
    fn layout(self) -> Layout {
        match self {
            Self::DualCity => Layout::DualCity,
            Self::Witnessed => Layout::Witnessed,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::DualCity => "dual-city",
            Self::Witnessed => "witnessed",
        }
    }
}

/// All folders below this one in which processes may have been left.
pub(crate) fn folders(work_dir: &Path) -> [PathBuf; 2] {
    [work_dir.to_owned(), work_dir.join(RESTORED)]
}

/// Starts it in the folder, which is emptied, and leaves it running.
pub(crate) async fn start(
    console: &Console,
    of: &ClusterArgs,
    work_dir: &Path,
) -> anyhow::Result<()> {
    for folder in folders(work_dir) {
        ensure!(
            kept::running(&folder)?.is_empty(),
            "a cluster runs in {} already: end it with `demo stop --work-dir {}`",
            folder.display(),
            work_dir.display()
        );
    }
    let spares = match of.layout {
        LayoutName::DualCity => &SPARES[..],
        LayoutName::Witnessed => &[][..],
    };
    let plan = ClusterPlan::variant(&repository_root(), work_dir, of.layout.layout(), |_| {})?;
    let plan = plan.with_spares(spares)?;
    let links = start_links(&plan, of.rtt_ms).await?;
    let cluster = Cluster::start_without_links(plan).await?;
    let operator = cluster.operator()?;
    cluster.with_logs(operator.bootstrap(RECOVERY_CITY).await.context("bootstrap"))?;
    cluster.leader().await?;
    Market::set_up(&cluster.officers()?, ACCOUNTS, 1_000, 1_000_000).await?;
    let restored_links = prepare_restored(of, work_dir).await?;

    let restored = Path::new(RESTORED).join(TARGET);
    write_target(of, cluster.plan(), "local", Some(&restored), None)?;
    let mut processes = cluster.processes();
    processes.push(("link-emulator".to_owned(), links.pid()));
    // Recorded first: whatever fails after this can still be stopped.
    kept::record(work_dir, &processes)?;
    kept::record(&work_dir.join(RESTORED), &[("link-emulator".to_owned(), restored_links.pid())])?;
    let endpoints = cluster.plan().endpoints().join(",");
    cluster.detach();
    links.detach();
    restored_links.detach();
    let shown = work_dir.display();
    console
        .say(&format!("  clients: registryctl --endpoints {endpoints} --identity {shown}/pki/…"));
    console.say(&format!("  drills:  registryctl drill … --target {shown}/{TARGET}"));
    console.say(&format!("  stop:    demo stop --work-dir {shown}"));
    Ok(())
}

/// Configurations, certificates and links of a cluster that is not started: a backup is
/// restored into it.
async fn prepare_restored(of: &ClusterArgs, work_dir: &Path) -> anyhow::Result<Managed> {
    let folder = work_dir.join(RESTORED);
    let plan = ClusterPlan::variant(&repository_root(), &folder, of.layout.layout(), |_| {})?;
    let plan = plan.of_cluster(RESTORED_CLUSTER_ID)?;
    let mut certified = pki::Layout::dual_city();
    certified.nodes =
        plan.configs().map(|config| (config.node.id, config.node.name.clone())).collect();
    pki::init(&plan.pki_dir(), &certified).context("making the certificates")?;
    fs::create_dir_all(folder.join("logs"))?;
    let authority = Path::new("../pki/peer-ca.pem");
    write_target(of, &plan, RESTORED, None, Some(authority))?;
    start_links(&plan, of.rtt_ms).await
}

fn write_target(
    of: &ClusterArgs,
    plan: &ClusterPlan,
    name: &str,
    restored: Option<&Path>,
    source_authority: Option<&Path>,
) -> anyhow::Result<()> {
    let accounts: Vec<_> = (1..=ACCOUNTS).map(|id| (id, bank_of(id))).collect();
    let target = DrillTarget {
        name,
        layout: of.layout.text(),
        rtt_ms: of.rtt_ms,
        accounts: &accounts,
        node: &find_binary("registry-node", "REGISTRY_NODE_BIN")?,
        links: &find_binary("link-emulator", "LINK_EMULATOR_BIN")?,
        registryctl: &find_binary("registryctl", "REGISTRYCTL_BIN")?,
        restored,
        source_authority,
    };
    let path = plan.work_dir().join(TARGET);
    fs::write(&path, target.text(plan)).with_context(|| format!("writing {}", path.display()))
}
