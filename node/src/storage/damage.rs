//! Changes what is stored, for tests of those who must notice.

use std::path::Path;

use prost::Message as _;
use registry_proto::storage::AppliedMark;

use super::journal::{JOURNAL_FAMILY, family};
use super::ledger_records::{flush, open_database};

/// First page of what accounts hold.
const BALANCES: &[u8] = &[b'r', 7, 0, 0, 0, 0];
const MARK: &[u8] = b"mark";

/// Replaces bytes in the first page of what accounts hold.
pub(crate) fn alter_balances(ledger: &Path, before: &[u8], after: &[u8]) {
    let db = open_database(ledger).expect("opens");
    let page = db.get(BALANCES).expect("readable").expect("a page of accounts");
    db.put(BALANCES, altered(&page, before, after)).expect("written");
    flush(&db).expect("flushed");
}

/// Replaces bytes of one event.
pub(crate) fn alter_event(ledger: &Path, event: u64, before: &[u8], after: &[u8]) {
    let db = open_database(ledger).expect("opens");
    let family = family(&db).expect(JOURNAL_FAMILY);
    let key = [b"e", &event.to_be_bytes()[..]].concat();
    let stored = db.get_cf(family, &key).expect("readable").expect("an event");
    db.put_cf(family, &key, altered(&stored, before, after)).expect("written");
    flush(&db).expect("flushed");
}

/// Makes the records those of another format.
pub(crate) fn alter_format(ledger: &Path) {
    let db = open_database(ledger).expect("opens");
    let stored = db.get(MARK).expect("readable").expect("a mark");
    let mut mark = AppliedMark::decode(&stored[..]).expect("a mark");
    mark.format += 1;
    db.put(MARK, mark.encode_to_vec()).expect("written");
    flush(&db).expect("flushed");
}

fn altered(stored: &[u8], before: &[u8], after: &[u8]) -> Vec<u8> {
    let at = stored.windows(before.len()).position(|window| window == before);
    let at = at.expect("the bytes to replace");
    [&stored[..at], after, &stored[at + before.len()..]].concat()
}
