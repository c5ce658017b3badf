//! One function per kind of field, each naming the field when it refuses.

use registry_ledger::{
    AccountId, AccountKind, BankId, ComplianceYear, Date, FreePosition, InstrumentCode,
    ProvinceCode, Quantity, Reason, Rejection,
};
use registry_proto::registry;

/// Longest name, document reference or reason, in bytes.
pub(super) const LINE_BYTES: usize = 200;
/// Longest objection or resolution, in bytes.
pub(super) const LETTER_BYTES: usize = 1_000;
/// Longest request id.
pub(crate) const REQUEST_ID_BYTES: usize = 64;

/// 1 to 64 characters of `[A-Za-z0-9._:-]`.
pub(super) fn request_id(id: &str) -> Result<String, Rejection> {
    const FIELD: &str = "request_id";
    if id.is_empty() {
        return missing(FIELD);
    }
    if id.len() > REQUEST_ID_BYTES {
        return too_long(FIELD, id.len(), REQUEST_ID_BYTES, "bytes");
    }
    if !id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b)) {
        let message = "request_id may only have A-Z, a-z, 0-9 and . _ : -";
        return Err(Rejection::new(Reason::BadCharacter, FIELD, message));
    }
    Ok(id.to_owned())
}

/// `YYYY-MM-DD`.
pub(crate) fn date(text: &str, field: &str) -> Result<Date, Rejection> {
    if text.is_empty() {
        return missing(field);
    }
    Date::parse(text).ok_or_else(|| {
        let message = format!("{field} must be a calendar day as YYYY-MM-DD");
        Rejection::new(Reason::BadDate, field, message)
    })
}

/// The code of an instrument that should exist.
pub(crate) fn instrument(code: &str, field: &str) -> Result<InstrumentCode, Rejection> {
    if code.is_empty() {
        return missing(field);
    }
    InstrumentCode::parse(code).ok_or_else(|| {
        let message = format!("{field} is no instrument; write CEA- and the vintage year, or CCER");
        Rejection::new(Reason::WrongInstrument, field, message)
    })
}

/// An account number that may exist.
pub(crate) fn account(id: u64, field: &str) -> Result<AccountId, Rejection> {
    if id == 0 {
        return missing(field);
    }
    u32::try_from(id).map(AccountId).map_err(|_| {
        Rejection::new(Reason::UnknownAccount, field, format!("{field} = {id}: no such account"))
    })
}

/// A bank id that may exist.
pub(crate) fn bank(id: u32, field: &str) -> Result<BankId, Rejection> {
    if id == 0 {
        return missing(field);
    }
    u16::try_from(id).map(BankId).map_err(|_| {
        Rejection::new(Reason::UnknownBank, field, format!("{field} = {id}: no such bank"))
    })
}

/// A province's administrative division code.
pub(crate) fn province(code: u32, field: &str) -> Result<ProvinceCode, Rejection> {
    if code == 0 {
        return missing(field);
    }
    ProvinceCode::from_code(code).ok_or_else(|| {
        let message = format!("{field} = {code}: no such province; give two digits, e.g. 42");
        Rejection::new(Reason::UnknownProvince, field, message)
    })
}

/// A year of obligations.
pub(crate) fn year(year: u32, field: &str) -> Result<ComplianceYear, Rejection> {
    if year == 0 {
        return missing(field);
    }
    ComplianceYear::from_year(year).ok_or_else(|| {
        let message = format!("{field} = {year}: must be 2019 to 2099");
        Rejection::new(Reason::OutOfRange, field, message)
    })
}

/// Whole tonnes, more than zero.
pub(super) fn quantity(tonnes: i64, field: &str) -> Result<Quantity, Rejection> {
    if tonnes <= 0 {
        return not_positive(field, tonnes);
    }
    Ok(Quantity(tonnes))
}

