//! Held trades: what their accounts lack, top-ups, and another try.

use std::collections::BTreeMap;

use registry_proto::registry::{
    Account, Consistency, DepositRequest, GetAccountRequest, HeldTradesRequest, MoveHoldingRequest,
    Position, Trade, TradeRecord, TradeResult, TradeStatus,
};

use sha2::{Digest as _, Sha256};

use super::{During as _, WorkflowError};
use crate::amount::{format_fen, parse_fen, parse_signed_fen};
use crate::{RegistryClient, hex};

/// Trades that one retry may name.
const RETRY_LIMIT: usize = 1_000;

/// A trade that could not deliver.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldTrade {
    /// The trade.
    pub trade: Trade,
    /// `GOODS_SHORT` or `CASH_SHORT`.
    pub reason: String,
}

/// What to do about held trades before they are tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TopUps {
    /// Nothing: they stay held and the day stays DELIVERED.
    #[default]
    Leave,
    /// Carry out these, then try every held trade again.
    Given(Vec<TopUp>),
    /// Deposit what buyers lack and move what sellers lack from their
    /// registered position, then try again: what the entities are asked to do.
    CoverShortfall,
}

/// One top-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopUp {
    /// Whose.
    pub account_id: u64,
    /// What.
    pub kind: TopUpKind,
}

/// Money or goods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopUpKind {
    /// A deposit at a bank.
    Cash {
        /// Where.
        bank_id: u32,
        /// How much.
        amount_fen: i64,
    },
    /// Tonnes moved from the registered to the trading position.
    Goods {
        /// Of what.
        instrument: String,
        /// How much.
        quantity_tco2e: i64,
    },
}

/// The day's held trades in the order of acceptance.
pub(super) async fn list_held(
    registry: &RegistryClient,
    date: &str,
) -> Result<Vec<HeldTrade>, WorkflowError> {
    let records = registry
        .reads()
        .all_trades(date, TradeStatus::Held)
        .await
        .during(|| format!("list the held trades of {date}"))?;
    Ok(records.into_iter().filter_map(held).collect())
}

fn held(record: TradeRecord) -> Option<HeldTrade> {
    Some(HeldTrade { trade: record.trade?, reason: record.reason })
}

/// What the accounts of held trades lack, over all their held trades together.
pub(super) async fn shortfalls(
    registry: &RegistryClient,
    held: &[HeldTrade],
) -> Result<Vec<TopUp>, WorkflowError> {
    let mut cash: BTreeMap<(u64, u32), i64> = BTreeMap::new();
    let mut goods: BTreeMap<(u64, String), i64> = BTreeMap::new();
    for HeldTrade { trade, .. } in held {
        let too_large =
            || WorkflowError::Plan(format!("trade {}: amount out of range", trade.trade_number));
        let amount_fen = parse_fen(&trade.price_yuan)?
            .checked_mul(trade.quantity_tco2e)
            .ok_or_else(too_large)?;
        let pays = cash.entry((trade.buyer_account, trade.buyer_bank)).or_default();
        *pays = pays.checked_add(amount_fen).ok_or_else(too_large)?;
        let gives = goods.entry((trade.seller_account, trade.instrument.clone())).or_default();
        *gives = gives.checked_add(trade.quantity_tco2e).ok_or_else(too_large)?;
    }
    let mut accounts: BTreeMap<u64, Account> = BTreeMap::new();
    for account_id in cash.keys().map(|key| key.0).chain(goods.keys().map(|key| key.0)) {
        if let std::collections::btree_map::Entry::Vacant(place) = accounts.entry(account_id) {
            place.insert(read_account(registry, account_id).await?);
        }
    }
    let mut topups = Vec::new();
    for ((account_id, bank_id), pays_fen) in cash {
        let amount_fen = pays_fen - available_fen(&accounts[&account_id], bank_id)?;
        if amount_fen > 0 {
            topups.push(TopUp { account_id, kind: TopUpKind::Cash { bank_id, amount_fen } });
        }
    }
    for ((account_id, instrument), gives_tco2e) in goods {
        let holding =
            accounts[&account_id].holdings.iter().find(|holding| holding.instrument == instrument);
        let (trading, registered) =
            holding.map_or((0, 0), |holding| (holding.trading_tco2e, holding.registered_tco2e));
        let quantity_tco2e = (gives_tco2e - trading).min(registered);
        if quantity_tco2e > 0 {
            topups
                .push(TopUp { account_id, kind: TopUpKind::Goods { instrument, quantity_tco2e } });
        }
    }
    Ok(topups)
}

async fn read_account(
    registry: &RegistryClient,
    account_id: u64,
) -> Result<Account, WorkflowError> {
    let consistency = Consistency::Linearizable.into();
    let reply = registry
        .reads()
        .get_account(GetAccountRequest { account_id, consistency })
        .await
        .during(|| format!("read account {account_id}"))?;
    reply
        .account
        .ok_or_else(|| WorkflowError::Plan(format!("the answer for account {account_id} is empty")))
}

fn available_fen(account: &Account, bank_id: u32) -> Result<i64, WorkflowError> {
    match account.cash.iter().find(|balance| balance.bank_id == bank_id) {
        Some(balance) => Ok(parse_signed_fen(&balance.available_yuan)?),
        None => Ok(0),
    }
}

/// Carries out top-ups. Their ids follow from what is asked and what was held
/// when it was asked, so a job that starts again does not pay twice.
pub(super) async fn top_up(
    registry: &RegistryClient,
    run: &str,
    date: &str,
    held: &[HeldTrade],
    topups: &[TopUp],
) -> Result<(), WorkflowError> {
    for (place, topup) in topups.iter().enumerate() {
        let request_id = topup_id(run, date, held, place, topup);
        let account_id = topup.account_id;
        let step = || format!("top up account {account_id}");
        match &topup.kind {
            TopUpKind::Cash { bank_id, amount_fen } => {
                let request = DepositRequest {
                    request_id,
                    account_id,
                    bank_id: *bank_id,
                    amount_yuan: format_fen(*amount_fen),
                };
                registry.deposit(request).await.during(step)?;
            }
            TopUpKind::Goods { instrument, quantity_tco2e } => {
                let request = MoveHoldingRequest {
                    request_id,
                    account_id,
                    instrument: instrument.clone(),
                    from: Position::Registered.into(),
                    quantity_tco2e: *quantity_tco2e,
                };
                registry.move_holding(request).await.during(step)?;
            }
        }
    }
    Ok(())
}

fn topup_id(run: &str, date: &str, held: &[HeldTrade], place: usize, topup: &TopUp) -> String {
    let mut sha256 = Sha256::new();
    sha256.update(format!("{date} {place} {topup:?}"));
    for held in held {
        sha256.update(held.trade.trade_number.to_be_bytes());
    }
    // A request id has at most 64 characters.
    format!("{run}:top:{}", &hex(&sha256.finalize())[..32])
}

/// Tries held trades again, in the order of acceptance.
pub(super) async fn retry(
    registry: &RegistryClient,
    date: &str,
    held: &[HeldTrade],
) -> Result<Vec<TradeResult>, WorkflowError> {
    let mut results = Vec::with_capacity(held.len());
    for part in held.chunks(RETRY_LIMIT) {
        let request = HeldTradesRequest {
            // A fresh id each time: an earlier try's answer must not come back.
            request_id: String::new(),
            date: date.to_owned(),
            trade_numbers: part.iter().map(|held| held.trade.trade_number).collect(),
        };
        let reply = registry
            .retry_held(request)
            .await
            .during(|| format!("try held trades of {date} again"))?;
        results.extend(reply.results);
    }
    Ok(results)
}
