//! Takes events in order, adds everything up, and stops at the first that cannot be.

use std::collections::{BTreeMap, BTreeSet};

use super::awaited::{Awaited, Following, approval_of};
use super::books::{Books, Holder};
use super::cluster::Cluster;
use super::code::Date;
use super::compliance::{self, Compliance};
use super::day::Day;
use super::day_trades::hashed;
use super::dues::Dues;
use super::event::{Event, What};
use super::finding::{Checked, Finding, Wrong, same};
use super::freezes::Freezes;
use super::inclusive::Persons;
use super::pledges::Pledges;
use super::postings;
use super::proposals::Proposals;
use super::repos::Repos;
use super::terms::PledgeParties;
use super::trade::{TradeLine, TradeRange};
use super::tree::{Tree, leaf_hash};
use crate::formats::TradeTotals;
use crate::hex;

/// More accounts or trades in one event than any request may have.
const IMPOSSIBLE_COUNT: u64 = 1 << 20;

/// Since this version of the rules a last usable day binds surrenders and carry-overs.
const LAST_DAY_BINDS_EVERY_USE: u32 = 2;

/// How much was looked at and found right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditCounts {
    /// Events.
    pub events: u64,
    /// Events by the name of their kind.
    pub kinds: BTreeMap<&'static str, u64>,
    /// Postings that the events have.
    pub postings: u64,
    /// Trades whose content agrees with a hash.
    pub trades: u64,
    /// Trades whose two legs moved, each once.
    pub delivered: u64,
    /// Days, and how many of them are final.
    pub days: u64,
    /// Final days.
    pub final_days: u64,
}

/// Books and tree that follow from the events taken so far.
#[derive(Clone, Debug, Default)]
pub struct Auditor {
    pub(crate) books: Books,
    tree: Tree,
    log_index: u64,
    ledger_time_ms: i64,
    holidays: BTreeSet<Date>,
    /// Of all days only the last can be other than final.
    day: Option<Day>,
    last_date: Option<Date>,
    /// Loaded accounts and the hash of them, in the order of their numbers.
    pub(crate) loaded: Vec<Loaded>,
    counts: AuditCounts,
    proposals: Proposals,
    dues: Dues,
    pub(crate) compliance: Compliance,
    pub(crate) pledges: Pledges,
    pub(crate) freezes: Freezes,
    /// Whose tonnes the announced sale sells.
    selling: Option<PledgeParties>,
    following: Following,
    pub(crate) persons: Persons,
    pub(crate) repos: Repos,
    cluster: Cluster,
}

/// Accounts of one [`What::AccountsLoaded`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loaded {
    pub(crate) first: u64,
    pub(crate) count: u64,
    pub(crate) sha256: [u8; 32],
}

impl Event {
    /// The trades that the event names and that the audit does not have yet.
    #[must_use]
    pub fn trades_named(&self) -> Option<TradeRange> {
        match &self.what {
            What::TradesAccepted { date, first, count, .. }
            | What::TradesSettled { date, first, count, .. } => {
                Some(TradeRange { date: *date, first: *first, count: *count })
            }
            _ => None,
        }
    }
}

impl Auditor {
    /// Events taken: the number of the last one.
    #[must_use]
    pub fn event_count(&self) -> u64 {
        self.tree.leaves()
    }

    /// Root of the tree over the events taken.
    #[must_use]
    pub fn root(&self) -> [u8; 32] {
        self.tree.root()
    }

    /// What was looked at so far.
    #[must_use]
    pub fn counts(&self) -> &AuditCounts {
        &self.counts
    }