/// Text of 1 to `limit` bytes; line ends only where `limit` allows a letter.
pub(super) fn text(text: &str, field: &str, limit: usize) -> Result<String, Rejection> {
    if text.trim().is_empty() {
        return missing(field);
    }
    if text.len() > limit {
        return too_long(field, text.len(), limit, "bytes");
    }
    let letter = limit == LETTER_BYTES;
    if text.chars().any(|c| c.is_control() && !(letter && matches!(c, '\n' | '\t'))) {
        let message = format!("{field} has a control character");
        return Err(Rejection::new(Reason::BadCharacter, field, message));
    }
    Ok(text.to_owned())
}

/// One line of text: a name, a reference, a reason.
pub(super) fn line(text: &str, field: &str) -> Result<String, Rejection> {
    self::text(text, field, LINE_BYTES)
}

/// A number that counts from 1.
pub(super) fn number(number: u64, field: &str) -> Result<u64, Rejection> {
    if number == 0 { missing(field) } else { Ok(number) }
}

/// How long something may be answered, ms: a day when the request leaves it open.
pub(super) fn time_to_live_ms(asked_ms: i64) -> i64 {
    const DAY_MS: i64 = 86_400_000;
    if asked_ms == 0 { DAY_MS } else { asked_ms }
}

/// Random id of a data folder.
pub(super) fn storage_id(bytes: &[u8], field: &str) -> Result<[u8; 16], Rejection> {
    let malformed = |_| Rejection::new(Reason::Malformed, field, "a storage id has 16 bytes");
    bytes.try_into().map_err(malformed)
}

/// Exactly 32 bytes.
pub(super) fn sha256(bytes: &[u8], field: &str) -> Result<[u8; 32], Rejection> {
    if bytes.is_empty() {
        return missing(field);
    }
    <[u8; 32]>::try_from(bytes).map_err(|_| {
        let message = format!("{field} has {} bytes, a SHA-256 has 32", bytes.len());
        Rejection::new(Reason::Malformed, field, message)
    })
}

/// Kind of an account's holder.
pub(super) fn account_kind(kind: i32, field: &str) -> Result<AccountKind, Rejection> {
    match registry::AccountKind::try_from(kind) {
        Ok(registry::AccountKind::Emitter) => Ok(AccountKind::Emitter),
        Ok(registry::AccountKind::Institution) => Ok(AccountKind::Institution),
        Ok(registry::AccountKind::Province) => Ok(AccountKind::Province),
        Ok(registry::AccountKind::Unspecified) => missing(field),
        Err(_) => unknown_value(field, kind),
    }
}

/// One of the two free positions.
pub(super) fn position(position: i32, field: &str) -> Result<FreePosition, Rejection> {
    match registry::Position::try_from(position) {
        Ok(registry::Position::Registered) => Ok(FreePosition::Registered),
        Ok(registry::Position::Trading) => Ok(FreePosition::Trading),
        Ok(registry::Position::Unspecified) => missing(field),
        Err(_) => unknown_value(field, position),
    }
}

/// Refuses an absent or empty field.
pub(super) fn missing<T>(field: &str) -> Result<T, Rejection> {
    Err(Rejection::new(Reason::FieldMissing, field, format!("{field} is missing")))
}

/// Refuses zero or less.
pub(super) fn not_positive<T>(field: &str, value: i64) -> Result<T, Rejection> {
    let message = format!("{field} = {value}: must be greater than 0");
    Err(Rejection::new(Reason::NotPositive, field, message))
}

/// Refuses more than `limit` of something.
pub(super) fn too_long<T>(
    field: &str,
    length: usize,
    limit: usize,
    unit: &str,
) -> Result<T, Rejection> {
    let message = format!("{field} has {length} {unit}, at most {limit} are allowed");
    Err(Rejection::new(Reason::TooLong, field, message))
}

/// Refuses a number that is no value of the field's enum.
pub(crate) fn unknown_value<T>(field: &str, value: i32) -> Result<T, Rejection> {
    let message = format!("{field} = {value}: this version knows no such value");
    Err(Rejection::new(Reason::Malformed, field, message))
}

/// Puts the path of the enclosing message before the field.
pub(super) fn inside(path: &str, rejection: Rejection) -> Rejection {
    Rejection { field: format!("{path}.{}", rejection.field), ..rejection }
}
