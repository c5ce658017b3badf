//! From the proposal to the opening: the seller offers, the buyer answers.

use super::{
    REPO_GRACE_LIMIT_MS, REPO_LIFE_LIMIT_MS, REPO_TENOR_LIMIT_DAYS, REPOS_PROPOSED_LIMIT, Repo,
    RepoId, RepoState, RepoTerms,
};
use crate::account::{overflow, positive_quantity};
use crate::amount::format_yuan;
use crate::calendar::{beijing_day_number, day_number};
use crate::journal::What;
use crate::ledger::Ledger;
use crate::receipt::Receipt;
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::span;
use crate::text;
use crate::types::{AccountId, HeldReason, LedgerTime};

impl Ledger {
    pub(super) fn propose_repo(
        &mut self,
        terms: &RepoTerms,
        time_to_live_ms: i64,
    ) -> Result<Receipt, Rejection> {
        self.check_repo_terms(terms)?;
        span::check(time_to_live_ms, REPO_LIFE_LIMIT_MS, "time_to_live_ms")?;
        let open = self.repos.proposed_by(terms.seller);
        if open >= REPOS_PROPOSED_LIMIT {
            let message = format!(
                "account {} has {open} repos that wait for their buyers, at most {REPOS_PROPOSED_LIMIT} are allowed; withdraw some first",
                terms.seller.0
            );
            return Err(Rejection::new(Reason::TooManyRepos, "seller_account", message));
        }
        let next = self.repos.count().checked_add(1).ok_or_else(|| overflow("repo_id"))?;
        let (id, expires_at) =
            (RepoId(next), LedgerTime(self.now.0.saturating_add(time_to_live_ms)));
        let repo = Repo {
            id,
            terms: *terms,
            state: RepoState::Proposed,
            proposed_at: self.now,
            expires_at,
            opened_at: None,
            shortage: None,
            closed_at: None,
        };

        self.touch(RecordKey::Repo(id));
        self.repos.push(repo);
        self.record(What::RepoProposed { repo: id, terms: *terms, expires_at }, Vec::new());
        Ok(Receipt::Repo(Box::new(repo)))
    }

    fn check_repo_terms(&self, terms: &RepoTerms) -> Result<(), Rejection> {
        let sides = [(terms.seller, "seller_account"), (terms.buyer, "buyer_account")];
        for (account, field) in sides {
            self.known_balances(account, field)?;
        }
        self.known_bank(terms.seller_bank, "seller_bank")?;
        self.known_bank(terms.buyer_bank, "buyer_bank")?;
        self.known_instrument(terms.instrument, "instrument")?;
        if terms.seller == terms.buyer {
            let message = format!("account {} is buyer and seller", terms.buyer.0);
            return Err(Rejection::new(Reason::SelfTrade, "buyer_account", message));
        }
        positive_quantity(terms.quantity, "quantity_tco2e")?;
        let legs = [
            (terms.opening_price, terms.opening_amount(), "opening_price_yuan"),
            (terms.return_price, terms.return_amount(), "return_price_yuan"),
        ];
        for (price, amount, field) in legs {
            if price.0 <= 0 {
                let message = format!("{field} is not positive, it must be at least 0.01");
                return Err(Rejection::new(Reason::NotPositive, field, message));
            }
            amount.ok_or_else(|| overflow(field))?;
        }
        span::check(terms.grace_ms, REPO_GRACE_LIMIT_MS, "grace_ms")?;
        self.check_return_date(terms)?;
        let days = day_number(terms.return_date).saturating_sub(beijing_day_number(self.now));
        if days > REPO_TENOR_LIMIT_DAYS {
            let message = format!(
                "the return is in {days} days, at most {REPO_TENOR_LIMIT_DAYS} are allowed"
            );
            return Err(Rejection::new(Reason::OutOfRange, "return_date", message));
        }
        Ok(())
    }

    /// The return date is today or later, and its time is not over.
    fn check_return_date(&self, terms: &RepoTerms) -> Result<(), Rejection> {
        let today = day_number(terms.return_date) >= beijing_day_number(self.now);
        if today && terms.deadline() > self.now {
            return Ok(());
        }
        let message =
            format!("{} with its grace is over; propose a later return", terms.return_date);
        Err(Rejection::new(Reason::ReturnDatePassed, "return_date", message))
    }

