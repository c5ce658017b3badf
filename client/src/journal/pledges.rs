//! Pledges: the legal order of their states, and what each step must be worth.

use std::collections::BTreeMap;

use super::awaited::Awaited;
use super::books::Books;
use super::code::{CashPart, CashPot, Date, FreePart, Instrument, PositionPart, beijing_days};
use super::event::{Event, What};
use super::finding::{Checked, Wrong, same};
use super::posting::Posting;
use super::terms::{OtherTonnes, PledgeParties, PledgeTerms};
use super::trade::TradeLine;

const DAY_MS: i64 = 86_400_000;
/// A settled close counts for a contract for so many days.
const PRICE_LIFE_DAYS: i64 = 10;

/// Where a pledge stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Proposed,
    Accepted,
    Active,
    MarginCall,
    Defaulted,
    Enforcing,
    Disposed,
    Released,
    Declined,
    Expired,
}

/// One pledge as its events leave it.
#[derive(Clone, Debug)]
pub(crate) struct Pledge {
    pub(crate) parties: PledgeParties,
    pub(crate) instrument: Instrument,
    pub(crate) tonnes: i64,
    pub(crate) agreed_tonnes: i64,
    pub(crate) from: FreePart,
    pub(crate) terms: PledgeTerms,
    pub(crate) stage: Stage,
    /// From 1; grows with every change.
    pub(crate) version: u32,
    pub(crate) expires_at_ms: i64,
    pub(crate) filing_reference: String,
    pub(crate) activated_log_index: u64,
    pub(crate) cure_deadline_ms: Option<i64>,
    /// Freezes that keep it where it is.
    pub(crate) stays: u64,
    pub(crate) claim_fen: i64,
    pub(crate) proceeds_fen: i64,
    pub(crate) other: Option<OtherTonnes>,
}

/// All pledges, by number less one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pledges {
    pub(crate) all: Vec<Pledge>,
    /// Numbers of each account's.
    pub(crate) by_pledgor: BTreeMap<u64, Vec<u64>>,
    /// Tonnes that pledges and offers hold.
    held: BTreeMap<(u64, Instrument), i64>,
    pub(crate) usable_until: BTreeMap<Instrument, Date>,
}

/// Lines of a contract and the close that they were drawn at.
struct Lines {
    reference_fen: i64,
    date: Date,
    warning_fen: i64,
    disposal_fen: i64,
}

impl Pledge {
    /// Offered or agreed, and not recognised yet.
    pub(crate) fn is_offer(&self) -> bool {
        matches!(self.stage, Stage::Proposed | Stage::Accepted)
    }

    pub(crate) fn is_recognised(&self) -> bool {
        matches!(
            self.stage,
            Stage::Active | Stage::MarginCall | Stage::Defaulted | Stage::Enforcing
        )
    }

    fn due_fen(&self) -> i64 {
        self.claim_fen - self.proceeds_fen
    }

    /// Whether the pledged tonnes are worth less than the contract's at the warning line.
    fn needs_more(&self, close_fen: i64) -> bool {
        let worth = i128::from(self.tonnes) * i128::from(close_fen);
        worth < i128::from(self.agreed_tonnes) * i128::from(self.terms.warning_price_fen)
    }

    fn covered_by(&self, tonnes: i64, price_fen: i64) -> bool {
        covers(&self.terms, tonnes, price_fen)
    }

    /// From when a default may be declared.
    fn cure_ends_ms(&self) -> i64 {
        let matured = self.terms.maturity.midnight_ms() + DAY_MS + self.terms.cure_period_ms;
        self.cure_deadline_ms.map_or(matured, |deadline| deadline.min(matured))
    }

    fn moved(&self, from: PositionPart, to: PositionPart, tonnes: i64) -> Vec<Posting> {
        moved(self.parties.pledgor, self.instrument, (from, to), tonnes)
    }
}

