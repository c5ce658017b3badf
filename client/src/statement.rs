//! An account's statement over a period: read whole, and added up again.

use std::collections::BTreeMap;

use registry_proto::registry::posting::Line;
use registry_proto::registry::{
    Balances, GetPeriodStatementReply, GetPeriodStatementRequest, PositionPart, Posting, Stamp,
    StatementEntry,
};

use crate::amount::parse_signed_fen;
use crate::error::ClientError;
use crate::reads::ReadClient;

/// What happened to an account over a period, between what it had before and after.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PeriodStatement {
    /// Of the last page.
    pub stamp: Stamp,
    /// Whose.
    pub account_id: u64,
    /// The period is what came after this event,
    pub after_event: u64,
    /// up to and with this one.
    pub through_event: u64,
    /// Before the period.
    pub opening: Balances,
    /// In order.
    pub entries: Vec<StatementEntry>,
    /// After the period.
    pub closing: Balances,
}

pub(crate) async fn read(
    reads: &ReadClient,
    request: GetPeriodStatementRequest,
) -> Result<PeriodStatement, ClientError> {
    let mut pages = Pages::default();
    let mut next = request.clone();
    loop {
        let page = reads.get_period_statement(next).await?;
        let cursor = page.next_cursor.clone();
        pages.take(page).map_err(ClientError::Protocol)?;
        if cursor.is_empty() {
            break;
        }
        next = GetPeriodStatementRequest { cursor, ..request.clone() };
    }
    pages.whole(&request).map_err(ClientError::Protocol)
}

/// Pages as they come.
#[derive(Default)]
struct Pages {
    taken: u64,
    found: PeriodStatement,
}

impl Pages {
    fn take(&mut self, page: GetPeriodStatementReply) -> Result<(), String> {
        let found = &mut self.found;
        let of = (page.account_id, page.after_event, page.through_event);
        self.taken += 1;
        if self.taken == 1 {
            (found.account_id, found.after_event, found.through_event) = of;
            found.opening = page.opening.ok_or("the first page has no opening balances")?;
        } else if of != (found.account_id, found.after_event, found.through_event) {
            return Err("the pages are of different statements".to_owned());
        }
        found.entries.extend(page.entries);
        found.stamp = page.stamp.unwrap_or_default();
        match (page.closing, page.next_cursor.is_empty()) {
            (Some(closing), true) => found.closing = closing,
            (None, false) => {}
            _ => return Err("closing balances belong on the last page".to_owned()),
        }
        Ok(())
    }

    fn whole(self, request: &GetPeriodStatementRequest) -> Result<PeriodStatement, String> {
        if self.found.account_id != request.account_id {
            return Err(format!("account {} was answered", self.found.account_id));
        }
        self.found.check()?;
        Ok(self.found)
    }
}

impl PeriodStatement {
    /// The entries are in order, lie in the period, are the account's own, and
    /// lead from the opening to the closing balances.
    ///
    /// # Errors
    /// What does not fit.
    pub fn check(&self) -> Result<(), String> {
        let mut last = (self.after_event, u64::MAX);
        let mut sums = Sums::of(&self.opening)?;
        for entry in &self.entries {
            let place = (entry.event, entry.sequence);
            if place <= last || entry.event > self.through_event {
                return Err(format!("entry {place:?} stands behind {last:?}"));
            }
            last = place;
            for posting in &entry.postings {
                sums.add(posting, self.account_id)
                    .map_err(|problem| format!("entry {place:?}: {problem}"))?;
            }
        }
        let closing = Sums::of(&self.closing)?;
        if sums != closing {
            return Err(format!(
                "the entries lead to {sums:?}, the statement ends with {closing:?}"
            ));
        }
        Ok(())
    }
}

/// Tonnes by instrument and position, fen by bank and part; nothing is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Sums {
    tonnes: BTreeMap<(String, i32), i64>,
    fen: BTreeMap<(u32, i32), i64>,
}

impl Sums {
    fn of(balances: &Balances) -> Result<Self, String> {
        use registry_proto::registry::CashPart;
        let mut sums = Self::default();
        for held in &balances.holdings {
            let parts = [
                (PositionPart::Registered, held.registered_tco2e),
                (PositionPart::Trading, held.trading_tco2e),
                (PositionPart::PendingIn, held.pending_in_tco2e),
                (PositionPart::Pledged, held.pledged_tco2e),
                (PositionPart::Frozen, held.frozen_tco2e),
                (PositionPart::PendingOut, held.pending_out_tco2e),
            ];
            let total = parts.iter().try_fold(0_i64, |sum, (_, part)| sum.checked_add(*part));
            if total != Some(held.total_tco2e) {
                return Err(format!("the positions of {} are not its total", held.instrument));
            }
            for (part, tonnes) in parts {
                sums.goods(&held.instrument, part.into(), tonnes)?;
            }
        }
        for cash in &balances.cash {
            let parts = [
                (CashPart::Available, &cash.available_yuan),
                (CashPart::PendingOut, &cash.pending_out_yuan),
            ];
            for (part, yuan) in parts {
                sums.cash(cash.bank_id, part.into(), yuan)?;
            }
        }
        Ok(sums)
    }

