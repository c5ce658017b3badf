//! Freezes by courts: what they take, whom they stay, and that all of it comes
//! back but what the court gives to another.

use std::collections::BTreeMap;

use super::books::Books;
use super::code::{Instrument, PositionPart};
use super::event::{Event, What};
use super::finding::{Checked, Wrong, same};
use super::pledges::{Pledges, must_post};
use super::posting::Posting;
use super::terms::{FreezeTarget, PledgeParties};

/// A freeze that stands.
#[derive(Clone, Debug)]
pub(crate) struct Freeze {
    pub(crate) account: u64,
    pub(crate) target: FreezeTarget,
    pub(crate) court: String,
    pub(crate) document: String,
    pub(crate) imposed_at_ms: i64,
    pub(crate) registered: i64,
    pub(crate) trading: i64,
    pub(crate) stayed: Vec<PledgeParties>,
}

/// All freezes that stand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Freezes {
    standing: BTreeMap<u64, Freeze>,
    imposed: u64,
    /// Tonnes that they hold.
    held: BTreeMap<(u64, Instrument), i64>,
}

impl Freezes {
    /// Checks a freeze or its end.
    pub(crate) fn take(
        &mut self,
        event: &Event,
        books: &mut Books,
        pledges: &mut Pledges,
    ) -> Checked {
        match &event.what {
            What::Frozen { freeze, target, account, court, document, stayed } => {
                same("number of a new freeze", self.imposed + 1, *freeze)?;
                self.imposed = *freeze;
                let mut new = imposed(event, *account, *target, books, pledges)?;
                (new.court, new.document) = (court.clone(), document.clone());
                let (ours, said) = (format!("{:?}", new.stayed), format!("{stayed:?}"));
                same("pledges under the stay", ours, said)?;
                self.apply(&new, 1, books, pledges)?;
                self.standing.insert(*freeze, new);
            }
            What::FreezeLifted { freeze, account, stayed, .. } => {
                let none = || Wrong::new("freeze", "one that stands", freeze);
                let lifted = self.standing.remove(freeze).ok_or_else(none)?;
                same("whose freeze is lifted", lifted.account, *account)?;
                let (ours, said) = (format!("{:?}", lifted.stayed), format!("{stayed:?}"));
                same("pledges that were under the stay", ours, said)?;
                let frozen = lifted.registered + lifted.trading;
                let back = [
                    (PositionPart::Frozen, -frozen),
                    (PositionPart::Registered, lifted.registered),
                    (PositionPart::Trading, lifted.trading),
                ];
                must_post(event, &lines(lifted.account, lifted.target, back))?;
                self.apply(&lifted, -1, books, pledges)?;
            }
            What::FreezeExecuted { freeze, account, document, .. } => {
                same("a document", false, document.trim().is_empty())?;
                self.execute(event, *freeze, *account, books)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Those that stand, from the one after a number.
    pub(crate) fn standing_after(&self, after: u64) -> impl Iterator<Item = (&u64, &Freeze)> {
        self.standing.range(after.saturating_add(1)..)
    }

    /// So many tonnes of one freeze to one other account; what came from
    /// registered goes first.
    fn execute(&mut self, event: &Event, freeze: u64, account: u64, books: &Books) -> Checked {
        let none = || Wrong::new("freeze", "one that stands", freeze);
        let standing = self.standing.get_mut(&freeze).ok_or_else(none)?;
        same("whose freeze is executed", standing.account, account)?;
        let FreezeTarget::Tonnes { instrument, .. } = standing.target else {
            return Err(Wrong::new(
                "target of the freeze",
                "tonnes",
                format!("{:?}", standing.target),
            ));
        };
        let Some(Posting::Goods { account: to, tonnes, .. }) = event.postings.last().copied()
        else {
            return Err(Wrong::new("postings", "tonnes for the receiver", "none"));
        };
        books.account(to)?;
        same("a receiver that is not the holder", true, to != account)?;
        same("tonnes that the court takes", true, tonnes > 0)?;
        let goods = |account, part, tonnes| Posting::Goods { account, instrument, part, tonnes };
        let lines = [
            goods(account, PositionPart::Frozen, -tonnes),
            goods(to, PositionPart::Registered, tonnes),
        ];
        must_post(event, &lines)?;
        let held = standing.registered + standing.trading;
        same("no more taken than the freeze holds", true, tonnes <= held)?;
        let from_registered = tonnes.min(standing.registered);
        standing.registered -= from_registered;
        standing.trading -= tonnes - from_registered;
        *self.held.entry((account, instrument)).or_default() -= tonnes;
        Ok(())
    }

    /// Counts a freeze in, or out again.
    fn apply(
        &mut self,
        freeze: &Freeze,
        sign: i64,
        books: &mut Books,
        pledges: &mut Pledges,
    ) -> Checked {
        for parties in &freeze.stayed {
            let pledge = pledges.get_mut(parties.pledge)?;
            pledge.stays = pledge.stays.saturating_add_signed(sign);
            pledge.version = pledge.version.saturating_add(1);
        }
        match freeze.target {
            FreezeTarget::Account { account } => books.freeze(account, sign),
            FreezeTarget::Tonnes { account, instrument, .. } => {
                let held = self.held.entry((account, instrument)).or_default();
                *held += sign * (freeze.registered + freeze.trading);
            }
            FreezeTarget::Pledge { .. } => {}
        }
        Ok(())
    }

    /// Once posted: what is frozen is what freezes hold.
    pub(crate) fn check_held(&self, event: &Event, books: &Books) -> Checked {
        event.postings.iter().try_for_each(|posting| match *posting {
            Posting::Goods { account, instrument, part: PositionPart::Frozen, .. } => {
                let held = self.held.get(&(account, instrument)).copied().unwrap_or_default();
                let is = books.tonnes(account, instrument, PositionPart::Frozen);
                same(format!("tonnes of {instrument} frozen in account {account}"), held, is)
            }
            _ => Ok(()),
        })
    }
}

/// What an order must have taken: registered, trading, then stays over pledges.
fn imposed(
    event: &Event,
    account: u64,
    target: FreezeTarget,
    books: &Books,
    pledges: &Pledges,
) -> Checked<Freeze> {
    books.account(account)?;
    let mut freeze = Freeze {
        account,
        target,
        court: String::new(),
        document: String::new(),
        imposed_at_ms: event.ledger_time_ms,
        registered: 0,
        trading: 0,
        stayed: Vec::new(),
    };
    match target {
        FreezeTarget::Account { account: of } => same("account of the freeze", of, account)?,
        FreezeTarget::Pledge { pledge } => {
            let pledge = pledges.get(pledge)?;
            same("account of the freeze", pledge.parties.pledgor, account)?;
            same("a recognised pledge", true, pledge.is_recognised())?;
            freeze.stayed.push(pledge.parties);
        }
        FreezeTarget::Tonnes { account: of, instrument, tonnes } => {
            same("account of the freeze", of, account)?;
            same("tonnes to freeze", true, tonnes > 0)?;
            let free = |part| books.tonnes(account, instrument, part);
            freeze.registered = free(PositionPart::Registered).min(tonnes);
            freeze.trading = free(PositionPart::Trading).min(tonnes - freeze.registered);
            let mut reached = freeze.registered + freeze.trading;
            for id in pledges.by_pledgor.get(&account).into_iter().flatten() {
                let pledge = pledges.get(*id)?;
                let offered = pledge.is_offer() && pledge.instrument == instrument
                    || pledge.other.is_some_and(|other| other.instrument == instrument);
                if reached < tonnes && offered {
                    let what = format!("offer of pledge {id} before pledges are stayed");
                    return Err(Wrong::new(what, "ended", "open"));
                }
            }
            for id in pledges.by_pledgor.get(&account).into_iter().flatten() {
                let pledge = pledges.get(*id)?;
                if reached < tonnes && pledge.is_recognised() && pledge.instrument == instrument {
                    reached = reached.saturating_add(pledge.tonnes);
                    freeze.stayed.push(pledge.parties);
                }
            }
            same("tonnes within reach of the freeze", true, reached >= tonnes)?;
        }
    }
    let taken = [
        (PositionPart::Registered, -freeze.registered),
        (PositionPart::Trading, -freeze.trading),
        (PositionPart::Frozen, freeze.registered + freeze.trading),
    ];
    must_post(event, &lines(account, target, taken))?;
    Ok(freeze)
}

fn lines(account: u64, target: FreezeTarget, parts: [(PositionPart, i64); 3]) -> Vec<Posting> {
    let FreezeTarget::Tonnes { instrument, .. } = target else { return Vec::new() };
    let some = parts.into_iter().filter(|(_, tonnes)| *tonnes != 0);
    some.map(|(part, tonnes)| Posting::Goods { account, instrument, part, tonnes }).collect()
}
