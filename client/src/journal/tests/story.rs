//! A market's life as events, to be broken on purpose.

use super::super::*;
use crate::formats::{ClearingHasher, TradesHasher};

/// Sells.
pub(super) const SELLER: u64 = 1;
/// Buys, and can pay.
pub(super) const BUYER: u64 = 2;
/// Buys, and cannot pay.
pub(super) const POOR: u64 = 3;
/// The day of this life.
pub(super) const DAY: u32 = 20_211_216;

pub(super) fn date(number: u32) -> Date {
    Date::from_number(number).expect("a date")
}

pub(super) fn cea() -> Instrument {
    Instrument::from_text("CEA-2020").expect("an instrument")
}

/// One event and the trades that it names.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) event: Event,
    pub(super) trades: Vec<TradeLine>,
}

pub(super) fn goods(account: u64, part: PositionPart, tonnes: i64) -> Posting {
    Posting::Goods { account, instrument: cea(), part, tonnes }
}

pub(super) fn issued(tonnes: i64) -> Posting {
    Posting::GoodsPot { instrument: cea(), pot: GoodsPot::Issued, tonnes }
}

pub(super) fn cash(account: u64, bank: u64, fen: i64) -> Posting {
    Posting::Cash { account, bank, part: CashPart::Available, fen }
}

pub(super) fn pot(bank: u64, pot: CashPot, fen: i64) -> Posting {
    Posting::CashPot { bank, pot, fen }
}

/// 100 t at 43.06 from one bank to another.
pub(super) fn trade(number: u64, buyer: u64) -> TradeLine {
    TradeLine {
        number,
        way: TradeWay::Listed,
        instrument: cea(),
        buyer,
        seller: SELLER,
        buyer_bank: 102,
        seller_bank: 103,
        tonnes: 100,
        price_fen: 4_306,
        traded_at_ms: 1_639_620_000_000,
    }
}

pub(super) fn trades_sha256(trades: &[TradeLine]) -> [u8; 32] {
    let mut hasher = TradesHasher::new(&date(DAY).to_string()).expect("a date");
    trades.iter().for_each(|trade| hasher.add(&trade.to_wire()).expect("a trade"));
    hasher.finish()
}

pub(super) fn clearing_sha256(trades: &[TradeLine]) -> [u8; 32] {
    let mut hasher = ClearingHasher::new(&date(DAY).to_string()).expect("a date");
    trades.iter().for_each(|trade| hasher.add(&trade.to_wire()).expect("a trade"));
    hasher.finish()
}

pub(super) fn deposit(account: u64, fen: i64) -> (What, Vec<Posting>) {
    let lines = vec![cash(account, 102, fen), pot(102, CashPot::Deposited, -fen)];
    (What::Deposited {}, lines)
}

/// A chunk of the stream.
fn accepted(chunk: u64, first: u64, of_stream: &[TradeLine], count: u64) -> What {
    let trades_sha256 = trades_sha256(of_stream);
    What::TradesAccepted { date: date(DAY), chunk, first, count, trades_sha256 }
}

fn closed(stream: &[TradeLine]) -> What {
    What::DayClosed {
        date: date(DAY),
        trades: stream.len() as u64,
        tonnes: stream.iter().map(|trade| trade.tonnes).sum(),
        fen: stream.iter().filter_map(TradeLine::amount_fen).sum(),
        trades_sha256: trades_sha256(stream),
        closes: vec![(cea(), 4_310)],
    }
}

/// Does everything that officers do alone, and approves.
pub(super) const OFFICER: &str = "registry/officer-1";
/// Makes the proposals.
pub(super) const MAKER: &str = "registry/officer-2";

pub(super) fn proposed(proposal: u64) -> What {
    let expires_at_ms = 1_639_700_000_000;
    What::Proposed { proposal, content_sha256: [5; 32], expires_at_ms }
}

pub(super) fn approved(proposal: u64) -> What {
    What::Approved { proposal, maker: MAKER.to_owned() }
}

fn cleared(trades: &[TradeLine]) -> What {
    What::DayCleared { date: date(DAY), clearing_sha256: clearing_sha256(trades) }
}

