//! Repos, right and with one fault.

use registry_ledger::{
    AccountId, BankId, Command, InstrumentCode, Price, Quantity, Repo, RepoCommand, RepoId,
    RepoState, RepoTerms,
};

use super::{Asked, Workload};
use crate::model::calendar::{DAY_MS, beijing_day, beijing_midnight_ms, date_of};
use crate::model::positions::Position;
use crate::model::{Model, Rng};

impl Workload {
    /// A command that parties send; some of them fall short.
    pub(super) fn repo_call(&mut self, model: &Model) -> Option<Asked> {
        match self.rng.below(100) {
            0..40 => {
                let terms = Box::new(self.repo_terms(model)?);
                let actor = format!("firm/{}", terms.seller.0);
                let most = if self.rng.chance(90) { DAY_MS / 4 } else { 30 * DAY_MS };
                let time_to_live_ms = self.rng.between(1, most);
                let propose = RepoCommand::Propose { terms, time_to_live_ms };
                Some((actor, Command::Repo(propose)))
            }
            40..70 => {
                let repo = self.repo_in(model, RepoState::Proposed)?;
                let account = repo.terms.buyer;
                Some(by(account, RepoCommand::Accept { repo: repo.id, account }))
            }
            70..76 => {
                let repo = self.repo_in(model, RepoState::Proposed)?;
                let account = self.party(&repo);
                let (repo, reason) = (repo.id, self.text(200));
                Some(by(account, RepoCommand::Decline { repo, account, reason }))
            }
            _ => {
                let repo = self.repo_in(model, RepoState::Open)?;
                if self.rng.chance(50) {
                    let give_back = RepoCommand::Return { repo: repo.id, account: None };
                    return Some(("exchange/sh".to_owned(), Command::Repo(give_back)));
                }
                let account = self.party(&repo);
                let (repo, of) = (repo.id, Some(account));
                Some(by(account, RepoCommand::Return { repo, account: of }))
            }
        }
    }

    fn repo_in(&mut self, model: &Model, state: RepoState) -> Option<Repo> {
        let found: Vec<_> = model.repos.iter().filter(|repo| repo.state == state).collect();
        // Mostly new ones: old offers have expired.
        let newest = found.len().saturating_sub(4);
        let from = if self.rng.chance(80) { newest } else { 0 };
        self.rng.pick(&found[from..]).map(|repo| **repo)
    }

    fn party(&mut self, repo: &Repo) -> AccountId {
        if self.rng.chance(50) { repo.terms.seller } else { repo.terms.buyer }
    }

    fn repo_terms(&mut self, model: &Model) -> Option<RepoTerms> {
        let instrument = self.some_instrument(model)?;
        let trading = |account| model.positions.goods(account, instrument, Position::Trading);
        let mut seller = self.some_account(model)?;
        for _ in 0..8 {
            if trading(seller) > 0 {
                break;
            }
            seller = self.some_account(model)?;
        }
        let buyer =
            (0..8).find_map(|_| self.some_account(model).filter(|other| *other != seller))?;
        let owned = i64::try_from(trading(seller)).ok()?;
        let most = if self.rng.chance(90) { (owned / 10).max(1) } else { owned + 1 };
        let days = *self.rng.pick(&[0, 0, 0, 1, 2])?;
        let return_date = date_of(beijing_day(model.now) + days)?;
        let passed = (model.now.0 - beijing_midnight_ms(return_date)).max(0);
        let hour = DAY_MS / 24;
        Some(RepoTerms {
            seller,
            buyer,
            seller_bank: self.some_bank(model)?,
            buyer_bank: self.some_bank(model)?,
            instrument,
            quantity: Quantity(self.rng.between(1, most)),
            opening_price: Price(self.rng.between(1, 5_000)),
            return_price: Price(self.rng.between(1, 5_000)),
            return_date,
            // The clock may be a little ahead of what the model has seen.
            grace_ms: passed + self.rng.between(hour / 2, 3 * hour),
        })
    }