    fn add(&mut self, posting: &Posting, account_id: u64) -> Result<(), String> {
        match &posting.line {
            Some(Line::Goods(line)) if line.account_id == account_id => {
                self.goods(&line.instrument, line.position, line.quantity_tco2e)
            }
            Some(Line::Cash(line)) if line.account_id == account_id => {
                self.cash(line.bank_id, line.part, &line.amount_yuan)
            }
            _ => Err("a posting is not the account's".to_owned()),
        }
    }

    fn goods(&mut self, instrument: &str, part: i32, tonnes: i64) -> Result<(), String> {
        add_to(&mut self.tonnes, (instrument.to_owned(), part), tonnes)
    }

    fn cash(&mut self, bank: u32, part: i32, yuan: &str) -> Result<(), String> {
        let fen = parse_signed_fen(yuan).map_err(|error| error.to_string())?;
        add_to(&mut self.fen, (bank, part), fen)
    }
}

fn add_to<K: Ord + Clone>(sums: &mut BTreeMap<K, i64>, key: K, more: i64) -> Result<(), String> {
    let sum = sums.get(&key).copied().unwrap_or_default().checked_add(more);
    match sum.ok_or("a sum is out of range")? {
        0 => sums.remove(&key),
        sum => sums.insert(key, sum),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use registry_proto::registry::{CashBalance, CashPart, CashPosting, GoodsPosting, Holding};

    use super::*;

    fn balances(trading_tco2e: i64, available: &str) -> Balances {
        let instrument = "CEA-2020".to_owned();
        let total_tco2e = trading_tco2e;
        let holding = Holding { instrument, total_tco2e, trading_tco2e, ..Default::default() };
        let (bank_id, available_yuan) = (102, available.to_owned());
        let cash = CashBalance { bank_id, available_yuan, pending_out_yuan: "0.00".to_owned() };
        Balances { holdings: vec![holding], cash: vec![cash] }
    }

    /// A sale of 100 t at 43.06 in event 7, a deposit of 5.00 in event 8.
    fn pages() -> [GetPeriodStatementReply; 2] {
        let goods = Line::Goods(GoodsPosting {
            account_id: 1,
            instrument: "CEA-2020".to_owned(),
            position: PositionPart::Trading.into(),
            quantity_tco2e: -100,
        });
        let cash = |amount: &str| {
            Line::Cash(CashPosting {
                account_id: 1,
                bank_id: 102,
                part: CashPart::Available.into(),
                amount_yuan: amount.to_owned(),
            })
        };
        let entry = |event, sequence, lines: Vec<Line>| StatementEntry {
            event,
            sequence,
            postings: lines.into_iter().map(|line| Posting { line: Some(line) }).collect(),
            ..Default::default()
        };
        let page = GetPeriodStatementReply {
            account_id: 1,
            after_event: 3,
            through_event: 9,
            ..Default::default()
        };
        [
            GetPeriodStatementReply {
                opening: Some(balances(300, "10.00")),
                entries: vec![entry(7, 12, vec![goods, cash("4306.00")])],
                next_cursor: "a".to_owned(),
                ..page.clone()
            },
            GetPeriodStatementReply {
                entries: vec![entry(8, 0, vec![cash("5.00")])],
                closing: Some(balances(200, "4321.00")),
                ..page
            },
        ]
    }

    fn whole(pages: [GetPeriodStatementReply; 2]) -> Result<PeriodStatement, String> {
        let mut taken = Pages::default();
        pages.into_iter().try_for_each(|page| taken.take(page))?;
        taken.whole(&GetPeriodStatementRequest { account_id: 1, ..Default::default() })
    }

    #[test]
    fn a_statement_that_does_not_add_up_is_noticed() {
        assert_eq!(whole(pages()).expect("adds up").entries.len(), 2);
        type Change = fn(&mut [GetPeriodStatementReply; 2]);
        let changes: [Change; 10] = [
            |pages| pages[0].opening = None,
            |pages| pages[0].opening = Some(balances(300, "10.01")),
            |pages| pages[1].closing = Some(balances(201, "4321.00")),
            |pages| pages[1].closing = None,
            |pages| pages[0].closing = Some(balances(200, "4321.00")),
            |pages| pages[1].entries[0].event = 7,
            |pages| pages[1].entries[0].event = 10,
            |pages| pages[1].entries.clear(),
            |pages| pages[1].through_event = 10,
            |pages| {
                let again = pages[0].entries[0].clone();
                pages[0].entries.push(again);
            },
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut changed = pages();
            change(&mut changed);
            assert!(whole(changed).is_err(), "change {number} was not noticed");
        }
        let mut foreign = pages();
        if let Some(Line::Cash(line)) = &mut foreign[1].entries[0].postings[0].line {
            line.account_id = 2;
        }
        assert!(whole(foreign).is_err());
    }
}
