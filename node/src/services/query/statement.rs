//! One page of an account's statement over a period.

use registry_ledger::history::{self, Edge, End, EntryPlace, Moment};
use registry_ledger::{Reason, Rejection};
use registry_proto::registry::{GetPeriodStatementReply, GetPeriodStatementRequest};

use super::cursor::{self, Cursor};
use super::source::{HistoryError, LiveHistory};
use super::{Asked, encode_history, moment};

/// The page that is asked for, without a stamp.
pub(super) fn page(
    source: &LiveHistory,
    request: &GetPeriodStatementRequest,
    asked: Asked,
    end: End,
    limit: usize,
) -> Result<GetPeriodStatementReply, HistoryError> {
    let first = request.cursor.is_empty();
    let at = if first { begin(source, request, asked, end)? } else { go_on(request, asked, end)? };
    let (account, through) = (asked.account, at.through_event);
    let balances = |event| -> Result<_, HistoryError> {
        let found = history::balances_at(source, account, event)?;
        Ok(Some(encode_history::balances(&found, asked.bank)))
    };
    let opening = if first { balances(at.after_event)? } else { None };
    let found = history::entries_after(source, account, at.place, through, limit)?;
    let last = found.entries.last().filter(|_| found.more).map(|entry| entry.place);
    let next_cursor = last.map(|place| Cursor { place, ..at }.to_text()).unwrap_or_default();
    let entries = found.entries.iter().filter_map(|one| encode_history::entry(one, asked.bank));
    Ok(GetPeriodStatementReply {
        stamp: None,
        account_id: account.0.into(),
        after_event: at.after_event,
        through_event: through,
        opening,
        entries: entries.collect(),
        closing: if last.is_none() { balances(through)? } else { None },
        next_cursor,
    })
}

/// Resolves the period; all later pages keep to it.
fn begin(
    source: &LiveHistory,
    request: &GetPeriodStatementRequest,
    asked: Asked,
    end: End,
) -> Result<Cursor, HistoryError> {
    let given = |field: &str, given: Option<_>| given.map(|at| moment(Some(at), field)).transpose();
    let from = given("from", request.from.as_ref())?.unwrap_or(Moment::Event(0));
    let to = given("to", request.to.as_ref())?.unwrap_or(Moment::Event(end.event));
    // Neither reversed days nor reversed numbers are looked up.
    let both = request.from.is_some() && request.to.is_some();
    let reversed = match (from, to) {
        (Moment::Event(from), Moment::Event(to))
        | (Moment::LogIndex(from), Moment::LogIndex(to)) => from > to,
        (Moment::SettlementDay(from), Moment::SettlementDay(to))
        | (Moment::Date(from), Moment::Date(to)) => from > to,
        _ => false,
    };
    let refuse = || {
        let text = "the period ends before it begins; exchange from and to";
        Err(Rejection::new(Reason::PeriodReversed, "to", text).into())
    };
    if both && reversed {
        return refuse();
    }
    let after_event = history::through(source, end, from, Edge::Opening, "from")?;
    let through_event = history::through(source, end, to, Edge::Closing, "to")?;
    if after_event > through_event {
        return refuse();
    }
    Ok(Cursor {
        account: asked.account,
        bank: asked.bank,
        period: cursor::period(request),
        after_event,
        through_event,
        place: EntryPlace::behind(after_event),
    })
}

fn go_on(
    request: &GetPeriodStatementRequest,
    asked: Asked,
    end: End,
) -> Result<Cursor, HistoryError> {
    let cursor = Cursor::of(request, asked.account, asked.bank)?;
    if cursor.through_event > end.event {
        let text = "this node does not know the whole period yet; ask again";
        return Err(Rejection::new(Reason::PositionAhead, "cursor", text).into());
    }
    Ok(cursor)
}
