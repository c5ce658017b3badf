//! A day's trades: taken, amended, delivered once, held, ended.

use super::books::Books;
use super::code::TradeMark;
use super::day::{Day, Slot, State, no_bytes};
use super::finding::{Checked, Wrong, same, same_hash};
use super::trade::TradeLine;
use crate::formats::{ClearingHasher, TradeTotals, TradesHasher};

impl Day {
    /// A chunk of the stream.
    pub(crate) fn accept(
        &mut self,
        chunk: u64,
        first: u64,
        sha256: &[u8; 32],
        trades: &[TradeLine],
    ) -> Checked {
        self.must_be(&[State::Open])?;
        same("number of the chunk", self.chunks + 1, chunk)?;
        let hasher = hashed(self.stream.clone(), trades.iter())?;
        same_hash("trades_sha256 of the stream so far", &hasher.clone().finish(), sha256)?;
        (self.chunks, self.stream) = (chunk, hasher);
        self.append(first, trades, false)
    }

    /// Single trades, delivered at once.
    pub(crate) fn settle(
        &mut self,
        first: u64,
        sha256: &[u8; 32],
        trades: &[TradeLine],
        books: &mut Books,
    ) -> Checked {
        self.must_be(&[State::Open])?;
        let hasher = hashed(self.new_hasher()?, trades.iter())?;
        same_hash("trades_sha256 of the single trades", &hasher.finish(), sha256)?;
        self.append(first, trades, true)?;
        trades.iter().try_for_each(|trade| books.deliver(trade))
    }

    fn append(&mut self, first: u64, trades: &[TradeLine], immediate: bool) -> Checked {
        same("place of the first trade", self.slots.len() as u64 + 1, first)?;
        let mark = if immediate { TradeMark::Delivered } else { TradeMark::Accepted };
        for trade in trades {
            if self.places.insert(trade.number, self.slots.len()).is_some() {
                let what = format!("trades of {} with number {}", self.date, trade.number);
                return Err(Wrong::new(what, "one", "two"));
            }
            self.slots.push(Slot { trade: *trade, mark, immediate });
        }
        Ok(())
    }

    fn new_hasher(&self) -> Checked<TradesHasher> {
        TradesHasher::new(&self.date.to_string()).map_err(no_bytes)
    }

    /// The manifest: hash and sums over the stream's trades that are not voided.
    pub(crate) fn close(&mut self, totals: TradeTotals, sha256: &[u8; 32]) -> Checked {
        self.step(&[State::Open, State::Disputed], State::Closed)?;
        let counted = |slot: &&Slot| !slot.immediate && slot.mark != TradeMark::Voided;
        let stream = self.slots.iter().filter(counted).map(|slot| &slot.trade);
        let hasher = hashed(self.new_hasher()?, stream)?;
        let summed = hasher.totals();
        same("trades of the manifest", summed.trade_count, totals.trade_count)?;
        same("tonnes of the manifest", summed.quantity_tco2e, totals.quantity_tco2e)?;
        same("fen of the manifest", summed.amount_fen, totals.amount_fen)?;
        same_hash("trades_sha256 of the manifest", &hasher.finish(), sha256)
    }

    /// The clearing's hash over all trades that are not voided.
    pub(crate) fn clear(&mut self, sha256: &[u8; 32]) -> Checked {
        self.must_be(&[State::Closed])?;
        let mut hasher = ClearingHasher::new(&self.date.to_string()).map_err(no_bytes)?;
        for slot in self.slots.iter().filter(|slot| slot.mark != TradeMark::Voided) {
            hasher.add(&slot.trade.to_wire()).map_err(no_bytes)?;
        }
        same_hash("clearing_sha256", &hasher.finish(), sha256)?;
        self.cleared(*sha256)
    }

    pub(crate) fn amend(&mut self, before: &TradeLine, after: Option<&TradeLine>) -> Checked {
        self.must_be(&[State::Disputed])?;
        let what = format!("amended trade {}", before.number);
        let slot = self.slot_mut(before.number)?;
        same(format!("state of {what}"), TradeMark::Accepted, slot.mark)?;
        if slot.trade != *before {
            let (is, said) = (format!("{:?}", slot.trade), format!("{before:?}"));
            return Err(Wrong::new(format!("{what} before"), is, said));
        }
        match after {
            None => slot.mark = TradeMark::Voided,
            Some(after) => {
                same(format!("number of {what}"), before.number, after.number)?;
                slot.trade = *after;
            }
        }
        Ok(())
    }

    fn slot_mut(&mut self, number: u64) -> Checked<&mut Slot> {
        let found = self.places.get(&number).and_then(|place| self.slots.get_mut(*place));
        found.ok_or_else(|| Wrong::new("trade number", format!("one of {}", self.date), number))
    }

