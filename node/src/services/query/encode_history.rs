//! Histories, balances and overviews to proto.

use registry_ledger::amount::{format_price, format_yuan};
use registry_ledger::history::{About, AccountBalances, AccountEntry, TradeStep};
use registry_ledger::journal::{Event, Posting, What};
use registry_ledger::{
    AccountOverview, BankId, Candle, Fen, HoldingValue, InstrumentTotals, LedgerTime,
};
use registry_proto::registry as proto;
use registry_proto::registry::posting::Line;
use registry_proto::registry::statement_entry::About as Shown;

use crate::services::{cash_flow, encode, encode_event};

/// Balances; of one bank only its own.
pub(super) fn balances(found: &AccountBalances, bank: Option<BankId>) -> proto::Balances {
    let holdings = found.holdings.iter().filter(|_| bank.is_none());
    let cash = found.cash.iter().filter(|(of, _)| bank.is_none_or(|bank| **of == bank));
    proto::Balances {
        holdings: holdings.map(|(code, held)| encode::holding(*code, held)).collect(),
        cash: cash.map(|(of, held)| encode::cash(*of, held)).collect(),
    }
}

/// An entry; to a bank only what it moved there, and nothing when that is nothing.
pub(super) fn entry(entry: &AccountEntry, bank: Option<BankId>) -> Option<proto::StatementEntry> {
    let there = |posting: &&Posting| match (bank, posting) {
        (None, _) => true,
        (Some(bank), Posting::Cash { bank: of, .. }) => *of == bank,
        (Some(_), Posting::Goods { .. } | Posting::GoodsPot { .. } | Posting::CashPot { .. }) => {
            false
        }
    };
    let postings: Vec<_> = entry.postings.iter().filter(there).map(encode_event::posting).collect();
    if bank.is_some() && postings.is_empty() {
        return None;
    }
    Some(proto::StatementEntry {
        event: entry.place.event,
        sequence: entry.place.sequence,
        log_index: entry.log_index,
        ledger_time_ms: entry.ledger_time.0,
        actor: entry.actor.clone(),
        postings,
        about: about(entry, bank),
    })
}

fn about(entry: &AccountEntry, bank: Option<BankId>) -> Option<Shown> {
    Some(match &entry.about {
        // Whom its customer dealt with is not the bank's to know.
        About::Event(What::RepoOpened { .. } | What::RepoReturned { .. }) if bank.is_some() => {
            return None;
        }
        About::Event(what) => {
            let bare = Event {
                ordinal: 0,
                log_index: 0,
                ledger_time: LedgerTime(0),
                actor: String::new(),
                what: what.clone(),
                postings: Vec::new(),
            };
            Shown::Details(encode_event::event(&bare, Vec::new()))
        }
        About::Trade(..) | About::Amended { .. } | About::Released(_) if bank.is_some() => {
            return None;
        }
        About::Trade(date, record) => Shown::Trade(proto::AccountTrade {
            date: date.to_string(),
            record: Some(encode::trade_record(record)),
        }),
        About::Amended { date, before, after, reason } => Shown::Amended(proto::AmendedTrade {
            date: date.to_string(),
            before: before.as_ref().map(encode::trade),
            after: after.as_ref().map(encode::trade),
            reason: reason.clone(),
        }),
        About::Released(date) => Shown::OpenedDay(proto::OpenedDay { date: date.to_string() }),
    })
}

pub(super) fn step(step: &TradeStep) -> proto::TradeStep {
    proto::TradeStep {
        event: step.event,
        log_index: step.log_index,
        ledger_time_ms: step.ledger_time.0,
        actor: step.actor.clone(),
        record: Some(encode::trade_record(&step.trade)),
    }
}

