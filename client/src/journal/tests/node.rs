//! The audit of a node: its journal, and what it says that it holds.

use std::io::Cursor;
use std::time::Duration;

use registry_proto::registry as wire;
use registry_proto::registry::event::What as WireWhat;
use registry_proto::registry::event_filter::About;
use sha2::{Digest as _, Sha256};

use super::super::*;
use super::story::*;
use crate::amount::format_fen;
use crate::fake_node::{FakeNode, Script};
use crate::{Connector, ReadClient};

pub(super) const LINEARIZABLE: wire::Consistency = wire::Consistency::Linearizable;

/// Accounts 4 and 5 are known by their hash only.
fn holder(id: u64) -> (String, String, i32) {
    (format!("91330100799655058{id}"), format!("Firm {id}"), [1, 2, 3, 1, 2][id as usize - 1])
}

pub(super) fn loaded_sha256() -> [u8; 32] {
    let mut sha256 = Sha256::new();
    for id in [4, 5] {
        let (uscc, name, kind) = holder(id);
        sha256.update([1]);
        sha256.update(uscc);
        sha256.update([0, 0, 0, 6]);
        sha256.update(name);
        sha256.update([kind as u8]);
    }
    sha256.finalize().into()
}

/// What a node holds after some events.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) stamp: Option<wire::Stamp>,
    pub(super) accounts: Vec<wire::Account>,
    pub(super) banks: Vec<wire::Bank>,
    pub(super) instruments: Vec<wire::Instrument>,
    pub(super) journal: wire::GetJournalReply,
    pub(super) events: Vec<wire::Event>,
    pub(super) trades: Vec<wire::TradeRecord>,
    pub(super) pledges: Vec<wire::PledgeWithValue>,
    pub(super) freezes: Vec<wire::Freeze>,
}

/// What follows from the life.
fn held() -> Held {
    held_after(&life())
}

/// What follows from a life in which no money moved after the first day.
pub(super) fn held_after(steps: &[Step]) -> Held {
    let auditor = audit(steps).expect("a good life");
    let stamp = Some(wire::Stamp { log_index: 1_000, ..Default::default() });
    let accounts = (1..=5).map(|id| account(&auditor, id)).collect();
    let bank = |bank_id: u32, name: &str, deposited, interbank| wire::Bank {
        bank_id,
        name: name.to_owned(),
        balance_yuan: format_fen(deposited + interbank),
        deposited_yuan: format_fen(deposited),
        interbank_yuan: format_fen(interbank),
        withdrawn_yuan: format_fen(0),
        proceeds_yuan: format_fen(0),
    };
    let paid = 430_000 + 3 * 430_600;
    let instrument = wire::Instrument {
        instrument: cea().to_string(),
        issued_tco2e: 2_500,
        held_tco2e: 2_500,
        last_close_yuan: "43.10".to_owned(),
        last_close_date: "2021-12-16".to_owned(),
        ..Default::default()
    };
    let mut trades: Vec<TradeLine> = steps.iter().flat_map(|step| step.trades.clone()).collect();
    trades[0].price_fen = 4_300;
    let record = |(place, trade): (usize, &TradeLine)| wire::TradeRecord {
        sequence: place as u64 + 1,
        trade: Some(trade.to_wire()),
        ..Default::default()
    };
    Held {
        stamp,
        accounts,
        banks: vec![bank(102, "ICBC", 5_500_000, -paid), bank(103, "ABC", 50, paid)],
        instruments: vec![instrument],
        journal: wire::GetJournalReply {
            stamp,
            event_count: auditor.event_count(),
            root_sha256: auditor.root().to_vec().into(),
        },
        events: steps.iter().map(|step| listed(&step.event)).collect(),
        trades: trades.iter().enumerate().map(record).collect(),
        pledges: Vec::new(),
        freezes: Vec::new(),
    }
}

fn account(auditor: &Auditor, id: u64) -> wire::Account {
    let (uscc, name, kind) = holder(id);
    let part = |part| auditor.books.tonnes(id, cea(), part);
    let (registered, trading) = (part(PositionPart::Registered), part(PositionPart::Trading));
    let (pledged, frozen) = (part(PositionPart::Pledged), part(PositionPart::Frozen));
    let holding = wire::Holding {
        instrument: cea().to_string(),
        total_tco2e: registered + trading + pledged + frozen,
        registered_tco2e: registered,
        trading_tco2e: trading,
        pledged_tco2e: pledged,
        frozen_tco2e: frozen,
        ..Default::default()
    };
    let balance = |bank_id: u32| wire::CashBalance {
        bank_id,
        available_yuan: format_fen(auditor.books.fen(id, bank_id.into(), CashPart::Available)),
        pending_out_yuan: "0.00".to_owned(),
    };
    let cash = vec![balance(102), balance(103)];
    wire::Account { account_id: id, uscc, name, kind, holdings: vec![holding], cash }
}

