//! The events in RocksDB, beside the records: by number, and by whom they are
//! about. The newest are in memory until they are written.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use registry_ledger::Date;
use registry_ledger::journal::{SealedEvent, Subject};
use rocksdb::{ColumnFamily, DB, Direction, IteratorMode, ReadOptions, WriteBatch};
use tokio::sync::watch;

use super::StorageError;

/// The column family of the events.
pub(super) const JOURNAL_FAMILY: &str = "journal";
/// Key prefix of an event; its number follows.
const EVENT: u8 = b'e';
/// Key prefix of the index; the subject and the event's number follow.
const SUBJECT: u8 = b's';
/// Key prefix of accounts that were loaded together; the number of the last of
/// them and the event's number follow, the value is the number of the first.
const LOADED: u8 = b'l';
const READ: &str = "read events";

/// The ledger database, while it is open.
pub(super) type SharedDb = Arc<RwLock<Option<DB>>>;

/// Every event, whether it is written already or not.
#[derive(Clone)]
pub(crate) struct Journal {
    db: SharedDb,
    tail: Arc<Mutex<Tail>>,
    last: watch::Sender<u64>,
}

/// Events that are not known to be in the database.
#[derive(Default)]
struct Tail {
    events: VecDeque<Arc<SealedEvent>>,
    /// So many of them were handed to the writer.
    handed_over: usize,
}

impl Tail {
    /// Number of the first event here, and at most `limit` from a number on:
    /// numbers have no gaps.
    fn from(&self, from: u64, limit: usize) -> (u64, Vec<Arc<SealedEvent>>) {
        let first = self.events.front().map_or(u64::MAX, |event| event.ordinal);
        let before = usize::try_from(from.saturating_sub(first)).unwrap_or(usize::MAX);
        (first, self.events.iter().skip(before).take(limit).cloned().collect())
    }
}

/// An event as it lies in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredEvent {
    pub(crate) ordinal: u64,
    /// Canonical bytes.
    pub(crate) bytes: Vec<u8>,
}

impl Journal {
    pub(super) fn new(db: SharedDb, last: u64) -> Self {
        Self { db, tail: Arc::default(), last: watch::Sender::new(last) }
    }

    /// Adds what the ledger has just sealed.
    pub(crate) fn append(&self, events: Vec<SealedEvent>) {
        let Some(last) = events.last().map(|event| event.ordinal) else { return };
        self.tail.lock().events.extend(events.into_iter().map(Arc::new));
        self.last.send_replace(last);
    }

    /// Events that no write holds yet.
    pub(crate) fn waiting(&self) -> usize {
        let tail = self.tail.lock();
        tail.events.len() - tail.handed_over
    }

    /// Takes the events for the next write; they stay readable here.
    pub(crate) fn hand_over(&self) -> Vec<Arc<SealedEvent>> {
        let mut tail = self.tail.lock();
        let taken = tail.events.range(tail.handed_over..).cloned().collect();
        tail.handed_over = tail.events.len();
        taken
    }

    /// Forgets events that are in the database now.
    pub(super) fn written(&self, events: &[Arc<SealedEvent>]) {
        let mut tail = self.tail.lock();
        let written = events.len().min(tail.handed_over);
        tail.events.drain(..written);
        tail.handed_over -= written;
    }

    /// Starts anew behind a snapshot.
    pub(super) fn replaced(&self, last: u64) {
        *self.tail.lock() = Tail::default();
        self.last.send_replace(last);
    }

