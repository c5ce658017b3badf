//! Yearly compliance from outside: what each firm owes and gave, that nothing is
//! surrendered twice or by too much, and that carry-overs keep to their limit.

use std::collections::{BTreeMap, BTreeSet};

use registry_proto::registry::Obligation;

use super::books::Books;
use super::code::{AllocationKind, Date, Instrument, PositionPart, TransferCause, beijing_days};
use super::event::{Event, What};
use super::finding::{Checked, Wrong, same};
use super::goods::in_account;
use super::posting::Posting;

/// What follows from the events taken so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Compliance {
    provinces: BTreeMap<u64, u8>,
    allocations: u64,
    emissions: u64,
    surrenders: Vec<Application>,
    cancellations: u64,
    carry_overs: u64,
    /// By year and account.
    owed: BTreeMap<(u64, u64), Owed>,
    /// By account and vintage.
    carried: BTreeMap<(u64, Instrument), i128>,
}

#[derive(Clone, Copy, Debug)]
struct Application {
    account: u64,
    year: u64,
    instrument: Instrument,
    tonnes: i64,
    open: bool,
}

/// Allowances first, then reductions.
#[derive(Clone, Copy, Debug, Default)]
struct Owed {
    emissions: u64,
    tonnes: i64,
    surrendered: [i128; 2],
    pending: [i128; 2],
}

impl Compliance {
    /// The event's postings have the right places already. `open_day` is the
    /// day that is not final.
    pub(crate) fn take(&mut self, event: &Event, books: &Books, open_day: Option<Date>) -> Checked {
        given_freely(event, books)?;
        match &event.what {
            What::ProvinceAssigned { account, province, .. } => {
                books.account(*account)?;
                self.provinces.insert(*account, *province);
                Ok(())
            }
            What::Allocated { allocation, province, allocated, .. } => {
                next("allocation", &mut self.allocations, *allocation)?;
                for posting in &event.postings {
                    if let Posting::Goods { account, .. } = posting {
                        self.check_province(*account, *province, *allocated)?;
                    }
                }
                Ok(())
            }
            What::EmissionsRecorded { emissions, account, year, tonnes, .. } => {
                next("entry of emissions", &mut self.emissions, *emissions)?;
                self.province_of(*account)?;
                not_negative(*tonnes)?;
                let owed = Owed { emissions: *emissions, tonnes: *tonnes, ..Owed::default() };
                match self.owed.insert((*year, *account), owed) {
                    None => Ok(()),
                    Some(before) => {
                        let what = format!("emissions of account {account} in {year}");
                        let found = format!("entry {} as well", before.emissions);
                        Err(Wrong::new(what, "recorded once", found))
                    }
                }
            }
            What::EmissionsCorrected { emissions, corrects, account, tonnes, .. } => {
                next("entry of emissions", &mut self.emissions, *emissions)?;
                not_negative(*tonnes)?;
                let mut of_account = self.owed.iter_mut().filter(|((_, of), _)| of == account);
                let counts = of_account.find(|(_, owed)| owed.emissions == *corrects);
                let expected = format!("an entry of account {account} that counts");
                let (_, owed) =
                    counts.ok_or_else(|| Wrong::new("corrected entry", expected, corrects))?;
                (owed.emissions, owed.tonnes) = (*emissions, *tonnes);
                Ok(())
            }
            What::SurrenderApplied { surrender, province, year } => {
                self.apply(event, *surrender, *province, *year)
            }
            What::SurrenderApproved { surrender } => self.decide(event, *surrender, true),
            What::SurrenderDeclined { surrender, .. } => self.decide(event, *surrender, false),
            What::CarriedOver { .. } => self.carry_over(event, books, open_day),
            What::UnitsCancelled { cancellation, .. } => {
                next("cancellation", &mut self.cancellations, *cancellation)
            }
            _ => Ok(()),
        }
    }

    /// Years for which something was verified.
    pub(crate) fn years(&self) -> BTreeSet<u64> {
        self.owed.keys().map(|(year, _)| *year).collect()
    }

