//! Persons' grams, right and with one fault.

use registry_ledger::{
    BankId, Command, CreditBatch, CreditLine, Grams, InclusiveAccountId, InclusiveCommand, OwnerId,
    PlatformId, VoucherId, VoucherStatus,
};

use super::{Asked, Workload};
use crate::model::calendar::DAY_MS;
use crate::model::inclusive::lines_sha256;
use crate::model::{Model, Rng};

/// Platforms that there may be.
const NAMES: [&str; 2] = ["sh-carbon", "wh-carbon"];

impl Workload {
    /// A quota, for two people.
    pub(super) fn quota(&mut self) -> Command {
        let platform = (*self.rng.pick(&NAMES).unwrap_or(&"sh-carbon")).to_owned();
        let grams = Grams(self.rng.between(1, 20_000));
        let document = self.text(200);
        Command::Inclusive(InclusiveCommand::GrantQuota { platform, grams, document })
    }

    /// A valid command, if there is one now.
    pub(super) fn inclusive_call(&mut self, model: &Model) -> Option<Asked> {
        let platform = self.rng.pick(model.platform_names())?.clone();
        let actor = format!("platform/{platform}");
        let command = match self.rng.below(100) {
            0..15 => {
                let owners = (0..1 + self.rng.below(4)).map(|_| self.owner()).collect();
                InclusiveCommand::OpenAccounts { platform, owners }
            }
            15..50 => InclusiveCommand::Credit(self.batch(model, &platform)?),
            50..75 => self.burn(model, &platform)?,
            _ => {
                let vouchers = &model.persons.vouchers;
                let open = vouchers.iter().filter(|v| v.status == VoucherStatus::Issued);
                let open: Vec<_> = open.map(|voucher| (voucher.bank, voucher.id)).collect();
                let (bank, voucher) = *self.rng.pick(&open)?;
                let actor = format!("bank/{}", bank.0);
                let redeem = InclusiveCommand::RedeemVoucher { bank, voucher };
                return Some((actor, Command::Inclusive(redeem)));
            }
        };
        Some((actor, Command::Inclusive(command)))
    }

    fn owner(&mut self) -> OwnerId {
        let (high, low) = (self.rng.bits().to_be_bytes(), self.rng.bits().to_be_bytes());
        let mut owner = [0; 16];
        owner[..8].copy_from_slice(&high);
        owner[8..].copy_from_slice(&low);
        OwnerId(owner)
    }

    fn some_person(&mut self, model: &Model, platform: PlatformId) -> Option<OwnerId> {
        let own = model.persons().iter().filter(|(of, _)| *of == platform);
        let own: Vec<_> = own.map(|(_, owner)| *owner).collect();
        self.rng.pick(&own).copied()
    }

    /// The next batch, mostly within the quota.
    fn batch(&mut self, model: &Model, name: &str) -> Option<CreditBatch> {
        let id = model.platform_id(name).ok()?;
        let view = model.platform_view(id);
        let left = view.quota.0 - view.credited.0;
        let count = 1 + self.rng.below(5);
        let each = if self.rng.chance(90) { left / (count as i64) } else { left };
        let mut lines = Vec::new();
        for _ in 0..count {
            let owner = self.some_person(model, id)?;
            let grams = if self.rng.chance(20) { each } else { self.rng.between(1, each.max(1)) };
            lines.push(CreditLine { owner, grams: Grams(grams.max(1)) });
        }
        Some(signed(name, view.last_batch + 1, lines))
    }

    fn burn(&mut self, model: &Model, name: &str) -> Option<InclusiveCommand> {
        let id = model.platform_id(name).ok()?;
        let places = (1..).zip(model.persons());
        let rich: Vec<_> = places
            .filter(|(number, (of, _))| *of == id && model.grams(InclusiveAccountId(*number)) >= 5)
            .map(|(number, (_, owner))| (InclusiveAccountId(number), *owner))
            .collect();
        let (account, owner) = *self.rng.pick(&rich)?;
        let most = i64::try_from(model.grams(account) / 5).ok()?;
        let part = if self.rng.chance(30) { most } else { self.rng.between(1, most) };
        let hour = DAY_MS / 24;
        let valid_for_ms = match self.rng.below(10) {
            0 => 366 * DAY_MS,
            _ => self.rng.between(1, 3 * hour),
        };
        Some(InclusiveCommand::IssueVoucher {
            platform: name.to_owned(),
            owner,
            bank: self.some_bank(model)?,
            grams: Grams(part * 5),
            valid_for_ms,
        })
    }

    /// One fault in one of these commands.
    pub(super) fn inclusive_fault(&mut self, model: &Model) -> Option<Command> {
        let platform = self.rng.pick(model.platform_names())?.clone();
        let nobody = || "nobody".to_owned();
        let command = match self.rng.below(24) {
            0 => InclusiveCommand::OpenAccounts { platform: nobody(), owners: vec![self.owner()] },
            1 => InclusiveCommand::OpenAccounts { platform, owners: Vec::new() },
            2 => {
                let owner = self.owner();
                InclusiveCommand::OpenAccounts { platform, owners: vec![owner; 8_193] }
            }
            3 => {
                let twice = self.owner();
                let owners = vec![twice, self.owner(), twice];
                InclusiveCommand::OpenAccounts { platform, owners }
            }
            4 => {
                let known = self.some_person(model, model.platform_id(&platform).ok()?)?;
                let owners = vec![self.owner(), known];
                InclusiveCommand::OpenAccounts { platform, owners }
            }
            5..16 => InclusiveCommand::Credit(self.bad_batch(model, &platform)?),
            16..21 => self.bad_burn(model, &platform)?,
            _ => return self.bad_redemption(model).map(Command::Inclusive),
        };
        Some(Command::Inclusive(command))
    }

