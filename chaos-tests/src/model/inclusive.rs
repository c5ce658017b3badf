//! Persons' grams, as lists of what ever happened; what stands is added up.

use std::collections::BTreeSet;

use registry_ledger::{
    BankId, CreditBatch, Grams, InclusiveAccountId, InclusiveAccountView, InclusiveCommand,
    InclusiveReceipt, Ledger, LedgerTime, OwnerId, PlatformId, PlatformView, Reason, Receipt,
    Voucher, VoucherFilter, VoucherId, VoucherStatus,
};
use sha2::{Digest as _, Sha256};

use super::calendar::DAY_MS;
use super::compare::{Difference, same};
use super::positions::fits;
use super::{Model, Outcome, Planted, Refused, check_text, refuse};

/// Accounts or lines in one command.
const MOST_LINES: usize = 8_192;

/// Everything that ever happened to persons.
#[derive(Clone, Debug, Default)]
pub(super) struct PersonsBook {
    /// Names; a platform's number is its place, from 1.
    platforms: Vec<String>,
    grants: Vec<(PlatformId, i128)>,
    /// An account's number is its place, from 1.
    persons: Vec<(PlatformId, OwnerId)>,
    batches: Vec<PlatformId>,
    credits: Vec<(InclusiveAccountId, i128)>,
    pub(super) vouchers: Vec<Voucher>,
}

/// The hash of a batch, from the page of formats.
pub(super) fn lines_sha256(batch: &CreditBatch) -> [u8; 32] {
    let mut bytes = b"registry.v1.credit\0".to_vec();
    bytes.extend(batch.number.to_be_bytes());
    bytes.extend((batch.lines.len() as u32).to_be_bytes());
    for line in &batch.lines {
        bytes.extend(line.owner.0);
        bytes.extend(line.grams.0.to_be_bytes());
    }
    Sha256::digest(bytes).into()
}

impl Model {
    pub(super) fn platform_names(&self) -> &[String] {
        &self.persons.platforms
    }

    pub(super) fn persons(&self) -> &[(PlatformId, OwnerId)] {
        &self.persons.persons
    }

    pub(super) fn platform_id(&self, name: &str) -> Result<PlatformId, Refused> {
        match self.persons.platforms.iter().position(|known| known == name) {
            Some(place) => Ok(PlatformId(place as u16 + 1)),
            None => refuse(Reason::UnknownPlatform, "platform"),
        }
    }

    fn person(&self, platform: PlatformId, owner: OwnerId) -> Option<InclusiveAccountId> {
        let place = self.persons.persons.iter().position(|person| *person == (platform, owner))?;
        Some(InclusiveAccountId(place as u32 + 1))
    }

    pub(super) fn grams(&self, account: InclusiveAccountId) -> i128 {
        let credits = self.persons.credits.iter().filter(|(of, _)| *of == account);
        let burned = self.persons.vouchers.iter().filter(|voucher| voucher.account == account);
        credits.map(|(_, grams)| grams).sum::<i128>()
            - burned.map(|voucher| i128::from(voucher.grams.0)).sum::<i128>()
    }

    pub(super) fn platform_view(&self, id: PlatformId) -> PlatformView {
        let book = &self.persons;
        let of = |account: InclusiveAccountId| book.persons[account.0 as usize - 1].0 == id;
        let quota = book.grants.iter().filter(|(of, _)| *of == id).map(|(_, grams)| grams).sum();
        let credits = book.credits.iter().filter(|(account, _)| of(*account));
        let burned = book.vouchers.iter().filter(|voucher| voucher.platform == id);
        PlatformView {
            id,
            name: book.platforms[usize::from(id.0) - 1].clone(),
            quota: Grams(fits(quota)),
            credited: Grams(fits(credits.map(|(_, grams)| grams).sum())),
            burned: Grams(fits(burned.map(|voucher| i128::from(voucher.grams.0)).sum())),
            accounts: book.persons.iter().filter(|(of, _)| *of == id).count() as u32,
            last_batch: book.batches.iter().filter(|of| **of == id).count() as u64,
        }
    }

    pub(super) fn inclusive(&mut self, command: &InclusiveCommand) -> Outcome {
        match command {
            InclusiveCommand::GrantQuota { platform, grams, document } => {
                self.grant_quota(platform, grams.0, document)
            }
            InclusiveCommand::OpenAccounts { platform, owners } => {
                self.open_persons(platform, owners)
            }
            InclusiveCommand::Credit(batch) => self.credit_persons(batch),
            InclusiveCommand::IssueVoucher { platform, owner, bank, grams, valid_for_ms } => {
                self.issue_voucher(platform, *owner, *bank, *grams, *valid_for_ms)
            }
            InclusiveCommand::RedeemVoucher { bank, voucher } => self.redeem(*bank, *voucher),
        }
    }