fn covers(terms: &PledgeTerms, tonnes: i64, price_fen: i64) -> bool {
    let value = i128::from(tonnes) * i128::from(price_fen);
    let share = value.saturating_mul(terms.loan_to_value_bp.into());
    i128::from(terms.principal_fen) * 10_000 <= share
}

/// Tonnes from one part of an account's holding to another.
pub(crate) fn moved(
    account: u64,
    instrument: Instrument,
    (from, to): (PositionPart, PositionPart),
    tonnes: i64,
) -> Vec<Posting> {
    if tonnes == 0 {
        return Vec::new();
    }
    let line = |part, tonnes| Posting::Goods { account, instrument, part, tonnes };
    vec![line(from, -tonnes), line(to, tonnes)]
}

fn holds(what: &str, holds: bool) -> Checked {
    same(what, true, holds)
}

pub(crate) fn must_post(event: &Event, expected: &[Posting]) -> Checked {
    match event.postings == expected {
        true => Ok(()),
        false => {
            let found = format!("{:?}", event.postings);
            Err(Wrong::new("postings", format!("{expected:?}"), found))
        }
    }
}

impl Pledges {
    pub(crate) fn get(&self, pledge: u64) -> Checked<&Pledge> {
        let place = pledge.checked_sub(1).and_then(|place| usize::try_from(place).ok());
        let known = || Wrong::new("pledge", "one that was proposed", pledge);
        place.and_then(|place| self.all.get(place)).ok_or_else(known)
    }

    pub(crate) fn get_mut(&mut self, pledge: u64) -> Checked<&mut Pledge> {
        self.get(pledge)?;
        let place = usize::try_from(pledge - 1).unwrap_or(usize::MAX);
        Ok(&mut self.all[place])
    }

    /// The pledge of these parties, in one of these stages.
    fn in_stage(&mut self, parties: &PledgeParties, stages: &[Stage]) -> Checked<&mut Pledge> {
        let pledge = self.get_mut(parties.pledge)?;
        let what = format!("pledge {}", parties.pledge);
        if pledge.parties != *parties {
            let (is, said) = (format!("{:?}", pledge.parties), format!("{parties:?}"));
            return Err(Wrong::new(format!("parties of {what}"), is, said));
        }
        match stages.contains(&pledge.stage) {
            true => Ok(pledge),
            false => {
                let (needed, is) = (format!("{stages:?}"), format!("{:?}", pledge.stage));
                Err(Wrong::new(format!("state of {what}"), needed, is))
            }
        }
    }

    /// Checks an event about a pledge; says what must follow it.
    pub(crate) fn take(&mut self, event: &Event, books: &Books) -> Checked<Vec<Awaited>> {
        let follows = self.change(event, books)?;
        // A sale is one change, which its proceeds complete.
        if let Some(parties) = changed(&event.what) {
            let pledge = self.get_mut(parties.pledge)?;
            pledge.version = pledge.version.saturating_add(1);
        }
        Ok(follows)
    }