    /// Reads the next event: its bytes are the only ones that say this, and
    /// its number is next.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn read(&self, bytes: &[u8]) -> Result<Event, Finding> {
        let next = self.event_count() + 1;
        let event = Event::from_bytes(bytes)
            .map_err(|error| Wrong::new("canonical bytes", "an event", error).at(next, ""))?;
        let kind = event.what.name();
        self.check_place(&event, bytes).map_err(|wrong| wrong.at(next, kind))?;
        Ok(event)
    }

    fn check_place(&self, event: &Event, bytes: &[u8]) -> Checked {
        same("number of the event", self.event_count() + 1, event.number)?;
        if event.to_bytes() != bytes {
            return Err(Wrong::new("canonical bytes", "the only encoding", "another one"));
        }
        if event.log_index < self.log_index {
            let expected = format!("{} or later", self.log_index);
            return Err(Wrong::new("log index", expected, event.log_index));
        }
        if event.ledger_time_ms < self.ledger_time_ms {
            let expected = format!("{} or later", self.ledger_time_ms);
            return Err(Wrong::new("ledger time, ms", expected, event.ledger_time_ms));
        }
        self.cluster.check_founding(event)?;
        match event.what {
            What::AccountsLoaded { count, .. }
            | What::InclusiveAccountsOpened { count, .. }
            | What::InclusiveCredited { count, .. }
            | What::TradesAccepted { count, .. }
            | What::TradesSettled { count, .. }
                if !(1..=IMPOSSIBLE_COUNT).contains(&count) =>
            {
                Err(Wrong::new("count", format!("1 to {IMPOSSIBLE_COUNT}"), count))
            }
            _ => Ok(()),
        }
    }

    /// Whether these trades are those of a chunk as it was accepted. If not,
    /// amendments may have changed them since.
    #[must_use]
    pub fn trades_match(&self, event: &Event, trades: &[TradeLine]) -> bool {
        match (&event.what, &self.day) {
            (What::TradesAccepted { trades_sha256, .. }, Some(day)) => {
                hashed(day.stream.clone(), trades.iter())
                    .is_ok_and(|hasher| hasher.finish() == *trades_sha256)
            }
            _ => true,
        }
    }

    /// Takes the next event, read by [`Auditor::read`] from `bytes`, with the
    /// trades that it names. After a finding the auditor is of no more use.
    ///
    /// # Errors
    /// The first thing that cannot be.
    pub fn take(
        &mut self,
        bytes: &[u8],
        event: &Event,
        trades: &[TradeLine],
    ) -> Result<(), Finding> {
        self.check(event, trades).map_err(|wrong| wrong.at(event.number, event.what.name()))?;
        self.tree.push(leaf_hash(bytes));
        (self.log_index, self.ledger_time_ms) = (event.log_index, event.ledger_time_ms);
        self.counts.events += 1;
        self.counts.postings += event.postings.len() as u64;
        self.counts.trades += trades.len() as u64;
        *self.counts.kinds.entry(event.what.name()).or_default() += 1;
        Ok(())
    }

    fn check(&mut self, event: &Event, trades: &[TradeLine]) -> Checked {
        let named = event.trades_named().map_or(0, |range| range.count);
        same("trades that the event names", named, trades.len() as u64)?;
        postings::check(event)?;
        let awaited = self.following.take(event, trades)?;
        let mut follows = Vec::new();
        match &event.what {
            What::Founded { cluster_id, .. } => self.cluster.found(cluster_id)?,
            What::Restored {
                source_cluster_id,
                source_recovery_epoch,
                root_sha256,
                cluster_id,
                ..
            } => {
                same("root of the events that were copied", hex(&self.root()), hex(root_sha256))?;
                self.cluster.restore((source_cluster_id, *source_recovery_epoch), cluster_id)?;
            }
            What::Deposited {} | What::Issued { .. } => {}
            What::HoldingMoved {} => self.books.must_be_free(&event.postings)?,
            What::AccountOpened { account, uscc, name, holder } => {
                let (uscc, name) = (uscc.clone(), name.clone());
                let holder = Holder { uscc, name, kind: *holder };
                self.books.open_account(*account, Some(holder))?;
            }
            What::AccountsLoaded { first, count, accounts_sha256: sha256, .. } => {
                for account in *first..first.saturating_add(*count) {
                    self.books.open_account(account, None)?;
                }
                self.loaded.push(Loaded { first: *first, count: *count, sha256: *sha256 });
            }
            What::BankOpened { bank, name } => self.books.open_bank(*bank, name)?,
            What::InstrumentRegistered { instrument, reference_price_fen } => {
                self.books.register(*instrument, *reference_price_fen)?;
            }
            What::HolidaysSet { dates } => self.holidays = dates.iter().copied().collect(),
            What::DayOpened { date, topup_window_ms } => self.open_day(*date, *topup_window_ms)?,
            What::TradesAccepted { date, chunk, first, trades_sha256, .. } => {
                self.day(*date)?.accept(*chunk, *first, trades_sha256, trades)?;
            }
            What::TradesSettled { date, first, trades_sha256, .. } => {
                if let Some(parties) = self.selling.take()
                    && let [trade] = trades
                {
                    follows.push(self.pledges.sold(&parties, trade)?);
                }
                let (day, books) = self.day_and_books(*date)?;
                day.settle(*first, trades_sha256, trades, books)?;
                self.counts.delivered += trades.len() as u64;
            }
            What::DayClosed { date, trades, tonnes, fen, trades_sha256, closes } => {
                let totals =
                    TradeTotals { trade_count: *trades, quantity_tco2e: *tonnes, amount_fen: *fen };
                self.day(*date)?.close(totals, trades_sha256)?;
                for (instrument, close_fen) in closes {
                    self.books.close(*date, *instrument, *close_fen)?;
                }
                follows = self.pledges.watched(closes, &self.books);
            }
            What::DayCleared { date, clearing_sha256 } => {
                self.day(*date)?.clear(clearing_sha256)?
            }
            What::ClearingConfirmed { date } => self.day(*date)?.confirmed()?,
            What::ClearingDisputed { date, clearing_sha256 } => {
                self.day(*date)?.disputed(clearing_sha256)?;
            }
            What::TradeAmended { date, before, after, .. } => {
                self.day(*date)?.amend(before, after.as_ref())?;
            }
            What::TradesDelivered { date, first, count, held } => {
                let (day, books) = self.day_and_books(*date)?;
                self.counts.delivered +=
                    day.deliver(*first, *count, held, event.ledger_time_ms, books)?;
            }
            What::HeldTradesTried { date, results } => {
                let (day, books) = self.day_and_books(*date)?;
                self.counts.delivered += day.try_held(results, event.ledger_time_ms, books)?;
            }
            What::StatementsIssued { date } => self.day(*date)?.issue_statements()?,
            What::ObjectionRaised { date, account, .. } => self.day(*date)?.object(*account)?,
            What::ObjectionResolved { date, account, .. } => self.day(*date)?.answer(*account)?,
            What::DayFinal { date } => {
                self.day(*date)?.finish()?;
                self.day = None;
                self.counts.final_days += 1;
            }
            What::DaySuspended { date } => self.day(*date)?.suspend(true)?,
            What::DayResumed { date } => self.day(*date)?.suspend(false)?,
            What::Approved { .. } => self.proposals.approve(event, awaited.as_ref())?,
            What::Proposed { .. }
            | What::Declined { .. }
            | What::ProposalWithdrawn { .. }
            | What::ProposalExpired { .. } => self.proposals.take(event)?,
            What::WithdrawalRequested { .. } | What::ReserveRepaid { .. } => {
                self.books.must_be_free(&event.postings)?;
                self.dues.take(event)?;
            }
            What::WithdrawalConfirmed { .. } | What::WithdrawalRejected { .. } => {
                self.dues.take(event)?;
            }
            What::ReserveUsed { date, trade, .. } => {
                let (day, books) = self.day_and_books(*date)?;
                let covered = day.trade(*trade)?;
                let shortfall = books.shortfall(&covered);
                self.dues.lend(event, &covered, shortfall)?;
                self.books.post_all(&event.postings)?;
                let (day, books) = self.day_and_books(*date)?;
                day.cover(*trade, books)?;
                self.counts.delivered += 1;
                // Its postings are in the books.
                self.following.add(event, approval_of(&event.what).into_iter().collect());
                return Ok(());
            }
            What::FeeCharged { .. } => self.books.must_be_free(&event.postings)?,
            What::SuspenseDeposited { .. }
            | What::SuspenseAllocated { .. }
            | What::SuspenseReturned { .. }
            | What::ReserveFunded { .. }
            | What::ProceedsTaken {} => {}
            What::BalanceReported { bank, .. } => {
                same("a settlement bank", true, self.books.banks.contains_key(bank))?;
            }
            What::ProvinceAssigned { .. }
            | What::Allocated { .. }
            | What::EmissionsRecorded { .. }
            | What::EmissionsCorrected { .. }
            | What::SurrenderApplied { .. }
            | What::SurrenderApproved { .. }
            | What::SurrenderDeclined { .. }
            | What::CarriedOver { .. }
            | What::UnitsCancelled { .. }
            | What::Transferred { .. } => {
                if self.cluster.rules_version() >= LAST_DAY_BINDS_EVERY_USE {
                    compliance::check_last_day(event, &self.pledges.usable_until)?;
                }
                let open_day = self.day.as_ref().map(|day| day.date);
                self.compliance.take(event, &self.books, open_day)?;
            }
            What::Frozen { .. } | What::FreezeLifted { .. } | What::FreezeExecuted { .. } => {
                self.freezes.take(event, &mut self.books, &mut self.pledges)?;
            }
            What::PledgeProposed { .. }
            | What::PledgeAccepted { .. }
            | What::PledgeDeclined { .. }
            | What::PledgeExpired { .. }
            | What::PledgeActivated { .. }
            | What::PledgeAdded { .. }
            | What::PledgeReleased { .. }
            | What::MarginCalled { .. }
            | What::MarginCured { .. }
            | What::PledgeDefaulted { .. }
            | What::PledgeEnforcing { .. }
            | What::PledgedSold { .. }
            | What::ProceedsPaid { .. }
            | What::SubstitutionOffered { .. }
            | What::Substituted { .. }
            | What::SubstitutionEnded { .. }
            | What::UsableUntilSet { .. } => {
                self.announced(event, awaited.as_ref())?;
                follows = self.pledges.take(event, &self.books)?;
            }
            What::InclusiveQuotaGranted { .. }
            | What::InclusiveAccountsOpened { .. }
            | What::InclusiveCredited { .. }
            | What::VoucherIssued { .. }
            | What::VoucherRedeemed { .. }
            | What::VouchersExpired { .. } => {
                let banks = &self.books.banks;
                self.persons.take(event, |bank| banks.contains_key(&bank))?;
            }
            What::ClusterChanged { .. } => self.cluster.take(event)?,
            What::RepoProposed { .. }
            | What::RepoOpened { .. }
            | What::RepoDeclined { .. }
            | What::RepoReturned { .. }
            | What::RepoReturnMissed { .. }
            | What::RepoFailed { .. }
            | What::RepoExpired { .. } => {
                let books = &self.books;
                self.repos.take(event, |leg| books.short_of(leg))?;
            }
        }
        follows.extend(approval_of(&event.what));
        if !follows.is_empty() {
            self.following.add(event, follows);
        }
        self.books.post_all(&event.postings)?;
        self.pledges.check_held(event, &self.books)?;
        self.freezes.check_held(event, &self.books)
    }

    /// What only comes after another event has done so, as that one said.
    fn announced(&mut self, event: &Event, awaited: Option<&Awaited>) -> Checked {
        match (&event.what, awaited) {
            (What::PledgedSold { parties, .. }, _) => self.selling = Some(*parties),
            (What::ProceedsPaid { fen, disposed, .. }, awaited) => {
                let Some(Awaited::Proceeds { fen: due, disposed: done, .. }) = awaited else {
                    return Err(Wrong::new("proceeds", "after a sale", "without one"));
                };
                same("fen for the pledgee", *due, *fen)?;
                same("pledge disposed of", *done, *disposed)?;
            }
            (What::MarginCalled { .. } | What::MarginCured { .. }, None) => {
                let found = event.what.name();
                return Err(Wrong::new("what follows", "no margin call or cure", found));
            }
            _ => {}
        }
        Ok(())
    }

    /// That the events so far end where a log entry ends.
    pub(crate) fn check_complete(&self) -> Checked {
        self.following.nothing()
    }

    fn open_day(&mut self, date: Date, topup_window_ms: i64) -> Checked {
        if let Some(day) = &self.day {
            return Err(Wrong::new(
                format!("state of {} when {date} opens", day.date),
                "FINAL",
                day.state,
            ));
        }
        if let Some(last) = self.last_date.filter(|last| *last >= date) {
            return Err(Wrong::new("settlement day", format!("one after {last}"), date));
        }
        same(format!("{date} among the holidays"), false, self.holidays.contains(&date))?;
        self.day = Some(Day::new(date, topup_window_ms)?);
        self.last_date = Some(date);
        self.counts.days += 1;
        self.books.trading_day = Some(date);
        self.books.release_pending_in()
    }

    fn day(&mut self, date: Date) -> Checked<&mut Day> {
        Ok(self.day_and_books(date)?.0)
    }

    /// The day that is not final, if it is this one.
    fn day_and_books(&mut self, date: Date) -> Checked<(&mut Day, &mut Books)> {
        let what = format!("settlement day {date}");
        let expected = self.day.as_ref().map(|day| day.date.to_string());
        let expected = expected.map_or("none, all days are final".to_owned(), |date| {
            format!("{date}, the only day that is not final")
        });
        match self.day.as_mut().filter(|day| day.date == date) {
            Some(day) => Ok((day, &mut self.books)),
            None => Err(Wrong::new(what, expected, date)),
        }
    }
}