/// Trades 1 to 5 by places: 1, 2 are a chunk, 11 was settled at once, 3, 4 and
/// 5 are the second chunk. In a dispute 1 changes its price and 2 is voided; 3
/// and 4 are held, then 3 is paid for and 4 fails; 5 delivers.
fn steps() -> Vec<(What, Vec<Posting>, Vec<TradeLine>)> {
    let day = date(DAY);
    let stream: Vec<TradeLine> =
        [(1, BUYER), (2, BUYER), (3, POOR), (4, POOR), (5, BUYER)].map(|(n, b)| trade(n, b)).into();
    let now = TradeLine { price_fen: 4_300, ..stream[0] };
    let amended = [now, stream[2], stream[3], stream[4]];
    let single = trade(11, BUYER);
    let counted = |stream: &[TradeLine]| [stream, &[single]].concat();
    let text = |text: &str| text.to_owned();
    let open = |account, holder| What::AccountOpened {
        account,
        uscc: format!("91330100799655058{account}"),
        name: format!("Firm {account}"),
        holder,
    };
    let held = |number, mark| What::HeldTradesTried { date: day, results: vec![(number, mark)] };
    let loaded = vec![
        goods(4, PositionPart::Registered, 300),
        goods(4, PositionPart::Trading, 700),
        cash(5, 103, 50),
        issued(-1_000),
        pot(103, CashPot::Deposited, -50),
    ];
    let moved = vec![
        goods(SELLER, PositionPart::Registered, -1_000),
        goods(SELLER, PositionPart::Trading, 1_000),
    ];
    let mut steps: Vec<(What, Vec<Posting>, Vec<TradeLine>)> = Vec::new();
    let mut add = |what: What, postings: Vec<Posting>, trades: &[TradeLine]| {
        steps.push((what, postings, trades.to_vec()));
    };
    add(What::Founded { cluster_id: text("test"), layout: text("dual-city") }, vec![], &[]);
    add(What::BankOpened { bank: 102, name: text("ICBC") }, vec![], &[]);
    add(What::BankOpened { bank: 103, name: text("ABC") }, vec![], &[]);
    let (instrument, reference_price_fen) = (cea(), 4_306);
    add(What::InstrumentRegistered { instrument, reference_price_fen }, vec![], &[]);
    add(open(SELLER, HolderKind::Emitter), vec![], &[]);
    add(open(BUYER, HolderKind::Institution), vec![], &[]);
    add(open(POOR, HolderKind::Province), vec![], &[]);
    let accounts_sha256 = super::node::loaded_sha256();
    add(proposed(1), vec![], &[]);
    add(
        What::AccountsLoaded { first: 4, count: 2, accounts_sha256, document: text("D") },
        loaded,
        &[],
    );
    add(approved(1), vec![], &[]);
    let issue = vec![goods(SELLER, PositionPart::Registered, 1_500), issued(-1_500)];
    add(proposed(2), vec![], &[]);
    add(What::Issued { document: text("环办 2021/9") }, issue, &[]);
    add(approved(2), vec![], &[]);
    add(What::HoldingMoved {}, moved, &[]);
    let (what, lines) = deposit(BUYER, 5_000_000);
    add(what, lines, &[]);
    add(What::HolidaysSet { dates: vec![date(20_211_001)] }, vec![], &[]);
    add(What::DayOpened { date: day, topup_window_ms: 1_500 }, vec![], &[]);
    add(accepted(1, 1, &stream[..2], 2), vec![], &stream[..2]);
    let trades_sha256 = trades_sha256(&[single]);
    add(What::TradesSettled { date: day, first: 3, count: 1, trades_sha256 }, vec![], &[single]);
    add(accepted(2, 4, &stream, 3), vec![], &stream[2..]);
    add(closed(&stream), vec![], &[]);
    add(cleared(&counted(&stream)), vec![], &[]);
    add(What::ClearingDisputed { date: day, clearing_sha256: [7; 32] }, vec![], &[]);
    let (before, reason) = (stream[0], text("price"));
    add(What::TradeAmended { date: day, before, after: Some(now), reason }, vec![], &[]);
    let (before, reason) = (stream[1], text("twice"));
    add(What::TradeAmended { date: day, before, after: None, reason }, vec![], &[]);
    add(closed(&amended), vec![], &[]);
    add(cleared(&counted(&amended)), vec![], &[]);
    add(What::ClearingConfirmed { date: day }, vec![], &[]);
    add(proposed(3), vec![], &[]);
    add(What::DaySuspended { date: day }, vec![], &[]);
    add(approved(3), vec![], &[]);
    add(proposed(4), vec![], &[]);
    add(What::DayResumed { date: day }, vec![], &[]);
    add(approved(4), vec![], &[]);
    let none = vec![];
    add(What::TradesDelivered { date: day, first: 1, count: 2, held: none }, vec![], &[]);
    let held_now = vec![(4, TradeMark::HeldForCash), (5, TradeMark::HeldForCash)];
    add(What::TradesDelivered { date: day, first: 3, count: 4, held: held_now }, vec![], &[]);
    add(held(3, TradeMark::HeldForCash), vec![], &[]);
    let (what, lines) = deposit(POOR, 500_000);
    add(what, lines, &[]);
    add(held(3, TradeMark::Delivered), vec![], &[]);
    add(held(4, TradeMark::FailedForCash), vec![], &[]);
    add(What::StatementsIssued { date: day }, vec![], &[]);
    add(What::ObjectionRaised { date: day, account: BUYER, text: text("no") }, vec![], &[]);
    add(
        What::ObjectionResolved { date: day, account: BUYER, resolution: text("yes") },
        vec![],
        &[],
    );
    add(What::DayFinal { date: day }, vec![], &[]);
    add(What::DayOpened { date: date(20_211_217), topup_window_ms: 1 }, vec![], &[]);
    steps
}