    fn change(&mut self, event: &Event, books: &Books) -> Checked<Vec<Awaited>> {
        const RUNNING: [Stage; 2] = [Stage::Active, Stage::MarginCall];
        let now_ms = event.ledger_time_ms;
        let by = |role: &str, id: u64| same("who does it", &format!("{role}/{id}"), &event.actor);
        match &event.what {
            What::PledgeProposed { .. } => self.propose(event, books)?,
            What::PledgeAccepted { parties } => {
                by("bank", parties.pledgee)?;
                let pledge = self.in_stage(parties, &[Stage::Proposed])?;
                holds("acceptance in time", now_ms < pledge.expires_at_ms)?;
                unfrozen(books, parties.pledgor)?;
                pledge.stage = Stage::Accepted;
                must_post(event, &[])?;
            }
            What::PledgeDeclined { parties } | What::PledgeExpired { parties } => {
                let expired = matches!(event.what, What::PledgeExpired { .. });
                let stages = [Stage::Proposed, Stage::Accepted];
                let pledge = self.in_stage(parties, &stages[..2 - usize::from(expired)])?;
                holds("time of the offer over", !expired || now_ms >= pledge.expires_at_ms)?;
                let tonnes = std::mem::take(&mut pledge.tonnes);
                let back = pledge.moved(PositionPart::Pledged, pledge.from.into(), tonnes);
                pledge.stage = if expired { Stage::Expired } else { Stage::Declined };
                let instrument = pledge.instrument;
                must_post(event, &back)?;
                self.hold(parties.pledgor, instrument, -tonnes);
                if !expired && !is_party(event, parties) {
                    return Ok(vec![Awaited::Reason]);
                }
            }
            What::PledgeActivated { parties, filing_reference } => {
                let pledge = self.in_stage(parties, &[Stage::Accepted])?;
                holds("a filing reference", !filing_reference.trim().is_empty())?;
                unfrozen(books, parties.pledgor)?;
                pledge.stage = Stage::Active;
                pledge.filing_reference.clone_from(filing_reference);
                pledge.activated_log_index = event.log_index;
                must_post(event, &[])?;
                return Ok(margin(pledge, books));
            }
            What::PledgeAdded { parties, tonnes } => {
                by("firm", parties.pledgor)?;
                let pledge = self.in_stage(parties, &RUNNING)?;
                unfrozen(books, parties.pledgor)?;
                holds("tonnes added", *tonnes > 0)?;
                pledge.tonnes = pledge.tonnes.saturating_add(*tonnes);
                let parts = [PositionPart::Registered, PositionPart::Trading];
                let ways = parts.map(|from| pledge.moved(from, PositionPart::Pledged, *tonnes));
                must_post(event, if event.postings == ways[1] { &ways[1] } else { &ways[0] })?;
                let (instrument, follows) = (pledge.instrument, margin(pledge, books));
                self.hold(parties.pledgor, instrument, *tonnes);
                return Ok(follows);
            }
            What::PledgeReleased { parties, tonnes, left, document } => {
                if document.is_empty() {
                    by("bank", parties.pledgee)?;
                }
                return self.release(event, parties, (*tonnes, *left), books);
            }
            What::MarginCalled { parties, price_fen, date, cure_deadline_ms } => {
                let pledge = self.in_stage(parties, &[Stage::Active])?;
                at_close(books, pledge.instrument, *price_fen, *date)?;
                holds("more needed", pledge.needs_more(*price_fen))?;
                let ends = now_ms.saturating_add(pledge.terms.cure_period_ms);
                same("end of the time to cure, ms", ends, *cure_deadline_ms)?;
                (pledge.stage, pledge.cure_deadline_ms) = (Stage::MarginCall, Some(ends));
                must_post(event, &[])?;
            }
            What::MarginCured { parties, price_fen, date } => {
                let pledge = self.in_stage(parties, &[Stage::MarginCall])?;
                at_close(books, pledge.instrument, *price_fen, *date)?;
                holds("enough again", !pledge.needs_more(*price_fen))?;
                (pledge.stage, pledge.cure_deadline_ms) = (Stage::Active, None);
                must_post(event, &[])?;
            }
            What::PledgeDefaulted { parties, claim_fen, .. } => {
                by("bank", parties.pledgee)?;
                let pledge = self.in_stage(parties, &RUNNING)?;
                holds("time to cure over", now_ms >= pledge.cure_ends_ms())?;
                holds("other tonnes gone back", pledge.other.is_none())?;
                holds("a claim", *claim_fen > 0)?;
                (pledge.stage, pledge.cure_deadline_ms) = (Stage::Defaulted, None);
                pledge.claim_fen = *claim_fen;
                must_post(event, &[])?;
            }
            What::PledgeEnforcing { parties, .. } => {
                let pledge = self.in_stage(parties, &[Stage::Defaulted])?;
                unstayed(pledge)?;
                pledge.stage = Stage::Enforcing;
                must_post(event, &[])?;
            }
            What::PledgedSold { parties, trade, tonnes, left, .. } => {
                let pledge = self.in_stage(parties, &[Stage::Enforcing])?;
                unstayed(pledge)?;
                holds("tonnes sold", *tonnes > 0)?;
                same("tonnes left", pledge.tonnes.saturating_sub(*tonnes), *left)?;
                holds("no more sold than pledged", *left >= 0)?;
                pledge.tonnes = *left;
                let way = pledge.moved(PositionPart::Pledged, PositionPart::Trading, *tonnes);
                let instrument = pledge.instrument;
                must_post(event, &way)?;
                self.hold(parties.pledgor, instrument, -*tonnes);
                return Ok(vec![Awaited::Sale { trade: *trade }]);
            }
            What::ProceedsPaid { parties, fen, disposed } => {
                let pledge = self.in_stage(parties, &[Stage::Enforcing])?;
                pledge.proceeds_fen = pledge.proceeds_fen.saturating_add(*fen);
                let (account, bank, part) = (parties.pledgor, parties.pledgee, CashPart::Available);
                let mut paid = vec![
                    Posting::Cash { account, bank, part, fen: -*fen },
                    Posting::CashPot { bank, pot: CashPot::Proceeds, fen: *fen },
                ];
                if *disposed {
                    let rest = std::mem::take(&mut pledge.tonnes);
                    pledge.stage = Stage::Disposed;
                    let back = (PositionPart::Pledged, PositionPart::Registered);
                    paid.extend(moved(account, pledge.instrument, back, rest));
                    let instrument = pledge.instrument;
                    self.hold(account, instrument, -rest);
                }
                must_post(event, &paid)?;
            }
            What::SubstitutionOffered { parties, other } => {
                by("firm", parties.pledgor)?;
                self.offer_other(event, parties, other, books)?;
            }
            What::Substituted { parties, instrument, tonnes } => {
                by("bank", parties.pledgee)?;
                return self.substitute(event, parties, (*instrument, *tonnes), books);
            }
            What::SubstitutionEnded { parties } => {
                let pledge = self.in_stage(parties, &RUNNING)?;
                let none = || Wrong::new("other tonnes on offer", "some", "none");
                let other = pledge.other.take().ok_or_else(none)?;
                let way = (PositionPart::Pledged, other.from.into());
                must_post(event, &moved(parties.pledgor, other.instrument, way, other.tonnes))?;
                self.hold(parties.pledgor, other.instrument, -other.tonnes);
                if now_ms < other.expires_at_ms && !is_party(event, parties) {
                    return Ok(vec![Awaited::Reason]);
                }
            }
            What::UsableUntilSet { instrument, usable_until } => {
                holds("an instrument", books.instruments.contains_key(instrument))?;
                self.usable_until.remove(instrument);
                self.usable_until.extend(usable_until.map(|date| (*instrument, date)));
                must_post(event, &[])?;
            }
            _ => {}
        }
        Ok(Vec::new())
    }