    /// Number of the last event, and word of every later one.
    pub(crate) fn last(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    /// At most `limit` events of some `bytes` together, from a number on.
    pub(crate) fn read(
        &self,
        from: u64,
        limit: usize,
        bytes: usize,
    ) -> Result<Vec<StoredEvent>, StorageError> {
        // Before the database, so that no event can be missed between the two.
        let (first_in_tail, tail) = self.tail.lock().from(from, limit);
        let mut page = Page { events: Vec::new(), room: bytes, limit };
        if from < first_in_tail {
            self.with_db(|db, family| {
                let start = [&[EVENT][..], &from.to_be_bytes()].concat();
                let mode = IteratorMode::From(&start, Direction::Forward);
                for item in db.iterator_cf_opt(family, in_prefix(&[EVENT]), mode) {
                    let (key, value) = item.map_err(StorageError::rocks(READ))?;
                    let ordinal = ordinal_in(&key)?;
                    if ordinal >= first_in_tail || !page.take(ordinal, value.into_vec()) {
                        break;
                    }
                }
                Ok(())
            })?;
        }
        for event in &tail {
            if !page.take(event.ordinal, event.bytes.clone()) {
                break;
            }
        }
        Ok(page.events)
    }

    /// Numbers of the events about a subject after one of them, oldest first.
    pub(crate) fn history(
        &self,
        subject: Subject,
        after: u64,
        limit: usize,
    ) -> Result<Vec<u64>, StorageError> {
        let tail: Vec<_> = self.tail.lock().events.iter().cloned().collect();
        let mut found = Vec::new();
        self.with_db(|db, family| {
            if let Subject::Account(account) = subject {
                found.extend(loaded_with(db, family, account.0)?.filter(|event| *event > after));
            }
            let Some(first) = after.checked_add(1) else { return Ok(()) };
            let prefix = subject_key(subject, None);
            let start = subject_key(subject, Some(first));
            let mode = IteratorMode::From(&start, Direction::Forward);
            for item in db.iterator_cf_opt(family, in_prefix(&prefix), mode) {
                let (key, _) = item.map_err(StorageError::rocks(READ))?;
                found.push(ordinal_in(&key)?);
                if found.len() >= limit {
                    break;
                }
            }
            Ok(())
        })?;
        let about = |event: &&Arc<SealedEvent>| {
            event.ordinal > after && event.subjects.iter().any(|of| includes(*of, subject))
        };
        found.extend(tail.iter().filter(about).map(|event| event.ordinal));
        // What is in the database may still be in the tail.
        found.sort_unstable();
        found.dedup();
        found.truncate(limit);
        Ok(found)
    }

    /// Number of the event about the greatest place of a day that is not greater
    /// than the subject's own; none for a subject that is no place.
    pub(crate) fn covering(&self, wanted: Subject) -> Result<Option<u64>, StorageError> {
        let Some((kind, date, place)) = places(wanted) else { return Ok(None) };
        // Before the database, as in `read`.
        let waiting = {
            let tail = self.tail.lock();
            let subjects = tail.events.iter().flat_map(|event| {
                event.subjects.iter().filter_map(|of| Some((places(*of)?, event.ordinal)))
            });
            let fitting = subjects
                .filter(|((of, on, first), _)| (*of, *on) == (kind, date) && *first <= place);
            fitting.map(|((.., first), event)| (first, event)).max()
        };
        let stored = self.with_db(|db, family| {
            let start = subject_key(wanted, Some(u64::MAX));
            let prefix = &start[..start.len() - 2 * size_of::<u64>()];
            let mode = IteratorMode::From(&start, Direction::Reverse);
            let Some(item) = db.iterator_cf_opt(family, in_prefix(prefix), mode).next() else {
                return Ok(None);
            };
            let (key, _) = item.map_err(StorageError::rocks(READ))?;
            let first = key.get(prefix.len()..).and_then(<[u8]>::first_chunk);
            let first = first.map(|first| u64::from_be_bytes(*first)).ok_or_else(|| unfit(&key))?;
            Ok(Some((first, ordinal_in(&key)?)))
        })?;
        Ok(stored.max(waiting).map(|(_, event)| event))
    }

    fn with_db<T>(
        &self,
        look: impl FnOnce(&DB, &ColumnFamily) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let guard = self.db.read();
        let Some(db) = guard.as_ref() else {
            return Err(StorageError::Corrupt {
                what: "the journal".into(),
                why: "its database is closed".into(),
            });
        };
        look(db, family(db)?)
    }
}

/// Events up to a number and a size; one at least.
struct Page {
    events: Vec<StoredEvent>,
    room: usize,
    limit: usize,
}

impl Page {
    /// Whether there is room for more behind it.
    fn take(&mut self, ordinal: u64, bytes: Vec<u8>) -> bool {
        if self.events.len() >= self.limit || (bytes.len() > self.room && !self.events.is_empty()) {
            return false;
        }
        self.room = self.room.saturating_sub(bytes.len());
        self.events.push(StoredEvent { ordinal, bytes });
        true
    }
}

fn includes(of: Subject, wanted: Subject) -> bool {
    match (of, wanted) {
        (Subject::Accounts(first, count), Subject::Account(account)) => {
            account.0.checked_sub(first.0).is_some_and(|at| at < count)
        }
        (of, wanted) => of == wanted,
    }
}

/// The event that loaded an account among others.
fn loaded_with(
    db: &DB,
    family: &ColumnFamily,
    account: u32,
) -> Result<std::option::IntoIter<u64>, StorageError> {
    let start = [&[LOADED][..], &account.to_be_bytes()].concat();
    let mode = IteratorMode::From(&start, Direction::Forward);
    let Some(item) = db.iterator_cf_opt(family, in_prefix(&[LOADED]), mode).next() else {
        return Ok(None.into_iter());
    };
    let (key, first) = item.map_err(StorageError::rocks(READ))?;
    let first = <[u8; 4]>::try_from(&first[..]).map(u32::from_be_bytes).map_err(|_| unfit(&key))?;
    let event = if first <= account { Some(ordinal_in(&key)?) } else { None };
    Ok(event.into_iter())
}

/// Puts the events and their index into a batch.
pub(super) fn put_events(
    batch: &mut WriteBatch,
    family: &ColumnFamily,
    events: &[Arc<SealedEvent>],
) {
    for event in events {
        let ordinal = event.ordinal.to_be_bytes();
        batch.put_cf(family, [&[EVENT][..], &ordinal].concat(), &event.bytes);
        for subject in &event.subjects {
            match subject {
                Subject::Accounts(first, count) => {
                    let last = first.0.saturating_add(count.saturating_sub(1)).to_be_bytes();
                    let key = [&[LOADED][..], &last, &ordinal].concat();
                    batch.put_cf(family, key, first.0.to_be_bytes());
                }
                one => batch.put_cf(family, subject_key(*one, Some(event.ordinal)), []),
            }
        }
    }
}

/// Whether the event with this number is in the database.
pub(super) fn has_event(db: &DB, ordinal: u64) -> Result<bool, StorageError> {
    let key = [&[EVENT][..], &ordinal.to_be_bytes()].concat();
    Ok(db.get_pinned_cf(family(db)?, key).map_err(StorageError::rocks(READ))?.is_some())
}

pub(super) fn family(db: &DB) -> Result<&ColumnFamily, StorageError> {
    db.cf_handle(JOURNAL_FAMILY).ok_or_else(|| StorageError::Corrupt {
        what: "the ledger database".into(),
        why: format!("column family {JOURNAL_FAMILY} is missing"),
    })
}

fn subject_key(subject: Subject, ordinal: Option<u64>) -> Vec<u8> {
    let mut key = vec![SUBJECT];
    match subject {
        Subject::Account(account) | Subject::Accounts(account, _) => {
            key.push(1);
            key.extend_from_slice(&account.0.to_be_bytes());
        }
        Subject::Instrument(code) => {
            key.push(2);
            key.extend_from_slice(&code.to_bytes());
        }
        Subject::Bank(bank) => {
            key.push(3);
            key.extend_from_slice(&bank.0.to_be_bytes());
        }
        Subject::Day(date) => {
            key.push(4);
            key.extend_from_slice(&date.yyyymmdd().to_be_bytes());
        }
        Subject::Pledge(id) => {
            key.push(5);
            key.extend_from_slice(&id.0.to_be_bytes());
        }
        Subject::Pledgee(bank) => {
            key.push(6);
            key.extend_from_slice(&bank.0.to_be_bytes());
        }
        Subject::PlacesTaken(date, first) | Subject::PlacesTried(date, first) => {
            key.extend(places(subject).map(|(kind, ..)| kind));
            key.extend_from_slice(&date.yyyymmdd().to_be_bytes());
            key.extend_from_slice(&first.to_be_bytes());
        }
        Subject::TradesOf(account) => {
            key.push(32);
            key.extend_from_slice(&account.0.to_be_bytes());
        }
        Subject::Trade(date, number) => {
            key.push(33);
            key.extend_from_slice(&date.yyyymmdd().to_be_bytes());
            key.extend_from_slice(&number.0.to_be_bytes());
        }
        Subject::Platform(platform) => {
            key.push(40);
            key.extend_from_slice(&platform.0.to_be_bytes());
        }
        Subject::Repo(repo) => {
            key.push(41);
            key.extend_from_slice(&repo.0.to_be_bytes());
        }
    }
    key.extend(ordinal.into_iter().flat_map(u64::to_be_bytes));
    key
}

/// Kind, day and first place of trades that were taken or tried together.
fn places(subject: Subject) -> Option<(u8, Date, u64)> {
    match subject {
        Subject::PlacesTaken(date, first) => Some((30, date, first)),
        Subject::PlacesTried(date, first) => Some((31, date, first)),
        _ => None,
    }
}

fn in_prefix(prefix: &[u8]) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_iterate_range(rocksdb::PrefixRange(prefix));
    options
}

