//! Verifications of pledges: by one caller, by many, and over streams.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use registry_chaos_tests::market::Market;
use registry_chaos_tests::pledging::{Close, offer, pledge, recent_trading_days, settle_close};
use registry_client::pki::{self, Role};
use registry_client::proto::verify_pledges_reply::Outcome;
use registry_client::proto::{Consistency, Counters, VerifyPledgeRequest};
use registry_client::{BankClient, FirmClient, ReadClient};
use serde::Serialize;

use crate::bed::{Bed, DISTANCE, NO_DISTANCE, Place};
use crate::measure::{each_us, percentile_ms, rounded};
use crate::size::{CASH_FEN_EACH, Size, TONNES_EACH};
use crate::target::{self, Target};

const PLEDGOR: u64 = 1;
const PLEDGEE: u32 = 102;
/// Verifications of one call of the stream.
const PER_STREAM: usize = 1_000;
/// As many callers as share a connection.
const CALLERS_PER_CONNECTION: usize = 64;

/// How verifications are asked.
#[derive(Clone, Copy, Debug)]
enum Load {
    /// One call after the other.
    One,
    /// So many callers at once, a call each time.
    Callers(usize),
    /// So many streams at once.
    Streams(usize),
}

const LOADS: [(&str, Place, Load); 4] = [
    ("verify-light-12ms", DISTANCE, Load::One),
    ("verify-256-callers-0ms", NO_DISTANCE, Load::Callers(256)),
    ("verify-256-callers-12ms", DISTANCE, Load::Callers(256)),
    ("verify-8-streams-0ms", NO_DISTANCE, Load::Streams(8)),
];

/// One line of the report.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Verified {
    pub(crate) name: String,
    /// Between the cities.
    pub(crate) rtt_ms: u64,
    pub(crate) verifications: u64,
    pub(crate) per_s: f64,
    /// User and system time of all nodes.
    pub(crate) cpu_us_each: f64,
    /// Of the load generator.
    pub(crate) client_cpu_us_each: f64,
    /// Of one call; of all of a stream's.
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Mean of the leader's quorum rounds meanwhile.
    pub(crate) round_ms: f64,
    pub(crate) others_percent: f64,
    #[serde(flatten)]
    pub(crate) target: Target,
}

/// Measures all of them; a place's cluster serves its loads one after the other.
pub(crate) async fn run(out: &Path, size: &Size) -> anyhow::Result<Vec<Verified>> {
    let mut measured = Vec::new();
    for place in [DISTANCE, NO_DISTANCE] {
        let bed = Bed::start(out, &format!("verify-{}", place.name), place).await?;
        let pledges = pledges(&bed, size).await?;
        for (name, _, load) in LOADS.iter().filter(|(_, of, _)| of.name == place.name) {
            bed.rest().await;
            measured.push(measure(&bed, name, *load, pledges, size).await?);
        }
        bed.stop().await?;
    }
    Ok(measured)
}

/// So many recognised pledges of one firm to one bank, numbered from 1.
async fn pledges(bed: &Bed, size: &Size) -> anyhow::Result<u64> {
    let officers = bed.officers()?;
    let market = Market::take_over(&officers, size.firms, TONNES_EACH, CASH_FEN_EACH).await?;
    let date = recent_trading_days(1)?.remove(0);
    let close = Close { date, price_fen: 4_306 };
    let trade = market.trades(&close.date, 1, 1)?.remove(0);
    settle_close(&bed.registry, &bed.exchange, trade, &close).await?;
    pki::issue_user(&bed.cluster.plan().pki_dir(), Role::Firm, &PLEDGOR.to_string())?;
    let firm = FirmClient::new(bed.cluster.connect_as(&format!("firm-{PLEDGOR}"))?);
    let bank = BankClient::new(bed.cluster.connect_as(&format!("bank-{PLEDGEE}"))?);
    futures::stream::iter(0..size.pledges)
        .map(|_| pledge(&firm, &bank, &officers, offer(PLEDGOR, PLEDGEE, 10, &close)))
        .buffer_unordered(64)
        .try_for_each(|_| async { Ok(()) })
        .await?;
    Ok(size.pledges)
}

