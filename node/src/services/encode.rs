//! Ledger to proto.

use bytes::Bytes;
use registry_ledger::amount::{format_price, format_yuan};
use registry_ledger::{
    AccountKind, AccountView, BankClearing, BankId, BankView, CashBalance, Clearing, DailyPrice,
    DayState, DaySummary, Fen, HeldReason, Holding, InstrumentCode, InstrumentView, LedgerTime,
    Price, Proposal, Statement, Trade, TradeKind, TradeRecord, TradeResult, TradeStatus,
};
use registry_proto::registry as proto;
use tonic::Status;

pub(super) fn account(view: &AccountView) -> proto::Account {
    proto::Account {
        account_id: u64::from(view.id.0),
        uscc: view.uscc.clone(),
        name: view.name.clone(),
        kind: account_kind(view.kind).into(),
        holdings: view.holdings.iter().map(|(code, h)| holding(*code, h)).collect(),
        cash: view.cash.iter().map(|(bank, balance)| cash(*bank, balance)).collect(),
    }
}

pub(super) fn account_kind(kind: AccountKind) -> proto::AccountKind {
    match kind {
        AccountKind::Emitter => proto::AccountKind::Emitter,
        AccountKind::Institution => proto::AccountKind::Institution,
        AccountKind::Province => proto::AccountKind::Province,
    }
}

pub(super) fn holding(instrument: InstrumentCode, holding: &Holding) -> proto::Holding {
    let parts = [
        holding.registered,
        holding.trading,
        holding.pending_in,
        holding.pledged,
        holding.frozen,
        holding.pending_out,
    ];
    proto::Holding {
        instrument: instrument.to_string(),
        // The ledger keeps every instrument's total within an i64.
        total_tco2e: parts.iter().fold(0, |sum, part| sum.saturating_add(part.0)),
        registered_tco2e: holding.registered.0,
        trading_tco2e: holding.trading.0,
        pending_in_tco2e: holding.pending_in.0,
        pledged_tco2e: holding.pledged.0,
        frozen_tco2e: holding.frozen.0,
        pending_out_tco2e: holding.pending_out.0,
    }
}

pub(super) fn cash(bank: BankId, balance: &CashBalance) -> proto::CashBalance {
    proto::CashBalance {
        bank_id: u32::from(bank.0),
        available_yuan: format_yuan(balance.available),
        pending_out_yuan: format_yuan(balance.pending_out),
    }
}

pub(super) fn bank(view: &BankView) -> proto::Bank {
    proto::Bank {
        bank_id: u32::from(view.id.0),
        name: view.name.clone(),
        balance_yuan: format_yuan(view.balance),
        deposited_yuan: format_yuan(view.deposited),
        interbank_yuan: format_yuan(view.interbank),
        withdrawn_yuan: format_yuan(view.pots.withdrawn),
        proceeds_yuan: format_yuan(view.proceeds),
    }
}

pub(super) fn instrument(view: &InstrumentView) -> proto::Instrument {
    proto::Instrument {
        instrument: view.code.to_string(),
        issued_tco2e: view.issued.0,
        held_tco2e: view.held.0,
        last_close_yuan: format_price(view.last_close),
        last_close_date: view.last_close_date.map(|date| date.to_string()).unwrap_or_default(),
        surrendered_tco2e: view.retired.surrendered.0,
        cancelled_tco2e: view.retired.cancelled.0,
        carried_out_tco2e: view.retired.carried_out.0,
        recalled_tco2e: view.retired.recalled.0,
        usable_until_date: view.usable_until.map(|date| date.to_string()).unwrap_or_default(),
    }
}

pub(super) fn day(summary: &DaySummary) -> proto::Day {
    proto::Day {
        date: summary.date.to_string(),
        state: day_state(summary.state).into(),
        trade_count: summary.trade_count,
        delivered_count: summary.delivered_count,
        held_count: summary.held_count,
        failed_count: summary.failed_count,
        chunk_count: summary.chunk_count,
        quantity_tco2e: summary.quantity.0,
        amount_yuan: format_yuan(summary.amount),
        clearing_sha256: summary.clearing_sha256.map(digest).unwrap_or_default(),
        topup_deadline_ms: summary.topup_deadline.map_or(0, |time| time.0),
        open_objections: summary.open_objections,
        statements_issued: summary.statements_issued,
        suspended_from: summary
            .suspended_from
            .map_or(proto::DayState::Unspecified, day_state)
            .into(),
        dispute_reason: summary.dispute_reason.clone(),
    }
}

fn day_state(state: DayState) -> proto::DayState {
    match state {
        DayState::Open => proto::DayState::Open,
        DayState::Closed => proto::DayState::Closed,
        DayState::Cleared => proto::DayState::Cleared,
        DayState::Disputed => proto::DayState::Disputed,
        DayState::Confirmed => proto::DayState::Confirmed,
        DayState::Delivered => proto::DayState::Delivered,
        DayState::Final => proto::DayState::Final,
        DayState::Suspended => proto::DayState::Suspended,
    }
}