    fn propose(&mut self, event: &Event, books: &Books) -> Checked {
        let What::PledgeProposed {
            pledge: id,
            pledgor,
            pledgee,
            instrument,
            tonnes,
            from,
            terms,
            expires_at_ms,
        } = &event.what
        else {
            return Ok(());
        };
        same("number of a new pledge", self.all.len() as u64 + 1, *id)?;
        same("who does it", &format!("firm/{pledgor}"), &event.actor)?;
        holds("a settlement bank as pledgee", books.banks.contains_key(pledgee))?;
        unfrozen(books, *pledgor)?;
        holds("tonnes pledged", *tonnes > 0)?;
        holds("a principal", terms.principal_fen > 0)?;
        holds("loan to value of 1 to 10,000", (1..=10_000).contains(&terms.loan_to_value_bp))?;
        holds("a time to cure", (1..=90 * DAY_MS).contains(&terms.cure_period_ms))?;
        let today = beijing_days(event.ledger_time_ms);
        holds("maturity after today", terms.maturity.days() > today)?;
        let lines = Lines {
            reference_fen: terms.reference_price_fen,
            date: terms.reference_date,
            warning_fen: terms.warning_price_fen,
            disposal_fen: terms.disposal_price_fen,
        };
        check_lines(event, books, *instrument, &lines)?;
        self.check_usable(event, *instrument, terms.maturity)?;
        let covered = covers(terms, *tonnes, terms.reference_price_fen);
        holds("a loan within its share of the value", covered)?;
        check_life(event, *expires_at_ms)?;
        let way = (PositionPart::from(*from), PositionPart::Pledged);
        must_post(event, &moved(*pledgor, *instrument, way, *tonnes))?;
        self.all.push(Pledge {
            parties: PledgeParties { pledge: *id, pledgor: *pledgor, pledgee: *pledgee },
            instrument: *instrument,
            tonnes: *tonnes,
            agreed_tonnes: *tonnes,
            from: *from,
            terms: terms.clone(),
            stage: Stage::Proposed,
            version: 1,
            expires_at_ms: *expires_at_ms,
            filing_reference: String::new(),
            activated_log_index: 0,
            cure_deadline_ms: None,
            stays: 0,
            claim_fen: 0,
            proceeds_fen: 0,
            other: None,
        });
        self.by_pledgor.entry(*pledgor).or_default().push(*id);
        self.hold(*pledgor, *instrument, *tonnes);
        Ok(())
    }

