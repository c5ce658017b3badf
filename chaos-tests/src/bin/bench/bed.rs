//! A cluster to measure. The links between its cities run in a process of
//! their own, so that the nodes', the links' and this client's processor time
//! are counted apart.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use registry_chaos_tests::cluster::{
    Cluster, ClusterPlan, Layout, Managed, ProcessUsage, machine_busy_us, repository_root,
    start_links,
};
use registry_chaos_tests::wait::eventually;
use registry_client::{ExchangeClient, RegistryClient, TwoOfficers};

use crate::measure::{Mark, Used};

/// Clearing a day of millions of trades takes longer than an ordinary call.
const CALL_TIMEOUT: Duration = Duration::from_secs(180);
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// At rest all nodes together take less than this between two looks: their
/// heartbeats alone.
const REST_US: u64 = 100_000;
const REST_LOOK: Duration = Duration::from_millis(500);
const REST_TIMEOUT: Duration = Duration::from_secs(60);

/// Where the nodes stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// As it ends the names of cases.
    pub(crate) name: &'static str,
    pub(crate) layout: Layout,
    /// Between the cities.
    pub(crate) rtt_ms: u64,
}

/// Three voters.
pub(crate) const ONE_CITY: Place =
    Place { name: "one-city", layout: Layout::SingleCity, rtt_ms: 0 };
/// Six nodes, two cities without distance.
pub(crate) const NO_DISTANCE: Place = Place { name: "0ms", layout: Layout::DualCity, rtt_ms: 0 };
/// Six nodes, two cities at the distance of Shanghai and Wuhan.
pub(crate) const DISTANCE: Place = Place { name: "12ms", layout: Layout::DualCity, rtt_ms: 12 };

impl Place {
    pub(crate) fn layout_name(self) -> &'static str {
        match self.layout {
            Layout::DualCity => "dual-city",
            Layout::Witnessed => "witnessed",
            Layout::SingleCity => "single-city",
        }
    }
}

/// A formed cluster with its clients.
pub(crate) struct Bed {
    pub(crate) cluster: Cluster,
    pub(crate) place: Place,
    pub(crate) registry: RegistryClient,
    pub(crate) exchange: ExchangeClient,
    links: Option<Managed>,
}

impl Bed {
    /// Starts a cluster in `out/name` and waits for its leader.
    pub(crate) async fn start(out: &Path, name: &str, place: Place) -> anyhow::Result<Self> {
        let plan = ClusterPlan::variant(&repository_root(), &out.join(name), place.layout, |_| {})?;
        let links = match place.layout {
            Layout::DualCity | Layout::Witnessed => Some(start_links(&plan, place.rtt_ms).await?),
            Layout::SingleCity => None,
        };
        let cluster = Cluster::start_without_links(plan).await?;
        cluster.bootstrap().await?;
        cluster.leader().await?;
        let registry = cluster.registry()?.with_timeout(CALL_TIMEOUT);
        let exchange = cluster.exchange()?.with_timeout(CALL_TIMEOUT);
        Ok(Self { cluster, place, registry, exchange, links })
    }

    /// A cluster that was started over these links, bootstrapped.
    pub(crate) async fn form(cluster: Cluster, links: Managed) -> anyhow::Result<Self> {
        cluster.bootstrap().await?;
        cluster.leader().await?;
        let registry = cluster.registry()?.with_timeout(CALL_TIMEOUT);
        let exchange = cluster.exchange()?.with_timeout(CALL_TIMEOUT);
        Ok(Self { cluster, place: DISTANCE, registry, exchange, links: Some(links) })
    }

    /// The registry's two officers.
    pub(crate) fn officers(&self) -> anyhow::Result<TwoOfficers> {
        let officers = self.cluster.officers()?;
        let patient = |officer: &RegistryClient| officer.with_timeout(CALL_TIMEOUT);
        Ok(TwoOfficers::new(patient(officers.maker()), patient(officers.checker())))
    }

    /// Stops every process.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.cluster.stop_all().await?;
        if let Some(links) = &mut self.links {
            links.terminate(STOP_TIMEOUT).await?;
        }
        Ok(())
    }

    pub(crate) fn voters(&self) -> usize {
        self.cluster.node_ids().len()
    }

    /// Time and processor time now.
    pub(crate) fn mark(&self) -> Mark {
        let used = Used {
            nodes_us: self.cluster.usage().values().map(|usage| usage.cpu_us).sum(),
            client_us: ProcessUsage::of_this_process().cpu_us,
            links_us: self.links.as_ref().map_or(0, |links| links.usage().cpu_us),
            machine_us: machine_busy_us(),
        };
        Mark { at: Instant::now(), used }
    }

    /// Waits until the nodes have nothing left to do, or not much longer.
    pub(crate) async fn rest(&self) {
        let nodes_us = || self.mark().used.nodes_us;
        let before = Cell::new(nodes_us());
        let resting = eventually("the nodes to rest", REST_TIMEOUT, || async {
            tokio::time::sleep(REST_LOOK).await;
            let used_us = nodes_us() - before.replace(nodes_us());
            Ok((used_us <= REST_US).then_some(()))
        });
        // A node that never rests shows in the figures.
        let _ = resting.await;
    }

    /// Greatest resident set of each node so far, by name.
    pub(crate) fn peak_rss_mib(&self) -> BTreeMap<String, f64> {
        let usage = self.cluster.usage();
        let nodes = self.cluster.plan().configs().map(|config| &config.node);
        nodes
            .filter_map(|node| {
                let peak_kib = usage.get(&node.id)?.peak_rss_kib;
                Some((node.name.clone(), peak_kib as f64 / 1024.0))
            })
            .collect()
    }

    /// Of the node that used most.
    pub(crate) fn greatest_rss_mib(&self) -> f64 {
        self.peak_rss_mib().into_values().fold(0.0, f64::max)
    }
}
