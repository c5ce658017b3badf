//! What the ledger knows of one settlement day.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::formats::TradesHasher;
use crate::ledger::Ledger;
use crate::receipt::{Clearing, DaySummary, Receipt};
use crate::rejection::{Reason, Rejection};
use crate::segmented::Segmented;
use crate::settlement::chunk::place_number;
use crate::settlement::numbers::NumberIndex;
use crate::settlement::places::PlacesByAccount;
use crate::settlement::price::PriceLine;
use crate::settlement::statement::Objection;
use crate::types::{
    AccountId, Date, DayState, Fen, InstrumentCode, LedgerTime, Quantity, Trade, TradeNumber,
    TradeStatus,
};
use crate::views::TradeRecord;

/// One settlement day.
#[derive(Clone, Debug)]
pub(crate) struct Day {
    pub(crate) date: Date,
    pub(crate) state: DayState,
    /// State to return to, while suspended.
    pub(crate) suspended_from: Option<DayState>,
    pub(crate) topup_window_ms: i64,
    pub(crate) topup_deadline: Option<LedgerTime>,
    /// Trades tried so far, in order of acceptance.
    pub(crate) cursor: u64,
    /// Trades of the stream that are not voided.
    pub(crate) stream: Totals,
    /// Trades settled on request.
    pub(crate) immediate: Totals,
    pub(crate) delivered: u64,
    pub(crate) held: u64,
    pub(crate) failed: u64,
    pub(crate) statements_issued: bool,
    /// Empty unless disputed.
    pub(crate) dispute_reason: String,

    /// Every trade in order of acceptance; its place is its sequence less one.
    pub(crate) slots: Segmented<Slot>,
    /// How the trades came.
    pub(crate) batches: Vec<Batch>,
    /// Chunks taken; the place is the chunk's number less one.
    pub(crate) chunks: Vec<ChunkMark>,
    pub(crate) prices: BTreeMap<InstrumentCode, PriceLine>,
    pub(crate) clearing: Option<Clearing>,
    /// By account and the number of its objection.
    pub(crate) objections: BTreeMap<(AccountId, u32), Objection>,

    /// Index: place by trade number.
    pub(crate) numbers: NumberIndex,
    /// Running hash of the stream; `None` when amendments made it stale.
    pub(crate) hasher: Option<TradesHasher>,
    /// Index: places by account, from the clearing on.
    pub(crate) by_account: PlacesByAccount,
    /// Log entry of the last immediate trade; those of one entry share a batch.
    pub(crate) immediate_entry: Option<u64>,
}

/// One trade and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) trade: Trade,
    pub(crate) status: TradeStatus,
    pub(crate) immediate: bool,
}

/// Trades that were accepted together: a chunk, or the immediate trades of one
/// log entry that no chunk came between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Place of its first trade.
    pub(crate) first: u32,
    /// Its chunk; `None` for immediate trades.
    pub(crate) chunk: Option<u32>,
}

/// What must be known to answer a repeated chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkMark {
    /// Trades of the stream so far, this chunk included.
    pub(crate) trades_accepted: u64,
}

/// Count and sums of some trades.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) count: u64,
    pub(crate) quantity: Quantity,
    pub(crate) amount: Fen,
}

impl Totals {
    /// With one more trade, unless a sum overflows.
    pub(crate) fn with(self, trade: &Trade) -> Option<Self> {
        Some(Self {
            count: self.count.checked_add(1)?,
            quantity: self.quantity.checked_add(trade.quantity)?,
            amount: self.amount.checked_add(trade.amount()?)?,
        })
    }

    /// With one trade less.
    pub(crate) fn without(self, trade: &Trade) -> Option<Self> {
        Some(Self {
            count: self.count.checked_sub(1)?,
            quantity: self.quantity.checked_sub(trade.quantity)?,
            amount: self.amount.checked_sub(trade.amount()?)?,
        })
    }

    /// Both together, unless a sum overflows.
    pub(crate) fn plus(self, other: Self) -> Option<Self> {
        Some(Self {
            count: self.count.checked_add(other.count)?,
            quantity: self.quantity.checked_add(other.quantity)?,
            amount: self.amount.checked_add(other.amount)?,
        })
    }
}

impl Day {
    pub(crate) fn new(date: Date, topup_window_ms: i64) -> Self {
        Self {
            date,
            state: DayState::Open,
            suspended_from: None,
            topup_window_ms,
            topup_deadline: None,
            cursor: 0,
            stream: Totals::default(),
            immediate: Totals::default(),
            delivered: 0,
            held: 0,
            failed: 0,
            statements_issued: false,
            dispute_reason: String::new(),
            slots: Segmented::default(),
            batches: Vec::new(),
            chunks: Vec::new(),
            prices: BTreeMap::new(),
            clearing: None,
            objections: BTreeMap::new(),
            numbers: NumberIndex::default(),
            hasher: Some(TradesHasher::new(date)),
            by_account: PlacesByAccount::default(),
            immediate_entry: None,
        }
    }

    /// Trades of the day, the last sequence number.
    pub(crate) fn last_sequence(&self) -> u64 {
        u64::try_from(self.slots.len()).unwrap_or(u64::MAX)
    }