    /// The next trades in turn are tried; says how many delivered.
    pub(crate) fn deliver(
        &mut self,
        first: u64,
        count: u64,
        held: &[(u64, TradeMark)],
        ledger_time_ms: i64,
        books: &mut Books,
    ) -> Checked<u64> {
        self.must_be(&[State::Confirmed])?;
        same("place where delivery goes on", self.cursor + 1, first)?;
        let (last, all) = (self.cursor.saturating_add(count), self.slots.len() as u64);
        if count == 0 || last > all {
            return Err(Wrong::new("places delivered", format!("some up to {all}"), last));
        }
        let tried = usize::try_from(self.cursor).unwrap_or(usize::MAX);
        let (mut held, mut delivered) = (held.iter().copied().peekable(), 0);
        for (place, slot) in (first..=last).zip(self.slots.iter_mut().skip(tried)) {
            let held_now = held.next_if(|(of, _)| *of == place).map(|(_, mark)| mark);
            match (slot.mark, held_now) {
                (TradeMark::Accepted, None) => {
                    books.deliver(&slot.trade)?;
                    slot.mark = TradeMark::Delivered;
                    delivered += 1;
                }
                (TradeMark::Accepted, Some(mark)) => {
                    must_be_short(books, &slot.trade, mark)?;
                    slot.mark = mark;
                    self.held += 1;
                }
                // Voided, or settled at once: passed over.
                (_, None) => {}
                (before, Some(mark)) => {
                    let what = format!("state of trade {} before it is {mark}", slot.trade.number);
                    return Err(Wrong::new(what, TradeMark::Accepted, before));
                }
            }
        }
        if let Some((place, _)) = held.next() {
            let expected = format!("ascending, from {first} to {last}");
            return Err(Wrong::new("places of held trades", expected, place));
        }
        self.cursor = last;
        if last == all {
            self.all_tried(ledger_time_ms);
        }
        Ok(delivered)
    }

    /// Held trades are tried again, or ended; says how many delivered.
    pub(crate) fn try_held(
        &mut self,
        results: &[(u64, TradeMark)],
        ledger_time_ms: i64,
        books: &mut Books,
    ) -> Checked<u64> {
        self.must_be(&[State::Delivered])?;
        let late = self.topup_deadline_ms.is_some_and(|deadline| ledger_time_ms > deadline);
        let (mut ended, mut delivered) = (0, 0);
        for (number, mark) in results {
            let slot = self.slot_mut(*number)?;
            if !slot.mark.is_held() {
                let what = format!("state of trade {number} before it is tried again");
                return Err(Wrong::new(what, "held", slot.mark));
            }
            let ends = mark.is_failed();
            if ends != late {
                let expected = if late { "failed after the deadline" } else { "not failed yet" };
                return Err(Wrong::new(format!("held trade {number}"), expected, mark));
            }
            match (mark, slot.mark) {
                (TradeMark::Delivered, _) => {
                    books.deliver(&slot.trade)?;
                    delivered += 1;
                }
                (mark, _) if mark.is_held() => must_be_short(books, &slot.trade, *mark)?,
                (mark, before) if before.failed() == Some(*mark) => {}
                (_, before) => {
                    let what = format!("result of trade {number}, which is {before}");
                    return Err(Wrong::new(what, "delivered, held, or failed for that", mark));
                }
            }
            slot.mark = *mark;
            ended += u64::from(!mark.is_held());
        }
        self.held -= ended;
        Ok(delivered)
    }
}

impl Day {
    /// The reserve has paid what the buyer of a held trade lacked.
    pub(crate) fn cover(&mut self, number: u64, books: &mut Books) -> Checked {
        self.must_be(&[State::Delivered])?;
        let slot = self.slot_mut(number)?;
        let what = format!("state of trade {number} before the reserve pays");
        same(what, TradeMark::HeldForCash, slot.mark)?;
        books.deliver(&slot.trade)?;
        slot.mark = TradeMark::Covered;
        self.held -= 1;
        Ok(())
    }

    /// A trade of the day.
    pub(crate) fn trade(&mut self, number: u64) -> Checked<TradeLine> {
        Ok(self.slot_mut(number)?.trade)
    }
}

/// A trade is held for no other reason than that it cannot deliver.
fn must_be_short(books: &Books, trade: &TradeLine, mark: TradeMark) -> Checked {
    match books.short_leg(trade) {
        Some(short) if short == mark => Ok(()),
        short => {
            let is = short.map_or("covered on both sides".to_owned(), |short| short.to_string());
            Err(Wrong::new(format!("trade {}", trade.number), is, mark))
        }
    }
}

pub(crate) fn hashed<'t>(
    mut hasher: TradesHasher,
    trades: impl Iterator<Item = &'t TradeLine>,
) -> Checked<TradesHasher> {
    for trade in trades {
        hasher.add(&trade.to_wire()).map_err(no_bytes)?;
    }
    Ok(hasher)
}
