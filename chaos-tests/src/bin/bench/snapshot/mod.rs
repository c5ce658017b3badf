//! Snapshots and catching up over the distance between the cities: a node that
//! has nothing of a large state gets it with nothing else to do, and while single
//! trades settle; then it catches up with a day of trades from the log.

mod figures;

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use registry_chaos_tests::cluster::{
    Cluster, ClusterPlan, Layout, Managed, repository_root, start_links,
};
use registry_chaos_tests::day::{DaySums, ExchangeDay};
use registry_chaos_tests::latency::percentile_ms;
use registry_chaos_tests::market::{Market, open_day};
use registry_chaos_tests::scratch;
use registry_chaos_tests::wait::eventually;

pub(crate) use self::figures::Snapshots;
use self::figures::{CatchUp, Cpu, Latency, Settling, Transfer};
use crate::bed::Bed;
use crate::day::{self, DATE};
use crate::measure::rounded;
use crate::report::{grouped, say};
use crate::single;
use crate::target::Target;

const RTT_MS: u64 = 12;
/// What a snapshot has at least.
const STATE_BYTES: u64 = 1 << 30;
/// Settled on each day before.
const DAY_TRADES: u64 = 2_000_000;
/// Of November 2021, working days of two weeks.
const DAYS: [u64; 10] = [1, 2, 3, 4, 5, 8, 9, 10, 11, 12];
const FIRMS: u64 = 500;
const TRADES_BEHIND: u64 = 1_000_000;
const CHUNK_TRADES: usize = 4_000;
const CALLERS: usize = 16;
const TIMEOUT: Duration = Duration::from_secs(300);
/// Single trades alone are measured for so long.
const BEFORE: Duration = Duration::from_secs(8);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// With nothing else to do; the median counts.
const IDLE_RUNS: usize = 3;
/// While entries are written; 0 is no limit.
const RATES_MB_PER_S: [u64; 2] = [50, 0];

struct Run {
    bed: Bed,
    leaders_city: String,
    /// In the other city.
    away: u64,
    /// Log index that it had.
    missed_from: u64,
    /// The first single trade that was not settled yet.
    next_trade: u64,
    market: Market,
    /// The data folder of the node that was away, as it was then.
    untouched: PathBuf,
}

pub(crate) async fn run(out: &Path, smoke: bool) -> anyhow::Result<Snapshots> {
    let share = if smoke { 100 } else { 1 };
    let mut run = Run::start(out, smoke).await?;
    let began = run.bed.mark();
    run.load(STATE_BYTES / share, DAY_TRADES / share).await?;
    run.bed.rest().await;
    let state_mb = rounded(run.snapshot_bytes().await? as f64 / 1e6);
    say(&format!("  state of {state_mb:.0} MB"))?;
    let mut transfers = Vec::new();
    for number in 1..=IDLE_RUNS {
        run.again(0).await?;
        transfers.push(told(run.idle(&format!("nothing else to do, {number}")).await?)?);
    }
    for rate_mb_per_s in RATES_MB_PER_S {
        run.again(rate_mb_per_s).await?;
        transfers.push(told(run.under_load(rate_mb_per_s).await?)?);
    }
    let catch_up = run.behind(TRADES_BEHIND / share).await?;
    let others_percent = began.until(&run.bed.mark()).others_percent();
    run.bed.stop().await?;
    fs::remove_dir_all(&run.untouched)?;
    let mut measured = Snapshots { rtt_ms: RTT_MS, state_mb, transfers, catch_up, others_percent };
    if smoke {
        measured.unjudged();
    }
    Ok(measured)
}

fn told(transfer: Transfer) -> anyhow::Result<Transfer> {
    let Transfer { name, sent_mb, seconds, rate_mb_per_s, .. } = &transfer;
    say(&format!("  {name}: {sent_mb:.0} MB in {seconds:.1} s, {rate_mb_per_s:.0} MB/s"))?;
    Ok(transfer)
}

