//! Everything malformed, unknown, out of range, out of order or duplicated
//! gets a stable reason that names the field, and changes nothing.
//!
//! One cluster serves all tables: nothing in them may leave a trace, which is
//! what each row checks.

mod access;
mod compliance;
mod control;
mod days;
mod evening;
mod inclusive;
mod opening;
mod refusal;
mod registration;
mod repo;
mod settle_stream;
mod stream;
mod trades;

use std::time::Duration;

use registry_chaos_tests::cluster::{Cluster, Layout, repository_root};
use registry_chaos_tests::market::{self, Market, bank_of, open_day, opening_ms};
use registry_chaos_tests::scratch;
use registry_client::proto::controlled_command::Command;
use registry_client::proto::{
    ApproveRequest, ControlledCommand, ProposeRequest, SettleTradeRequest, Trade, TradeKind,
};
use registry_client::{ExchangeClient, RegistryClient, TwoOfficers};
use registry_ledger::Reason;

use prost::Message as _;
use refusal::Refusals;
use sha2::{Digest as _, Sha256};

const DATE: &str = "2021-12-16";
const TONNES_EACH: i64 = 50_000_000;
const CASH_FEN_EACH: i64 = 1_000_000;

/// A cluster with four firms, an open day, one trade settled at once and one
/// chunk of two trades accepted.
struct Bench {
    cluster: Cluster,
    registry: RegistryClient,
    officers: TwoOfficers,
    exchange: ExchangeClient,
    refusals: Refusals,
}

impl Bench {
    async fn start() -> anyhow::Result<Self> {
        let plan = scratch::plan("bad-input", Layout::DualCity, |_| {})?;
        let cluster = Cluster::start_bootstrapped(plan, Duration::from_millis(1)).await?;
        let (registry, exchange) = (cluster.registry()?, cluster.exchange()?);
        let officers = cluster.officers()?;
        Market::set_up(&officers, 4, TONNES_EACH, CASH_FEN_EACH).await?;
        registry.open_day(open_day(DATE)).await?;
        exchange.settle_trade(immediate("first", trade(1))).await?;
        let chunks = [vec![trade(101), trade(102)]];
        exchange.submit_trades(DATE, chunks, &Default::default(), |_| {}).await?;
        let refusals = Refusals::begin(&cluster).await?;
        Ok(Self { cluster, registry, officers, exchange, refusals })
    }
}

/// Code, reason and field.
type Refused = (tonic::Code, &'static str, &'static str);

impl Bench {
    /// A command that needs two people, refused to the one or to the other.
    async fn controlled_row(&mut self, what: &str, command: Command, expected: Refused) {
        let content = ControlledCommand { command: Some(command) }.encode_to_vec();
        let content_sha256 = Sha256::digest(&content).to_vec().into();
        let propose = ProposeRequest { content: content.into(), ..Default::default() };
        let proposal_id = match self.registry.propose(propose).await {
            Ok(reply) => reply.proposal_id,
            refused => return self.refusals.row(what, refused, expected).await,
        };
        self.refusals.accept_changes().await.expect("the nodes agree on the proposal");
        let approve = ApproveRequest { proposal_id, content_sha256, ..Default::default() };
        let outcome = self.officers.checker().approve(approve).await;
        self.refusals.row(what, outcome, expected).await;
    }
}

/// A good listed trade of 10 t at 43.00 between firms 1 and 2.
fn trade(trade_number: u64) -> Trade {
    Trade {
        trade_number,
        kind: TradeKind::Listed.into(),
        instrument: market::INSTRUMENT.to_owned(),
        buyer_account: 2,
        seller_account: 1,
        buyer_bank: bank_of(2),
        seller_bank: bank_of(1),
        quantity_tco2e: 10,
        price_yuan: "43.00".to_owned(),
        traded_at_ms: opening_ms(DATE).expect("a date"),
    }
}

fn immediate(request_id: &str, trade: Trade) -> SettleTradeRequest {
    SettleTradeRequest {
        request_id: request_id.to_owned(),
        date: DATE.to_owned(),
        trade: Some(trade),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused_by_reason_and_field_and_changes_nothing() -> anyhow::Result<()> {
    let mut bench = Bench::start().await?;
    registration::tables(&mut bench).await?;
    opening::tables(&mut bench).await?;
    control::tables(&mut bench).await?;
    trades::tables(&mut bench).await?;
    settle_stream::tables(&mut bench).await?;
    stream::tables(&mut bench).await?;
    days::tables(&mut bench).await?;
    inclusive::tables(&mut bench).await?;
    repo::tables(&mut bench).await?;
    access::tables(&mut bench).await?;
    compliance::tables(&mut bench).await?;
    // Last: it closes the day.
    days::closed_day(&mut bench).await?;
    bench.refusals.end(&bench.cluster).await
}

/// What no client can bring about on a cluster that serves.
const NEVER_SEEN: [(Reason, &str); 5] = [
    (Reason::RecoveryEpoch, "only the first leader after a recovery writes it down"),
    (Reason::NotBootstrapped, "a cluster that is not formed proposes nothing"),
    (Reason::ClearingImbalance, "both sides are sums of the same trades"),
    (Reason::DeliveryGap, "only the leader asks for steps of a delivery"),
    (Reason::TooManyProposals, "256 MiB of proposals: in the ledger's own tests"),
];

#[test]
fn every_reason_of_the_ledger_is_shown_at_the_client_port() -> anyhow::Result<()> {
    let mut shown = String::new();
    let mut folders = vec![repository_root().join("chaos-tests/tests")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                shown += &std::fs::read_to_string(path)?;
            }
        }
    }
    for reason in Reason::ALL {
        let is_shown = shown.contains(&format!("\"{}\"", reason.code()));
        let excused = NEVER_SEEN.iter().any(|(never, _)| never == reason);
        assert!(is_shown != excused, "{}: shown {is_shown}, excused {excused}", reason.code());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_evening_refuses_changes_nothing() -> anyhow::Result<()> {
    evening::tables().await
}
