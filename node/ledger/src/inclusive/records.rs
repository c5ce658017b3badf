//! Records of platforms, persons' accounts and vouchers, and what must hold.

use super::state::{Platform, SmallAccount};
use super::{
    Grams, InclusiveAccountId, InclusiveReceipt, PlatformId, PlatformView, Voucher, VoucherId,
    VoucherStatus,
};
use crate::codec::{Problem, Reader, Writer, known};
use crate::invariants::BrokenInvariant;
use crate::ledger::Ledger;
use crate::records::FORMAT;
use crate::stored::Stored;

macro_rules! stored_struct {
    ($name:ident: $($field:ident),+) => {
        impl Stored for $name {
            fn write(&self, writer: &mut Writer) {
                $(self.$field.write(writer);)+
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, Problem> {
                Ok(Self { $($field: Stored::read(reader)?,)+ })
            }
        }
    };
}

stored_struct!(SmallAccount: platform, owner, balance);
stored_struct!(Platform: name, quota, credited, burned, accounts, last_batch);
stored_struct!(PlatformView: id, name, quota, credited, burned, accounts, last_batch);
stored_struct!(
    Voucher: id, account, platform, bank, grams, status, issued_at, expires_at, closed_at
);

impl InclusiveReceipt {
    /// Numbers 60 to 62.
    pub(crate) fn write(&self, writer: &mut Writer) {
        match self {
            Self::Opened { first, count } => {
                writer.u8(60);
                first.write(writer);
                count.write(writer);
            }
            Self::Platform(platform) => {
                writer.u8(61);
                platform.write(writer);
            }
            Self::Voucher(voucher) => {
                writer.u8(62);
                voucher.write(writer);
            }
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>, tag: u8) -> Result<Self, Problem> {
        match tag {
            60 => Ok(Self::Opened { first: Stored::read(reader)?, count: Stored::read(reader)? }),
            61 => Ok(Self::Platform(Stored::read(reader)?)),
            62 => Ok(Self::Voucher(Stored::read(reader)?)),
            _ => known(None, "receipt"),
        }
    }
}

fn write<T: Stored>(value: &T, writer: &mut Writer) {
    writer.u8(FORMAT);
    value.write(writer);
}

fn read<T: Stored>(value: &[u8]) -> Result<T, Problem> {
    let mut reader = Reader::record(value, FORMAT)?;
    let value = Stored::read(&mut reader)?;
    reader.finish()?;
    Ok(value)
}

fn next_of(number: u32, count: u32, what: &str) -> Result<(), Problem> {
    if count.checked_add(1) == Some(number) {
        return Ok(());
    }
    Err(format!("follows {what} {count}"))
}

impl Ledger {
    pub(crate) fn write_inclusive_account(
        &self,
        id: InclusiveAccountId,
        writer: &mut Writer,
    ) -> Option<()> {
        write(self.inclusive.account(id)?, writer);
        Some(())
    }

    pub(crate) fn load_inclusive_account(
        &mut self,
        id: InclusiveAccountId,
        value: &[u8],
    ) -> Result<(), Problem> {
        next_of(id.0, self.inclusive.account_count(), "account")?;
        let account: SmallAccount = read(value)?;
        if let Some(other) = self.inclusive.account_of(account.platform, account.owner) {
            return Err(format!("its person has account {} already", other.0));
        }
        self.inclusive.push_account(account);
        Ok(())
    }

    pub(crate) fn write_voucher(&self, id: VoucherId, writer: &mut Writer) -> Option<()> {
        write(self.inclusive.voucher(id)?, writer);
        Some(())
    }

    pub(crate) fn load_voucher(&mut self, id: VoucherId, value: &[u8]) -> Result<(), Problem> {
        next_of(id.0, self.inclusive.voucher_count(), "voucher")?;
        let voucher: Voucher = read(value)?;
        if voucher.id != id {
            return Err(format!("is voucher {}", voucher.id.0));
        }
        self.inclusive.push_voucher(voucher);
        Ok(())
    }

    pub(crate) fn write_platform(&self, id: PlatformId, writer: &mut Writer) -> Option<()> {
        write(self.inclusive.platform(id)?, writer);
        Some(())
    }

    pub(crate) fn load_platform(&mut self, id: PlatformId, value: &[u8]) -> Result<(), Problem> {
        next_of(id.0.into(), self.inclusive.platform_count().into(), "platform")?;
        self.inclusive.platforms.push(read(value)?);
        Ok(())
    }

    /// What platforms credited is in accounts or burned into vouchers, and
    /// within their quotas.
    pub(crate) fn check_inclusive(&self) -> Result<(), BrokenInvariant> {
        let inclusive = &self.inclusive;
        let broken = |problem: String| Err(BrokenInvariant(problem));
        let mut sums = vec![(0_u32, 0_i128, 0_i128); inclusive.platforms.len()];
        for (number, account) in (1..).zip(inclusive.accounts.iter()) {
            let id = InclusiveAccountId(number);
            if account.balance.0 < 0
                || inclusive.account_of(account.platform, account.owner) != Some(id)
            {
                return broken(format!("account {number} of a person is {account:?}"));
            }
            let place = super::state::place_of(account.platform.0.into());
            let Some((accounts, held, _)) = place.and_then(|place| sums.get_mut(place)) else {
                return broken(format!("account {number} is of platform {}", account.platform.0));
            };
            *accounts = accounts.saturating_add(1);
            *held = held.saturating_add(account.balance.0.into());
        }
        let mut open: usize = 0;
        for (number, voucher) in (1..).zip(inclusive.vouchers.iter()) {
            let of = inclusive.account(voucher.account).map(|account| account.platform);
            let is_open = voucher.status == VoucherStatus::Issued;
            let listed = inclusive.due().contains(&(voucher.expires_at, voucher.id));
            let sound = voucher.id == VoucherId(number)
                && of == Some(voucher.platform)
                && voucher.grams.0 > 0
                && voucher.grams.0.checked_rem(Grams::PER_FEN) == Some(0)
                && self.banks.get(voucher.bank).is_some()
                && inclusive.of_bank(voucher.bank).binary_search(&voucher.id).is_ok()
                && is_open == listed
                && is_open == voucher.closed_at.is_none();
            if !sound {
                return broken(format!("voucher {number} is {voucher:?}"));
            }
            open = open.saturating_add(is_open.into());
            let place = super::state::place_of(voucher.platform.0.into());
            if let Some((.., burned)) = place.and_then(|place| sums.get_mut(place)) {
                *burned = burned.saturating_add(voucher.grams.0.into());
            }
        }
        if open != inclusive.due().len() {
            return broken(format!("{open} vouchers are open, {} are due", inclusive.due().len()));
        }
        for (platform, (accounts, held, burned)) in inclusive.platforms.iter().zip(sums) {
            let credited = i128::from(platform.credited.0);
            let sound = platform.accounts == accounts
                && i128::from(platform.burned.0) == burned
                && credited == held.saturating_add(burned)
                && platform.credited <= platform.quota;
            if !sound {
                return broken(format!(
                    "platform {platform:?}, {accounts} accounts hold {held} g, {burned} g burned"
                ));
            }
        }
        Ok(())
    }
}
