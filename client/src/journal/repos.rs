//! Repos: both legs as the contract says, each once, in time.

use registry_proto::registry as wire;

use super::code::{CashPart, CashPot, Date, Instrument, PositionPart, RepoMark, Shortage};
use super::event::{Event, What};
use super::finding::{Checked, Wrong, same};
use super::posting::Posting;
use crate::amount::format_fen;

const DAY_MS: i64 = 86_400_000;
/// Beijing is eight hours ahead of UTC.
const BEIJING_MS: i64 = 8 * 3_600_000;

/// A contract, field by field as events have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepoTerms {
    /// Sells now and buys back.
    pub seller: u64,
    /// Buys now and gives back.
    pub buyer: u64,
    /// Where the seller is paid, and pays.
    pub seller_bank: u64,
    /// Where the buyer pays, and is paid.
    pub buyer_bank: u64,
    /// Of what.
    pub instrument: Instrument,
    /// How much, both ways.
    pub tonnes: i64,
    /// Fen per tonne of the opening leg.
    pub opening_price_fen: i64,
    /// Fen per tonne of the return leg.
    pub return_price_fen: i64,
    /// From its beginning on the return is due.
    pub return_date: Date,
    /// How long after that beginning it may succeed.
    pub grace_ms: i64,
}

super::bytes::wire_struct!(RepoTerms:
    seller, buyer, seller_bank, buyer_bank, instrument, tonnes, opening_price_fen,
    return_price_fen, return_date, grace_ms);

/// All repos; repo 1 first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repos(Vec<RepoBooks>);

#[derive(Clone, Copy, Debug)]
struct RepoBooks {
    terms: RepoTerms,
    mark: RepoMark,
    proposed_at_ms: i64,
    expires_at_ms: i64,
    opened_at_ms: i64,
    shortage: Option<Shortage>,
    closed_at_ms: i64,
}

impl RepoTerms {
    fn due_at_ms(&self) -> i64 {
        self.return_date.days() * DAY_MS - BEIJING_MS
    }

    fn deadline_ms(&self) -> i64 {
        self.due_at_ms().saturating_add(self.grace_ms)
    }

    fn opening_fen(&self) -> Option<i64> {
        self.opening_price_fen.checked_mul(self.tonnes)
    }

    fn return_fen(&self) -> Option<i64> {
        self.return_price_fen.checked_mul(self.tonnes)
    }

    /// What a leg must post, in this order.
    fn leg(&self, opening: bool) -> Vec<Posting> {
        let (seller, buyer) = ((self.seller, self.seller_bank), (self.buyer, self.buyer_bank));
        let (giver, taker, fen) = match opening {
            true => (seller, buyer, self.opening_fen()),
            false => (buyer, seller, self.return_fen()),
        };
        // Checked when it was proposed.
        let fen = fen.unwrap_or_default();
        let (instrument, part) = (self.instrument, PositionPart::Trading);
        let goods = |account, tonnes| Posting::Goods { account, instrument, part, tonnes };
        let cash =
            |account, bank, fen| Posting::Cash { account, bank, part: CashPart::Available, fen };
        let pot = |bank, fen| Posting::CashPot { bank, pot: CashPot::Interbank, fen };
        let mut lines = vec![
            goods(giver.0, -self.tonnes),
            goods(taker.0, self.tonnes),
            cash(taker.0, taker.1, -fen),
            cash(giver.0, giver.1, fen),
        ];
        if giver.1 != taker.1 {
            lines.extend([pot(taker.1, fen), pot(giver.1, -fen)]);
        }
        lines
    }
}

