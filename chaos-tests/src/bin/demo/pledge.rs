//! The second act: a firm in Wuhan pledges to a bank in Shanghai, both cities
//! verify it, the same tonnes are refused to another bank, the price falls, a
//! margin call appears by itself, and the tonnes come back.

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use registry_chaos_tests::cluster::Cluster;
use registry_chaos_tests::pledging::{Close, offer, pledge, recent_trading_days, settle_close};
use registry_client::amount::{format_fen, parse_fen};
use registry_client::pki::{self, Role};
use registry_client::proto::event::What;
use registry_client::proto::{
    Account, Consistency, GetAccountRequest, PledgeStatus, ReleasePledgeRequest, Trade, TradeKind,
    VerifyPledgeRequest,
};
use registry_client::{BankClient, FirmClient, ReadClient};

use crate::console::{Console, grouped};

const PLEDGEE: u32 = 102;
const OTHER: u32 = 105;
const TONNES: i64 = 1_000;
/// The warning line and what the price falls to, in percent of the close.
const WARNING_PERCENT: i64 = 95;
const FALLEN_PERCENT: i64 = 93;
/// A margin call appears when its day closes, which has happened by then.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);

/// `close_fen` is the last settled close; answers the one that the act leaves behind.
pub(crate) async fn act(
    console: &mut Console,
    cluster: &Cluster,
    close_fen: i64,
) -> anyhow::Result<i64> {
    console.heading("Act two: a firm borrows from a bank of the other city");
    let officers = cluster.officers()?;
    let (registry, exchange) = (officers.maker(), cluster.exchange()?);
    let accounts = registry.reads().all_accounts(Consistency::Linearizable).await?;
    let tonnes = |account: &&Account| account.holdings.iter().map(|h| h.trading_tco2e).max();
    let owner = accounts.iter().max_by_key(tonnes).context("a firm")?;
    // Two tonnes are sold to make the closes.
    let pledged = TONNES.min(tonnes(&owner).unwrap_or_default() - 2);
    ensure!(pledged > 0, "no firm has tonnes to pledge: take more --firms");
    // Of the others one is the third act's, and the last is left to whoever goes on.
    let days = recent_trading_days(4)?;
    let close = Close { date: days[0].clone(), price_fen: close_fen };
    settle_close(registry, &exchange, small_trade(&accounts, owner, &close)?, &close).await?;

    pki::issue_user(&cluster.plan().pki_dir(), Role::Firm, &owner.account_id.to_string())?;
    let firm = |city: &str| -> anyhow::Result<FirmClient> {
        let user = format!("firm-{}", owner.account_id);
        Ok(FirmClient::new(cluster.connect_to(&user, &cluster.nodes_in(city))?))
    };
    let bank = |bank: u32, city: &str| -> anyhow::Result<BankClient> {
        let user = format!("bank-{bank}");
        Ok(BankClient::new(cluster.connect_to(&user, &cluster.nodes_in(city))?))
    };
    let shanghai_bank = bank(PLEDGEE, "shanghai")?;
    let warning_yuan = format_fen(close_fen * WARNING_PERCENT / 100);
    let mut contract = offer(owner.account_id, PLEDGEE, pledged, &close);
    contract.terms.get_or_insert_default().warning_price_yuan = warning_yuan.clone();
    let step = pledge(&firm("wuhan")?, &shanghai_bank, &officers, contract).await?;
    console.say(&format!(
        "  {} pledges {} t to bank {PLEDGEE}, two officers recognise it as pledge {}",
        owner.name,
        grouped(pledged),
        step.pledge_id
    ));

    let mut rows = Vec::new();
    for node in cluster.node_ids() {
        let reads = ReadClient::new(cluster.connect_to(&format!("bank-{OTHER}"), &[node])?);
        let found = verify(&reads, step.pledge_id).await?;
        ensure!(found.recognised, "node {node} does not recognise pledge {}", step.pledge_id);
        let (stamp, value) = (found.stamp.unwrap_or_default(), found.value.unwrap_or_default());
        rows.push(vec![
            node.to_string(),
            stamp.log_index.to_string(),
            found.pledge.unwrap_or_default().status().as_str_name()["PLEDGE_STATUS_".len()..]
                .to_owned(),
            grouped(&value.value_yuan),
            format!("{} of {}", value.price_yuan, value.price_date),
        ]);
    }
    console.table(&["node", "log index", "status", "value, yuan", "close"], rows);

    // One tonne more than is left is one of those that are pledged.
    let held = GetAccountRequest { account_id: owner.account_id, ..Default::default() };
    let held = registry.reads().get_account(held).await?.account.context("the firm")?;
    let left = held.holdings.iter().map(|held| held.trading_tco2e).max().unwrap_or_default();
    let all = left + 1;
    let again = firm("shanghai")?.propose_pledge(offer(owner.account_id, OTHER, all, &close)).await;
    let refused = again.err().context("the same tonnes were pledged twice")?;
    console.say(&format!(
        "  the same tonnes to bank {OTHER}, asked in the other city: {}",
        refused.reason().unwrap_or("refused")
    ));

    let fallen_fen = close_fen * FALLEN_PERCENT / 100;
    let fallen = Close { date: days[1].clone(), price_fen: fallen_fen };
    settle_close(registry, &exchange, small_trade(&accounts, owner, &fallen)?, &fallen).await?;
    let mut called = None;
    let watching = shanghai_bank.reads().watch_pledges(PLEDGEE, 0, |reply| {
        called = reply.events.iter().find_map(|event| match &event.what {
            Some(What::MarginCalled(call)) => Some(call.clone()),
            _ => None,
        });
        if called.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    tokio::time::timeout(CALL_TIMEOUT, Box::pin(watching)).await.context("no margin call")??;
    let call = called.context("a margin call")?;
    console.say(&format!(
        "  the close of {} is {}, below the warning line of {warning_yuan}: a margin call",
        call.date, call.price_yuan
    ));

    let found = verify(shanghai_bank.reads(), step.pledge_id).await?.pledge.unwrap_or_default();
    ensure!(found.status() == PledgeStatus::MarginCall, "pledge {found:?}");
    let (pledge_id, version) = (found.pledge_id, found.version);
    let all = ReleasePledgeRequest { pledge_id, version, ..Default::default() };
    let released = shanghai_bank.release_pledge(all).await?.pledge.context("a pledge")?;
    ensure!(released.status() == PledgeStatus::Released, "pledge {released:?}");
    console.say("  the loan is paid back: the bank releases all of it");
    Ok(fallen_fen)
}

async fn verify(
    reads: &ReadClient,
    pledge_id: u64,
) -> anyhow::Result<registry_client::proto::VerifyPledgeReply> {
    Ok(reads.verify_pledge(VerifyPledgeRequest { pledge_id, ..Default::default() }).await?)
}

/// One tonne from the owner to somebody who can pay for it.
fn small_trade(accounts: &[Account], owner: &Account, close: &Close) -> anyhow::Result<Trade> {
    let can_pay = |account: &&Account| {
        account.account_id != owner.account_id
            && account
                .cash
                .iter()
                .any(|cash| parse_fen(&cash.available_yuan).is_ok_and(|fen| fen > 10_000))
    };
    let buyer = accounts.iter().find(can_pay).context("a firm with money")?;
    let enough = |fen: &str| parse_fen(fen).is_ok_and(|fen| fen > 10_000);
    let paying = buyer.cash.iter().find(|cash| enough(&cash.available_yuan)).context("money")?;
    Ok(Trade {
        trade_number: 1,
        kind: TradeKind::Listed.into(),
        buyer_account: buyer.account_id,
        seller_account: owner.account_id,
        buyer_bank: paying.bank_id,
        seller_bank: PLEDGEE,
        price_yuan: format_fen(close.price_fen),
        ..Default::default()
    })
}
