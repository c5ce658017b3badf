//! The third act: the last evening of a compliance year. Every firm surrenders to
//! its province while a settlement day delivers; who is short shows, and the
//! journal of everything adds up.

use std::future::Future;

use anyhow::{Context as _, ensure};
use futures::{StreamExt as _, TryStreamExt as _};
use registry_chaos_tests::cluster::Cluster;
use registry_chaos_tests::day::ExchangeDay;
use registry_chaos_tests::market::{credit_code, mix, opening_ms};
use registry_chaos_tests::pledging::recent_trading_days;
use registry_chaos_tests::year::YearEnd;
use registry_client::amount::{format_fen, parse_fen};
use registry_client::hex;
use registry_client::journal::audit_node;
use registry_client::proto::{Account, AccountKind, Consistency, Trade, TradeKind};
use registry_client::sample::DEFAULT_INSTRUMENT;

use crate::console::{Console, grouped};

const YEAR: u32 = 2020;
/// Administrative codes and names of the provinces, which share the firms.
const PROVINCES: [(u32, &str); 4] =
    [(31, "Shanghai"), (37, "Shandong"), (42, "Hubei"), (44, "Guangdong")];
/// Numbers of the authorities' credit codes, which no firm has.
const FIRST_AUTHORITY: u64 = 999_999_000;
const CCER: &str = "CCER";
/// One firm in so many has not enough.
const SHORT_EACH: u64 = 50;
/// One firm in so many meets 5 % with reductions.
const CCER_EACH: u64 = 8;
/// Calls under way at once.
const CALLERS: usize = 256;
const TRADES: u64 = 20_000;
const CHUNK_TRADES: usize = 2_000;
/// What a firm must have to take part in the evening's trades.
const GOODS_TCO2E: i64 = 1_000;
const MONEY_FEN: i64 = 20_000_000;

/// A firm on the last evening.
#[derive(Clone, Copy)]
struct Firm {
    account_id: u64,
    province: u32,
    emitted_tco2e: i64,
}

impl Firm {
    fn of(account: &Account) -> Self {
        let account_id = account.account_id;
        let (province, _) = PROVINCES[(mix(account_id) % PROVINCES.len() as u64) as usize];
        // Within the size of an emitter: 26,000 tonnes and more.
        let emitted_tco2e = 26_000 + (mix(account_id) >> 40).rem_euclid(74_000).cast_signed();
        Self { account_id, province, emitted_tco2e }
    }

    /// In allowances, and in reductions.
    fn surrenders_tco2e(&self) -> (i64, i64) {
        let twentieth = self.emitted_tco2e / 20;
        if self.account_id.is_multiple_of(SHORT_EACH) {
            (self.emitted_tco2e - twentieth, 0)
        } else if self.account_id.is_multiple_of(CCER_EACH) {
            (self.emitted_tco2e - twentieth, twentieth)
        } else {
            (self.emitted_tco2e, 0)
        }
    }
}

/// `close_fen` is the last settled close.
pub(crate) async fn act(
    console: &mut Console,
    cluster: &Cluster,
    close_fen: i64,
) -> anyhow::Result<()> {
    console.heading("Act three: every firm surrenders while a day settles");
    let year = YearEnd::new(cluster, YEAR, &PROVINCES.map(|(code, _)| code))?;
    let (registry, exchange) = (year.registry(), cluster.exchange()?);
    let accounts = registry.reads().all_accounts(Consistency::Linearizable).await?;
    let emitters = accounts.iter().filter(|account| account.kind() == AccountKind::Emitter);
    let firms: Vec<Firm> = emitters.map(Firm::of).collect();
    prepare(&year, &firms).await?;
    console.say(&format!(
        "  {} provinces allocate to {} firms and record what they emitted in {YEAR}",
        PROVINCES.len(),
        grouped(firms.len())
    ));

    // The last trading day before today is left to whoever goes on.
    let date = recent_trading_days(2)?.remove(0);
    let day = ExchangeDay::new(&date, trades(&accounts, &date, close_fen)?)?;
    let (delivered, ()) = futures::try_join!(
        day.settle(registry, &exchange, CHUNK_TRADES),
        for_all(&firms, |firm| surrender(&year, firm))
    )?;
    let made = day.sums().trade_count();
    ensure!(delivered == made, "{delivered} of {made} trades delivered");
    console.say(&format!(
        "  on the same evening {} trades of {date} are delivered and every firm surrenders",
        grouped(delivered)
    ));
    shortfall(console, &year, &firms).await?;

    let report =
        Box::pin(audit_node(registry.reads(), Consistency::Linearizable, |_, _| {})).await?;
    console.say(&format!(
        "  audit: {} events and {} trades add up to every holding, balance and obligation; root {}",
        grouped(report.counts.events),
        grouped(report.counts.trades),
        hex(&report.root_sha256)
    ));
    Ok(())
}

async fn for_all<F, T>(firms: &[Firm], each: F) -> anyhow::Result<()>
where
    F: Fn(Firm) -> T,
    T: Future<Output = anyhow::Result<()>>,
{
    futures::stream::iter(firms)
        .map(|firm| each(*firm))
        .buffer_unordered(CALLERS)
        .try_collect()
        .await
}

