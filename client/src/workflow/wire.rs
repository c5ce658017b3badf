//! Sample trades as the exchange sends them.

use registry_proto::registry::{Trade, TradeKind};

use super::WorkflowError;
use super::load::AccountNumbers;
use crate::amount::format_fen;
use crate::sample::{self, SampleTrade};

/// Trades of a file with the registry's account numbers in place of the file's.
///
/// # Errors
/// A trade of an account that `accounts` does not know.
pub fn renumber(
    trades: &[SampleTrade],
    accounts: &AccountNumbers,
) -> Result<Vec<SampleTrade>, WorkflowError> {
    let assigned = |trade: &SampleTrade, account_id: u64| {
        accounts.assigned(account_id).ok_or_else(|| {
            WorkflowError::Plan(format!(
                "trade {}: account {account_id} is not in the population",
                trade.trade_number
            ))
        })
    };
    trades
        .iter()
        .map(|trade| {
            Ok(SampleTrade {
                buyer_account: assigned(trade, trade.buyer_account)?,
                seller_account: assigned(trade, trade.seller_account)?,
                ..trade.clone()
            })
        })
        .collect()
}

/// Trades of a file for the wire, with the registry's account numbers.
///
/// # Errors
/// As [`renumber`].
pub fn wire_trades(
    trades: &[SampleTrade],
    accounts: &AccountNumbers,
) -> Result<Vec<Trade>, WorkflowError> {
    Ok(renumber(trades, accounts)?.iter().map(wire_trade).collect())
}

/// One trade for the wire; its account numbers must be the registry's.
#[must_use]
pub fn wire_trade(trade: &SampleTrade) -> Trade {
    Trade {
        trade_number: trade.trade_number,
        kind: match trade.kind {
            sample::TradeKind::Listed => TradeKind::Listed,
            sample::TradeKind::Block => TradeKind::Block,
        }
        .into(),
        instrument: trade.instrument.clone(),
        buyer_account: trade.buyer_account,
        seller_account: trade.seller_account,
        buyer_bank: trade.buyer_bank,
        seller_bank: trade.seller_bank,
        quantity_tco2e: trade.quantity_tco2e,
        price_yuan: format_fen(trade.price_fen),
        traded_at_ms: trade.traded_at_ms,
    }
}
