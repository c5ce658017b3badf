//! Overviews, statements, histories, holders and candles.

use registry_client::proto::statement_entry::About;
use registry_client::proto::{
    AccountTrade, Balances, Candle, GetBalancesAtReply, GetOverviewReply, GoodsPot, Holder,
    InstrumentTotals, StatementEntry, TradeRecord, TradeStatus, TradeStep,
};
use registry_client::{PeriodStatement, hex};
use serde_json::Value;

use super::{account, event, pledge, stamp, word};
use crate::output::{Page, Record};

pub(crate) fn overview(reply: &GetOverviewReply, sees: Sees) -> Page {
    let found = reply.account.clone().unwrap_or_default();
    let holdings = found.holdings.iter().map(|holding| {
        let value = reply.values.iter().find(|value| value.instrument == holding.instrument);
        let value = value.cloned().unwrap_or_default();
        account::holding(holding)
            .with("close_yuan", value.close_yuan)
            .with("close_date", value.close_date)
            .with("value_yuan", value.value_yuan)
    });
    let claims = reply.claims.iter().map(|claim| {
        Record::default()
            .with("bank_id", claim.bank_id)
            .with("claim_yuan", claim.claim_yuan.as_str())
    });
    let withdrawals = reply.withdrawals.iter().map(|open| {
        Record::default()
            .with("withdrawal_id", open.withdrawal_id)
            .with("bank_id", open.bank_id)
            .with("amount_yuan", open.amount_yuan.as_str())
            .with("requested_at_ms", open.requested_at_ms)
    });
    let objections = reply.objections.iter().map(|open| {
        Record::default().with("date", open.date.as_str()).with("text", open.text.as_str())
    });
    let pledges = reply
        .pledges
        .iter()
        .filter_map(|open| Some(pledge::pledge(open.pledge.as_ref()?, open.value.as_ref())));
    let proposals = reply.proposals.iter().map(|open| {
        Record::default()
            .with("proposal_id", open.proposal_id)
            .with("maker", open.maker.as_str())
            .with("expires_at_ms", open.expires_at_ms)
            .with("content_sha256", hex(&open.content_sha256))
    });
    let page = Page::default().one(account::account(&found));
    let page = match sees.account {
        true => page.many("holdings", holdings.collect()),
        false => page,
    };
    let page = page.many("cash", found.cash.iter().map(account::cash).collect());
    let mut sums = Record::default();
    if sees.account {
        sums = sums
            .with("total_value_yuan", reply.total_value_yuan.as_str())
            .with("held_trade_count", reply.held_trade_count);
    }
    if sees.proposals {
        sums = sums.with("proposals_cut", reply.proposals_cut);
    }
    let sums = sums.with("pledges_cut", reply.pledges_cut);
    let page = page.one(sums).many("claims", claims.collect());
    let page = match sees.account {
        true => page
            .many("held_trades", reply.held_trades.iter().map(dated_trade).collect())
            .many("objections", objections.collect())
            .many("freezes", reply.freezes.iter().map(pledge::freeze).collect()),
        false => page,
    };
    let page = page.many("withdrawals", withdrawals.collect()).many("pledges", pledges.collect());
    let page = match sees.proposals {
        true => page.many("proposals", proposals.collect()),
        false => page,
    };
    page.stamp(stamp(reply.stamp))
}

/// What the caller is shown of an account; the rest is left out, since an empty
/// list would say that there is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sees {
    /// More than what concerns one bank.
    account: bool,
    /// What waits for a second officer.
    proposals: bool,
}

impl Sees {
    /// What the node shows this role, of all of an account or, with a bank that
    /// is not 0, of what concerns that bank.
    pub(crate) fn of(role: &str, bank: u32) -> Self {
        Self {
            account: bank == 0 && role != "bank",
            proposals: matches!(role, "registry" | "auditor"),
        }
    }
}

fn dated_trade(trade: &AccountTrade) -> Record {
    let record = trade.record.clone().unwrap_or_default();
    Record::default().with("date", trade.date.as_str()).and(trade_record(&record))
}

fn trade_record(record: &TradeRecord) -> Record {
    let trade = record.trade.clone().unwrap_or_default();
    Record::default()
        .with("sequence", record.sequence)
        .with("trade_number", trade.trade_number)
        .with("instrument", trade.instrument)
        .with("buyer_account", trade.buyer_account)
        .with("seller_account", trade.seller_account)
        .with("quantity_tco2e", trade.quantity_tco2e.to_string())
        .with("price_yuan", trade.price_yuan)
        .with("status", word(TradeStatus::as_str_name(&record.status()), "TRADE_STATUS_"))
        .with("reason", record.reason.as_str())
}

pub(crate) fn statement(found: &PeriodStatement, sees: Sees) -> Page {
    let page = Page::default().one(
        Record::default()
            .with("account_id", found.account_id)
            .with("after_event", found.after_event)
            .with("through_event", found.through_event),
    );
    let page = balances(page, &found.opening, sees, ["opening_holdings", "opening_cash"]);
    let page = page.many("entries", found.entries.iter().map(entry).collect());
    balances(page, &found.closing, sees, ["closing_holdings", "closing_cash"])
        .stamp(stamp(Some(found.stamp)))
}

