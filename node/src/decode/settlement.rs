//! The steps of a settlement day.

use registry_ledger::{
    Command, DELIVERY_STEP_LIMIT, Date, Fen, HELD_TRADES_LIMIT, HOLIDAYS_LIMIT, Manifest, Quantity,
    Reason, Rejection, TOPUP_WINDOW_LIMIT_MS, TradeNumber, amount,
};
use registry_proto::registry::{
    AmendTradeRequest, ConfirmClearingRequest, HeldTradesRequest, OpenDayRequest,
    RaiseObjectionRequest, ResolveObjectionRequest, SetHolidaysRequest, SettleTradeRequest,
    SubmitManifestRequest,
};
use registry_proto::storage::DeliverTrades;

use super::{fields, trade};

/// Two hours, when the request leaves the window open.
const DEFAULT_TOPUP_WINDOW_MS: i64 = 7_200_000;

pub(super) fn set_holidays(message: &SetHolidaysRequest) -> Result<Command, Rejection> {
    if message.dates.len() > HOLIDAYS_LIMIT {
        return fields::too_long("dates", message.dates.len(), HOLIDAYS_LIMIT, "dates");
    }
    let dates = message
        .dates
        .iter()
        .enumerate()
        .map(|(i, date)| fields::date(date, &format!("dates[{i}]")))
        .collect::<Result<_, _>>()?;
    Ok(Command::SetHolidays(dates))
}

pub(super) fn open_day(message: &OpenDayRequest) -> Result<Command, Rejection> {
    const WINDOW: &str = "topup_window_ms";
    let topup_window_ms = match message.topup_window_ms {
        0 => DEFAULT_TOPUP_WINDOW_MS,
        negative if negative < 0 => return fields::not_positive(WINDOW, negative),
        window if window > TOPUP_WINDOW_LIMIT_MS => {
            return out_of_range(WINDOW, window, TOPUP_WINDOW_LIMIT_MS);
        }
        window => window,
    };
    Ok(Command::OpenDay { date: fields::date(&message.date, "date")?, topup_window_ms })
}

pub(super) fn manifest(message: &SubmitManifestRequest) -> Result<Command, Rejection> {
    // A day may have no trade at all, so zero is fine; less is not.
    let amount: Fen = amount::parse_yuan(&message.amount_yuan, "amount_yuan")?;
    for (field, value) in [("quantity_tco2e", message.quantity_tco2e), ("amount_yuan", amount.0)] {
        if value < 0 {
            let message = format!("{field} is negative");
            return Err(Rejection::new(Reason::OutOfRange, field, message));
        }
    }
    Ok(Command::SubmitManifest {
        date: fields::date(&message.date, "date")?,
        manifest: Manifest {
            trade_count: message.trade_count,
            quantity: Quantity(message.quantity_tco2e),
            amount,
            trades_sha256: fields::sha256(&message.trades_sha256, "trades_sha256")?,
        },
    })
}

pub(super) fn confirm_clearing(message: &ConfirmClearingRequest) -> Result<Command, Rejection> {
    Ok(Command::ConfirmClearing {
        date: fields::date(&message.date, "date")?,
        clearing_sha256: fields::sha256(&message.clearing_sha256, "clearing_sha256")?,
    })
}

pub(super) fn amend_trade(message: &AmendTradeRequest) -> Result<Command, Rejection> {
    if message.trade_number == 0 {
        return fields::missing("trade_number");
    }
    let replacement = message
        .replacement
        .as_ref()
        .map(|replacement| {
            trade::trade(&replacement.into()).map_err(|r| fields::inside("replacement", r))
        })
        .transpose()?;
    if replacement.is_some_and(|trade| trade.number.0 != message.trade_number) {
        return Err(Rejection::new(
            Reason::Malformed,
            "replacement.trade_number",
            "the replacement must keep the number of the trade that it replaces",
        ));
    }
    Ok(Command::AmendTrade {
        date: fields::date(&message.date, "date")?,
        number: TradeNumber(message.trade_number),
        replacement,
        reason: fields::text(&message.reason, "reason", fields::LINE_BYTES)?,
    })
}

pub(super) fn deliver_trades(step: &DeliverTrades) -> Result<Command, Rejection> {
    if step.from_sequence == 0 {
        return fields::missing("from_sequence");
    }
    if step.max_trades == 0 {
        return fields::missing("max_trades");
    }
    if step.max_trades > DELIVERY_STEP_LIMIT {
        let most = i64::from(DELIVERY_STEP_LIMIT);
        return out_of_range("max_trades", i64::from(step.max_trades), most);
    }
    Ok(Command::DeliverTrades {
        date: fields::date(&step.date, "date")?,
        from_sequence: step.from_sequence,
        max_trades: step.max_trades,
    })
}

pub(super) fn held_trades(
    message: &HeldTradesRequest,
) -> Result<(Date, Vec<TradeNumber>), Rejection> {
    const NUMBERS: &str = "trade_numbers";
    let date = fields::date(&message.date, "date")?;
    if message.trade_numbers.is_empty() {
        return fields::missing(NUMBERS);
    }
    if message.trade_numbers.len() > HELD_TRADES_LIMIT {
        return fields::too_long(
            NUMBERS,
            message.trade_numbers.len(),
            HELD_TRADES_LIMIT,
            "numbers",
        );
    }
    if let Some(i) = message.trade_numbers.iter().position(|number| *number == 0) {
        return fields::missing(&format!("{NUMBERS}[{i}]"));
    }
    Ok((date, message.trade_numbers.iter().copied().map(TradeNumber).collect()))
}

pub(super) fn raise_objection(message: &RaiseObjectionRequest) -> Result<Command, Rejection> {
    Ok(Command::RaiseObjection {
        date: fields::date(&message.date, "date")?,
        account: fields::account(message.account_id, "account_id")?,
        text: fields::text(&message.text, "text", fields::LETTER_BYTES)?,
    })
}

pub(super) fn resolve_objection(message: &ResolveObjectionRequest) -> Result<Command, Rejection> {
    Ok(Command::ResolveObjection {
        date: fields::date(&message.date, "date")?,
        account: fields::account(message.account_id, "account_id")?,
        resolution: fields::text(&message.resolution, "resolution", fields::LETTER_BYTES)?,
    })
}

pub(super) fn settle_trade(message: &SettleTradeRequest) -> Result<Command, Rejection> {
    let Some(wire) = &message.trade else {
        return fields::missing("trade");
    };
    Ok(Command::SettleTrade {
        date: fields::date(&message.date, "date")?,
        trade: trade::trade(&wire.into()).map_err(|r| fields::inside("trade", r))?,
    })
}

fn out_of_range<T>(field: &str, value: i64, most: i64) -> Result<T, Rejection> {
    let message = format!("{field} = {value}: at most {most}");
    Err(Rejection::new(Reason::OutOfRange, field, message))
}