pub(super) fn clearing(stamp: proto::Stamp, clearing: &Clearing) -> proto::ClearingReply {
    // Sums in i128: no bank's figure can make them wrap.
    let net = |bank: &BankClearing| i128::from(bank.receives.0) - i128::from(bank.pays.0);
    let fen = |amount: i128| {
        i64::try_from(amount).map(Fen).map_or_else(|_| amount.to_string(), format_yuan)
    };
    proto::ClearingReply {
        stamp: Some(stamp),
        date: clearing.date.to_string(),
        reconciliation_yuan: fen(clearing.banks.iter().map(net).sum()),
        banks: clearing
            .banks
            .iter()
            .map(|bank| proto::BankClearing {
                bank_id: u32::from(bank.bank.0),
                receives_yuan: format_yuan(bank.receives),
                pays_yuan: format_yuan(bank.pays),
                net_yuan: fen(net(bank)),
            })
            .collect(),
        clearing_sha256: digest(clearing.sha256),
    }
}

pub(super) fn trade(trade: &Trade) -> proto::Trade {
    proto::Trade {
        trade_number: trade.number.0,
        kind: match trade.kind {
            TradeKind::Listed => proto::TradeKind::Listed,
            TradeKind::Block => proto::TradeKind::Block,
        }
        .into(),
        instrument: trade.instrument.to_string(),
        buyer_account: u64::from(trade.buyer.0),
        seller_account: u64::from(trade.seller.0),
        buyer_bank: u32::from(trade.buyer_bank.0),
        seller_bank: u32::from(trade.seller_bank.0),
        quantity_tco2e: trade.quantity.0,
        price_yuan: format_price(trade.price),
        traded_at_ms: trade.traded_at.0,
    }
}

/// Status and, for what is held or failed, why.
fn trade_status(status: TradeStatus) -> (i32, String) {
    let why = |held: HeldReason| held.reason().code().to_owned();
    let (status, reason) = match status {
        TradeStatus::Accepted => (proto::TradeStatus::Accepted, String::new()),
        TradeStatus::Delivered => (proto::TradeStatus::Delivered, String::new()),
        TradeStatus::Held(reason) => (proto::TradeStatus::Held, why(reason)),
        TradeStatus::Failed(reason) => (proto::TradeStatus::Failed, why(reason)),
        TradeStatus::Voided => (proto::TradeStatus::Voided, String::new()),
        TradeStatus::Covered => (proto::TradeStatus::ReserveCovered, String::new()),
    };
    (status.into(), reason)
}

/// Why a trade is held or failed; empty for others.
pub(super) fn held_reason(status: TradeStatus) -> String {
    trade_status(status).1
}

pub(super) fn trade_result(result: &TradeResult) -> proto::TradeResult {
    let (status, reason) = trade_status(result.status);
    proto::TradeResult { trade_number: result.number.0, status, reason }
}

pub(super) fn trade_record(record: &TradeRecord) -> proto::TradeRecord {
    let (status, reason) = trade_status(record.status);
    proto::TradeRecord {
        sequence: record.sequence,
        trade: Some(trade(&record.trade)),
        status,
        reason,
    }
}

pub(super) fn statement(stamp: proto::Stamp, statement: &Statement) -> proto::GetStatementReply {
    proto::GetStatementReply {
        stamp: Some(stamp),
        date: statement.date.to_string(),
        account_id: u64::from(statement.account.0),
        lines: statement
            .lines
            .iter()
            .map(|record| {
                let (status, reason) = trade_status(record.status);
                proto::StatementLine { trade: Some(trade(&record.trade)), status, reason }
            })
            .collect(),
        bought_yuan: format_yuan(statement.bought),
        sold_yuan: format_yuan(statement.sold),
    }
}

pub(super) fn daily_price(price: &DailyPrice) -> proto::DailyPrice {
    let traded = |price: Option<Price>| price.map(format_price).unwrap_or_default();
    proto::DailyPrice {
        instrument: price.instrument.to_string(),
        date: price.date.to_string(),
        previous_close_yuan: format_price(price.previous_close),
        open_yuan: traded(price.open),
        high_yuan: traded(price.high),
        low_yuan: traded(price.low),
        close_yuan: format_price(price.close),
        listed_tco2e: price.listed_quantity.0,
        listed_yuan: format_yuan(price.listed_amount),
        block_tco2e: price.block_quantity.0,
        block_yuan: format_yuan(price.block_amount),
        settled: price.settled,
    }
}

/// What a single call would have answered as its status.
pub(super) fn refusal(status: &Status) -> proto::Refusal {
    proto::Refusal {
        code: status.code().into(),
        message: status.message().to_owned(),
        status: status.details().to_vec().into(),
    }
}

pub(super) fn digest(bytes: [u8; 32]) -> Bytes {
    Bytes::copy_from_slice(&bytes)
}

pub(super) fn proposal(proposal: &Proposal, now: LedgerTime) -> proto::Proposal {
    proto::Proposal {
        proposal_id: proposal.id.0,
        maker: proposal.maker.clone(),
        proposed_at_ms: proposal.proposed_at.0,
        expires_at_ms: proposal.expires_at.0,
        content: Bytes::copy_from_slice(&proposal.content),
        content_sha256: digest(proposal.content_sha256),
        expired: proposal.expires_at <= now,
    }
}
