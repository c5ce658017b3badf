//! The ledger's records written behind in both ways, read back, merged, damaged.

use std::path::Path;
use std::sync::Arc;

use openraft::vote::RaftLeaderId as _;
use registry_ledger::{
    AccountKind, Command, Entry, Fen, Genesis, InstrumentCode, Ledger, LedgerTime, Member,
    OPENING_ACCOUNTS_LIMIT, OpeningBooks, OpeningHolding, Price, Quantity, Request, uscc,
};
use registry_proto::storage::AppliedMark;
use rocksdb::DB;

use super::StorageError;
use super::ledger_records::{
    LedgerWrite, MANY_RECORDS, MARK_FORMAT, flush, load, open_database, write,
};
use super::pages::SLOTS;
use crate::raft::types::{LeaderId, LogId};
use crate::raft::wire;

const BANK: registry_ledger::BankId = registry_ledger::BankId(102);

/// A ledger and the database that follows it.
struct Written {
    ledger: Ledger,
    log_index: u64,
    db: DB,
}

fn instrument() -> InstrumentCode {
    InstrumentCode::parse("CEA-2020").expect("an instrument")
}

fn books(number: u32) -> OpeningBooks {
    let first_17 = format!("91440300{number:09}");
    let check = uscc::check_character(&first_17).expect("digits");
    OpeningBooks {
        uscc: format!("{first_17}{check}"),
        name: format!("Power plant {number}"),
        kind: AccountKind::Emitter,
        holdings: vec![OpeningHolding {
            instrument: instrument(),
            registered: Quantity(number.into()),
            trading: Quantity(10),
        }],
        cash: vec![(BANK, Fen(1_000))],
    }
}

impl Written {
    fn new(folder: &Path) -> Self {
        let db = open_database(folder).expect("opens");
        let mut written = Self { ledger: Ledger::new(), log_index: 0, db };
        let member = Member { node_id: 11, storage_id: [0; 16] };
        written.apply(Command::Genesis(Genesis {
            cluster_id: "test".to_owned(),
            layout: "single-city".to_owned(),
            cities: vec![("shanghai".to_owned(), vec![member])],
        }));
        written.apply(Command::OpenBank { bank: BANK, name: "Bank".to_owned() });
        let reference_price = Price(4_306);
        written.apply(Command::RegisterInstrument { instrument: instrument(), reference_price });
        written
    }

    fn apply(&mut self, command: Command) {
        self.log_index += 1;
        let entry = Entry {
            term: 1,
            log_index: self.log_index,
            proposed_at: LedgerTime(1_639_620_000_000),
            actor: "registry/officer-1".to_owned(),
            request: Some(Request { id: format!("r{}", self.log_index), fingerprint: [7; 32] }),
            command,
        };
        self.ledger.apply(&entry).outcome.expect("a valid command");
        self.ledger.seal();
    }

    /// Opens accounts with these numbers in their credit codes.
    fn open(&mut self, numbers: std::ops::RangeInclusive<u32>) {
        let numbers: Vec<u32> = numbers.collect();
        for part in numbers.chunks(OPENING_ACCOUNTS_LIMIT) {
            let books = part.iter().copied().map(books).collect();
            self.apply(Command::LoadAccounts { books, document: "books".to_owned() });
        }
    }

    fn deposit(&mut self, account: u32) {
        let account = registry_ledger::AccountId(account);
        self.apply(Command::Deposit { account, bank: BANK, amount: Fen(i64::from(account.0)) });
    }

    fn hand_over(&mut self) -> usize {
        let changes = self.ledger.take_changes();
        let mark = AppliedMark {
            format: MARK_FORMAT,
            last_applied: Some(wire::log_id_out(&LogId {
                leader_id: LeaderId::new(1, 11),
                index: self.log_index,
            })),
            membership: None,
            state_digest: self.ledger.state_digest().0.to_vec().into(),
            answers_digest: self.ledger.answers_digest().0.to_vec().into(),
        };
        let count = changes.len();
        let events = self.ledger.take_events().into_iter().map(Arc::new).collect();
        write(&self.db, &LedgerWrite { changes, events, mark }).expect("written");
        count
    }

    fn check(&self) {
        let opened = load(&self.db).expect("readable");
        let index = opened.mark.last_applied.expect("a position").index;
        assert_eq!(index, self.log_index);
        assert!(opened.ledger.records() == self.ledger.records(), "records differ");
    }
}

#[test]
fn few_and_many_changes_make_the_same_state() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut written = Written::new(folder.path());
    // Many at once, so that most lie in full pages and the last in a begun one.
    let accounts = 3 * SLOTS + 17;
    written.open(1..=accounts);
    assert!(written.hand_over() >= MANY_RECORDS);
    written.check();
    // Few, in the first page, in the last, and on both sides of a border.
    for account in [1, SLOTS - 1, SLOTS, SLOTS + 1, accounts] {
        written.deposit(account);
    }
    assert!(written.hand_over() < MANY_RECORDS);
    written.check();
    // Many again, over what lies in memory; and a page goes on.
    written.deposit(SLOTS);
    written.open(accounts + 1..=2 * accounts);
    std::fs::write(folder.path().join("arriving-0.sst"), b"left by a crash").expect("left");
    assert!(written.hand_over() >= MANY_RECORDS);
    written.check();
    // Joining what was written to a page changes nothing.
    written.db.compact_range(None::<&[u8]>, None::<&[u8]>);
    written.check();
    written.deposit(accounts);
    written.hand_over();
    written.db.compact_range(None::<&[u8]>, None::<&[u8]>);
    written.check();
    let Written { ledger, log_index, db } = written;
    flush(&db).expect("flushed");
    drop(db);
    let db = open_database(folder.path()).expect("opens again");
    Written { ledger, log_index, db }.check();
}

#[test]
fn a_damaged_page_is_told_at_the_start() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut written = Written::new(folder.path());
    written.open(1..=100);
    written.hand_over();
    let balances_page = [b'r', 7, 0, 0, 0, 0];
    let page = written.db.get(balances_page).expect("readable").expect("there");
    let refused = |page: &[u8]| {
        written.db.put(balances_page, page).expect("damaged");
        match load(&written.db).map(|_| ()) {
            Err(StorageError::Corrupt { what, why }) => format!("{what}: {why}"),
            other => panic!("{other:?}"),
        }
    };
    let cut = refused(&page[..page.len() - 1]);
    assert!(cut.contains("its slots do not fit"), "{cut}");
    let mut other_amount = page.to_vec();
    *other_amount.last_mut().expect("not empty") ^= 1;
    let changed = refused(&other_amount);
    assert!(changed.contains("digest"), "{changed}");
}