impl Run {
    async fn start(out: &Path, smoke: bool) -> anyhow::Result<Self> {
        let plan = ClusterPlan::variant(
            &repository_root(),
            &out.join("snapshot"),
            Layout::DualCity,
            |raft| {
                raft.snapshot_log_bytes = Some(if smoke { 256 << 10 } else { 64 << 20 });
                raft.snapshot_keep_entries = Some(8);
                raft.lagging_log_bytes = Some(if smoke { 0 } else { 64 << 20 });
                raft.snapshot_rate_mb_per_s = Some(0);
            },
        )?;
        let links: Managed = start_links(&plan, RTT_MS).await?;
        let cluster = Cluster::start_without_links(plan).await?;
        let mut bed = Bed::form(cluster, links).await?;
        let market = Market::set_up(&bed.officers()?, FIRMS, 1_000_000_000, 1 << 50).await?;
        let leader = bed.cluster.leader().await?;
        let other_city = if leader.city == "wuhan" { "shanghai" } else { "wuhan" };
        let away = bed.cluster.nodes_in(other_city)[1];
        let missed_from = bed.cluster.agreed_state(TIMEOUT).await?.log_index;
        bed.cluster.stop(away).await?;
        let untouched = out.join("snapshot-untouched");
        let leaders_city = leader.city;
        let next_trade = 1;
        let run = Self { bed, leaders_city, away, missed_from, next_trade, market, untouched };
        let _ = fs::remove_dir_all(&run.untouched);
        scratch::copy(&run.data_folder(away), &run.untouched)?;
        Ok(run)
    }

    fn data_folder(&self, node: u64) -> PathBuf {
        let plan = self.bed.cluster.plan();
        let config = plan.configs().find(|config| config.node.id == node);
        plan.work_dir().join(config.map_or("", |config| &config.node.data_dir))
    }

    /// What the node that was away said so far.
    fn log(&self) -> anyhow::Result<String> {
        let plan = self.bed.cluster.plan();
        let config = plan.configs().find(|config| config.node.id == self.away);
        let name = config.map_or("", |config| &config.node.name);
        Ok(fs::read_to_string(plan.work_dir().join("logs").join(format!("{name}.log")))?)
    }

    async fn snapshot_bytes(&self) -> anyhow::Result<u64> {
        let leader = self.bed.cluster.leader().await?.node_id;
        size_of(&self.data_folder(leader).join("snapshots"))
    }

    /// Settles one day after the other until the state is as large, and opens the next.
    async fn load(&self, target_bytes: u64, day_trades: u64) -> anyhow::Result<()> {
        for day_of_month in DAYS {
            let date = format!("2021-11-{day_of_month:02}");
            let sums = DaySums::of(&date, self.market.each_trade(&date, 1, day_trades)?)?;
            let chunks = self.market.each_chunk(&date, 1, day_trades, CHUNK_TRADES)?;
            Box::pin(day::settle(&self.bed, &sums, chunks, day_trades)).await?;
            if self.snapshot_bytes().await? >= target_bytes {
                break;
            }
        }
        self.bed.registry.open_day(open_day(DATE)).await?;
        self.bed.cluster.agreed_state(TIMEOUT).await?;
        eventually("the log that the node misses to be purged", TIMEOUT, || async {
            let statuses = self.bed.cluster.statuses(0).await?;
            let purged = statuses.iter().all(|status| status.purged_log_index > self.missed_from);
            Ok(purged.then_some(()))
        })
        .await
    }

    /// The node that was away is as it was then, and down; all others are started
    /// anew, for a leader that knew it with more would not have it back.
    async fn again(&mut self, rate_mb_per_s: u64) -> anyhow::Result<()> {
        self.bed.cluster.stop_all().await?;
        for path in self.bed.cluster.plan().config_paths() {
            let text = fs::read_to_string(path)?;
            let lines = text.lines().map(|line| match line.starts_with("snapshot_rate_mb_per_s") {
                true => format!("snapshot_rate_mb_per_s = {rate_mb_per_s}\n"),
                false => format!("{line}\n"),
            });
            fs::write(path, lines.collect::<String>())?;
        }
        for id in self.bed.cluster.node_ids().into_iter().filter(|id| *id != self.away) {
            self.bed.cluster.restart_within(id, TIMEOUT).await?;
        }
        self.bed.cluster.leader().await?;
        // The snapshot is to go the whole distance.
        self.bed.cluster.operator()?.hand_over(&self.leaders_city, 0).await?;
        let data = self.data_folder(self.away);
        fs::remove_dir_all(&data)?;
        scratch::copy(&self.untouched, &data)?;
        self.bed.rest().await;
        Ok(())
    }