/// An overview without proposals; to a bank only the money there.
pub(super) fn overview(found: &AccountOverview, bank: Option<BankId>) -> proto::GetOverviewReply {
    let there = |of: BankId| bank.is_none_or(|bank| of == bank);
    let mut account = encode::account(&found.account);
    let withdrawals = found.withdrawals.iter().filter(|open| there(open.bank));
    let claims = found.claims.iter().filter(|(of, _)| there(*of));
    let mut reply = proto::GetOverviewReply {
        withdrawals: withdrawals.map(cash_flow::withdrawal).collect(),
        claims: claims
            .map(|(of, claim)| proto::ReserveClaim {
                account_id: account.account_id,
                bank_id: of.0.into(),
                claim_yuan: format_yuan(*claim),
            })
            .collect(),
        ..Default::default()
    };
    if bank.is_some() {
        account.holdings.clear();
        account.cash.retain(|cash| there_id(cash.bank_id, bank));
        reply.account = Some(account);
        return reply;
    }
    reply.account = Some(account);
    reply.values = found.values.iter().map(value).collect();
    let total = found.values.iter().fold(0_i128, |sum, one| sum.saturating_add(one.value_fen));
    reply.total_value_yuan = yuan(total);
    let held = found.held_trades.iter().map(|(date, record)| proto::AccountTrade {
        date: date.to_string(),
        record: Some(encode::trade_record(record)),
    });
    reply.held_trades = held.collect();
    reply.held_trade_count = found.held_count;
    let objections = found
        .objections
        .iter()
        .map(|(date, text)| proto::OpenObjection { date: date.to_string(), text: text.clone() });
    reply.objections = objections.collect();
    reply
}

fn there_id(of: u32, bank: Option<BankId>) -> bool {
    bank.is_none_or(|bank| u32::from(bank.0) == of)
}

fn value(value: &HoldingValue) -> proto::HoldingValue {
    proto::HoldingValue {
        instrument: value.instrument.to_string(),
        close_yuan: format_price(value.close),
        close_date: value.close_date.map(|date| date.to_string()).unwrap_or_default(),
        value_yuan: yuan(value.value_fen),
    }
}

/// Fen of more than one number's width; never negative here.
fn yuan(fen: i128) -> String {
    i64::try_from(fen)
        .map_or_else(|_| format!("{}.{:02}", fen / 100, fen % 100), |fen| format_yuan(Fen(fen)))
}

pub(super) fn totals(totals: &InstrumentTotals) -> proto::InstrumentTotals {
    let instrument = totals.code;
    let pots = totals.pots.iter().filter_map(|(pot, quantity)| {
        let line = Posting::GoodsPot { instrument, pot: *pot, quantity: *quantity };
        match encode_event::posting(&line).line? {
            Line::GoodsPot(pot) => {
                Some(proto::GoodsPotTotal { pot: pot.pot, quantity_tco2e: pot.quantity_tco2e })
            }
            _ => None,
        }
    });
    proto::InstrumentTotals {
        instrument: instrument.to_string(),
        issued_tco2e: totals.issued.0,
        positions: Some(encode::holding(instrument, &totals.positions)),
        pots: pots.collect(),
        last_close_yuan: format_price(totals.last_close),
        last_close_date: totals.last_close_date.map(|date| date.to_string()).unwrap_or_default(),
    }
}

pub(super) fn candle(candle: &Candle) -> proto::Candle {
    let price = encode::daily_price(&candle.price);
    proto::Candle {
        date: price.date,
        open_yuan: price.open_yuan,
        high_yuan: price.high_yuan,
        low_yuan: price.low_yuan,
        close_yuan: price.close_yuan,
        vwap_yuan: candle.vwap.map(format_price).unwrap_or_default(),
        volume_tco2e: candle.volume.0,
        turnover_yuan: format_yuan(candle.amount),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_beyond_one_number_are_written_in_full() {
        assert_eq!(yuan(123_456), "1234.56");
        assert_eq!(yuan(i128::from(i64::MAX) * 1_000 + 5), "92233720368547758070.05");
    }
}