fn listed(event: &Event) -> wire::Event {
    let what = match event.what {
        What::TradeAmended { .. } => WireWhat::TradeAmended(wire::TradeAmended::default()),
        _ => WireWhat::Deposited(wire::Deposited {}),
    };
    wire::Event {
        event: event.number,
        log_index: event.log_index,
        ledger_time_ms: event.ledger_time_ms,
        actor: event.actor.clone(),
        postings: vec![wire::Posting::default(); event.postings.len()],
        canonical: event.to_bytes().into(),
        what: Some(what),
    }
}

/// A node that holds this, in small pages.
pub(super) async fn serving(held: &Held) -> ReadClient {
    let Held { stamp, accounts, banks, instruments, journal, events, trades, pledges, freezes } =
        held.clone();
    let node = FakeNode::start(Script {
        stamp,
        banks,
        instruments,
        pledges,
        freezes,
        list_accounts: Box::new(move |request| {
            let after = usize::try_from(request.after_account_id).expect("small");
            let accounts: Vec<_> = accounts.iter().skip(after).take(2).cloned().collect();
            let full = accounts.len() == 2;
            let next_after_account_id = if full { request.after_account_id + 2 } else { 0 };
            Ok(wire::ListAccountsReply { stamp, accounts, next_after_account_id })
        }),
        list_trades: Box::new(move |request| {
            let after = usize::try_from(request.after_sequence).expect("small");
            let size = request.page_size.min(2) as usize;
            let trades = trades.iter().skip(after).take(size).cloned().collect();
            Ok(wire::ListTradesReply { stamp, trades, next_after_sequence: 0 })
        }),
        list_events: Box::new(move |request| {
            let amended =
                |event: &wire::Event| matches!(event.what, Some(WireWhat::TradeAmended(_)));
            let about = request.filter.and_then(|filter| filter.about);
            let wanted = |event: &&wire::Event| match &about {
                Some(About::Date(date)) => date == "2021-12-16" && amended(event),
                _ => true,
            };
            let behind = events.iter().filter(|event| event.event > request.after_event);
            let page: Vec<_> = behind.filter(wanted).take(7).cloned().collect();
            let last = page.last().map_or(0, |event| event.event);
            let next_after_event = if page.len() == 7 { last } else { 0 };
            Ok(wire::ListEventsReply { stamp, events: page, next_after_event })
        }),
        get_journal: Box::new(move |_| Ok(journal.clone())),
        ..Default::default()
    })
    .await;
    ReadClient::new(Connector::plaintext(&[node.address], Duration::from_secs(5)))
}

#[tokio::test]
async fn a_node_that_holds_what_its_events_add_up_to_is_right() {
    let reads = serving(&held()).await;
    let mut seen = Vec::new();
    let report = audit_node(&reads, LINEARIZABLE, |done, total| seen.push((done, total)))
        .await
        .expect("right");
    assert_eq!((report.counts.events, report.counts.trades, report.accounts), (45, 6, 5));
    assert_eq!((report.holdings, report.cash_balances), (5, 10));
    assert_eq!((report.banks, report.instruments, report.stamp.log_index), (2, 1, 1_000));
    assert_eq!(seen.len(), 45);
    assert_eq!(seen.last(), Some(&(45, 45)));
}

#[tokio::test]
async fn what_a_node_exports_adds_up_without_it() {
    let reads = serving(&held()).await;
    let mut file = Vec::new();
    let report = export(&reads, LINEARIZABLE, &mut file, |_, _| {}).await.expect("an export");
    assert_eq!((report.statement.event_count, report.trades), (45, 6));
    assert_eq!(report.bytes, file.len() as u64);
    let audited = audit_file(Cursor::new(&file), Some(report.statement.root_sha256));
    assert_eq!(audited.expect("right").sha256, report.sha256);
}

