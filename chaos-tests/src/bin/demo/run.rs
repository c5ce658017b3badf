//! The steps of the demonstration, in order.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use registry_chaos_tests::cluster::{
    Cluster, ClusterPlan, Layout, Managed, repository_root, start_links,
};
use registry_chaos_tests::sample_day::{SampleDay, published_days};
use registry_client::amount::parse_fen;
use registry_client::sample::DEFAULT_INSTRUMENT;

use crate::console::{Console, grouped};
use crate::{kept, pledge, report, show, year_end};

/// Time for the links to end.
const LINKS_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for the last node to apply what the others have.
const AGREEMENT_TIMEOUT: Duration = Duration::from_secs(20);
/// Prefix of the request ids of everything the demonstration asks for.
const RUN: &str = "demo";

/// What to do.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) keep: bool,
    pub(crate) free_ports: bool,
    pub(crate) rtt_ms: u64,
    pub(crate) day: String,
    pub(crate) seed: u64,
    pub(crate) firms: usize,
    pub(crate) work_dir: PathBuf,
}

pub(crate) async fn run(console: &mut Console, settings: Settings) -> anyhow::Result<()> {
    let root = repository_root();
    let published = published_days(&root)?;
    let figures = published.iter().find(|figures| figures.date.to_string() == settings.day);
    let figures =
        figures.with_context(|| format!("no figures of {} in deploy/sample-days", settings.day))?;
    let running = kept::running(&settings.work_dir)?;
    ensure!(
        running.is_empty(),
        "the demonstration that was kept still runs in {}: end it with `make demo-stop` (its data is emptied at the next start)",
        settings.work_dir.display()
    );

    let (links, cluster) = start(console, &root, &settings).await?;
    // From here on the ends of the nodes' logs belong to any failure.
    let settled = settle(console, &cluster, figures.clone(), &settings).await;
    cluster.with_logs(settled)?;
    if settings.keep {
        return keep(console, links, cluster, &settings);
    }
    stop(console, links, cluster).await
}

async fn start(
    console: &mut Console,
    root: &Path,
    settings: &Settings,
) -> anyhow::Result<(Managed, Cluster)> {
    console.heading(&format!("Two cities, three nodes each, {} ms apart", settings.rtt_ms));
    let work_dir = &settings.work_dir;
    let plan = match settings.free_ports {
        true => ClusterPlan::variant(root, work_dir, Layout::DualCity, |_| {})?,
        false => ClusterPlan::deployed(root, work_dir)?,
    };
    let links = start_links(&plan, settings.rtt_ms).await?;
    let cluster = Cluster::start_without_links(plan).await?;
    console.say("  certificates made, links listening, six nodes answering");
    let formed = cluster.bootstrap().await?;
    let leader = cluster.leader().await?;
    let sets: Vec<String> =
        formed.voter_sets.iter().map(|set| format!("{:?}", set.node_ids)).collect();
    console.say(&format!(
        "  bootstrapped: every commit needs a majority of {}; {} ({}) leads",
        sets.join(" and of "),
        leader.node_name,
        leader.city
    ));
    Ok((links, cluster))
}

async fn settle(
    console: &mut Console,
    cluster: &Cluster,
    figures: registry_client::sample::DayFigures,
    settings: &Settings,
) -> anyhow::Result<()> {
    let (registry, exchange) = (cluster.registry()?, cluster.exchange()?);
    let officers = cluster.officers()?;
    console.heading(&format!(
        "The firms and trades of {}, made from seed {}",
        settings.day, settings.seed
    ));
    let day = SampleDay::make(figures, settings.firms, settings.seed, DEFAULT_INSTRUMENT)?;
    let firms = day.population().firms().len();
    console.say(&format!("  {} firms, {} trades", grouped(firms), grouped(day.trades().len())));
    let progress = std::cell::RefCell::new(&mut *console);
    let loaded = day.load(&officers, RUN, |progress_now| {
        progress.borrow_mut().progress("firms loaded", progress_now.done, progress_now.total);
    });
    let loaded = loaded.await?;

    console.heading("The exchange streams the day, the registry clears and delivers it");
    let settled = day.settle(&registry, &exchange, &loaded.accounts, RUN, |now| {
        console.progress(show::stage_name(now.stage), now.done, now.total);
    });
    let settled = settled.await?;

    show::held(console, &settled);
    let reconciliation_fen = show::banks(console, &settled)?;
    ensure!(reconciliation_fen == 0, "receives and pays differ by {reconciliation_fen} fen");
    show::reconciliation(console, registry.reads(), &settled).await?;
    let line = day.must_equal_published(registry.reads(), &settled).await?;
    show::prices(console, &day, &line);
    let nodes = cluster.held_states(AGREEMENT_TIMEOUT).await?;
    show::nodes(console, &nodes);
    if nodes.windows(2).any(|pair| pair[0].digest != pair[1].digest) {
        bail!("the nodes hold different states");
    }
    let path = settings.work_dir.join("report.json");
    let elapsed_s = console.elapsed().as_secs_f64();
    report::Report::of(&settled, &line, &nodes, reconciliation_fen, elapsed_s).write(&path)?;
    let close_fen = pledge::act(console, cluster, parse_fen(&line.close_yuan)?).await?;
    year_end::act(console, cluster, close_fen).await?;
    let elapsed_s = console.elapsed().as_secs_f64();
    console.say(&format!("\n{} written after {elapsed_s:.1} s.", path.display()));
    Ok(())
}

async fn stop(console: &Console, mut links: Managed, mut cluster: Cluster) -> anyhow::Result<()> {
    cluster.stop_all().await?;
    links.terminate(LINKS_TIMEOUT).await?;
    console.say("All processes stopped.");
    Ok(())
}

fn keep(
    console: &mut Console,
    links: Managed,
    cluster: Cluster,
    settings: &Settings,
) -> anyhow::Result<()> {
    let endpoints = cluster.plan().endpoints();
    let mut processes = cluster.processes();
    processes.push(("link-emulator".to_owned(), links.pid()));
    // Recorded first: whatever fails after this can still be stopped.
    kept::record(&settings.work_dir, &processes)?;
    cluster.detach();
    links.detach();
    show::kept(console, &endpoints, settings);
    Ok(())
}