    fn bad_batch(&mut self, model: &Model, name: &str) -> Option<CreditBatch> {
        let id = model.platform_id(name).ok()?;
        let view = model.platform_view(id);
        let next = view.last_batch + 1;
        let owner = self.some_person(model, id)?;
        let line = |owner, grams| CreditLine { owner, grams: Grams(grams) };
        let one = vec![line(owner, 1)];
        let room = view.quota.0 - view.credited.0;
        let good = signed(name, next, one.clone());
        Some(match self.rng.below(12) {
            0 => CreditBatch { platform: "nobody".to_owned(), ..good },
            1 => signed(name, *self.rng.pick(&[0, next - 1, next + 1, u64::MAX])?, one),
            2 => signed(name, next, Vec::new()),
            3 => signed(name, next, vec![line(owner, 1); 8_193]),
            4 => signed(name, next, vec![line(owner, 1), line(owner, self.nothing())]),
            5 => signed(name, next, vec![line(owner, 1), line(self.owner(), 1)]),
            6 => signed(name, next, vec![line(owner, i64::MAX), line(owner, 1)]),
            7 => CreditBatch { line_count: 2, ..good },
            8 => CreditBatch { total: Grams(2), ..good },
            9 => CreditBatch { lines_sha256: self.hash(), ..good },
            _ => signed(name, next, vec![line(owner, room + 1)]),
        })
    }

    fn nothing(&mut self) -> i64 {
        *self.rng.pick(&[0, -1, i64::MIN]).unwrap_or(&0)
    }

    fn bad_burn(&mut self, model: &Model, name: &str) -> Option<InclusiveCommand> {
        let InclusiveCommand::IssueVoucher { platform, owner, bank, grams, valid_for_ms } =
            self.burn(model, name)?
        else {
            return None;
        };
        let (mut platform, mut owner, mut bank) = (platform, owner, bank);
        let (mut grams, mut valid_for_ms) = (grams, valid_for_ms);
        match self.rng.below(8) {
            0 => platform = "nobody".to_owned(),
            1 => owner = self.owner(),
            2 => bank = BankId(998),
            3 => grams = Grams(self.nothing()),
            4 => grams = Grams(grams.0 - self.rng.between(1, 4)),
            5 => valid_for_ms = self.nothing(),
            6 => valid_for_ms = 366 * DAY_MS + 1,
            _ => grams = Grams(1_000_000_000_000),
        }
        Some(InclusiveCommand::IssueVoucher { platform, owner, bank, grams, valid_for_ms })
    }

    fn bad_redemption(&mut self, model: &Model) -> Option<InclusiveCommand> {
        let vouchers = &model.persons.vouchers;
        let voucher = *self.rng.pick(vouchers)?;
        let (bank, id) = (voucher.bank, voucher.id);
        let closed = vouchers.iter().filter(|voucher| {
            voucher.status != VoucherStatus::Issued || voucher.expires_at <= model.now
        });
        let closed: Vec<_> = closed.map(|voucher| (voucher.bank, voucher.id)).collect();
        let (bank, voucher) = match self.rng.below(5) {
            0 => (BankId(998), id),
            1 => (model.banks.keys().copied().find(|other| *other != bank)?, id),
            2 => {
                let beyond = vouchers.len() as u32 + 1;
                (bank, VoucherId(*self.rng.pick(&[0, beyond, u32::MAX])?))
            }
            _ => *self.rng.pick(&closed)?,
        };
        Some(InclusiveCommand::RedeemVoucher { bank, voucher })
    }
}

/// A batch that agrees with its lines.
fn signed(platform: &str, number: u64, lines: Vec<CreditLine>) -> CreditBatch {
    let total = lines.iter().fold(0_i64, |sum, line| sum.wrapping_add(line.grams.0));
    let mut batch = CreditBatch {
        platform: platform.to_owned(),
        number,
        line_count: lines.len() as u32,
        total: Grams(total),
        lines_sha256: [0; 32],
        lines,
    };
    batch.lines_sha256 = lines_sha256(&batch);
    batch
}

/// Anything at all.
pub(super) fn hostile(rng: &mut Rng, model: &Model, extreme: i64) -> Command {
    let name = rng.pick(model.platform_names()).cloned().unwrap_or_default();
    let person = rng.pick(model.persons()).map_or(OwnerId([0; 16]), |(_, owner)| *owner);
    let grams = Grams(extreme);
    Command::Inclusive(match rng.below(5) {
        0 => InclusiveCommand::GrantQuota { platform: name, grams, document: "x".to_owned() },
        1 => InclusiveCommand::OpenAccounts { platform: name, owners: vec![person; 2] },
        2 => {
            let lines = vec![CreditLine { owner: person, grams }; rng.below(3) as usize];
            InclusiveCommand::Credit(signed(&name, rng.below(9), lines))
        }
        3 => InclusiveCommand::IssueVoucher {
            platform: name,
            owner: person,
            bank: BankId(102),
            grams,
            valid_for_ms: extreme,
        },
        _ => InclusiveCommand::RedeemVoucher {
            bank: BankId(102),
            voucher: VoucherId(rng.below(9) as u32),
        },
    })
}