async fn measure(
    bed: &Bed,
    name: &str,
    load: Load,
    pledges: u64,
    size: &Size,
) -> anyhow::Result<Verified> {
    // The leader's city, as clients there dial it.
    let leader = bed.cluster.leader().await?.node_id;
    let rounds = async || -> anyhow::Result<Counters> {
        Ok(bed.cluster.leader().await?.counters.unwrap_or_default())
    };
    let connect = || -> anyhow::Result<ReadClient> {
        Ok(ReadClient::new(bed.cluster.connect_to(&format!("bank-{PLEDGEE}"), &[leader])?))
    };
    let (callers, count) = match load {
        Load::One => (1, size.light_verifications),
        Load::Callers(callers) => (callers, size.verifications),
        Load::Streams(streams) => (streams, size.verifications),
    };
    let mut clients = Vec::new();
    for _ in 0..callers.div_ceil(CALLERS_PER_CONNECTION).max(match load {
        Load::Streams(streams) => streams,
        Load::One | Load::Callers(_) => 1,
    }) {
        let client = connect()?;
        verify_one(&client, 1).await?;
        clients.push(client);
    }
    let rounds_before = rounds().await?;
    let began = bed.mark();
    let mut latencies: Vec<Duration> = match load {
        Load::One | Load::Callers(_) => {
            futures::stream::iter((0..count).zip(clients.iter().cycle()))
                .map(|(number, client)| verify_one(client, number % pledges + 1))
                .buffer_unordered(callers)
                .try_collect()
                .await?
        }
        Load::Streams(_) => {
            let calls = (count as usize).div_ceil(PER_STREAM);
            futures::stream::iter((0..calls).zip(clients.iter().cycle()))
                .map(|(_, client)| verify_many(client, pledges))
                .buffer_unordered(callers)
                .try_collect()
                .await?
        }
    };
    let taken = began.until(&bed.mark());
    let rounds_after = rounds().await?;
    let round_us = each_us(
        rounds_after.read_round_total_us - rounds_before.read_round_total_us,
        rounds_after.read_rounds - rounds_before.read_rounds,
    );
    let round_ms = rounded(round_us / 1e3);
    let verifications = match load {
        Load::Streams(_) => (latencies.len() * PER_STREAM) as u64,
        Load::One | Load::Callers(_) => latencies.len() as u64,
    };
    let p50_ms = percentile_ms(&mut latencies, 0.5);
    let per_s = taken.per_second(verifications);
    let target = match load {
        Load::One => target::verification(round_ms, p50_ms),
        Load::Callers(_) | Load::Streams(_) => target::verifications(per_s),
    };
    Ok(Verified {
        name: name.to_owned(),
        rtt_ms: bed.place.rtt_ms,
        verifications,
        per_s,
        cpu_us_each: each_us(taken.used.nodes_us, verifications),
        client_cpu_us_each: each_us(taken.used.client_us, verifications),
        p50_ms,
        round_ms,
        p99_ms: percentile_ms(&mut latencies, 0.99),
        others_percent: taken.others_percent(),
        target: if size.smoke { target.unjudged() } else { target },
    })
}

async fn verify_one(client: &ReadClient, pledge_id: u64) -> anyhow::Result<Duration> {
    let sent = Instant::now();
    let request = VerifyPledgeRequest { pledge_id, ..Default::default() };
    let found = client.verify_pledge(request).await.context("verifying")?;
    ensure!(found.recognised, "pledge {pledge_id} is not recognised");
    Ok(sent.elapsed())
}

async fn verify_many(client: &ReadClient, pledges: u64) -> anyhow::Result<Duration> {
    let ids: Vec<u64> = (0..PER_STREAM as u64).map(|number| number % pledges + 1).collect();
    let sent = Instant::now();
    let outcomes = client.verify_pledges(&ids, Consistency::Linearizable).await?;
    let recognised =
        |outcome: &Outcome| matches!(outcome, Outcome::Verified(one) if one.recognised);
    ensure!(outcomes.iter().all(recognised), "a pledge is not recognised");
    Ok(sent.elapsed())
}