    /// A page of a node's obligations of a year, which begins after an account
    /// and may be the last one.
    pub(crate) fn compare(
        &self,
        year: u64,
        after: u64,
        found: &[Obligation],
        is_last: bool,
    ) -> Checked {
        let mut owed = self.owed.range((year, after + 1)..=(year, u64::MAX));
        for line in found {
            let account = line.account_id;
            let what = format!("obligation of {year}");
            let Some(((_, expected), owed)) = owed.next() else {
                return Err(Wrong::new(what, "no more accounts", account));
            };
            same(format!("account of the next {what}"), *expected, account)?;
            let listed = format!(
                "{} {} {} {:?} {:?}",
                line.province,
                line.emissions_id,
                line.obligation_tco2e,
                [line.surrendered_allowances_tco2e, line.surrendered_reductions_tco2e],
                [line.pending_allowances_tco2e, line.pending_reductions_tco2e],
            );
            let Owed { emissions, tonnes, surrendered, pending } = owed;
            let province = self.province_of(account)?;
            let expected = format!("{province} {emissions} {tonnes} {surrendered:?} {pending:?}");
            same(format!("{what} of account {account}"), expected, listed)?;
        }
        match owed.next().filter(|_| is_last) {
            None => Ok(()),
            Some(((_, account), _)) => {
                Err(Wrong::new(format!("obligations of {year}"), account, "not among them"))
            }
        }
    }

    fn province_of(&self, account: u64) -> Checked<u8> {
        let what = format!("province of account {account}");
        let missing = || Wrong::new(what, "one that was assigned", "none");
        self.provinces.get(&account).copied().ok_or_else(missing)
    }

    fn check_province(&self, account: u64, province: u8, kind: AllocationKind) -> Checked {
        let of = self.province_of(account)?;
        same(format!("province of account {account} in a {kind}"), province, of)
    }

    fn apply(&mut self, event: &Event, number: u64, province: u8, year: u64) -> Checked {
        let expected = self.surrenders.len() as u64 + 1;
        same("number of a new surrender", expected, number)?;
        let (account, instrument, tonnes) = set_aside(event)?;
        same(format!("province of account {account}"), self.province_of(account)?, province)?;
        if let Some(vintage) = instrument.vintage() {
            let what = format!("whether {instrument} is of the era of {year}");
            same(what, true, (vintage >= 2025) == (year >= 2025))?;
        }
        let what = format!("emissions of account {account} in {year}");
        let missing = || Wrong::new(what, "verified", "none");
        let owed = self.owed.get_mut(&(year, account)).ok_or_else(missing)?;
        owed.pending[kind(instrument)] += i128::from(tonnes);
        let asked = [0, 1].map(|kind| owed.surrendered[kind] + owed.pending[kind]);
        within(account, owed.tonnes, asked, instrument)?;
        self.surrenders.push(Application { account, year, instrument, tonnes, open: true });
        Ok(())
    }

    /// Once, with exactly what was asked, and never more than is owed.
    fn decide(&mut self, event: &Event, number: u64, approved: bool) -> Checked {
        let place = number.checked_sub(1).and_then(|place| usize::try_from(place).ok());
        let found = place.and_then(|place| self.surrenders.get_mut(place));
        let Some(asked) = found.filter(|asked| asked.open) else {
            return Err(Wrong::new("surrender", "one that is open", number));
        };
        asked.open = false;
        let Application { account, year, instrument, tonnes, .. } = *asked;
        let (of, code, less) = set_aside(event)?;
        let what = format!("account, instrument and tonnes of surrender {number}");
        let expected = format!("{account} {instrument} {tonnes}");
        same(what, expected, format!("{of} {code} {}", less.saturating_neg()))?;
        let Some(owed) = self.owed.get_mut(&(year, account)) else { return Ok(()) };
        owed.pending[kind(instrument)] -= i128::from(tonnes);
        if approved {
            owed.surrendered[kind(instrument)] += i128::from(tonnes);
            within(account, owed.tonnes, owed.surrendered, instrument)?;
        }
        Ok(())
    }