    async fn idle(&mut self, name: &str) -> anyhow::Result<Transfer> {
        let before = self.log()?.len();
        self.bed.cluster.restart_within(self.away, TIMEOUT).await?;
        let mut transfer = self.arrived(name, before).await?;
        let extra_mib = transfer.sender_extra_mib.max(transfer.receiver_extra_mib);
        transfer.target = figures::unlimited(transfer.rate_mb_per_s, extra_mib);
        Ok(transfer)
    }

    async fn under_load(&mut self, rate_mb_per_s: u64) -> anyhow::Result<Transfer> {
        let name = match rate_mb_per_s {
            0 => "trades settle, no limit".to_owned(),
            rate => format!("trades settle, {rate} MB/s"),
        };
        let trades = self.market.each_trade(DATE, self.next_trade, 100_000_000)?;
        let mut alone = single::settle(&self.bed, trades, CALLERS, BEFORE).await?.latencies;
        self.next_trade += alone.len() as u64 + CALLERS as u64;
        let before = self.log()?.len();
        self.bed.cluster.restart_within(self.away, TIMEOUT).await?;
        let arrived = Cell::new(false);
        let trades = self.market.each_trade(DATE, self.next_trade, 100_000_000)?;
        let trades = trades.take_while(|_| !arrived.get());
        let settling = single::settle(&self.bed, trades, CALLERS, Duration::MAX);
        let arriving = async {
            let transfer = self.arrived(&name, before).await;
            arrived.set(true);
            transfer
        };
        let (settled, transfer) = futures::join!(settling, arriving);
        let (mut meanwhile, mut transfer) = (settled?.latencies, transfer?);
        self.next_trade += meanwhile.len() as u64 + CALLERS as u64;
        let (before, meanwhile) = (latency(&mut alone), latency(&mut meanwhile));
        let target = figures::settling(&before, &meanwhile);
        transfer.settling = Some(Settling { callers: CALLERS, before, meanwhile, target });
        Ok(transfer)
    }

    /// Waits until the node has what the leader had; `before` is the length of its log.
    async fn arrived(&self, name: &str, before: usize) -> anyhow::Result<Transfer> {
        let began = Instant::now();
        let leader = self.bed.cluster.leader().await?;
        let start = Seen::now(&self.bed, leader.node_id, self.away);
        let mut most = start;
        let told = loop {
            let text = self.log()?;
            let lines = text.get(before..).unwrap_or_default();
            if let Some(line) = lines.lines().find(|line| line.contains("snapshot arrived")) {
                break line.to_owned();
            }
            anyhow::ensure!(began.elapsed() < TIMEOUT, "no snapshot arrived");
            tokio::time::sleep(LOOK_EVERY).await;
            most = most.later(Seen::now(&self.bed, leader.node_id, self.away));
        };
        let end = Seen::now(&self.bed, leader.node_id, self.away);
        let figure = |key: &str| -> f64 {
            let value = told.split(key).nth(1).unwrap_or_default();
            let digits: String = value.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().unwrap_or(f64::NAN)
        };
        let (sent_mb, seconds) = (figure("missing_bytes=") / 1e6, figure("elapsed_ms=") / 1e3);
        self.bed.cluster.applied(self.away, leader.applied_log_index, TIMEOUT).await?;
        let mib = |most: u64, start: u64| rounded(most.saturating_sub(start) as f64 / 1024.0);
        let s = |end: u64, start: u64| rounded((end - start) as f64 / 1e6);
        let cpu = Cpu {
            sender_s: s(end.sender_us, start.sender_us),
            receiver_s: s(end.receiver_us, start.receiver_us),
            links_s: s(end.links_us, start.links_us),
        };
        let sender_extra_mib = mib(most.sender_kib, start.sender_kib);
        let receiver_extra_mib = mib(most.receiver_kib, start.receiver_kib);
        Ok(Transfer {
            name: name.to_owned(),
            sent_mb: rounded(sent_mb),
            seconds: rounded(seconds),
            rate_mb_per_s: rounded(sent_mb / seconds),
            caught_up_s: rounded(began.elapsed().as_secs_f64()),
            cpu,
            sender_extra_mib,
            receiver_extra_mib,
            target: figures::memory(sender_extra_mib.max(receiver_extra_mib)),
            settling: None,
        })
    }

