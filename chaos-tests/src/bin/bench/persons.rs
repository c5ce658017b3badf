//! Two million persons of an inclusive platform on six nodes: opening their
//! accounts, a credit for each, ten times a day's events, vouchers one by one.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use registry_chaos_tests::persons::{PLATFORM, burn, grant, owner, owners};
use registry_client::{OwnerId, PlatformClient};
use serde::Serialize;

use crate::bed::{Bed, NO_DISTANCE};
use crate::measure::{Taken, each_us, rounded};
use crate::national::restart::{self, Restart};
use crate::report::{grouped, say};
use crate::target::{self, Target};

/// Persons of the load to plan for.
const PERSONS: u64 = 2_000_000;
/// Ten times a day's events.
const EVENTS: u64 = 2_400_000;
const VOUCHERS: u64 = 20_000;
const CALLERS: usize = 256;
const GRAMS_EACH: i64 = 1_000;
const AGREEMENT_TIMEOUT: Duration = Duration::from_secs(120);
const CALL_TIMEOUT: Duration = Duration::from_secs(180);

/// What it took.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Persons {
    pub(crate) persons: u64,
    pub(crate) steps: Vec<Step>,
    /// Opening all accounts and crediting each once.
    pub(crate) load_s: f64,
    pub(crate) load_target: Target,
    /// By node, at the end.
    pub(crate) peak_rss_mib: BTreeMap<String, f64>,
    pub(crate) memory_target: Target,
    /// Of the processors, taken by processes that are no part of this.
    pub(crate) others_percent: f64,
    pub(crate) restarts: Vec<Restart>,
}

/// One kind of work.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) count: u64,
    pub(crate) seconds: f64,
    pub(crate) per_s: f64,
    /// All nodes.
    pub(crate) cpu_us_each: f64,
}

impl Step {
    fn new(name: &'static str, count: u64, taken: &Taken) -> Self {
        Self {
            name,
            count,
            seconds: rounded(taken.elapsed.as_secs_f64()),
            per_s: taken.per_second(count),
            cpu_us_each: each_us(taken.used.nodes_us, count),
        }
    }
}

pub(crate) async fn run(out: &Path, smoke: bool) -> anyhow::Result<Persons> {
    let share = if smoke { 100 } else { 1 };
    let (persons, events, vouchers) = (PERSONS / share, EVENTS / share, VOUCHERS / share);
    let mut bed = Bed::start(out, "persons", NO_DISTANCE).await?;
    let officers = bed.officers()?;
    registry_chaos_tests::market::Market::set_up(&officers, 2, 1, 1).await?;
    let grams = GRAMS_EACH * persons.cast_signed() + 10 * events.cast_signed();
    grant(&officers, grams).await?;
    let connector = bed.cluster.connect_as(&format!("platform-{PLATFORM}"))?;
    let platform = PlatformClient::new(connector).with_timeout(CALL_TIMEOUT);
    let owners = owners(1, persons);

    let mut steps = Vec::new();
    let began = bed.mark();
    platform.open_all(PLATFORM, "bench", &owners, |_| {}).await?;
    let opened = began.until(&bed.mark());
    steps.push(told(Step::new("accounts opened", persons, &opened))?);

    let began = bed.mark();
    let lines: Vec<_> = owners.iter().map(|owner| (*owner, GRAMS_EACH)).collect();
    platform.credit_all(PLATFORM, "bench", 1, &lines, |_| {}).await?;
    let credited = began.until(&bed.mark());
    steps.push(told(Step::new("credited once each", persons, &credited))?);
    bed.cluster.agreed_state(AGREEMENT_TIMEOUT).await?;
    bed.rest().await;

    // Whoever rode a bicycle: the same people again and again, and others never.
    let began = bed.mark();
    let first = platform.platform(PLATFORM).await?.last_batch_number + 1;
    let lines: Vec<(OwnerId, i64)> =
        (0..events).map(|event| (owner(1 + event * 7_919 % persons), 10)).collect();
    platform.credit_all(PLATFORM, "day", first, &lines, |_| {}).await?;
    let day = began.until(&bed.mark());
    steps.push(told(Step::new("a day's events, ten times", events, &day))?);

    let began = bed.mark();
    stream::iter((1..=vouchers).map(|number| platform.issue_voucher(burn(number, 102, 500))))
        .buffer_unordered(CALLERS)
        .map_ok(|_| ())
        .try_collect::<()>()
        .await?;
    let burned = began.until(&bed.mark());
    steps.push(told(Step::new("vouchers, 256 callers", vouchers, &burned))?);
    bed.cluster.agreed_state(AGREEMENT_TIMEOUT).await?;

    let load_s = (opened.elapsed + credited.elapsed).as_secs_f64();
    let peak_rss_mib = bed.peak_rss_mib();
    let greatest = bed.greatest_rss_mib();
    let others_percent = opened.and(credited).and(day).and(burned).others_percent();
    let restarts = Box::pin(restart::both(&mut bed)).await?;
    bed.stop().await?;
    let (load_target, memory_target) =
        (target::persons_loaded(load_s), target::persons_memory(greatest));
    let judged = |target: Target| if smoke { target.unjudged() } else { target };
    Ok(Persons {
        persons,
        steps,
        load_s: rounded(load_s),
        load_target: judged(load_target),
        peak_rss_mib,
        memory_target: judged(memory_target),
        others_percent,
        restarts,
    })
}

fn told(step: Step) -> anyhow::Result<Step> {
    say(&format!("  {}: {} in {:.1} s", step.name, grouped(step.count), step.seconds))?;
    Ok(step)
}