impl Repos {
    /// `balance_of_leg` says what is short of a leg now, if anything.
    pub(crate) fn take(
        &mut self,
        event: &Event,
        short_of: impl Fn(&[Posting]) -> Option<Shortage>,
    ) -> Checked {
        let now = event.ledger_time_ms;
        match &event.what {
            What::RepoProposed { repo, terms, expires_at_ms } => {
                same("number of a new repo", self.0.len() as u64 + 1, *repo)?;
                check_terms(terms, now)?;
                by_firm(event, &[terms.seller])?;
                same("whether the offer is good for some time", true, *expires_at_ms > now)?;
                self.0.push(RepoBooks {
                    terms: *terms,
                    mark: RepoMark::Proposed,
                    proposed_at_ms: now,
                    expires_at_ms: *expires_at_ms,
                    opened_at_ms: 0,
                    shortage: None,
                    closed_at_ms: 0,
                });
                Ok(())
            }
            What::RepoOpened { repo, seller, buyer } => {
                let books = self.in_state(*repo, RepoMark::Proposed, (*seller, *buyer))?;
                by_firm(event, &[*buyer])?;
                same(format!("repo {repo} accepted in time"), true, now < books.expires_at_ms)?;
                let in_time = now < books.terms.deadline_ms();
                same(format!("repo {repo} accepted before its return"), true, in_time)?;
                same_postings(*repo, &books.terms.leg(true), event)?;
                (books.mark, books.opened_at_ms) = (RepoMark::Open, now);
                Ok(())
            }
            What::RepoDeclined { repo, seller, buyer, .. } => {
                let books = self.in_state(*repo, RepoMark::Proposed, (*seller, *buyer))?;
                by_firm(event, &[*seller, *buyer])?;
                books.close(RepoMark::Declined, now);
                Ok(())
            }
            What::RepoExpired { repo, seller, buyer } => {
                let books = self.in_state(*repo, RepoMark::Proposed, (*seller, *buyer))?;
                same(format!("time of repo {repo} over"), true, now >= books.expires_at_ms)?;
                books.close(RepoMark::Expired, now);
                Ok(())
            }
            What::RepoReturned { repo, seller, buyer } => {
                let books = self.in_state(*repo, RepoMark::Open, (*seller, *buyer))?;
                same(format!("return of repo {repo} due"), true, now >= books.terms.due_at_ms())?;
                same_postings(*repo, &books.terms.leg(false), event)?;
                books.close(RepoMark::Returned, now);
                Ok(())
            }
            What::RepoReturnMissed { repo, seller, buyer, reason } => {
                let books = self.in_state(*repo, RepoMark::Open, (*seller, *buyer))?;
                same(format!("return of repo {repo} due"), true, now >= books.terms.due_at_ms())?;
                same(format!("repo {repo} missed before"), false, books.shortage.is_some())?;
                must_be_short(*repo, *reason, short_of(&books.terms.leg(false)))?;
                books.shortage = Some(*reason);
                Ok(())
            }
            What::RepoFailed { repo, seller, buyer, reason } => {
                let books = self.in_state(*repo, RepoMark::Open, (*seller, *buyer))?;
                let over = now >= books.terms.deadline_ms();
                same(format!("grace of repo {repo} over"), true, over)?;
                must_be_short(*repo, *reason, short_of(&books.terms.leg(false)))?;
                books.shortage = Some(*reason);
                books.close(RepoMark::Failed, now);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// An open repo of these parties in a state.
    fn in_state(
        &mut self,
        repo: u64,
        mark: RepoMark,
        parties: (u64, u64),
    ) -> Checked<&mut RepoBooks> {
        let place = repo.checked_sub(1).and_then(|place| usize::try_from(place).ok());
        let books = place.and_then(|place| self.0.get_mut(place));
        let books = books.ok_or_else(|| Wrong::new("repo", "one that was proposed", repo))?;
        same(format!("state of repo {repo}"), mark, books.mark)?;
        let of = (books.terms.seller, books.terms.buyer);
        same(format!("parties of repo {repo}"), format!("{of:?}"), format!("{parties:?}"))?;
        Ok(books)
    }

    /// A page of a node's repos that follows `compared` of them; says how many
    /// are compared now.
    pub(crate) fn compare(&self, compared: u64, found: &[wire::Repo]) -> Checked<u64> {
        let mut id = compared;
        for repo in found {
            id += 1;
            same("next repo on the node", id, repo.repo_id)?;
            let place = usize::try_from(id - 1).unwrap_or(usize::MAX);
            let Some(books) = self.0.get(place) else {
                return Err(Wrong::new("repos on the node", self.0.len(), id));
            };
            let (expected, found) = (format!("{:?}", books.listed(id)), format!("{repo:?}"));
            same(format!("repo {id}"), expected, found)?;
        }
        Ok(id)
    }

    /// After the last page.
    pub(crate) fn all(&self, compared: u64) -> Checked {
        same("repos on the node", self.0.len() as u64, compared)
    }
}

impl RepoBooks {
    fn close(&mut self, mark: RepoMark, now: i64) {
        (self.mark, self.closed_at_ms) = (mark, now);
    }

    /// As a node lists it.
    fn listed(&self, repo_id: u64) -> wire::Repo {
        let terms = &self.terms;
        let bank = |bank: u64| u32::try_from(bank).unwrap_or(u32::MAX);
        wire::Repo {
            repo_id,
            terms: Some(wire::RepoTerms {
                seller_account: terms.seller,
                buyer_account: terms.buyer,
                seller_bank: bank(terms.seller_bank),
                buyer_bank: bank(terms.buyer_bank),
                instrument: terms.instrument.to_string(),
                quantity_tco2e: terms.tonnes,
                opening_price_yuan: format_fen(terms.opening_price_fen),
                return_price_yuan: format_fen(terms.return_price_fen),
                return_date: terms.return_date.to_string(),
                grace_ms: terms.grace_ms,
            }),
            state: self.mark as i32 + 1,
            proposed_at_ms: self.proposed_at_ms,
            expires_at_ms: self.expires_at_ms,
            opened_at_ms: self.opened_at_ms,
            return_due_at_ms: terms.due_at_ms(),
            return_deadline_ms: terms.deadline_ms(),
            shortage: self.shortage.map(|shortage| shortage.to_string()).unwrap_or_default(),
            closed_at_ms: self.closed_at_ms,
        }
    }
}

fn check_terms(terms: &RepoTerms, now: i64) -> Checked {
    same("whether seller and buyer differ", true, terms.seller != terms.buyer)?;
    let positive = terms.tonnes > 0
        && terms.opening_fen().is_some_and(|fen| fen > 0)
        && terms.return_fen().is_some_and(|fen| fen > 0);
    same("whether tonnes and amounts are positive and fit", true, positive)?;
    same("whether the return is to come", true, now < terms.deadline_ms())
}

fn by_firm(event: &Event, firms: &[u64]) -> Checked {
    let allowed: Vec<String> = firms.iter().map(|firm| format!("firm/{firm}")).collect();
    match allowed.contains(&event.actor) {
        true => Ok(()),
        false => Err(Wrong::new("actor", allowed.join(" or "), &event.actor)),
    }
}

fn same_postings(repo: u64, expected: &[Posting], event: &Event) -> Checked {
    let (expected, found) = (format!("{expected:?}"), format!("{:?}", event.postings));
    same(format!("postings of repo {repo}"), expected, found)
}

fn must_be_short(repo: u64, said: Shortage, is: Option<Shortage>) -> Checked {
    let is = is.map_or("nothing".to_owned(), |short| short.to_string());
    same(format!("what repo {repo} is short of"), is, said.to_string())
}