    fn grant_quota(&mut self, name: &str, grams: i64, document: &str) -> Outcome {
        check_text(name, 64, "platform")?;
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return refuse(Reason::BadCharacter, "platform");
        }
        check_grams(grams, "quantity_grams")?;
        check_text(document, 200, "document")?;
        let all: i128 = self.persons.grants.iter().map(|(_, grams)| grams).sum();
        if all + i128::from(grams) > i128::from(i64::MAX) {
            return refuse(Reason::OutOfRange, "quantity_grams");
        }
        if self.platform_id(name).is_err() {
            self.persons.platforms.push(name.to_owned());
        }
        let id = self.platform_id(name)?;
        self.persons.grants.push((id, grams.into()));
        Ok(Receipt::Inclusive(InclusiveReceipt::Platform(self.platform_view(id))))
    }

    fn open_persons(&mut self, platform: &str, owners: &[OwnerId]) -> Outcome {
        let id = self.platform_id(platform)?;
        check_count(owners.len(), "owner_ids")?;
        let mut before = BTreeSet::new();
        for (at, owner) in owners.iter().enumerate() {
            if self.person(id, *owner).is_some() || !before.insert(*owner) {
                return refuse(Reason::InclusiveAccountExists, format!("owner_ids[{at}]"));
            }
        }
        let first = InclusiveAccountId(self.persons.persons.len() as u32 + 1);
        self.persons.persons.extend(owners.iter().map(|owner| (id, *owner)));
        let count = owners.len() as u32;
        Ok(Receipt::Inclusive(InclusiveReceipt::Opened { first, count }))
    }

    fn credit_persons(&mut self, batch: &CreditBatch) -> Outcome {
        let id = self.platform_id(&batch.platform)?;
        let before = self.platform_view(id);
        if batch.number != before.last_batch + 1 {
            return refuse(Reason::BatchOutOfOrder, "batch_number");
        }
        check_count(batch.lines.len(), "lines")?;
        let (mut credits, mut sum) = (Vec::new(), 0_i128);
        for (at, line) in batch.lines.iter().enumerate() {
            check_grams(line.grams.0, &format!("lines[{at}].quantity_grams"))?;
            let Some(account) = self.person(id, line.owner) else {
                return refuse(Reason::UnknownInclusiveAccount, format!("lines[{at}].owner_id"));
            };
            sum += i128::from(line.grams.0);
            if sum > i128::from(i64::MAX) {
                return refuse(Reason::OutOfRange, format!("lines[{at}].quantity_grams"));
            }
            credits.push((account, i128::from(line.grams.0)));
        }
        if batch.line_count as usize != batch.lines.len() {
            return refuse(Reason::BatchMismatch, "line_count");
        }
        if i128::from(batch.total.0) != sum {
            return refuse(Reason::BatchMismatch, "total_grams");
        }
        if batch.lines_sha256 != lines_sha256(batch) {
            return refuse(Reason::BatchMismatch, "lines_sha256");
        }
        let over = i128::from(before.credited.0) + sum > i128::from(before.quota.0);
        if over && !self.plants(Planted::QuotaIgnored) {
            return refuse(Reason::QuotaExceeded, "total_grams");
        }
        self.persons.credits.extend(credits);
        self.persons.batches.push(id);
        Ok(Receipt::Inclusive(InclusiveReceipt::Platform(self.platform_view(id))))
    }

    fn issue_voucher(
        &mut self,
        platform: &str,
        owner: OwnerId,
        bank: BankId,
        grams: Grams,
        valid_for_ms: i64,
    ) -> Outcome {
        let platform = self.platform_id(platform)?;
        let Some(account) = self.person(platform, owner) else {
            return refuse(Reason::UnknownInclusiveAccount, "owner_id");
        };
        if !self.banks.contains_key(&bank) {
            return refuse(Reason::UnknownBank, "bank_id");
        }
        check_grams(grams.0, "quantity_grams")?;
        if grams.0 % 5 != 0 {
            return refuse(Reason::NotWholeFen, "quantity_grams");
        }
        if valid_for_ms <= 0 {
            return refuse(Reason::NotPositive, "valid_for_ms");
        }
        if valid_for_ms > 366 * DAY_MS {
            return refuse(Reason::OutOfRange, "valid_for_ms");
        }
        if self.grams(account) < grams.0.into() {
            return refuse(Reason::InsufficientGrams, "quantity_grams");
        }
        let voucher = Voucher {
            id: VoucherId(self.persons.vouchers.len() as u32 + 1),
            account,
            platform,
            bank,
            grams,
            status: VoucherStatus::Issued,
            issued_at: self.now,
            expires_at: LedgerTime(self.now.0 + valid_for_ms),
            closed_at: None,
        };
        self.persons.vouchers.push(voucher);
        Ok(Receipt::Inclusive(InclusiveReceipt::Voucher(voucher)))
    }

    fn redeem(&mut self, bank: BankId, id: VoucherId) -> Outcome {
        if !self.banks.contains_key(&bank) {
            return refuse(Reason::UnknownBank, "bank_id");
        }
        let (now, late) = (self.now, self.plants(Planted::ExpiredVoucherRedeemed));
        let own = |voucher: &&mut Voucher| voucher.id == id && voucher.bank == bank;
        let Some(voucher) = self.persons.vouchers.iter_mut().find(own) else {
            return refuse(Reason::UnknownVoucher, "voucher_id");
        };
        if voucher.status == VoucherStatus::Redeemed {
            return refuse(Reason::VoucherRedeemed, "voucher_id");
        }
        if voucher.expires_at <= now && !late {
            return refuse(Reason::VoucherExpired, "voucher_id");
        }
        (voucher.status, voucher.closed_at) = (VoucherStatus::Redeemed, Some(now));
        Ok(Receipt::Inclusive(InclusiveReceipt::Voucher(*voucher)))
    }

    pub(super) fn expire_vouchers(&mut self) {
        let now = self.now;
        for voucher in &mut self.persons.vouchers {
            if voucher.status == VoucherStatus::Issued && voucher.expires_at <= now {
                (voucher.status, voucher.closed_at) = (VoucherStatus::Expired, Some(now));
            }
        }
    }

    pub(super) fn next_voucher_due(&self) -> Option<LedgerTime> {
        let open = self.persons.vouchers.iter().filter(|v| v.status == VoucherStatus::Issued);
        open.map(|voucher| voucher.expires_at).min()
    }
}