#[tokio::test]
async fn a_node_that_holds_something_else_is_caught() {
    type Change = fn(&mut Held);
    let cases: [(&str, Change, &str); 31] = [
        ("root", |h| h.journal.root_sha256 = vec![7; 32].into(), "root of the node"),
        ("size", |h| h.journal.event_count += 1, "events of the node"),
        ("a listed number", |h| h.events[3].event = 5, "listed number"),
        ("a listed index", |h| h.events[3].log_index -= 1, "listed log index"),
        ("a listed time", |h| h.events[3].ledger_time_ms += 1, "listed ledger time"),
        ("a listed actor", |h| h.events[3].actor.push('x'), "listed actor"),
        ("listed postings", |h| h.events[8].postings.clear(), "listed postings"),
        ("no listed content", |h| h.events[3].what = None, "listed content"),
        ("canonical bytes", |h| h.events[3].canonical = vec![1, 4].into(), "canonical bytes"),
        ("a lost event", |h| drop(h.events.remove(3)), "number of the event"),
        (
            "a trade",
            |h| h.trades[4].trade.as_mut().expect("a trade").quantity_tco2e += 1,
            "stream so far",
        ),
        ("lost trades", |h| h.trades.truncate(4), "trades that the event names"),
        (
            "a position",
            |h| h.accounts[0].holdings[0].registered_tco2e += 1,
            "CEA-2020 of account 1",
        ),
        (
            "positions swapped",
            |h| {
                let holding = &mut h.accounts[0].holdings[0];
                std::mem::swap(&mut holding.registered_tco2e, &mut holding.trading_tco2e);
            },
            "CEA-2020 of account 1",
        ),
        ("a total", |h| h.accounts[0].holdings[0].total_tco2e += 1, "total tonnes"),
        ("a lost holding", |h| h.accounts[0].holdings.clear(), "CEA-2020 of account 1"),
        (
            "a holding twice",
            |h| {
                let again = h.accounts[0].holdings[0].clone();
                h.accounts[0].holdings.push(again);
            },
            "CEA-2020 of account 1",
        ),
        (
            "an unknown holding",
            |h| h.accounts[0].holdings[0].instrument = "CCER".to_owned(),
            "CCER",
        ),
        (
            "money",
            |h| h.accounts[1].cash[0].available_yuan = "1.00".to_owned(),
            "account 2 at bank 102",
        ),
        (
            "money pending out",
            |h| h.accounts[1].cash[0].pending_out_yuan = "1.00".to_owned(),
            "pending out",
        ),
        ("lost money", |h| h.accounts[1].cash.clear(), "fen of account 2"),
        ("an account's name", |h| h.accounts[1].name.push('x'), "holder of account 2"),
        (
            "a loaded account's name",
            |h| h.accounts[4].name = "Firm 6".to_owned(),
            "accounts_sha256",
        ),
        ("a lost account", |h| drop(h.accounts.pop()), "accounts on the node"),
        (
            "an account too many",
            |h| {
                let more = wire::Account { account_id: 6, ..Default::default() };
                h.accounts.push(more);
            },
            "account: expected one of the 5 accounts",
        ),
        (
            "a bank's deposits",
            |h| h.banks[0].deposited_yuan = "0.00".to_owned(),
            "deposited of bank 102",
        ),
        (
            "a bank's interbank",
            |h| h.banks[1].interbank_yuan = "0.00".to_owned(),
            "interbank of bank 103",
        ),
        (
            "a bank's balance",
            |h| h.banks[1].balance_yuan = "0.00".to_owned(),
            "of all accounts and pots of bank 103",
        ),
        ("a lost bank", |h| drop(h.banks.pop()), "settlement banks on the node"),
        ("what was issued", |h| h.instruments[0].issued_tco2e -= 1, "issued of CEA-2020"),
        ("a last close", |h| h.instruments[0].last_close_yuan = "1.00".to_owned(), "last close"),
    ];
    for (case, change, what) in cases {
        let mut node = held();
        change(&mut node);
        let error =
            audit_node(&serving(&node).await, LINEARIZABLE, |_, _| {}).await.expect_err(case);
        assert!(matches!(error, AuditError::Broken(_)), "{case}: {error}");
        assert!(error.to_string().contains(what), "{case}: {error}");
    }
}

#[tokio::test]
async fn an_answer_from_the_past_is_no_finding() {
    let mut node = held();
    node.stamp = Some(wire::Stamp { log_index: 999, ..Default::default() });
    let error = audit_node(&serving(&node).await, LINEARIZABLE, |_, _| {})
        .await
        .expect_err("an old answer");
    assert!(matches!(error, AuditError::Client(_)), "{error}");
}
