//! Remembered answers: the same request id gets the same answer again.
//!
//! Answers carry an ordinal, so that they expire in the same order on a node
//! that lived through them and on one that loaded them.

use std::collections::BTreeMap;

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
    /// Encoded records by ordinal; an answer is seldom read again.
    pub(crate) records: BTreeMap<u64, Box<[u8]>>,
    /// Ordinal of the next answer; never reused.
    pub(crate) next_ordinal: u64,
    /// Index: ordinal by actor and request id.
    pub(crate) by_request: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Answers {
    /// Puts an answer under an ordinal and into the index.
    pub(crate) fn insert(&mut self, ordinal: u64, actor: &str, id: &str, record: Vec<u8>) {
        self.records.insert(ordinal, record.into_boxed_slice());
        match self.by_request.get_mut(actor) {
            Some(ids) => ids.insert(id.to_owned(), ordinal),
            None => {
                let ids = BTreeMap::from([(id.to_owned(), ordinal)]);
                self.by_request.insert(actor.to_owned(), ids);
                None
            }
        };
    }
}

impl Ledger {
    /// The answer that this request got before, if any.
    pub(crate) fn remembered_answer(
        &self,
        actor: &str,
        request: &Request,
    ) -> Result<Option<Answer>, Rejection> {
        check_id(&request.id)?;
        let ordinal = self.answers.by_request.get(actor).and_then(|ids| ids.get(&request.id));
        let Some(record) = ordinal.and_then(|ordinal| self.answers.records.get(ordinal)) else {
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
        self.answers.insert(ordinal, actor, &request.id, record);
        self.answers.next_ordinal = ordinal.saturating_add(1);
    }

    /// Forgets some of the answers that are past their time.
    pub(crate) fn forget_expired_answers(&mut self) {
        for _ in 0..EXPIRED_PER_APPLY {
            let Some((&ordinal, record)) = self.answers.records.first_key_value() else { return };
            let Ok(decided_at) = StoredAnswer::decided_at(record) else { return };
            if self.now.0 <= decided_at.0.saturating_add(ANSWER_RETENTION_MS) {
                return;
            }
            let Ok(stored) = StoredAnswer::decode(record) else { return };
            self.touch(RecordKey::Answer(ordinal));
            self.answers.records.remove(&ordinal);
            if let Some(ids) = self.answers.by_request.get_mut(&stored.actor) {
                ids.remove(&stored.request_id);
                if ids.is_empty() {
                    self.answers.by_request.remove(&stored.actor);
                }
            }
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