/// The event's number at the end of a key.
fn ordinal_in(key: &[u8]) -> Result<u64, StorageError> {
    key.last_chunk().map(|number| u64::from_be_bytes(*number)).ok_or_else(|| unfit(key))
}

fn unfit(key: &[u8]) -> StorageError {
    StorageError::Corrupt {
        what: "the journal".into(),
        why: format!("key {key:02x?} does not fit"),
    }
}

#[cfg(test)]
mod tests {
    use registry_ledger::AccountId;

    use super::super::ledger_records::{LedgerWrite, flush, open_database, write};
    use super::*;

    fn event(ordinal: u64, subjects: &[Subject]) -> SealedEvent {
        SealedEvent { ordinal, bytes: vec![ordinal as u8; 10], subjects: subjects.to_vec() }
    }

    fn account(number: u32) -> Subject {
        Subject::Account(AccountId(number))
    }

    fn numbers(journal: &Journal, from: u64, limit: usize, bytes: usize) -> Vec<u64> {
        let page = journal.read(from, limit, bytes).expect("readable");
        page.iter().map(|event| event.ordinal).collect()
    }

    #[test]
    fn a_trade_s_place_finds_the_event_that_covers_it_wherever_it_lies() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let db: SharedDb =
            Arc::new(RwLock::new(Some(open_database(folder.path()).expect("opens"))));
        let journal = Journal::new(Arc::clone(&db), 0);
        let [day, next] =
            [20_211_216, 20_211_217].map(|day| Date::from_yyyymmdd(day).expect("a date"));
        let taken = |date, first| Subject::PlacesTaken(date, first);
        journal.append(vec![
            event(1, &[taken(day, 1)]),
            event(2, &[Subject::PlacesTried(day, 1)]),
            event(3, &[taken(day, 101), Subject::Day(day)]),
            event(4, &[taken(next, 1)]),
        ]);
        let check = |beyond: Option<u64>| {
            let found = |wanted| journal.covering(wanted).expect("readable");
            for (place, event) in [(0, None), (1, Some(1)), (100, Some(1)), (101, Some(3))] {
                assert_eq!(found(taken(day, place)), event, "place {place}");
            }
            assert_eq!(found(taken(day, 5_000)), beyond.or(Some(3)));
            assert_eq!(found(Subject::PlacesTried(day, 7)), Some(2));
            assert_eq!(found(taken(next, u64::MAX)), Some(4));
            assert_eq!(found(Subject::PlacesTried(next, 7)), None);
            assert_eq!(found(Subject::Day(day)), None);
        };
        check(None);
        let events = journal.hand_over();
        let (changes, mark) = Default::default();
        let guard = db.read();
        let write_all = LedgerWrite { changes, events: events.clone(), mark };
        write(guard.as_ref().expect("open"), &write_all).expect("written");
        check(None);
        journal.written(&events);
        check(None);
        journal.append(vec![event(5, &[taken(day, 4_000)])]);
        check(Some(5));
    }

    #[test]
    fn events_are_found_wherever_they_lie_at_the_moment() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let db: SharedDb =
            Arc::new(RwLock::new(Some(open_database(folder.path()).expect("opens"))));
        let journal = Journal::new(Arc::clone(&db), 0);
        let loaded = Subject::Accounts(AccountId(10), 5);
        journal.append(vec![event(1, &[account(1)]), event(2, &[loaded]), event(3, &[])]);
        let store = |events: Vec<Arc<SealedEvent>>| {
            let (changes, mark) = Default::default();
            let guard = db.read();
            let open = guard.as_ref().expect("open");
            write(open, &LedgerWrite { changes, events: events.clone(), mark }).expect("written");
            flush(open).expect("flushed");
            events
        };
        let check = |through: u64| {
            assert_eq!(*journal.last().borrow(), through);
            for from in 1..=through + 1 {
                let all: Vec<_> = (from..=through).collect();
                assert_eq!(numbers(&journal, from, 100, 1_000), all, "from {from}");
                let two = &all[..all.len().min(2)];
                assert_eq!(numbers(&journal, from, 2, 1_000), two);
                // The second of ten bytes does not fit; the first is always there.
                assert_eq!(numbers(&journal, from, 100, 15), &all[..all.len().min(1)]);
            }
            let history = |subject, after| journal.history(subject, after, 10).expect("readable");
            let of_one: Vec<_> = [1, 4, 6].into_iter().filter(|event| *event <= through).collect();
            assert_eq!(history(account(1), 0), of_one);
            assert_eq!(history(account(1), 1), &of_one[1..]);
            assert_eq!(journal.history(account(1), 0, 1).expect("readable"), [1]);
            for (number, found) in [(9, 0), (10, 1), (14, 1), (15, 0)] {
                assert_eq!(history(account(number), 0).len(), found, "account {number}");
            }
            assert!(history(account(12), 2).is_empty());
        };
        check(3);
        let first = journal.hand_over();
        assert_eq!((first.len(), journal.waiting()), (3, 0));
        journal.append(vec![event(4, &[account(1)])]);
        assert_eq!(journal.waiting(), 1);
        check(4);
        let written = store(first);
        // In both places for a moment.
        check(4);
        journal.written(&written);
        check(4);
        let next = journal.hand_over();
        journal.append(vec![event(5, &[]), event(6, &[account(1)])]);
        journal.written(&store(next));
        check(6);
        journal.written(&store(journal.hand_over()));
        check(6);
        assert!(journal.tail.lock().events.is_empty());
    }
}