    fn release(
        &mut self,
        event: &Event,
        parties: &PledgeParties,
        (tonnes, left): (i64, i64),
        books: &Books,
    ) -> Checked<Vec<Awaited>> {
        let stages = [Stage::Active, Stage::MarginCall, Stage::Defaulted];
        let pledge = self.in_stage(parties, &stages)?;
        unstayed(pledge)?;
        holds("tonnes released", tonnes > 0)?;
        same("tonnes left", pledge.tonnes.saturating_sub(tonnes), left)?;
        holds("no more released than pledged", left >= 0)?;
        if left > 0 {
            let close_fen = fresh_close(event, books, pledge.instrument)?;
            holds("a loan that is still covered", pledge.covered_by(left, close_fen))?;
        } else {
            holds("other tonnes gone back", pledge.other.is_none())?;
            (pledge.stage, pledge.cure_deadline_ms) = (Stage::Released, None);
        }
        pledge.tonnes = left;
        pledge.agreed_tonnes = pledge.agreed_tonnes.min(left);
        let way = pledge.moved(PositionPart::Pledged, PositionPart::Registered, tonnes);
        let (instrument, follows) = (pledge.instrument, margin(pledge, books));
        must_post(event, &way)?;
        self.hold(parties.pledgor, instrument, -tonnes);
        Ok(follows)
    }

    fn offer_other(
        &mut self,
        event: &Event,
        parties: &PledgeParties,
        other: &OtherTonnes,
        books: &Books,
    ) -> Checked {
        let maturity = self.get(parties.pledge)?.terms.maturity;
        self.check_usable(event, other.instrument, maturity)?;
        let pledge = self.in_stage(parties, &[Stage::Active, Stage::MarginCall])?;
        unstayed(pledge)?;
        unfrozen(books, parties.pledgor)?;
        holds("no other tonnes on offer yet", pledge.other.is_none())?;
        holds("other tonnes", other.tonnes > 0)?;
        let lines = Lines {
            reference_fen: other.reference_price_fen,
            date: other.reference_date,
            warning_fen: other.warning_price_fen,
            disposal_fen: other.disposal_price_fen,
        };
        check_lines(event, books, other.instrument, &lines)?;
        let covered = pledge.covered_by(other.tonnes, other.reference_price_fen);
        holds("a loan that is still covered", covered)?;
        check_life(event, other.expires_at_ms)?;
        pledge.other = Some(*other);
        let way = (other.from.into(), PositionPart::Pledged);
        must_post(event, &moved(parties.pledgor, other.instrument, way, other.tonnes))?;
        self.hold(parties.pledgor, other.instrument, other.tonnes);
        Ok(())
    }

