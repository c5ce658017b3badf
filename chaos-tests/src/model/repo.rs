//! Repos, as one list of what became of each.

use registry_ledger::{
    AccountId, BankId, HeldReason, Ledger, LedgerTime, Reason, Receipt, Repo, RepoCommand, RepoId,
    RepoState, RepoTerms,
};

use super::calendar::{DAY_MS, beijing_day, beijing_midnight_ms, day_number};
use super::compare::{Difference, same};
use super::positions::Position;
use super::{Model, Outcome, Planted, Refused, check_text, refuse};

/// Thirty days.
const MONTH_MS: i64 = 30 * DAY_MS;

/// Who gives tonnes and is paid, or takes them and pays.
type Side = (AccountId, BankId);

impl Model {
    pub(super) fn repo(&mut self, command: &RepoCommand) -> Outcome {
        match command {
            RepoCommand::Propose { terms, time_to_live_ms } => {
                self.propose_repo(terms, *time_to_live_ms)
            }
            RepoCommand::Accept { repo, account } => self.accept_repo(*repo, *account),
            RepoCommand::Decline { repo, account, reason } => {
                self.decline_repo(*repo, *account, reason)
            }
            RepoCommand::Return { repo, account } => self.return_repo(*repo, *account),
        }
    }

    fn propose_repo(&mut self, terms: &RepoTerms, time_to_live_ms: i64) -> Outcome {
        let sides = [(terms.seller, "seller_account"), (terms.buyer, "buyer_account")];
        for (account, field) in sides {
            if !self.has_account(account) {
                return refuse(Reason::UnknownAccount, field);
            }
        }
        for (bank, field) in [(terms.seller_bank, "seller_bank"), (terms.buyer_bank, "buyer_bank")]
        {
            if !self.banks.contains_key(&bank) {
                return refuse(Reason::UnknownBank, field);
            }
        }
        if !self.instruments.contains_key(&terms.instrument) {
            return refuse(Reason::WrongInstrument, "instrument");
        }
        if terms.seller == terms.buyer {
            return refuse(Reason::SelfTrade, "buyer_account");
        }
        if terms.quantity.0 <= 0 {
            return refuse(Reason::NotPositive, "quantity_tco2e");
        }
        let prices = [
            (terms.opening_price, "opening_price_yuan"),
            (terms.return_price, "return_price_yuan"),
        ];
        for (price, field) in prices {
            if price.0 <= 0 {
                return refuse(Reason::NotPositive, field);
            }
            if i128::from(price.0) * i128::from(terms.quantity.0) > i128::from(i64::MAX) {
                return refuse(Reason::OutOfRange, field);
            }
        }
        check_span(terms.grace_ms, "grace_ms")?;
        self.check_return_date(terms)?;
        if day_number(terms.return_date) - beijing_day(self.now) > 366 {
            return refuse(Reason::OutOfRange, "return_date");
        }
        check_span(time_to_live_ms, "time_to_live_ms")?;
        let waits =
            |repo: &&Repo| repo.terms.seller == terms.seller && repo.state == RepoState::Proposed;
        if self.repos.iter().filter(waits).count() >= 100 {
            return refuse(Reason::TooManyRepos, "seller_account");
        }
        let repo = Repo {
            id: RepoId(self.repos.len() as u64 + 1),
            terms: *terms,
            state: RepoState::Proposed,
            proposed_at: self.now,
            expires_at: LedgerTime(self.now.0 + time_to_live_ms),
            opened_at: None,
            shortage: None,
            closed_at: None,
        };
        self.repos.push(repo);
        Ok(Receipt::Repo(Box::new(repo)))
    }

    fn check_return_date(&self, terms: &RepoTerms) -> Result<(), Refused> {
        let past = day_number(terms.return_date) < beijing_day(self.now);
        if past || deadline_ms(terms) <= self.now.0 {
            return refuse(Reason::ReturnDatePassed, "return_date");
        }
        Ok(())
    }

    fn known_repo(&self, id: RepoId) -> Result<Repo, Refused> {
        match self.repos.iter().find(|repo| repo.id == id) {
            Some(repo) => Ok(*repo),
            None => refuse(Reason::UnknownRepo, "repo_id"),
        }
    }

