//! Each published day settles to exactly what was published of it.

use std::time::Duration;

use registry_chaos_tests::books::Books;
use registry_chaos_tests::cluster::{Cluster, Layout, repository_root};
use registry_chaos_tests::sample_day::{SampleDay, published_days};
use registry_chaos_tests::scratch;
use registry_client::amount::parse_signed_fen;
use registry_client::proto::{Consistency, DayState, ListBanksRequest, TradeStatus};

const FIRMS: usize = 300;
const DEADLINE: Duration = Duration::from_secs(30);

/// Days of which all figures are published, in the order they are settled in.
const DATES: [&str; 6] =
    ["2021-07-21", "2021-08-16", "2021-09-30", "2021-11-19", "2021-12-14", "2021-12-16"];

/// The days are weeks apart, so each trades an instrument of its own, whose
/// reference price is the close published for the trading day before.
const INSTRUMENTS: [&str; 6] =
    ["CEA-2019", "CEA-2020", "CEA-2021", "CEA-2022", "CEA-2023", "CEA-2024"];

#[tokio::test(flavor = "multi_thread")]
async fn every_published_day_settles_to_its_published_figures() -> anyhow::Result<()> {
    let plan = scratch::plan("sample-days", Layout::DualCity, |_| {})?;
    let cluster = Cluster::start_bootstrapped(plan, Duration::from_millis(2)).await?;
    let (registry, exchange) = (cluster.registry()?, cluster.exchange()?);
    let officers = cluster.officers()?;
    let published = published_days(&repository_root())?;
    assert_eq!(published.iter().map(|figures| figures.date.to_string()).collect::<Vec<_>>(), DATES);

    for (seed, (figures, instrument)) in published.into_iter().zip(INSTRUMENTS).enumerate() {
        let day = SampleDay::make(figures, FIRMS, seed as u64, instrument)?;
        let date = day.date();
        let loaded = day.load(&officers, &date, |_| {}).await?;
        let mut expected =
            Books::read(&registry.reads().all_accounts(Consistency::Linearizable).await?)?;
        // Bought on an earlier day, for sale from now on.
        expected.open_next_day();

        let report = day.settle(&registry, &exchange, &loaded.accounts, &date, |_| {}).await?;
        day.must_equal_published(registry.reads(), &report).await?;
        assert_eq!(report.day.state(), DayState::Final, "{date}");
        assert_eq!(report.day.delivered_count, day.trades().len() as u64, "{date}");

        for top_up in &report.topups {
            expected.top_up(top_up);
        }
        for trade in day.wire_trades(&loaded.accounts)? {
            expected.deliver(&trade)?;
        }
        let accounts = registry.reads().all_accounts(Consistency::Linearizable).await?;
        expected.must_equal(&Books::read(&accounts)?)?;
        let records = registry.reads().all_trades(&date, TradeStatus::Delivered).await?;
        assert_eq!(records.len(), day.trades().len(), "{date}");

        assert_eq!(report.clearing.reconciliation_yuan, "0.00", "{date}");
        let request = ListBanksRequest { consistency: Consistency::Linearizable.into() };
        let banks = registry.reads().list_banks(request).await?.banks;
        let interbank =
            banks.iter().map(|bank| parse_signed_fen(&bank.interbank_yuan).expect("yuan"));
        assert_eq!(interbank.sum::<i64>(), 0, "{date}");
        cluster.agreed_state(DEADLINE).await?;
    }
    Ok(())
}
