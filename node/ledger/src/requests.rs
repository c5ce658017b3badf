//! Remembered answers: the same request id gets the same answer again.
//!
//! Answers carry an ordinal, so that they expire in the same order on a node
//! that lived through them and on one that loaded them.

use std::collections::{BTreeMap, VecDeque};

use sha2::{Digest as _, Sha256};

use crate::command::Request;
use crate::ledger::Ledger;
use crate::receipt::Answer;
use crate::records::RecordKey;
use crate::records::answer::StoredAnswer;
use crate::rejection::{Reason, Rejection};

/// How long answers are remembered, in ledger time: 30 days.
pub const ANSWER_RETENTION_MS: i64 = 30 * 24 * 3_600 * 1_000;
/// Answers forgotten per entry. One entry remembers at most one, so the
/// backlog shrinks; the bound keeps an entry's work small after a long pause.
const EXPIRED_PER_APPLY: usize = 4;
/// Longest request id.
const ID_LIMIT: usize = 64;

/// The memory of answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    /// Encoded records in order; an answer is seldom read again.
    records: VecDeque<Box<[u8]>>,
    /// Ordinal of the next answer; never reused.
    pub(crate) next_ordinal: u64,
    /// Index: ordinal by [`request_key`].
    pub(crate) by_request: BTreeMap<u128, u64>,
}

impl Answers {
    /// The record of an answer that is remembered.
    pub(crate) fn record(&self, ordinal: u64) -> Option<&[u8]> {
        let at = ordinal.checked_sub(self.first_ordinal())?;
        self.records.get(usize::try_from(at).ok()?).map(|record| &**record)
    }

    /// What is remembered, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &[u8])> {
        (self.first_ordinal()..).zip(self.records.iter().map(|record| &**record))
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Ordinals have no gaps, because answers are forgotten in their order.
    fn first_ordinal(&self) -> u64 {
        self.next_ordinal.saturating_sub(u64::try_from(self.records.len()).unwrap_or(u64::MAX))
    }

    /// Adds the next answer and puts it into the index.
    pub(crate) fn push(&mut self, actor: &str, id: &str, record: Vec<u8>) {
        let ordinal = self.next_ordinal;
        self.next_ordinal = ordinal.saturating_add(1);
        self.records.push_back(record.into_boxed_slice());
        self.by_request.insert(request_key(actor, id), ordinal);
    }

    /// Forgets the first answer, which is this one.
    fn pop(&mut self, stored: &StoredAnswer) {
        self.records.pop_front();
        self.by_request.remove(&request_key(&stored.actor, &stored.request_id));
    }
}

/// Half of the SHA-256 of actor and request id. A client may choose its ids
/// freely; nobody can choose two with the same key.
pub(crate) fn request_key(actor: &str, id: &str) -> u128 {
    let mut hasher = Sha256::new_with_prefix(actor.as_bytes());
    hasher.update([0]);
    hasher.update(id.as_bytes());
    hasher.finalize().into_iter().take(16).fold(0, |key, byte| key << 8 | u128::from(byte))
}

impl Ledger {
    /// The answer that this request got before, if any.
    pub(crate) fn remembered_answer(
        &self,
        actor: &str,
        request: &Request,
    ) -> Result<Option<Answer>, Rejection> {
        check_id(&request.id)?;
        let ordinal = self.answers.by_request.get(&request_key(actor, &request.id));
        let Some(record) = ordinal.and_then(|ordinal| self.answers.record(*ordinal)) else {
            return Ok(None);
        };
        match StoredAnswer::decode(record) {
            Ok(stored) if stored.fingerprint == request.fingerprint => Ok(Some(stored.answer)),
            _ => Err(Rejection::new(
                Reason::RequestIdReused,
                "request_id",
                format!("request id {} was used with other content; use a new id", request.id),
            )),
        }
    }

    pub(crate) fn remember(&mut self, actor: &str, request: &Request, answer: &Answer) {
        let ordinal = self.answers.next_ordinal;
        let record = StoredAnswer::encode(actor, request, answer);
        self.touch(RecordKey::Clock);
        self.touch(RecordKey::Answer(ordinal));
        self.answers.push(actor, &request.id, record);
    }

    /// Forgets some of the answers that are past their time.
    pub(crate) fn forget_expired_answers(&mut self) {
        for _ in 0..EXPIRED_PER_APPLY {
            let Some((ordinal, record)) = self.answers.iter().next() else { return };
            let Ok(decided_at) = StoredAnswer::decided_at(record) else { return };
            if self.now.0 <= decided_at.0.saturating_add(ANSWER_RETENTION_MS) {
                return;
            }
            let Ok(stored) = StoredAnswer::decode(record) else { return };
            self.touch(RecordKey::Answer(ordinal));
            self.answers.pop(&stored);
        }
    }
}

fn check_id(id: &str) -> Result<(), Rejection> {
    const FIELD: &str = "request_id";
    if id.is_empty() {
        return Err(Rejection::new(Reason::FieldMissing, FIELD, "request_id is empty"));
    }
    if id.len() > ID_LIMIT {
        return Err(Rejection::new(
            Reason::TooLong,
            FIELD,
            format!("request_id has {} bytes, at most {ID_LIMIT} are allowed", id.len()),
        ));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    if !id.bytes().all(allowed) {
        return Err(Rejection::new(
            Reason::BadCharacter,
            FIELD,
            "request_id may have letters, digits and . _ : -",
        ));
    }
    Ok(())
}
