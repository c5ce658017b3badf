//! The inclusive-platform instrument: persons, credits, vouchers.

use registry_ledger::{
    Command, CreditBatch, CreditLine, Grams, INCLUSIVE_LINES_LIMIT, InclusiveCommand, OwnerId,
    PLATFORM_NAME_LIMIT, Reason, Rejection, VoucherId,
};
use registry_proto::registry::{
    CreditInclusiveRequest, InclusiveQuota, IssueVoucherRequest, OpenInclusiveAccountsRequest,
    RedeemVoucherRequest,
};

use super::fields;

/// 90 days, when the request leaves the time open.
const DEFAULT_VALID_FOR_MS: i64 = 90 * 86_400_000;

pub(super) fn quota(message: &InclusiveQuota) -> Result<Command, Rejection> {
    let platform = platform(&message.platform)?;
    let grams = grams(message.quantity_grams, "quantity_grams")?;
    let document = fields::text(&message.document, "document", fields::LINE_BYTES)?;
    Ok(Command::Inclusive(InclusiveCommand::GrantQuota { platform, grams, document }))
}

pub(super) fn open(message: &OpenInclusiveAccountsRequest) -> Result<Command, Rejection> {
    const FIELD: &str = "owner_ids";
    let platform = platform(&message.platform)?;
    check_count(message.owner_ids.len(), FIELD, "accounts")?;
    let mut owners = Vec::with_capacity(message.owner_ids.len());
    for (at, id) in message.owner_ids.iter().enumerate() {
        let named = |refused| Rejection { field: format!("{FIELD}[{at}]"), ..refused };
        owners.push(owner(id).map_err(named)?);
    }
    Ok(Command::Inclusive(InclusiveCommand::OpenAccounts { platform, owners }))
}

pub(super) fn credit(message: &CreditInclusiveRequest) -> Result<Command, Rejection> {
    const FIELD: &str = "lines";
    let platform = platform(&message.platform)?;
    if message.batch_number == 0 {
        return fields::missing("batch_number");
    }
    check_count(message.lines.len(), FIELD, "lines")?;
    let mut lines = Vec::with_capacity(message.lines.len());
    for (at, line) in message.lines.iter().enumerate() {
        let inside = |refused| fields::inside(&format!("{FIELD}[{at}]"), refused);
        lines.push(CreditLine {
            owner: owner(&line.owner_id).map_err(inside)?,
            grams: grams(line.quantity_grams, "quantity_grams").map_err(inside)?,
        });
    }
    Ok(Command::Inclusive(InclusiveCommand::Credit(CreditBatch {
        platform,
        number: message.batch_number,
        lines,
        line_count: message.line_count,
        total: Grams(message.total_grams),
        lines_sha256: fields::sha256(&message.lines_sha256, "lines_sha256")?,
    })))
}

pub(super) fn issue_voucher(message: &IssueVoucherRequest) -> Result<Command, Rejection> {
    let valid_for_ms = match message.valid_for_ms {
        0 => DEFAULT_VALID_FOR_MS,
        given => given,
    };
    Ok(Command::Inclusive(InclusiveCommand::IssueVoucher {
        platform: platform(&message.platform)?,
        owner: owner(&message.owner_id)?,
        bank: fields::bank(message.bank_id, "bank_id")?,
        grams: grams(message.quantity_grams, "quantity_grams")?,
        valid_for_ms,
    }))
}

pub(super) fn redeem_voucher(message: &RedeemVoucherRequest) -> Result<Command, Rejection> {
    if message.voucher_id == 0 {
        return fields::missing("voucher_id");
    }
    Ok(Command::Inclusive(InclusiveCommand::RedeemVoucher {
        bank: fields::bank(message.bank_id, "bank_id")?,
        voucher: VoucherId(message.voucher_id),
    }))
}

/// The name of a platform as certificates have it.
pub(crate) fn platform(name: &str) -> Result<String, Rejection> {
    const FIELD: &str = "platform";
    let name = fields::text(name, FIELD, fields::LINE_BYTES)?;
    if name.len() > PLATFORM_NAME_LIMIT {
        return fields::too_long(FIELD, name.len(), PLATFORM_NAME_LIMIT, "bytes");
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        let message = format!("{FIELD} may only have A-Z, a-z, 0-9 and -, as in its certificate");
        return Err(Rejection::new(Reason::BadCharacter, FIELD, message));
    }
    Ok(name)
}

/// A person as the platform knows it.
pub(crate) fn owner(id: &[u8]) -> Result<OwnerId, Rejection> {
    const FIELD: &str = "owner_id";
    if id.is_empty() {
        return fields::missing(FIELD);
    }
    <[u8; 16]>::try_from(id).map(OwnerId).map_err(|_| {
        let message = format!("{FIELD} has {} bytes, it must have 16", id.len());
        Rejection::new(Reason::Malformed, FIELD, message)
    })
}

fn grams(grams: i64, field: &str) -> Result<Grams, Rejection> {
    if grams <= 0 { fields::not_positive(field, grams) } else { Ok(Grams(grams)) }
}

fn check_count(count: usize, field: &str, unit: &str) -> Result<(), Rejection> {
    match count {
        0 => fields::missing(field),
        1..=INCLUSIVE_LINES_LIMIT => Ok(()),
        _ => fields::too_long(field, count, INCLUSIVE_LINES_LIMIT, unit),
    }
}