    pub(crate) fn place_of(&self, number: TradeNumber) -> Option<u32> {
        self.numbers.place(number, &self.slots)
    }

    pub(crate) fn slot(&self, place: u32) -> Option<&Slot> {
        self.slots.get(usize::try_from(place).ok()?)
    }

    pub(crate) fn slot_mut(&mut self, place: u32) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(place).ok()?)
    }

    /// The batch that a trade came with.
    pub(crate) fn batch_of(&self, place: u32) -> Option<&Batch> {
        let after = self.batches.partition_point(|batch| batch.first <= place);
        self.batches.get(after.checked_sub(1)?)
    }

    /// Trades of the stream that count, in order of acceptance.
    pub(crate) fn stream_trades(&self) -> impl Iterator<Item = &Trade> {
        self.slots
            .iter()
            .filter(|slot| !slot.immediate && slot.status != TradeStatus::Voided)
            .map(|slot| &slot.trade)
    }

    /// All trades that count, with their places.
    pub(crate) fn counted_trades(&self) -> impl Iterator<Item = (u32, &Trade)> + Clone {
        self.slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.status != TradeStatus::Voided)
            .map(|(place, slot)| (place_number(place), &slot.trade))
    }

    /// Those of them that have these places.
    pub(crate) fn counted_trades_in(
        &self,
        places: Range<usize>,
    ) -> impl Iterator<Item = &Trade> + Clone {
        let slots = self.slots.range(places);
        slots.filter(|slot| slot.status != TradeStatus::Voided).map(|slot| &slot.trade)
    }

    pub(crate) fn record_at(&self, place: u32) -> Option<TradeRecord> {
        let slot = self.slot(place)?;
        Some(TradeRecord {
            sequence: u64::from(place).saturating_add(1),
            trade: slot.trade,
            status: slot.status,
            immediate: slot.immediate,
        })
    }

    pub(crate) fn open_objections(&self) -> u32 {
        let open = self.objections.values().filter(|objection| objection.resolution.is_none());
        u32::try_from(open.count()).unwrap_or(u32::MAX)
    }

    pub(crate) fn summary(&self) -> DaySummary {
        // The sum was checked when the last trade was accepted.
        let totals = self.stream.plus(self.immediate).unwrap_or_default();
        DaySummary {
            date: self.date,
            state: self.state,
            trade_count: totals.count,
            delivered_count: self.delivered,
            held_count: self.held,
            failed_count: self.failed,
            chunk_count: u32::try_from(self.chunks.len()).unwrap_or(u32::MAX),
            quantity: totals.quantity,
            amount: totals.amount,
            clearing_sha256: self.clearing.as_ref().map(|clearing| clearing.sha256),
            topup_deadline: self.topup_deadline,
            open_objections: self.open_objections(),
            statements_issued: self.statements_issued,
            suspended_from: self.suspended_from,
            dispute_reason: self.dispute_reason.clone(),
        }
    }

    /// A rejection that names the day's state and what the command needs.
    pub(crate) fn wrong_state<T>(&self, reason: Reason, needed: &str) -> Result<T, Rejection> {
        let state = state_name(self.state);
        Err(Rejection::new(
            reason,
            "date",
            format!("{} is {state}, this needs {needed}", self.date),
        ))
    }

    /// Refuses everything on a suspended day.
    pub(crate) fn running(&self) -> Result<&Self, Rejection> {
        if self.state == DayState::Suspended {
            return self.wrong_state(Reason::DayState, "the day resumed by two registry officers");
        }
        Ok(self)
    }

    /// The day in the state that a command needs.
    pub(crate) fn in_state(&self, needed: DayState) -> Result<&Self, Rejection> {
        if self.state == needed {
            return Ok(self);
        }
        self.wrong_state(Reason::DayState, state_name(needed))
    }
}

impl Ledger {
    /// The day, or a rejection.
    pub(crate) fn known_day(&self, date: Date) -> Result<&Day, Rejection> {
        self.days.get(&date).ok_or_else(|| {
            Rejection::new(
                Reason::UnknownDay,
                "date",
                format!("no settlement day {date}; open it first"),
            )
        })
    }

    /// The day for trades: open, not suspended.
    pub(crate) fn day_for_trades(&self, date: Date) -> Result<&Day, Rejection> {
        let day = self.known_day(date)?.running()?;
        if day.state != DayState::Open {
            return day.wrong_state(Reason::DayClosed, state_name(DayState::Open));
        }
        Ok(day)
    }

    /// The receipt that most commands on a day give.
    pub(crate) fn day_receipt(&self, date: Date) -> Result<Receipt, Rejection> {
        Ok(Receipt::Day(self.known_day(date)?.summary()))
    }
}

/// The state's name as clients know it.
pub(crate) fn state_name(state: DayState) -> &'static str {
    match state {
        DayState::Open => "OPEN",
        DayState::Closed => "CLOSED",
        DayState::Cleared => "CLEARED",
        DayState::Disputed => "DISPUTED",
        DayState::Confirmed => "CONFIRMED",
        DayState::Delivered => "DELIVERED",
        DayState::Final => "FINAL",
        DayState::Suspended => "SUSPENDED",
    }
}