    /// The node misses a day's trades and gets them from the log.
    async fn behind(&mut self, trades: u64) -> anyhow::Result<CatchUp> {
        self.bed.rest().await;
        self.bed.cluster.stop(self.away).await?;
        let day = ExchangeDay::new(DATE, self.market.trades(DATE, self.next_trade, trades)?)?;
        let missed_from = self.bed.cluster.leader().await?.applied_log_index;
        let began = Instant::now();
        day.submit(&self.bed.exchange, CHUNK_TRADES, |_| {}).await?;
        let live_per_s = trades as f64 / began.elapsed().as_secs_f64();
        self.bed.rest().await;
        let missed_to = self.bed.cluster.leader().await?.applied_log_index;
        // It catches up while it starts: the first answer says from where on.
        self.bed.cluster.restart_within(self.away, TIMEOUT).await?;
        let began = Instant::now();
        let first = eventually("the node to say where it is", TIMEOUT, || async {
            let statuses = self.bed.cluster.statuses(0).await?;
            Ok(statuses.into_iter().find(|status| status.node_id == self.away))
        });
        let first = first.await?.applied_log_index.clamp(missed_from, missed_to);
        let still = (missed_to - first) as f64 / (missed_to - missed_from) as f64;
        let status = self.bed.cluster.applied(self.away, missed_to, TIMEOUT).await?;
        let caught_up_per_s = still * trades as f64 / began.elapsed().as_secs_f64();
        let ratio = rounded(caught_up_per_s / live_per_s);
        say(&format!(
            "  {} trades behind, {:.0} % of them when it answered",
            grouped(trades),
            still * 100.0
        ))?;
        Ok(CatchUp {
            trades,
            live_per_s: rounded(live_per_s),
            caught_up_per_s: rounded(caught_up_per_s),
            ratio,
            snapshots_installed: status.counters.map_or(0, |it| it.snapshots_installed),
            target: figures::catch_up(ratio),
        })
    }
}

/// Both ends of a transfer at one moment.
#[derive(Clone, Copy)]
struct Seen {
    sender_us: u64,
    sender_kib: u64,
    receiver_us: u64,
    receiver_kib: u64,
    links_us: u64,
}

impl Seen {
    fn now(bed: &Bed, sender: u64, receiver: u64) -> Self {
        let usage = bed.cluster.usage();
        let of = |id: u64| usage.get(&id).copied().unwrap_or_default();
        let (sender, receiver) = (of(sender), of(receiver));
        Self {
            sender_us: sender.cpu_us,
            sender_kib: sender.rss_kib,
            receiver_us: receiver.cpu_us,
            receiver_kib: receiver.rss_kib,
            links_us: bed.mark().used.links_us,
        }
    }

    /// The greatest of each.
    fn later(self, next: Self) -> Self {
        Self {
            sender_us: next.sender_us,
            sender_kib: self.sender_kib.max(next.sender_kib),
            receiver_us: next.receiver_us,
            receiver_kib: self.receiver_kib.max(next.receiver_kib),
            links_us: next.links_us,
        }
    }
}

impl Snapshots {
    /// Too little was sent to tell.
    fn unjudged(&mut self) {
        let targets = self.transfers.iter_mut().map(|transfer| &mut transfer.target);
        for target in targets.chain([&mut self.catch_up.target]) {
            *target = std::mem::take(target).unjudged();
        }
        for settling in self.transfers.iter_mut().filter_map(|transfer| transfer.settling.as_mut())
        {
            let target: Target = std::mem::take(&mut settling.target);
            settling.target = target.unjudged();
        }
    }
}

fn latency(latencies: &mut [Duration]) -> Latency {
    Latency {
        trades: latencies.len(),
        p50_ms: rounded(percentile_ms(latencies, 0.5)),
        p99_ms: rounded(percentile_ms(latencies, 0.99)),
    }
}

fn size_of(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for item in fs::read_dir(folder)? {
        let item = item?;
        bytes += match item.file_type()?.is_dir() {
            true => size_of(&item.path()).unwrap_or(0),
            false => item.metadata().map_or(0, |found| found.len()),
        };
    }
    Ok(bytes)
}
