//! A registry's journal from outside: a settled day adds up, at the nodes and in
//! a file; a file that was tampered with does not.

use std::io::Cursor;
use std::time::Duration;

use registry_chaos_tests::cluster::{Cluster, Layout};
use registry_chaos_tests::day::ExchangeDay;
use registry_chaos_tests::market::{Market, open_day};
use registry_chaos_tests::scratch;
use registry_client::journal::{AuditError, audit_file, audit_node, export};
use registry_client::proto::Consistency;

const DATE: &str = "2021-12-16";
const FIRMS: u64 = 40;
const TRADES: u64 = 3_000;
const CHUNK_TRADES: usize = 700;
const RTT: Duration = Duration::from_millis(2);

#[tokio::test(flavor = "multi_thread")]
async fn a_settled_day_adds_up_and_a_tampered_journal_does_not() -> anyhow::Result<()> {
    let plan = scratch::plan("audit", Layout::DualCity, |_| {})?;
    let cluster = Cluster::start_bootstrapped(plan, RTT).await?;
    let (registry, exchange) = (cluster.registry()?, cluster.exchange()?);
    let market = Market::set_up(&cluster.officers()?, FIRMS, 1_000_000, 100_000_000_000).await?;
    registry.open_day(open_day(DATE)).await?;
    let day = ExchangeDay::new(DATE, market.trades(DATE, 1, TRADES)?)?;
    day.submit(&exchange, CHUNK_TRADES, |_| {}).await?;
    day.confirm(&registry, &exchange).await?;
    exchange.deliver_day(DATE, 0, |_| {}).await?;

    let report = audit_node(registry.reads(), Consistency::Linearizable, |_, _| {}).await?;
    assert_eq!((report.counts.trades, report.counts.delivered), (TRADES, TRADES));
    assert_eq!((report.accounts, report.instruments), (FIRMS, 1));

    let mut file = Vec::new();
    let exported =
        export(registry.reads(), Consistency::Linearizable, &mut file, |_, _| {}).await?;
    assert_eq!(exported.statement.root_sha256, report.root_sha256);
    let audited = audit_file(Cursor::new(&file), Some(report.root_sha256))?;
    assert_eq!(audited.counts, report.counts);

    let middle = file.len() / 2;
    file[middle] ^= 1;
    let tampered = audit_file(Cursor::new(&file), None);
    assert!(matches!(tampered, Err(AuditError::Damaged(_))), "{tampered:?}");
    let elsewhere = audit_file(Cursor::new(&file[..middle]), Some([0; 32]));
    assert!(elsewhere.is_err(), "{elsewhere:?}");
    Ok(())
}