fn check_grams(grams: i64, field: &str) -> Result<(), Refused> {
    if grams > 0 { Ok(()) } else { refuse(Reason::NotPositive, field) }
}

fn check_count(count: usize, field: &str) -> Result<(), Refused> {
    match count {
        0 => refuse(Reason::FieldMissing, field),
        1..=MOST_LINES => Ok(()),
        _ => refuse(Reason::TooLong, field),
    }
}

/// Compares what the queries answer about persons.
pub(super) fn compare_persons(model: &Model, ledger: &Ledger) -> Result<(), Difference> {
    let ids = (1..=model.persons.platforms.len() as u16).map(PlatformId);
    let platforms: Vec<_> = ids.map(|id| model.platform_view(id)).collect();
    same(|| "platforms".to_owned(), &platforms, &ledger.platforms())?;
    let view = |(place, (platform, owner)): (usize, &(PlatformId, OwnerId))| {
        let id = InclusiveAccountId(place as u32 + 1);
        InclusiveAccountView {
            id,
            platform: *platform,
            platform_name: model.persons.platforms[usize::from(platform.0) - 1].clone(),
            owner: *owner,
            balance: Grams(fits(model.grams(id))),
        }
    };
    let persons: Vec<_> = model.persons.persons.iter().enumerate().map(view).collect();
    let found = ledger.inclusive_accounts_after(0, usize::MAX);
    same(|| "persons".to_owned(), &persons, &found)?;
    let middle = persons.len() / 2;
    let page: Vec<_> = persons.iter().skip(middle).take(3).cloned().collect();
    let found = ledger.inclusive_accounts_after(middle as u32, 3);
    same(|| "page of persons".to_owned(), &page, &found)?;
    for person in &persons {
        let found = ledger.known_inclusive_account(person.platform, person.owner);
        same(|| format!("person {}", person.id.0), &Ok(person.id), &found)?;
    }
    let mut filters = vec![VoucherFilter::default()];
    for bank in model.banks.keys() {
        filters.push(VoucherFilter { bank: Some(*bank), ..VoucherFilter::default() });
    }
    for status in [VoucherStatus::Issued, VoucherStatus::Redeemed, VoucherStatus::Expired] {
        let bank = model.banks.keys().next().copied();
        let platform = platforms.first().map(|platform| platform.id);
        filters.push(VoucherFilter { bank, platform, status: Some(status) });
        filters.push(VoucherFilter { status: Some(status), ..VoucherFilter::default() });
    }
    for filter in filters {
        let wanted = |voucher: &&Voucher| {
            filter.bank.is_none_or(|bank| bank == voucher.bank)
                && filter.platform.is_none_or(|platform| platform == voucher.platform)
                && filter.status.is_none_or(|status| status == voucher.status)
        };
        let vouchers = model.persons.vouchers.iter().filter(wanted).copied().collect::<Vec<_>>();
        let found = ledger.vouchers_after(filter, 0, usize::MAX);
        same(|| format!("vouchers {filter:?}"), &vouchers, &found)?;
        if let Some(first) = vouchers.first() {
            let page: Vec<_> = vouchers.iter().skip(1).take(2).copied().collect();
            let found = ledger.vouchers_after(filter, first.id.0, 2);
            same(|| format!("page of vouchers {filter:?}"), &page, &found)?;
        }
    }
    Ok(())
}