fn balances(page: Page, found: &Balances, sees: Sees, [goods, money]: [&'static str; 2]) -> Page {
    let page = match sees.account {
        true => page.many(goods, found.holdings.iter().map(account::holding).collect()),
        false => page,
    };
    page.many(money, found.cash.iter().map(account::cash).collect())
}

fn entry(entry: &StatementEntry) -> Record {
    let (kind, content) = match &entry.about {
        Some(About::Details(details)) => event::what(details),
        Some(About::Trade(trade)) => ("trade", dated_trade(trade).into_json()),
        Some(About::Amended(amended)) => {
            let number = amended.before.as_ref().or(amended.after.as_ref());
            let content = Record::default()
                .with("date", amended.date.as_str())
                .with("trade_number", number.map_or(0, |trade| trade.trade_number))
                .with("voided", amended.after.is_none())
                .with("reason", amended.reason.as_str());
            ("trade_amended", content.into_json())
        }
        Some(About::OpenedDay(day)) => {
            ("day_opened", Record::default().with("date", day.date.as_str()).into_json())
        }
        None => ("trade", Default::default()),
    };
    let status = content.get("status").or(content.get("document")).cloned();
    let moved = entry.postings.iter().map(event::posting_line);
    Record::default()
        .with("event", entry.event)
        .with("ledger_time_ms", entry.ledger_time_ms)
        .with("kind", kind)
        .with("settlement_day", content.get("date").cloned().unwrap_or(Value::Null))
        .with("trade_number", content.get("trade_number").cloned().unwrap_or(Value::Null))
        .with("note", status.unwrap_or(Value::Null))
        .with("moved", moved.collect::<Vec<String>>().join("; "))
        .with_detail("sequence", entry.sequence)
        .with_detail("log_index", entry.log_index)
        .with_detail("actor", entry.actor.as_str())
        .with_detail("content", Value::Object(content))
        .with_detail("postings", entry.postings.iter().map(event::posting).collect::<Vec<_>>())
}

pub(crate) fn balances_at(reply: &GetBalancesAtReply, sees: Sees) -> Page {
    let found = reply.balances.clone().unwrap_or_default();
    let page = Page::default().one(
        Record::default()
            .with("account_id", reply.account_id)
            .with("event", reply.event)
            .with("log_index", reply.log_index)
            .with("ledger_time_ms", reply.ledger_time_ms),
    );
    balances(page, &found, sees, ["holdings", "cash"]).stamp(stamp(reply.stamp))
}

pub(crate) fn step(step: &TradeStep) -> Record {
    let record = step.record.clone().unwrap_or_default();
    Record::default()
        .with("event", step.event)
        .with("log_index", step.log_index)
        .with("ledger_time_ms", step.ledger_time_ms)
        .with("actor", step.actor.as_str())
        .and(trade_record(&record))
}

pub(crate) fn holder(holder: &Holder) -> Record {
    let holding = holder.holding.clone().unwrap_or_default();
    Record::default().with("account_id", holder.account_id).and(account::holding(&holding))
}

pub(crate) fn totals(totals: &InstrumentTotals) -> Record {
    let positions = totals.positions.clone().unwrap_or_default();
    let pots = totals
        .pots
        .iter()
        .map(|pot| (word(GoodsPot::as_str_name(&pot.pot()), "GOODS_POT_"), pot.quantity_tco2e));
    let (pots, pots_words) = account::pairs("pot", "quantity_tco2e", pots);
    account::holding(&positions)
        .with("issued_tco2e", totals.issued_tco2e.to_string())
        .with_words("pots_tco2e", pots, pots_words)
        .with("last_close_yuan", totals.last_close_yuan.as_str())
        .with("last_close_date", totals.last_close_date.as_str())
}

pub(crate) fn candle(candle: &Candle) -> Record {
    Record::default()
        .with("date", candle.date.as_str())
        .with("open_yuan", candle.open_yuan.as_str())
        .with("high_yuan", candle.high_yuan.as_str())
        .with("low_yuan", candle.low_yuan.as_str())
        .with("close_yuan", candle.close_yuan.as_str())
        .with("vwap_yuan", candle.vwap_yuan.as_str())
        .with("volume_tco2e", candle.volume_tco2e.to_string())
        .with("turnover_yuan", candle.turnover_yuan.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_shown_to_the_caller_is_left_out() {
        let shown =
            |role, bank| overview(&GetOverviewReply::default(), Sees::of(role, bank)).json();
        let (all, firm, bank) = (shown("registry", 0), shown("firm", 0), shown("bank", 102));
        for section in ["holdings", "held_trades", "objections", "freezes", "total_value_yuan"] {
            assert!(all.get(section).is_some() && firm.get(section).is_some(), "{section}");
            assert!(bank.get(section).is_none(), "{section}");
        }
        for section in ["cash", "claims", "withdrawals", "pledges"] {
            assert!(bank.get(section).is_some(), "{section}");
        }
        assert!(all.get("proposals").is_some() && firm.get("proposals").is_none());
    }

    #[test]
    fn a_statement_of_a_trade_has_its_settlement_day() {
        let trade = AccountTrade { date: "2021-12-16".to_owned(), ..Default::default() };
        let of_trade = StatementEntry { about: Some(About::Trade(trade)), ..Default::default() };
        assert_eq!(entry(&of_trade).into_json()["settlement_day"], "2021-12-16");
    }
}