    fn carry_over(&mut self, event: &Event, books: &Books, open_day: Option<Date>) -> Checked {
        let What::CarriedOver { carry_over, sold_from, sold_to, net_sold, .. } = &event.what else {
            return Ok(());
        };
        next("carry-over", &mut self.carry_overs, *carry_over)?;
        let ((account, from, burned), Some((_, to, _))) =
            (goods_of(event)?, in_account(event.postings.get(2..).unwrap_or_default()))
        else {
            return Err(Wrong::new("postings", "what was minted", "none"));
        };
        let later = from.vintage().zip(to.vintage()).filter(|(old, new)| old < new);
        let Some((_, vintage)) = later else {
            return Err(Wrong::new("vintage", format!("one later than {from}"), to));
        };
        if let Some(day) = open_day.filter(|day| (sold_from..=sold_to).contains(&day)) {
            return Err(Wrong::new("days whose trades count", "final", day));
        }
        let sold = books.net_sold(account, vintage, *sold_from, *sold_to);
        same(format!("tonnes that account {account} sold net"), sold, (*net_sold).into())?;
        let carried = self.carried.entry((account, to)).or_default();
        *carried += i128::from(burned.saturating_neg());
        let limit = 10_000 + sold.max(0) * 3 / 2;
        if *carried <= limit {
            return Ok(());
        }
        let what = format!("tonnes that account {account} carried over into {to}");
        Err(Wrong::new(what, format!("at most {limit}"), *carried))
    }
}

/// Nothing is surrendered or carried over when its last usable day is over.
pub(crate) fn check_last_day(event: &Event, usable_until: &BTreeMap<Instrument, Date>) -> Checked {
    let (What::SurrenderApplied { .. } | What::CarriedOver { .. }, Some((_, instrument, _))) =
        (&event.what, in_account(&event.postings))
    else {
        return Ok(());
    };
    let today = beijing_days(event.ledger_time_ms);
    match usable_until.get(&instrument).filter(|until| until.days() < today) {
        None => Ok(()),
        Some(until) => {
            Err(Wrong::new(format!("last usable day of {instrument}"), "not over", until))
        }
    }
}

/// A frozen account gives nothing away by its holder's will.
fn given_freely(event: &Event, books: &Books) -> Checked {
    let by_will = match &event.what {
        What::SurrenderApplied { .. } | What::CarriedOver { .. } | What::UnitsCancelled { .. } => {
            true
        }
        What::Transferred { cause, .. } => *cause != TransferCause::Court,
        _ => false,
    };
    let gives =
        |posting: &&Posting| matches!(posting, Posting::Goods { tonnes, .. } if *tonnes < 0);
    let given: Vec<_> = event.postings.iter().filter(gives).copied().collect();
    if by_will { books.must_be_free(&given) } else { Ok(()) }
}

fn next(what: &str, last: &mut u64, number: u64) -> Checked {
    same(format!("number of a new {what}"), *last + 1, number)?;
    *last = number;
    Ok(())
}

fn not_negative(tonnes: i64) -> Checked {
    if tonnes >= 0 { Ok(()) } else { Err(Wrong::new("verified tonnes", "0 or more", tonnes)) }
}

/// 0 for an allowance, 1 for a reduction.
fn kind(instrument: Instrument) -> usize {
    usize::from(instrument.vintage().is_none())
}

/// Reductions are at most a twentieth of what is owed, and all is at most that.
fn within(account: u64, owed: i64, given: [i128; 2], instrument: Instrument) -> Checked {
    let owed = i128::from(owed);
    if instrument.vintage().is_none() && given[1] * 20 > owed {
        let what = format!("reductions that account {account} gives, tonnes");
        return Err(Wrong::new(what, format!("at most 5 % of {owed}"), given[1]));
    }
    let all = given[0] + given[1];
    if all <= owed {
        return Ok(());
    }
    let what = format!("tonnes that account {account} surrenders");
    Err(Wrong::new(what, format!("at most {owed}"), all))
}

fn goods_of(event: &Event) -> Checked<(u64, Instrument, i64)> {
    let missing = || Wrong::new("postings", "tonnes of an account", "none");
    in_account(&event.postings).ok_or_else(missing)
}

/// The line of what waits: more when it is asked, less when it is decided.
fn set_aside(event: &Event) -> Checked<(u64, Instrument, i64)> {
    let waits = event.postings.iter().find_map(|posting| match *posting {
        Posting::Goods { account, instrument, part: PositionPart::PendingOut, tonnes } => {
            Some((account, instrument, tonnes))
        }
        _ => None,
    });
    waits.ok_or_else(|| Wrong::new("postings", "tonnes pending out", "none"))
}
