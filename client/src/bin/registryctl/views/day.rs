//! The settlement day, its trades and its clearing.

use registry_client::hex;
use registry_client::proto::{
    BankClearing, ClearingReply, Day, DayReply, StatementLine, Trade, TradeRecord, TradeResult,
    TradeStatus,
};
use registry_client::workflow::HeldTrade;

use super::{stamp, word};
use crate::output::{Page, Record};

pub(crate) fn day(day: &Day) -> Record {
    let state = |name: &str| word(name, "DAY_STATE_");
    let mut record = Record::default()
        .with("date", day.date.as_str())
        .with("state", state(day.state().as_str_name()))
        .with("trade_count", day.trade_count)
        .with("delivered_count", day.delivered_count)
        .with("held_count", day.held_count)
        .with("failed_count", day.failed_count)
        .with("chunk_count", day.chunk_count)
        .with("quantity_tco2e", day.quantity_tco2e.to_string())
        .with("amount_yuan", day.amount_yuan.as_str())
        .with("clearing_sha256", hex(&day.clearing_sha256))
        .with("topup_deadline_ms", day.topup_deadline_ms)
        .with("open_objections", day.open_objections)
        .with("statements_issued", day.statements_issued)
        .with("dispute_reason", day.dispute_reason.as_str());
    if day.suspended_from != 0 {
        record = record.with("suspended_from", state(day.suspended_from().as_str_name()));
    }
    record
}

/// The usual answer to a command of the day.
pub(crate) fn day_page(reply: &DayReply) -> Page {
    let page = Page::default();
    let page = match &reply.day {
        Some(found) => page.one(day(found)),
        None => page,
    };
    page.stamp(stamp(reply.stamp))
}

pub(crate) fn clearing_page(reply: &ClearingReply) -> Page {
    Page::default()
        .one(
            Record::default()
                .with("date", reply.date.as_str())
                .with("clearing_sha256", hex(&reply.clearing_sha256))
                .with("reconciliation_yuan", reply.reconciliation_yuan.as_str()),
        )
        .many("banks", reply.banks.iter().map(bank).collect())
        .stamp(stamp(reply.stamp))
}

pub(crate) fn bank(bank: &BankClearing) -> Record {
    Record::default()
        .with("bank_id", bank.bank_id)
        .with("receives_yuan", bank.receives_yuan.as_str())
        .with("pays_yuan", bank.pays_yuan.as_str())
        .with("net_yuan", bank.net_yuan.as_str())
}

pub(crate) fn trade(trade: &Trade) -> Record {
    Record::default()
        .with("trade_number", trade.trade_number)
        .with("kind", word(trade.kind().as_str_name(), "TRADE_KIND_"))
        .with("instrument", trade.instrument.as_str())
        .with("buyer_account", trade.buyer_account)
        .with("seller_account", trade.seller_account)
        .with("buyer_bank", trade.buyer_bank)
        .with("seller_bank", trade.seller_bank)
        .with("quantity_tco2e", trade.quantity_tco2e.to_string())
        .with("price_yuan", trade.price_yuan.as_str())
        .with("traded_at_ms", trade.traded_at_ms)
}

pub(crate) fn trade_record(record: &TradeRecord) -> Record {
    Record::default()
        .with("sequence", record.sequence)
        .and(trade(&record.trade.clone().unwrap_or_default()))
        .with("status", status(record.status()))
        .with("reason", record.reason.as_str())
}

pub(crate) fn statement_line(line: &StatementLine) -> Record {
    trade(&line.trade.clone().unwrap_or_default())
        .with("status", status(line.status()))
        .with("reason", line.reason.as_str())
}

pub(crate) fn held(held: &HeldTrade) -> Record {
    trade(&held.trade).with("reason", held.reason.as_str())
}

pub(crate) fn result(result: &TradeResult) -> Record {
    Record::default()
        .with("trade_number", result.trade_number)
        .with("status", status(result.status()))
        .with("reason", result.reason.as_str())
}

fn status(status: TradeStatus) -> String {
    word(status.as_str_name(), "TRADE_STATUS_")
}