    fn substitute(
        &mut self,
        event: &Event,
        parties: &PledgeParties,
        (instrument, tonnes): (Instrument, i64),
        books: &Books,
    ) -> Checked<Vec<Awaited>> {
        let pledge = self.in_stage(parties, &[Stage::Active, Stage::MarginCall])?;
        unstayed(pledge)?;
        unfrozen(books, parties.pledgor)?;
        let none = || Wrong::new("other tonnes on offer", "some", "none");
        let other = pledge.other.take().ok_or_else(none)?;
        holds("acceptance in time", event.ledger_time_ms < other.expires_at_ms)?;
        let close_fen = fresh_close(event, books, other.instrument)?;
        holds("a loan that is still covered", pledge.covered_by(other.tonnes, close_fen))?;
        same("instrument that goes back", pledge.instrument, instrument)?;
        same("tonnes that go back", pledge.tonnes, tonnes)?;
        let way = pledge.moved(PositionPart::Pledged, PositionPart::Registered, tonnes);
        (pledge.instrument, pledge.tonnes) = (other.instrument, other.tonnes);
        pledge.agreed_tonnes = other.tonnes;
        pledge.terms.reference_price_fen = other.reference_price_fen;
        pledge.terms.reference_date = other.reference_date;
        pledge.terms.warning_price_fen = other.warning_price_fen;
        pledge.terms.disposal_price_fen = other.disposal_price_fen;
        let follows = margin(pledge, books);
        must_post(event, &way)?;
        self.hold(parties.pledgor, instrument, -tonnes);
        Ok(follows)
    }

    /// The trade of a sale that was announced; says what the pledgee must get.
    pub(crate) fn sold(&self, parties: &PledgeParties, trade: &TradeLine) -> Checked<Awaited> {
        let pledge = self.get(parties.pledge)?;
        same("seller of pledged tonnes", parties.pledgor, trade.seller)?;
        same("bank that the sale is paid at", parties.pledgee, trade.seller_bank.into())?;
        same("instrument of the sale", pledge.instrument, trade.instrument)?;
        let due = pledge.due_fen();
        let one_less = i128::from(trade.tonnes - 1) * i128::from(trade.price_fen);
        let needed = trade.tonnes == 1 || one_less < i128::from(due);
        holds("no more sold than the claim needs", needed)?;
        let fen = trade.amount_fen().unwrap_or(i64::MAX).min(due);
        let disposed = fen == due || pledge.tonnes == 0;
        Ok(Awaited::Proceeds { pledge: parties.pledge, fen, disposed })
    }

    /// Which margin calls and cures the closes of a day demand.
    pub(crate) fn watched(&self, closes: &[(Instrument, i64)], books: &Books) -> Vec<Awaited> {
        let closed = |pledge: &&Pledge| {
            closes.iter().any(|(instrument, _)| *instrument == pledge.instrument)
        };
        self.all.iter().filter(closed).flat_map(|pledge| margin(pledge, books)).collect()
    }

    fn hold(&mut self, account: u64, instrument: Instrument, tonnes: i64) {
        let held = self.held.entry((account, instrument)).or_default();
        *held = held.saturating_add(tonnes);
    }

    /// Once posted: what is pledged is what pledges and offers hold.
    pub(crate) fn check_held(&self, event: &Event, books: &Books) -> Checked {
        event.postings.iter().try_for_each(|posting| match *posting {
            Posting::Goods { account, instrument, part: PositionPart::Pledged, .. } => {
                let held = self.held.get(&(account, instrument)).copied().unwrap_or_default();
                let is = books.tonnes(account, instrument, PositionPart::Pledged);
                same(format!("tonnes of {instrument} pledged by account {account}"), held, is)
            }
            _ => Ok(()),
        })
    }