    fn repo_of(&self, id: RepoId, account: AccountId) -> Result<Repo, Refused> {
        let repo = self.known_repo(id)?;
        if ![repo.terms.seller, repo.terms.buyer].contains(&account) {
            return refuse(Reason::NotRepoParty, "account_id");
        }
        Ok(repo)
    }

    fn waiting_repo(&self, repo: &Repo) -> Result<(), Refused> {
        if repo.state != RepoState::Proposed {
            return refuse(Reason::RepoState, "repo_id");
        }
        if repo.expires_at <= self.now {
            return refuse(Reason::RepoExpired, "repo_id");
        }
        Ok(())
    }

    fn set_repo(&mut self, repo: Repo) -> Repo {
        self.repos[repo.id.0 as usize - 1] = repo;
        repo
    }

    fn close_repo(&mut self, repo: Repo, state: RepoState) -> Repo {
        let closed_at = Some(self.now);
        self.set_repo(Repo { state, closed_at, ..repo })
    }

    fn accept_repo(&mut self, id: RepoId, account: AccountId) -> Outcome {
        let repo = self.repo_of(id, account)?;
        if account != repo.terms.buyer {
            return refuse(Reason::NotRepoParty, "account_id");
        }
        self.waiting_repo(&repo)?;
        self.check_return_date(&repo.terms)?;
        let terms = &repo.terms;
        let fen = i128::from(terms.opening_price.0) * i128::from(terms.quantity.0);
        let (seller, buyer) = sides(terms);
        self.leg(terms, seller, buyer, fen).map_err(short)?;
        let opened_at = Some(self.now);
        let opened = self.set_repo(Repo { state: RepoState::Open, opened_at, ..repo });
        Ok(Receipt::Repo(Box::new(opened)))
    }

    fn decline_repo(&mut self, id: RepoId, account: AccountId, reason: &str) -> Outcome {
        let repo = self.repo_of(id, account)?;
        self.waiting_repo(&repo)?;
        check_text(reason, 200, "reason")?;
        Ok(Receipt::Repo(Box::new(self.close_repo(repo, RepoState::Declined))))
    }

    fn return_repo(&mut self, id: RepoId, account: Option<AccountId>) -> Outcome {
        let repo = match account {
            Some(account) => self.repo_of(id, account)?,
            None => self.known_repo(id)?,
        };
        if repo.state != RepoState::Open {
            return refuse(Reason::RepoState, "repo_id");
        }
        if self.now.0 < beijing_midnight_ms(repo.terms.return_date) {
            return refuse(Reason::ReturnNotDue, "repo_id");
        }
        let returned = self.give_repo_back(repo).map_err(short)?;
        Ok(Receipt::Repo(Box::new(returned)))
    }

    fn give_repo_back(&mut self, repo: Repo) -> Result<Repo, HeldReason> {
        let terms = &repo.terms;
        let price = if self.plants(Planted::ReturnAtOpeningPrice) {
            terms.opening_price
        } else {
            terms.return_price
        };
        let fen = i128::from(price.0) * i128::from(terms.quantity.0);
        let (seller, buyer) = sides(terms);
        self.leg(terms, buyer, seller, fen)?;
        Ok(self.close_repo(repo, RepoState::Returned))
    }

    /// Tonnes from one to the other for so much money, or nothing.
    fn leg(
        &mut self,
        terms: &RepoTerms,
        (giver, giver_bank): Side,
        (taker, taker_bank): Side,
        fen: i128,
    ) -> Result<(), HeldReason> {
        let (code, tonnes) = (terms.instrument, i128::from(terms.quantity.0));
        if self.is_frozen(giver) || self.is_frozen(taker) {
            return Err(HeldReason::AccountFrozen);
        }
        if self.positions.goods(giver, code, Position::Trading) < tonnes {
            return Err(HeldReason::GoodsShort);
        }
        if self.positions.cash(taker, taker_bank) < fen {
            return Err(HeldReason::CashShort);
        }
        self.positions.post_goods(giver, code, Position::Trading, -tonnes);
        self.positions.post_goods(taker, code, Position::Trading, tonnes);
        self.positions.post_cash(taker, taker_bank, -fen);
        self.positions.post_cash(giver, giver_bank, fen);
        if giver_bank != taker_bank {
            let known = "a repo's banks were checked when it was proposed";
            self.banks.get_mut(&taker_bank).expect(known).interbank.push(-fen);
            self.banks.get_mut(&giver_bank).expect(known).interbank.push(fen);
        }
        Ok(())
    }