/// The life, every event in a log entry of its own half a second after the last;
/// approvals are in the entry of what they approve.
pub(super) fn life() -> Vec<Step> {
    let numbered = (1_u64..).zip(steps());
    numbered
        .map(|(number, (what, postings, trades))| {
            let approves = u64::from(matches!(what, What::Approved { .. }));
            let ledger_time_ms = 1_639_641_600_000 + 500 * (number - approves).cast_signed();
            let proposes = matches!(what, What::Proposed { .. });
            let actor = if proposes { MAKER } else { OFFICER }.to_owned();
            let log_index = 10 + number - approves;
            let event = Event { number, log_index, ledger_time_ms, actor, what, postings };
            Step { event, trades }
        })
        .collect()
}

/// Kinds of events that need two people.
const CONTROLLED: [&str; 15] = [
    "AccountsLoaded",
    "Issued",
    "DaySuspended",
    "DayResumed",
    "ReserveUsed",
    "Allocated",
    "EmissionsCorrected",
    "CarriedOver",
    "Transferred",
    "PledgeActivated",
    "PledgeEnforcing",
    "Frozen",
    "FreezeLifted",
    "FreezeExecuted",
    "InclusiveQuotaGranted",
];

/// Goes on with an entry `later_ms` after the last one; what needs two people
/// is proposed before and approved with it.
pub(super) fn go_on(
    steps: &mut Vec<Step>,
    actor: &str,
    what: What,
    postings: Vec<Posting>,
    later_ms: i64,
) {
    let last = &steps.last().expect("a life").event;
    let (mut log_index, now_ms) = (last.log_index + 1, last.ledger_time_ms);
    let proposals = steps.iter().filter(|step| step.event.what.name() == "Proposed").count();
    let proposal = proposals as u64 + 1;
    let controlled = CONTROLLED.contains(&what.name());
    if controlled {
        add_event(steps, (log_index, now_ms, MAKER), proposed(proposal), vec![]);
        log_index += 1;
    }
    let entry = (log_index, now_ms + later_ms, actor);
    add_event(steps, entry, what, postings);
    if controlled {
        add_event(steps, entry, approved(proposal), vec![]);
    }
}

/// Adds an event of an entry: its log index, ledger time and actor.
pub(super) fn add_event(
    steps: &mut Vec<Step>,
    (log_index, ledger_time_ms, actor): (u64, i64, &str),
    what: What,
    postings: Vec<Posting>,
) {
    let (number, actor) = (steps.len() as u64 + 1, actor.to_owned());
    let event = Event { number, log_index, ledger_time_ms, actor, what, postings };
    steps.push(Step { event, trades: vec![] });
}

/// What an auditor says of these events.
pub(super) fn audit(steps: &[Step]) -> Result<Auditor, Finding> {
    let mut auditor = Auditor::default();
    for step in steps {
        let bytes = step.event.to_bytes();
        let event = auditor.read(&bytes)?;
        assert!(event == step.event, "read as it was written");
        auditor.take(&bytes, &event, &step.trades)?;
    }
    Ok(auditor)
}

/// Place of the `nth` event of a kind, from 0.
pub(super) fn place_of(steps: &[Step], kind: &str, nth: usize) -> usize {
    let of_kind = steps.iter().enumerate().filter(|(_, step)| step.event.what.name() == kind);
    of_kind.map(|(place, _)| place).nth(nth).unwrap_or_else(|| panic!("{kind} {nth}"))
}

/// The life with one event changed.
pub(super) fn changed(kind: &str, nth: usize, change: impl FnOnce(&mut Step)) -> Vec<Step> {
    let mut steps = life();
    let place = place_of(&steps, kind, nth);
    change(&mut steps[place]);
    steps
}

/// The life up to an event, which is another one.
pub(super) fn instead(kind: &str, nth: usize, what: What) -> Vec<Step> {
    let mut steps = life();
    steps.truncate(place_of(&steps, kind, nth) + 1);
    let last = steps.last_mut().expect("an event");
    (last.event.what, last.event.postings, last.trades) = (what, vec![], vec![]);
    steps
}

/// That the audit stops with this at the event that is broken last.
pub(super) fn caught(case: &str, steps: &[Step], what: &str) {
    match audit(steps) {
        Ok(_) => panic!("{case}: was not caught"),
        Err(finding) => assert!(finding.to_string().contains(what), "{case}: {finding}"),
    }
}