    /// An overdue loan needs tonnes that count on the day of the event.
    fn check_usable(&self, event: &Event, instrument: Instrument, maturity: Date) -> Checked {
        let needed = maturity.days().max(beijing_days(event.ledger_time_ms));
        let until = self.usable_until.get(&instrument);
        holds("usable until maturity", until.is_none_or(|until| until.days() >= needed))
    }
}

/// What the last settled close demands of a pledge now.
fn margin(pledge: &Pledge, books: &Books) -> Vec<Awaited> {
    let Some(known) = books.instruments.get(&pledge.instrument) else { return Vec::new() };
    if known.last_close_date.is_none() {
        return Vec::new();
    }
    let called = pledge.needs_more(known.last_close_fen);
    match (pledge.stage, called) {
        (Stage::Active, true) | (Stage::MarginCall, false) => {
            vec![Awaited::Margin { pledge: pledge.parties.pledge, called }]
        }
        _ => Vec::new(),
    }
}

/// The pledge whose version an event makes grow.
fn changed(what: &What) -> Option<&PledgeParties> {
    match what {
        What::PledgeAccepted { parties }
        | What::PledgeDeclined { parties }
        | What::PledgeExpired { parties }
        | What::PledgeActivated { parties, .. }
        | What::PledgeAdded { parties, .. }
        | What::PledgeReleased { parties, .. }
        | What::MarginCalled { parties, .. }
        | What::MarginCured { parties, .. }
        | What::PledgeDefaulted { parties, .. }
        | What::PledgeEnforcing { parties, .. }
        | What::ProceedsPaid { parties, .. }
        | What::SubstitutionOffered { parties, .. }
        | What::Substituted { parties, .. }
        | What::SubstitutionEnded { parties } => Some(parties),
        _ => None,
    }
}

fn is_party(event: &Event, parties: &PledgeParties) -> bool {
    event.actor == format!("firm/{}", parties.pledgor)
        || event.actor == format!("bank/{}", parties.pledgee)
}

fn unfrozen(books: &Books, account: u64) -> Checked {
    same(format!("account {account} frozen"), false, books.is_frozen(account))
}

fn unstayed(pledge: &Pledge) -> Checked {
    same(format!("court stays of pledge {}", pledge.parties.pledge), 0, pledge.stays)
}

/// A price that is the last settled close.
fn at_close(books: &Books, instrument: Instrument, price_fen: i64, date: Date) -> Checked {
    let known = books.instruments.get(&instrument).copied().unwrap_or_default();
    same(format!("last close of {instrument}, fen"), known.last_close_fen, price_fen)?;
    let expected = known.last_close_date.map_or("none".to_owned(), |date| date.to_string());
    same(format!("day of the last close of {instrument}"), expected, date.to_string())
}

/// The last settled close, which must not be old.
fn fresh_close(event: &Event, books: &Books, instrument: Instrument) -> Checked<i64> {
    let known = books.instruments.get(&instrument).copied().unwrap_or_default();
    let today = beijing_days(event.ledger_time_ms);
    let fresh = known.last_close_date.is_some_and(|date| today - date.days() <= PRICE_LIFE_DAYS);
    holds("a settled close of the last ten days", fresh)?;
    Ok(known.last_close_fen)
}

fn check_lines(event: &Event, books: &Books, instrument: Instrument, lines: &Lines) -> Checked {
    at_close(books, instrument, lines.reference_fen, lines.date)?;
    fresh_close(event, books, instrument)?;
    let in_order = 0 < lines.disposal_fen
        && lines.disposal_fen <= lines.warning_fen
        && lines.warning_fen <= lines.reference_fen;
    holds("disposal, warning and reference price in order", in_order)
}

/// An offer stands for 1 ms to 30 days.
fn check_life(event: &Event, expires_at_ms: i64) -> Checked {
    let life = expires_at_ms.saturating_sub(event.ledger_time_ms);
    holds("an offer of 30 days at most", (1..=30 * DAY_MS).contains(&life))
}