    /// What time does, in the order in which it falls due.
    pub(super) fn repos_due(&mut self) {
        let due = self.repos.iter().filter_map(|repo| Some((due_at(repo)?, repo.id)));
        let mut due: Vec<_> = due.filter(|(at, _)| *at <= self.now).collect();
        due.sort();
        for (_, id) in due.into_iter().take(1_000) {
            let repo = self.repos[id.0 as usize - 1];
            if repo.state == RepoState::Proposed {
                self.close_repo(repo, RepoState::Expired);
                continue;
            }
            if let Err(reason) = self.give_repo_back(repo) {
                let missed = Repo { shortage: Some(reason), ..repo };
                if self.now.0 < deadline_ms(&repo.terms) {
                    self.set_repo(missed);
                } else {
                    self.close_repo(missed, RepoState::Failed);
                }
            }
        }
    }

    pub(super) fn next_repo_due(&self) -> Option<LedgerTime> {
        self.repos.iter().filter_map(due_at).min()
    }
}

fn due_at(repo: &Repo) -> Option<LedgerTime> {
    match repo.state {
        RepoState::Proposed => Some(repo.expires_at),
        RepoState::Open if repo.shortage.is_some() => Some(LedgerTime(deadline_ms(&repo.terms))),
        RepoState::Open => Some(LedgerTime(beijing_midnight_ms(repo.terms.return_date))),
        _ => None,
    }
}

fn deadline_ms(terms: &RepoTerms) -> i64 {
    beijing_midnight_ms(terms.return_date) + terms.grace_ms
}

fn sides(terms: &RepoTerms) -> (Side, Side) {
    ((terms.seller, terms.seller_bank), (terms.buyer, terms.buyer_bank))
}

fn short(reason: HeldReason) -> Refused {
    let reason = match reason {
        HeldReason::GoodsShort => Reason::GoodsShort,
        HeldReason::CashShort => Reason::CashShort,
        HeldReason::AccountFrozen => Reason::AccountFrozen,
        HeldReason::Pledged => Reason::Pledged,
    };
    (reason, "repo_id".to_owned())
}

fn check_span(span_ms: i64, field: &str) -> Result<(), Refused> {
    match span_ms {
        ..=0 => refuse(Reason::NotPositive, field),
        1..=MONTH_MS => Ok(()),
        _ => refuse(Reason::OutOfRange, field),
    }
}

/// Compares what the queries answer about repos.
pub(super) fn compare_repos(model: &Model, ledger: &Ledger) -> Result<(), Difference> {
    let all = ledger.repos_after(None, None, 0, usize::MAX);
    same(|| "repos".to_owned(), &model.repos, &all)?;
    let parties = model.repos.iter().flat_map(|repo| [repo.terms.seller, repo.terms.buyer]);
    for account in parties.collect::<std::collections::BTreeSet<_>>() {
        let of = |repo: &&Repo| [repo.terms.seller, repo.terms.buyer].contains(&account);
        let own: Vec<_> = model.repos.iter().filter(of).copied().collect();
        let found = ledger.repos_after(Some(account), None, 0, usize::MAX);
        same(|| format!("repos of {}", account.0), &own, &found)?;
        let after = own[0].id.0;
        let open = |repo: &&Repo| repo.state == RepoState::Open && repo.id.0 > after;
        let page: Vec<_> = own.iter().filter(open).take(2).copied().collect();
        let found = ledger.repos_after(Some(account), Some(RepoState::Open), after, 2);
        same(|| format!("open repos of {}", account.0), &page, &found)?;
    }
    Ok(())
}