/// Provinces with tonnes; firms with a province, an allocation and emissions.
async fn prepare(year: &YearEnd, firms: &[Firm]) -> anyhow::Result<()> {
    year.register(CCER).await?;
    for (number, (province, _)) in (FIRST_AUTHORITY..).zip(PROVINCES) {
        let own = || firms.iter().filter(|firm| firm.province == province);
        let account_id = year.open_authority(province, credit_code(number)).await?;
        let tonnes = own().map(|firm| firm.surrenders_tco2e().0).sum();
        year.issue(account_id, DEFAULT_INSTRUMENT, tonnes).await?;
    }
    for_all(firms, |firm| async move {
        let (allowances, reductions) = firm.surrenders_tco2e();
        year.assign(firm.account_id, firm.province).await?;
        year.allocate(firm.province, firm.account_id, DEFAULT_INSTRUMENT, allowances).await?;
        if reductions > 0 {
            year.issue(firm.account_id, CCER, reductions).await?;
        }
        year.verify_emissions(firm.province, firm.account_id, firm.emitted_tco2e).await
    })
    .await
}

async fn surrender(year: &YearEnd, firm: Firm) -> anyhow::Result<()> {
    let (allowances, reductions) = firm.surrenders_tco2e();
    for (instrument, tonnes) in [(DEFAULT_INSTRUMENT, allowances), (CCER, reductions)] {
        if tonnes > 0 {
            year.surrender(firm.province, firm.account_id, instrument, tonnes).await?;
        }
    }
    Ok(())
}

/// What each province reads of its firms, which is what they surrendered.
async fn shortfall(console: &mut Console, year: &YearEnd, firms: &[Firm]) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for (province, name) in PROVINCES {
        let own: Vec<&Firm> = firms.iter().filter(|firm| firm.province == province).collect();
        let reads = year.provinces()[&province].reads();
        let lines = reads.all_obligations(YEAR, province, false, Consistency::Linearizable).await?;
        let sum = |of: fn(&Firm) -> i64| own.iter().map(|firm| of(firm)).sum::<i64>();
        let expected = [
            sum(|firm| firm.emitted_tco2e),
            sum(|firm| firm.surrenders_tco2e().0),
            sum(|firm| firm.surrenders_tco2e().1),
        ];
        let found = [
            lines.iter().map(|line| line.obligation_tco2e).sum::<i64>(),
            lines.iter().map(|line| line.surrendered_allowances_tco2e).sum(),
            lines.iter().map(|line| line.surrendered_reductions_tco2e).sum(),
        ];
        ensure!(found == expected, "{name} reads {found:?}, its firms did {expected:?}");
        let missing = lines.iter().map(|line| line.shortfall_tco2e).sum::<i64>();
        ensure!(missing == expected[0] - expected[1] - expected[2], "{missing} t are missing");
        let short = lines.iter().filter(|line| line.shortfall_tco2e > 0).count();
        rows.push(
            [format!("{province} {name}"), grouped(lines.len())]
                .into_iter()
                .chain(found.map(grouped))
                .chain([grouped(short), grouped(missing)])
                .collect(),
        );
    }
    console.table(
        &[
            "province",
            "firms",
            "obligation t",
            "allowances t",
            "CCER t",
            "firms short",
            "missing t",
        ],
        rows,
    );
    Ok(())
}

/// Small listed trades among firms that have goods and money for all of theirs.
fn trades(accounts: &[Account], date: &str, close_fen: i64) -> anyhow::Result<Vec<Trade>> {
    let tonnes = |account: &Account| {
        account.holdings.iter().map(|held| held.trading_tco2e).max().unwrap_or_default()
    };
    let rich_at = |account: &Account| {
        let mut cash = account.cash.iter();
        cash.find(|cash| parse_fen(&cash.available_yuan).is_ok_and(|fen| fen >= MONEY_FEN))
            .map(|cash| cash.bank_id)
    };
    let able: Vec<(u64, u32)> = accounts
        .iter()
        .filter(|account| tonnes(account) >= GOODS_TCO2E)
        .filter_map(|account| Some((account.account_id, rich_at(account)?)))
        .collect();
    ensure!(able.len() > 1, "fewer than two firms can trade: take more --firms");
    // Each of them sells and buys as often: their goods and money suffice.
    let count = TRADES.min(able.len() as u64 * 100);
    let opening_ms = opening_ms(date)?;
    (0..count)
        .map(|number| {
            let round = number / able.len() as u64;
            let seller = (number % able.len() as u64) as usize;
            let buyer = (seller + 1 + round as usize % (able.len() - 1)) % able.len();
            let (seller, buyer) = (able[seller], able[buyer]);
            let mixed = mix(number);
            Ok(Trade {
                trade_number: number + 1,
                kind: TradeKind::Listed.into(),
                instrument: DEFAULT_INSTRUMENT.to_owned(),
                buyer_account: buyer.0,
                seller_account: seller.0,
                buyer_bank: buyer.1,
                seller_bank: seller.1,
                quantity_tco2e: 1 + (mixed % 9).cast_signed(),
                price_yuan: format_fen(close_fen + ((mixed >> 20) % 101).cast_signed()),
                traded_at_ms: opening_ms + (number % 7_200_000).cast_signed(),
            })
        })
        .collect::<anyhow::Result<_>>()
        .context("making the evening's trades")
}
