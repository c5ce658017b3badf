//! The exported journal: audited by itself, and every way to tamper with it.

use std::io::Cursor;

use sha2::{Digest as _, Sha256};

use super::super::export::ExportWriter;
use super::super::*;
use super::story::*;

/// The life as a node exports it after the dispute: with trades as they are now.
fn exported(steps: &[Step], adjust: impl FnOnce(&mut Statement)) -> Vec<u8> {
    let mut tree = Tree::default();
    let mut bytes = Vec::new();
    let mut file = ExportWriter::new(&mut bytes).expect("memory");
    for step in steps {
        let canonical = step.event.to_bytes();
        tree.push(leaf_hash(&canonical));
        file.event(&canonical).expect("memory");
        if let Some(range) = step.event.trades_named() {
            let mut trades = step.trades.clone();
            for trade in trades.iter_mut().filter(|trade| trade.number == 1) {
                trade.price_fen = 4_300;
            }
            file.trades(range, &trades).expect("memory");
        }
    }
    let mut statement = Statement {
        event_count: tree.leaves(),
        root_sha256: tree.root(),
        log_index: 99,
        ledger_time_ms: 7,
    };
    adjust(&mut statement);
    file.finish(&statement).expect("memory");
    bytes
}

fn good() -> Vec<u8> {
    exported(&life(), |_| {})
}

/// With the hash at the end made right again.
fn sealed_again(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.len() - 37;
    let hash = Sha256::digest(&bytes[..end]);
    bytes[end + 5..].copy_from_slice(&hash);
    bytes
}

#[test]
fn an_exported_journal_adds_up_by_itself() {
    let file = good();
    let report = audit_file(Cursor::new(&file), None).expect("a good file");
    assert_eq!((report.counts.events, report.counts.trades), (45, 6));
    assert_eq!(report.sha256, <[u8; 32]>::from(Sha256::digest(&file[..file.len() - 37])));
    let root = audit(&life()).expect("a good life").root();
    assert_eq!(report.statement.root_sha256, root);
    audit_file(Cursor::new(&file), Some(root)).expect("the root that it has");
    let other = audit_file(Cursor::new(&file), Some([7; 32])).expect_err("another root");
    assert!(matches!(other, AuditError::OtherRoot { .. }), "{other}");
    assert!(other.to_string().starts_with("the root given is not this file's"), "{other}");
}

#[test]
fn a_file_that_was_changed_or_cut_off_is_damaged() {
    let file = good();
    for at in 0..file.len() {
        let mut changed = file.clone();
        changed[at] ^= 1;
        let error = audit_file(Cursor::new(changed), None).expect_err("a changed byte");
        assert!(matches!(error, AuditError::Damaged(_)), "byte {at}: {error}");
    }
    for end in [0, 1, 20, 21, 30, file.len() - 38, file.len() - 37, file.len() - 1] {
        let error = audit_file(Cursor::new(&file[..end]), None).expect_err("a shorter file");
        assert!(error.to_string().contains("ends too early"), "{end} bytes: {error}");
    }
    let longer = [&file[..], &[0]].concat();
    let error = audit_file(Cursor::new(longer), None).expect_err("a longer file");
    assert!(error.to_string().contains("follow its end"), "{error}");
}

#[test]
fn a_file_that_was_forged_with_its_hash_is_caught() {
    let file = good();
    let find = |what: &[u8]| {
        file.windows(what.len()).position(|window| window == what).expect("it is in the file")
    };
    let mut trade_bytes = Vec::new();
    trade(5, BUYER).put(&mut trade_bytes);
    let cases = [
        ("another buyer", find(&trade_bytes) + 24, "trades_sha256 of the stream"),
        ("another document", find("2021/9".as_bytes()), "root that the node had"),
        ("another bank", find(b"ICBC"), "root that the node had"),
    ];
    for (case, at, what) in cases {
        let mut forged = file.clone();
        forged[at] ^= 1;
        let error = audit_file(Cursor::new(sealed_again(forged)), None).expect_err(case);
        assert!(matches!(error, AuditError::Broken(_)), "{case}: {error}");
        assert!(error.to_string().contains(what), "{case}: {error}");
    }
}

#[test]
fn a_journal_that_was_shortened_or_misstated_is_caught() {
    let steps = life();
    let shorter = exported(&steps[..30], |statement| statement.event_count = 45);
    let mut lost = steps.clone();
    lost.remove(9);
    let cases = [
        ("the end is missing", shorter, "events that the node had"),
        ("an event is missing", exported(&lost, |_| {}), "number of the event"),
        ("another root", exported(&steps, |s| s.root_sha256[0] ^= 1), "root that the node had"),
    ];
    for (case, file, what) in cases {
        let error = audit_file(Cursor::new(file), None).expect_err(case);
        assert!(matches!(error, AuditError::Broken(_)), "{case}: {error}");
        assert!(error.to_string().contains(what), "{case}: {error}");
    }
}