    /// The buyer's yes: the opening leg is delivered at once, or nothing is.
    pub(super) fn accept_repo(
        &mut self,
        id: RepoId,
        account: AccountId,
    ) -> Result<Receipt, Rejection> {
        let repo = self.repo_of(id, account)?;
        if account != repo.terms.buyer {
            let message = format!("account {} is the seller; the buyer accepts", account.0);
            return Err(Rejection::new(Reason::NotRepoParty, "account_id", message));
        }
        let repo = self.proposed_repo(repo)?;
        self.check_return_date(&repo.terms)?;
        let leg = repo.terms.opening_leg();
        let moved = self.repo_leg(&leg).map_err(|short| self.repo_shortage(&repo, true, short))?;

        self.post_repo_leg(&leg, &moved);
        let opened = Repo { state: RepoState::Open, opened_at: Some(self.now), ..repo };
        self.touch(RecordKey::Repo(id));
        self.repos.set(opened);
        let RepoTerms { seller, buyer, .. } = repo.terms;
        self.record(What::RepoOpened { repo: id, seller, buyer }, leg.postings());
        Ok(Receipt::Repo(Box::new(opened)))
    }

    /// Either party's no before the opening: the buyer declines, the seller
    /// takes the offer back.
    pub(super) fn decline_repo(
        &mut self,
        id: RepoId,
        account: AccountId,
        reason: &str,
    ) -> Result<Receipt, Rejection> {
        let repo = self.proposed_repo(self.repo_of(id, account)?)?;
        text::check_line(reason, "reason")?;
        let (reason, RepoTerms { seller, buyer, .. }) = (reason.to_owned(), repo.terms);
        let declined = self.close_repo(repo, RepoState::Declined);
        self.record(What::RepoDeclined { repo: id, seller, buyer, reason }, Vec::new());
        Ok(Receipt::Repo(Box::new(declined)))
    }

    pub(super) fn close_repo(&mut self, repo: Repo, state: RepoState) -> Repo {
        let closed = Repo { state, closed_at: Some(self.now), ..repo };
        self.touch(RecordKey::Repo(repo.id));
        self.repos.set(closed);
        closed
    }

    /// A repo and that this account is a party of it.
    pub(super) fn repo_of(&self, id: RepoId, account: AccountId) -> Result<Repo, Rejection> {
        let repo = self.known_repo(id)?;
        if repo.terms.is_party(account) {
            return Ok(*repo);
        }
        let message = format!("account {} is no party of repo {}", account.0, id.0);
        Err(Rejection::new(Reason::NotRepoParty, "account_id", message))
    }

    /// That the buyer can still answer.
    fn proposed_repo(&self, repo: Repo) -> Result<Repo, Rejection> {
        if repo.state != RepoState::Proposed {
            return Err(wrong_state(&repo, "PROPOSED"));
        }
        if repo.expires_at <= self.now {
            let message = format!("repo {} expired at {} ms", repo.id.0, repo.expires_at.0);
            return Err(Rejection::new(Reason::RepoExpired, "repo_id", message));
        }
        Ok(repo)
    }

    /// Why a leg cannot be delivered, in a sentence.
    pub(super) fn repo_shortage(&self, repo: &Repo, opening: bool, short: HeldReason) -> Rejection {
        let terms = &repo.terms;
        let leg = if opening { terms.opening_leg() } else { terms.return_leg() };
        match short {
            HeldReason::AccountFrozen => {
                let message = format!("a court froze account {} or {}", leg.giver.0, leg.taker.0);
                Rejection::new(Reason::AccountFrozen, "repo_id", message)
            }
            HeldReason::GoodsShort | HeldReason::Pledged => {
                let held = self.balances_at(leg.giver).map(|a| a.holding(terms.instrument));
                let message = format!(
                    "account {} has {} t of {} to trade, repo {} needs {} t",
                    leg.giver.0,
                    held.unwrap_or_default().trading.0,
                    terms.instrument,
                    repo.id.0,
                    terms.quantity.0
                );
                Rejection::new(Reason::GoodsShort, "repo_id", message)
            }
            HeldReason::CashShort => {
                let bank = if opening { terms.buyer_bank } else { terms.seller_bank };
                let cash = self.balances_at(leg.taker).map(|a| a.cash(bank));
                let message = format!(
                    "account {} has {} yuan at bank {}, repo {} needs {}",
                    leg.taker.0,
                    format_yuan(cash.unwrap_or_default().available),
                    bank.0,
                    repo.id.0,
                    format_yuan(leg.amount)
                );
                Rejection::new(Reason::CashShort, "repo_id", message)
            }
        }
    }

    /// The repo, if there is one.
    ///
    /// # Errors
    /// `UNKNOWN_REPO`.
    pub fn known_repo(&self, id: RepoId) -> Result<&Repo, Rejection> {
        self.repos.get(id).ok_or_else(|| {
            Rejection::new(Reason::UnknownRepo, "repo_id", format!("no repo {}", id.0))
        })
    }
}

pub(super) fn wrong_state(repo: &Repo, wanted: &str) -> Rejection {
    let message = format!("repo {} is {}, it must be {wanted}", repo.id.0, repo.state.name());
    Rejection::new(Reason::RepoState, "repo_id", message)
}
