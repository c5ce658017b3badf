//! The cursor of a statement: where the next page begins, and of which question.

use registry_ledger::history::EntryPlace;
use registry_ledger::{AccountId, BankId, Reason, Rejection};
use registry_proto::registry::GetPeriodStatementRequest;
use sha2::{Digest as _, Sha256};

const VERSION: u8 = 1;
const CHECK_BYTES: usize = 4;

/// Text that a client hands back as it got it. It grants nothing: who asks for
/// the account is checked with every page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) account: AccountId,
    pub(super) bank: Option<BankId>,
    /// Of the period as it was asked for.
    pub(super) period: [u8; 8],
    pub(super) after_event: u64,
    pub(super) through_event: u64,
    /// The last entry that was handed out.
    pub(super) place: EntryPlace,
}

/// What tells one period asked for from another.
pub(super) fn period(request: &GetPeriodStatementRequest) -> [u8; 8] {
    let mut hasher = Sha256::new();
    for moment in [&request.from, &request.to] {
        let bytes = moment.as_ref().map(prost::Message::encode_to_vec);
        hasher.update([u8::from(bytes.is_some())]);
        hasher.update(bytes.unwrap_or_default());
    }
    let hash: [u8; 32] = hasher.finalize().into();
    hash.first_chunk().copied().unwrap_or_default()
}

impl Cursor {
    pub(super) fn to_text(self) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.account.0.to_be_bytes());
        bytes.extend_from_slice(&self.bank.map_or(0, |bank| bank.0).to_be_bytes());
        bytes.extend_from_slice(&self.period);
        for number in [self.after_event, self.through_event, self.place.event, self.place.sequence]
        {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        let check: [u8; 32] = Sha256::digest(&bytes).into();
        bytes.extend_from_slice(&check[..CHECK_BYTES]);
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The request's cursor, which must be of the same question.
    pub(super) fn of(
        request: &GetPeriodStatementRequest,
        account: AccountId,
        bank: Option<BankId>,
    ) -> Result<Self, Rejection> {
        let refuse = |message| Err(Rejection::new(Reason::CursorMismatch, "cursor", message));
        let Some(cursor) = Self::read(&request.cursor) else {
            return refuse("this is no cursor; give next_cursor of the page before");
        };
        let whole = request.from.is_none() && request.to.is_none();
        let same = (cursor.account, cursor.bank) == (account, bank)
            && (whole || cursor.period == period(request));
        if same {
            return Ok(cursor);
        }
        refuse("the cursor is of another account, bank or period; begin without a cursor")
    }

    fn read(text: &str) -> Option<Self> {
        let pairs = text.as_bytes().chunks(2);
        let bytes: Option<Vec<u8>> = pairs.map(hex_byte).collect();
        let bytes = bytes?;
        let (content, check) = bytes.split_last_chunk::<CHECK_BYTES>()?;
        let expected: [u8; 32] = Sha256::digest(content).into();
        if expected[..CHECK_BYTES] != check[..] {
            return None;
        }
        let (version, rest) = content.split_first()?;
        let (account, rest) = rest.split_first_chunk()?;
        let (bank, rest) = rest.split_first_chunk()?;
        let (period, mut rest) = rest.split_first_chunk()?;
        let mut numbers = [0; 4];
        for number in &mut numbers {
            let (bytes, behind) = rest.split_first_chunk()?;
            (*number, rest) = (u64::from_be_bytes(*bytes), behind);
        }
        let [after_event, through_event, event, sequence] = numbers;
        let bank = u16::from_be_bytes(*bank);
        (*version == VERSION && rest.is_empty()).then_some(Self {
            account: AccountId(u32::from_be_bytes(*account)),
            bank: (bank != 0).then_some(BankId(bank)),
            period: *period,
            after_event,
            through_event,
            place: EntryPlace { event, sequence },
        })
    }
}

fn hex_byte(pair: &[u8]) -> Option<u8> {
    let [high, low] = pair else { return None };
    let digit = |of: u8| char::from(of).to_digit(16).filter(|_| !of.is_ascii_uppercase());
    u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
}

#[cfg(test)]
mod tests {
    use registry_proto::registry::{Moment, moment::At};

    use super::*;

    fn cursor(request: &GetPeriodStatementRequest) -> Cursor {
        Cursor {
            account: AccountId(17),
            bank: None,
            period: period(request),
            after_event: 3,
            through_event: 900,
            place: EntryPlace { event: 77, sequence: 4_096 },
        }
    }

    #[test]
    fn a_cursor_is_of_one_question_only() {
        let moment = |event| Some(Moment { at: Some(At::Event(event)) });
        let asked = GetPeriodStatementRequest { from: moment(3), ..Default::default() };
        let given = cursor(&asked);
        let text = given.to_text();
        let with = |request: GetPeriodStatementRequest, account, bank| {
            let request = GetPeriodStatementRequest { cursor: text.clone(), ..request };
            Cursor::of(&request, AccountId(account), bank).map_err(|refused| refused.reason)
        };
        assert_eq!(with(asked.clone(), 17, None), Ok(given));
        // The period need not be repeated.
        assert_eq!(with(Default::default(), 17, None), Ok(given));
        let mismatch = Err(Reason::CursorMismatch);
        assert_eq!(with(asked.clone(), 18, None), mismatch);
        assert_eq!(with(asked.clone(), 17, Some(BankId(102))), mismatch);
        let other = GetPeriodStatementRequest { from: moment(4), ..Default::default() };
        assert_eq!(with(other, 17, None), mismatch);
        let other = GetPeriodStatementRequest { to: moment(3), ..Default::default() };
        assert_eq!(with(other, 17, None), mismatch);
    }

    #[test]
    fn damaged_cursors_are_refused() {
        let text = cursor(&Default::default()).to_text();
        assert!(Cursor::read(&text).is_some());
        for end in 0..text.len() {
            assert_eq!(Cursor::read(&text[..end]), None, "{end} characters");
        }
        for (at, digit) in text.char_indices() {
            let other = if digit == '0' { "1" } else { "0" };
            let damaged = [&text[..at], other, &text[at + 1..]].concat();
            assert_eq!(Cursor::read(&damaged), None, "character {at}");
        }
        for wild in ["x", "é", "0g", " ", &"00".repeat(1_000), &text.to_uppercase()] {
            assert_eq!(Cursor::read(wild), None, "{wild:?}");
        }
    }
}
