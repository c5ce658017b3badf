//! Types that have canonical bytes by themselves: small numbers are short, text
//! and lists have their length in front. Records and events are made of them.

use crate::codec::{Problem, Reader, Writer, known};
use crate::formats::{kind_from_number, trade_bytes};
use crate::records::{read_trade, status_from_number, status_number};
use crate::types::{
    AccountId, AccountKind, BankId, Date, Fen, FreePosition, FreezeId, InstrumentCode, LedgerTime,
    PledgeId, Price, ProposalId, Quantity, Trade, TradeNumber, TradeStatus,
};

/// A value with exactly one encoding.
pub(crate) trait Stored: Sized {
    /// Appends the value's bytes.
    fn write(&self, writer: &mut Writer);
    /// Takes a value off the front.
    fn read(reader: &mut Reader<'_>) -> Result<Self, Problem>;
}

/// Small numbers of either sign become small numbers without one.
impl Stored for i64 {
    fn write(&self, writer: &mut Writer) {
        writer.shorts([(*self << 1) ^ (*self >> 63)]);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Problem> {
        let folded = reader.short()?.cast_unsigned();
        let sign = (folded & 1).cast_signed().wrapping_neg();
        Ok((folded >> 1).cast_signed() ^ sign)
    }
}

impl Stored for u64 {
    fn write(&self, writer: &mut Writer) {
        writer.shorts([self.cast_signed()]);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Problem> {
        Ok(reader.short()?.cast_unsigned())
    }
}

macro_rules! narrower {
    ($($number:ty),+) => {$(
        impl Stored for $number {
            fn write(&self, writer: &mut Writer) {
                u64::from(*self).write(writer);
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, Problem> {
                Self::try_from(u64::read(reader)?).map_err(|e| e.to_string())
            }
        }
    )+};
}

narrower!(u16, u32);

impl Stored for bool {
    fn write(&self, writer: &mut Writer) {
        writer.flag(*self);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Problem> {
        reader.flag()
    }
}

impl<const N: usize> Stored for [u8; N] {
    fn write(&self, writer: &mut Writer) {
        writer.raw(self);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Problem> {
        reader.array()
    }
}

impl Stored for String {
    fn write(&self, writer: &mut Writer) {
        writer.short_count(self.len());
        writer.raw(self.as_bytes());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Problem> {
        let length = usize::try_from(reader.short()?).map_err(|e| e.to_string())?;
        Self::from_utf8(reader.take(length)?.to_vec()).map_err(|e| e.to_string())
    }
}

impl<T: Stored> Stored for Option<T> {
    fn write(&self, writer: &mut Writer) {
        writer.option(self.as_ref(), |writer, value| value.write(writer));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Problem> {
        reader.option(T::read)
    }
}

impl<T: Stored> Stored for Box<T> {
    fn write(&self, writer: &mut Writer) {
        T::write(self, writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Problem> {
        T::read(reader).map(Self::new)
    }
}

impl<T: Stored> Stored for Vec<T> {
    fn write(&self, writer: &mut Writer) {
        writer.short_count(self.len());
        self.iter().for_each(|item| item.write(writer));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Problem> {
        let count = reader.short()?;
        // Grown as items appear: a corrupt count must not reserve memory.
        let mut items = Self::new();
        for _ in 0..count {
            items.push(T::read(reader)?);
        }
        Ok(items)
    }
}

impl<A: Stored, B: Stored> Stored for (A, B) {
    fn write(&self, writer: &mut Writer) {
        self.0.write(writer);
        self.1.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Problem> {
        Ok((A::read(reader)?, B::read(reader)?))
    }
}

macro_rules! newtypes {
    ($($name:ident),+) => {$(
        impl Stored for $name {
            fn write(&self, writer: &mut Writer) {
                self.0.write(writer);
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, Problem> {
                Stored::read(reader).map(Self)
            }
        }
    )+};
}

newtypes!(
    AccountId,
    BankId,
    Quantity,
    Fen,
    Price,
    LedgerTime,
    ProposalId,
    TradeNumber,
    PledgeId,
    FreezeId
);

impl Stored for Date {
    fn write(&self, writer: &mut Writer) {
        writer.date(*self);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Problem> {
        reader.date()
    }
}

impl Stored for InstrumentCode {
    fn write(&self, writer: &mut Writer) {
        writer.raw(&self.to_bytes());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Problem> {
        reader.instrument()
    }
}

impl Stored for Trade {
    fn write(&self, writer: &mut Writer) {
        writer.raw(&trade_bytes(self));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Problem> {
        read_trade(reader)
    }
}

impl Stored for TradeStatus {
    fn write(&self, writer: &mut Writer) {
        writer.u8(status_number(*self));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Problem> {
        known(status_from_number(reader.u8()?), "trade status")
    }
}

impl Stored for crate::types::TradeKind {
    fn write(&self, writer: &mut Writer) {
        writer.u8(crate::formats::kind_number(*self));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Problem> {
        known(kind_from_number(reader.u8()?), "trade kind")
    }
}

/// An enum without data: a byte each.
macro_rules! stored_numbers {
    ($name:ident, $what:literal: $($variant:ident = $number:literal),+ $(,)?) => {
        impl $crate::stored::Stored for $name {
            fn write(&self, writer: &mut $crate::codec::Writer) {
                writer.u8(match self { $(Self::$variant => $number,)+ });
            }

            fn read(
                reader: &mut $crate::codec::Reader<'_>,
            ) -> Result<Self, $crate::codec::Problem> {
                match reader.u8()? {
                    $($number => Ok(Self::$variant),)+
                    other => Err(format!(concat!("unknown ", $what, " {}"), other)),
                }
            }
        }
    };
}

/// A struct: its fields in this order.
macro_rules! stored_struct {
    ($name:ident: $($field:ident),+ $(,)?) => {
        impl $crate::stored::Stored for $name {
            fn write(&self, writer: &mut $crate::codec::Writer) {
                $($crate::stored::Stored::write(&self.$field, writer);)+
            }

            fn read(
                reader: &mut $crate::codec::Reader<'_>,
            ) -> Result<Self, $crate::codec::Problem> {
                Ok(Self { $($field: $crate::stored::Stored::read(reader)?,)+ })
            }
        }
    };
}

/// An enum with data: its number, then its fields in this order. Numbers are
/// never used again.
macro_rules! stored_enum {
    (
        $(#[$enum_doc:meta])+
        pub enum $name:ident ($what:literal) {
            $(
                $(#[$doc:meta])+
                $variant:ident = $number:literal {
                    $($(#[$field_doc:meta])+ $field:ident: $type:ty,)*
                }
            )+
        }
    ) => {
        $(#[$enum_doc])+
        pub enum $name {
            $($(#[$doc])+ $variant { $($(#[$field_doc])+ $field: $type,)* },)+
        }

        impl $crate::stored::Stored for $name {
            fn write(&self, writer: &mut $crate::codec::Writer) {
                match self {
                    $(Self::$variant { $($field,)* } => {
                        writer.u8($number);
                        $($crate::stored::Stored::write($field, writer);)*
                    })+
                }
            }

            fn read(
                reader: &mut $crate::codec::Reader<'_>,
            ) -> Result<Self, $crate::codec::Problem> {
                match reader.u8()? {
                    $($number => Ok(Self::$variant {
                        $($field: $crate::stored::Stored::read(reader)?,)*
                    }),)+
                    other => Err(format!(concat!("unknown ", $what, " {}"), other)),
                }
            }
        }
    };
}

pub(crate) use {stored_enum, stored_numbers, stored_struct};

stored_numbers!(AccountKind, "account kind": Emitter = 1, Institution = 2, Province = 3);
stored_numbers!(FreePosition, "free position": Registered = 1, Trading = 2);

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back<T: Stored + PartialEq + std::fmt::Debug>(value: T) -> Vec<u8> {
        let mut writer = Writer::new();
        value.write(&mut writer);
        let bytes = writer.finish();
        let mut reader = Reader::new(&bytes);
        assert_eq!(T::read(&mut reader).as_ref(), Ok(&value));
        reader.finish().unwrap();
        for end in 0..bytes.len() {
            assert!(T::read(&mut Reader::new(&bytes[..end])).is_err(), "cut to {end}");
        }
        bytes
    }

    #[test]
    fn small_numbers_of_either_sign_are_short() {
        assert_eq!(there_and_back(0_i64), [0]);
        assert_eq!(there_and_back(-1_i64), [1]);
        assert_eq!(there_and_back(63_i64), [126]);
        assert_eq!(there_and_back(-64_i64), [127]);
        assert_eq!(there_and_back(64_i64), [128, 1]);
        assert_eq!(there_and_back(i64::MIN).len(), 10);
        assert_eq!(there_and_back(i64::MAX).len(), 10);
        assert_eq!(there_and_back(u64::MAX).len(), 10);
        assert_eq!(there_and_back(300_u16), [0xac, 2]);
        assert!(u16::read(&mut Reader::new(&[0x80, 0x80, 4])).is_err(), "65,536 is too large");
    }

    #[test]
    fn texts_options_and_lists_come_back() {
        assert_eq!(there_and_back("碳".to_owned()), [3, 0xe7, 0xa2, 0xb3]);
        assert_eq!(there_and_back(Some(true)), [1, 1]);
        assert_eq!(there_and_back(None::<bool>), [0]);
        assert_eq!(there_and_back(vec![(1_u32, -1_i64), (2, 2)]), [2, 1, 1, 2, 4]);
        there_and_back(AccountKind::Province);
        assert!(AccountKind::read(&mut Reader::new(&[9])).is_err());
        assert!(String::read(&mut Reader::new(&[1, 0xff])).is_err(), "not UTF-8");
    }
}
