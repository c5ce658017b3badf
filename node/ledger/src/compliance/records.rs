//! Records of yearly compliance.

use super::types::{
    Allocation, Cancellation, CarryOver, ComplianceYear, Emissions, ProvinceCode, Surrender,
};
use super::{Book, Compliance};
use crate::codec::{Problem, Reader, Writer, known};
use crate::journal::GoodsPot;
use crate::ledger::Ledger;
use crate::receipt::Holding;
use crate::records::FORMAT;
use crate::stored::Stored;
use crate::types::AccountId;

use super::AllocationKind;
use super::SurrenderState;

/// Names a record of yearly compliance. Ordered as its bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ComplianceKey {
    /// An account's province.
    Province(AccountId),
    Allocation(u64),
    Emissions(u64),
    Surrender(u64),
    Cancellation(u64),
    CarryOver(u64),
}

impl ComplianceKey {
    /// Bytes of the key.
    pub(crate) fn length(self) -> u32 {
        match self {
            Self::Province(_) => 5,
            Self::Allocation(_)
            | Self::Emissions(_)
            | Self::Surrender(_)
            | Self::Cancellation(_)
            | Self::CarryOver(_) => 9,
        }
    }

    pub(crate) fn write(self, writer: &mut Writer) {
        let (kind, number) = match self {
            Self::Province(account) => {
                writer.u8(30);
                return writer.u32(account.0);
            }
            Self::Allocation(number) => (31, number),
            Self::Emissions(number) => (32, number),
            Self::Surrender(number) => (33, number),
            Self::Cancellation(number) => (34, number),
            Self::CarryOver(number) => (35, number),
        };
        writer.u8(kind);
        writer.u64(number);
    }

    /// What follows the kind.
    pub(crate) fn read(kind: u8, reader: &mut Reader<'_>) -> Result<Self, Problem> {
        Ok(match kind {
            30 => Self::Province(AccountId(reader.u32()?)),
            31 => Self::Allocation(reader.u64()?),
            32 => Self::Emissions(reader.u64()?),
            33 => Self::Surrender(reader.u64()?),
            34 => Self::Cancellation(reader.u64()?),
            35 => Self::CarryOver(reader.u64()?),
            other => return Err(format!("unknown kind {other}")),
        })
    }
}

impl Stored for ProvinceCode {
    fn write(&self, writer: &mut Writer) {
        writer.u8(self.code());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Problem> {
        known(Self::from_code(reader.u8()?.into()), "province")
    }
}

impl Stored for ComplianceYear {
    fn write(&self, writer: &mut Writer) {
        Stored::write(&self.year(), writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Problem> {
        let year = u16::read(reader)?;
        known(Self::from_year(year.into()), "year")
    }
}

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

stored_struct!(Holding: registered, trading, pending_in, pledged, frozen, pending_out);
stored_struct!(Allocation:
    number, province, account, instrument, kind, quantity, document, decided_at);
stored_struct!(Emissions:
    number, account, province, year, verified, report_sha256, corrects, document, recorded_at);
stored_struct!(Surrender:
    number, account, province, year, instrument, quantity, state, applied_at, decided_at, reason);
stored_struct!(Cancellation:
    number, account, instrument, quantity, beneficiary, reason, cancelled_at);
stored_struct!(CarryOver:
    number, account, from, to, quantity, sold_from, sold_to, net_sold, document, decided_at);

/// An entry's record: format, then the entry with its number.
fn write_entry<T: Stored>(entry: Option<&T>, writer: &mut Writer) -> Option<()> {
    let entry = entry?;
    writer.u8(FORMAT);
    entry.write(writer);
    Some(())
}

/// The next entry of a book, which has this number.
fn read_entry<T: Stored + super::book::Entry>(
    book: &Book<T>,
    number: u64,
    value: &[u8],
    number_of: impl Fn(&T) -> u64,
) -> Result<T, Problem> {
    let mut reader = Reader::record(value, FORMAT)?;
    let entry = T::read(&mut reader)?;
    reader.finish()?;
    if number_of(&entry) != number || book.next() != number {
        return Err(format!("entry {} follows entry {}", number_of(&entry), book.last()));
    }
    Ok(entry)
}

impl Compliance {
    /// Keys of all records, in order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = ComplianceKey> {
        let provinces = self.provinces.keys().copied().map(ComplianceKey::Province);
        provinces
            .chain((1..=self.allocations.last()).map(ComplianceKey::Allocation))
            .chain((1..=self.emissions.last()).map(ComplianceKey::Emissions))
            .chain((1..=self.surrenders.last()).map(ComplianceKey::Surrender))
            .chain((1..=self.cancellations.last()).map(ComplianceKey::Cancellation))
            .chain((1..=self.carry_overs.last()).map(ComplianceKey::CarryOver))
    }

    pub(crate) fn write_value(&self, key: ComplianceKey, writer: &mut Writer) -> Option<()> {
        match key {
            ComplianceKey::Province(account) => write_entry(self.provinces.get(&account), writer),
            ComplianceKey::Allocation(number) => write_entry(self.allocations.get(number), writer),
            ComplianceKey::Emissions(number) => write_entry(self.emissions.get(number), writer),
            ComplianceKey::Surrender(number) => write_entry(self.surrenders.get(number), writer),
            ComplianceKey::Cancellation(number) => {
                write_entry(self.cancellations.get(number), writer)
            }
            ComplianceKey::CarryOver(number) => write_entry(self.carry_overs.get(number), writer),
        }
    }
}

impl Ledger {
    /// Takes a record of yearly compliance; accounts and instruments came before.
    pub(crate) fn load_compliance(
        &mut self,
        key: ComplianceKey,
        value: &[u8],
    ) -> Result<(), Problem> {
        let compliance = &mut self.compliance;
        match key {
            ComplianceKey::Province(account) => {
                let mut reader = Reader::record(value, FORMAT)?;
                let province = Stored::read(&mut reader)?;
                reader.finish()?;
                let kind = self.account_at(account).ok_or("its account is missing")?.kind;
                self.put_province(account, province, kind);
            }
            ComplianceKey::Allocation(number) => {
                let entry = read_entry(&compliance.allocations, number, value, |e| e.number)?;
                if entry.kind == AllocationKind::Recall {
                    compliance.note_retired(entry.instrument, GoodsPot::Recalled, entry.quantity);
                }
                compliance.allocations.push(entry);
            }
            ComplianceKey::Emissions(number) => {
                let entry = read_entry(&compliance.emissions, number, value, |e| e.number)?;
                compliance.put_emissions(entry);
            }
            ComplianceKey::Surrender(number) => {
                let entry = read_entry(&compliance.surrenders, number, value, |e| e.number)?;
                if entry.state == SurrenderState::Approved {
                    let pot = GoodsPot::Surrendered;
                    compliance.note_retired(entry.instrument, pot, entry.quantity);
                }
                compliance.put_surrender(entry);
            }
            ComplianceKey::Cancellation(number) => {
                let entry = read_entry(&compliance.cancellations, number, value, |e| e.number)?;
                compliance.note_retired(entry.instrument, GoodsPot::Cancelled, entry.quantity);
                compliance.cancellations.push(entry);
            }
            ComplianceKey::CarryOver(number) => {
                let entry = read_entry(&compliance.carry_overs, number, value, |e| e.number)?;
                compliance.note_retired(entry.from, GoodsPot::CarriedOut, entry.quantity);
                compliance.put_carry_over(entry);
            }
        }
        Ok(())
    }
}