    /// One fault in one of these commands.
    pub(super) fn repo_fault(&mut self, model: &Model) -> Option<Command> {
        let hour = DAY_MS / 24;
        let nobody = AccountId(*self.rng.pick(&[0, model.last_account().0 + 1, u32::MAX])?);
        if self.rng.chance(55) {
            let mut terms = self.repo_terms(model)?;
            let mut time_to_live_ms = hour;
            let today = beijing_day(model.now);
            match self.rng.below(18) {
                0 => terms.seller = nobody,
                1 => terms.buyer = nobody,
                2 => terms.seller_bank = BankId(998),
                3 => terms.buyer_bank = BankId(0),
                4 => terms.instrument = InstrumentCode::parse("CEA-2098")?,
                5 => terms.buyer = terms.seller,
                6 => terms.quantity = Quantity(*self.rng.pick(&[0, -1, i64::MIN])?),
                7 => terms.opening_price = Price(0),
                8 => terms.return_price = Price(-1),
                9 => (terms.quantity, terms.opening_price) = (Quantity(3), Price(i64::MAX / 2)),
                10 => (terms.quantity, terms.return_price) = (Quantity(3), Price(i64::MAX / 2)),
                11 => terms.grace_ms = 0,
                12 => terms.grace_ms = 30 * DAY_MS + 1,
                13 => terms.return_date = date_of(today - 1)?,
                14 => (terms.return_date, terms.grace_ms) = (date_of(today)?, 1),
                15 => terms.return_date = date_of(today + 368)?,
                16 => time_to_live_ms = *self.rng.pick(&[0, -1])?,
                _ => time_to_live_ms = 30 * DAY_MS + 1,
            }
            let terms = Box::new(terms);
            return Some(Command::Repo(RepoCommand::Propose { terms, time_to_live_ms }));
        }
        let repo = *self.rng.pick(&model.repos)?;
        let (id, terms) = (repo.id, repo.terms);
        let beyond = RepoId(*self.rng.pick(&[0, model.repos.len() as u64 + 1, u64::MAX])?);
        let reason = "no".to_owned();
        Some(Command::Repo(match self.rng.below(8) {
            0 => RepoCommand::Accept { repo: beyond, account: terms.buyer },
            1 => RepoCommand::Return { repo: beyond, account: None },
            2 => RepoCommand::Accept { repo: id, account: terms.seller },
            3 => RepoCommand::Decline { repo: id, account: nobody, reason },
            4 => RepoCommand::Return { repo: id, account: Some(nobody) },
            5 => {
                let open = repo.state == RepoState::Proposed && repo.expires_at > model.now;
                let (account, reason) = (terms.buyer, self.bad_text(200));
                open.then_some(RepoCommand::Decline { repo: id, account, reason })?
            }
            6 => RepoCommand::Decline { repo: id, account: terms.buyer, reason },
            _ => RepoCommand::Return { repo: id, account: Some(terms.seller) },
        }))
    }
}

fn by(account: AccountId, command: RepoCommand) -> Asked {
    (format!("firm/{}", account.0), Command::Repo(command))
}

/// The firm that asks something of a repo: some faults are none at times.
pub(super) fn asks(command: &Command) -> Option<String> {
    let Command::Repo(command) = command else { return None };
    let account = match command {
        RepoCommand::Propose { terms, .. } => terms.seller,
        RepoCommand::Accept { account, .. } | RepoCommand::Decline { account, .. } => *account,
        RepoCommand::Return { account, .. } => (*account)?,
    };
    Some(format!("firm/{}", account.0))
}

/// Anything at all.
pub(super) fn hostile(rng: &mut Rng, model: &Model, extreme: i64) -> Command {
    let accounts = u64::from(model.last_account().0) + 2;
    let mut account = || AccountId(rng.below(accounts) as u32);
    let (seller, buyer) = (account(), account());
    let repo = RepoId(rng.below(model.repos.len() as u64 + 2));
    Command::Repo(match rng.below(4) {
        0 => {
            let terms = Box::new(RepoTerms {
                seller,
                buyer,
                seller_bank: BankId(102),
                buyer_bank: BankId(103),
                instrument: InstrumentCode::parse("CCER").expect("a well-formed code"),
                quantity: Quantity(extreme),
                opening_price: Price(rng.between(-1, 3)),
                return_price: Price(extreme),
                return_date: date_of(beijing_day(model.now).max(8_000)).expect("a date"),
                grace_ms: extreme,
            });
            RepoCommand::Propose { terms, time_to_live_ms: extreme }
        }
        1 => RepoCommand::Accept { repo, account: buyer },
        2 => RepoCommand::Decline { repo, account: seller, reason: "x".to_owned() },
        _ => RepoCommand::Return { repo, account: None },
    })
}
