//! The events alone, with the trades they name, give every balance: replayed
//! by plain sums that know nothing of the rules.

use std::collections::BTreeMap;

use registry_ledger::formats::TradesHasher;
use registry_ledger::journal::{
    CashPosition, CashPot, Event, GoodsPot, Position, Posting, Tree, What, leaf_hash,
};
use registry_ledger::{
    AccountId, BankId, CashBalance, Command, Date, DayState, Fen, Holding, InstrumentCode, Ledger,
    Quantity, Receipt, Trade, TradeStatus,
};

use crate::control::{approval, propose};
use crate::opening::{books, load};
use crate::world::{
    BUYER, POOR, SELLER, WINDOW_MS, World, amend, deliver, fail, object, resolve, retry, settle,
    submit, today, trade,
};

type Goods = BTreeMap<(AccountId, InstrumentCode, Position), i128>;
type Cash = BTreeMap<(AccountId, BankId, CashPosition), i128>;

/// Sums of postings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replay {
    tree: Tree,
    goods: Goods,
    goods_pots: BTreeMap<(InstrumentCode, GoodsPot), i128>,
    cash: Cash,
    cash_pots: BTreeMap<(BankId, CashPot), i128>,
    claims: BTreeMap<(AccountId, BankId), i64>,
}

impl Replay {
    /// Takes what the ledger has sealed since the last call, and compares.
    pub(crate) fn follow(&mut self, ledger: &mut Ledger) {
        for sealed in ledger.take_events() {
            let event = Event::from_bytes(&sealed.bytes).unwrap();
            assert_eq!(event.to_bytes(), sealed.bytes, "one encoding");
            assert_eq!((event.ordinal, sealed.ordinal), (self.tree.leaves() + 1, event.ordinal));
            assert!(sealed.subjects.starts_with(&event.subjects()));
            self.tree.push(leaf_hash(&sealed.bytes));
            self.take(&event, ledger);
        }
        assert_eq!(&self.tree, ledger.journal(), "the tree is over these events");
        self.compare(ledger);
    }

    fn take(&mut self, event: &Event, ledger: &Ledger) {
        for posting in &event.postings {
            self.post(*posting);
        }
        match &event.what {
            What::DayOpened { .. } => self.release(),
            What::TradesDelivered { date, first_sequence, count, held } => {
                for trade in trades(ledger, *date, *first_sequence, *count) {
                    let (sequence, trade, counts) = trade;
                    let held = held.iter().any(|(of, _)| *of == sequence);
                    if counts && !held {
                        self.deliver(&trade);
                    }
                }
            }
            What::TradesSettled { date, first_sequence, count, trades_sha256 } => {
                let mut hasher = TradesHasher::new(*date);
                for sequence in *first_sequence..first_sequence + u64::from(*count) {
                    let after = sequence - 1;
                    let record = ledger.trades_after(*date, None, after, 1).unwrap()[0];
                    assert!(record.immediate);
                    hasher.add(&record.trade);
                    self.deliver(&record.trade);
                }
                assert_eq!(hasher.finish(), *trades_sha256);
            }
            What::HeldTradesTried { date, results } => {
                for (number, status) in results {
                    if *status == TradeStatus::Delivered {
                        self.deliver(&ledger.trade(*date, *number).unwrap().trade);
                    }
                }
            }
            // Its own postings brought the buyer what it lacked.
            What::ReserveUsed { date, trade, claim, .. } => {
                let trade = ledger.trade(*date, *trade).unwrap();
                assert_eq!(trade.status, TradeStatus::Covered);
                self.claims.insert((trade.trade.buyer, trade.trade.buyer_bank), claim.0);
                self.deliver(&trade.trade);
            }
            What::ReserveRepaid { claim } => {
                let debtor = event.postings.iter().find_map(|posting| match posting {
                    Posting::Cash { account, bank, .. } => Some((*account, *bank)),
                    _ => None,
                });
                self.claims.insert(debtor.unwrap(), claim.0);
            }
            _ => {}
        }
    }

    fn post(&mut self, posting: Posting) {
        match posting {
            Posting::Goods { account, instrument, position, quantity } => {
                *self.goods.entry((account, instrument, position)).or_default() +=
                    i128::from(quantity.0);
            }
            Posting::GoodsPot { instrument, pot, quantity } => {
                *self.goods_pots.entry((instrument, pot)).or_default() += i128::from(quantity.0);
            }
            Posting::Cash { account, bank, position, amount } => {
                *self.cash.entry((account, bank, position)).or_default() += i128::from(amount.0);
            }
            Posting::CashPot { bank, pot, amount } => {
                *self.cash_pots.entry((bank, pot)).or_default() += i128::from(amount.0);
            }
        }
    }

    fn deliver(&mut self, trade: &Trade) {
        let (instrument, tonnes) = (trade.instrument, trade.quantity.0);
        let fen = trade.amount().unwrap().0;
        for (account, position, tonnes) in
            [(trade.seller, Position::Trading, -tonnes), (trade.buyer, Position::PendingIn, tonnes)]
        {
            self.post(Posting::Goods { account, instrument, position, quantity: Quantity(tonnes) });
        }
        for (account, bank, fen) in
            [(trade.buyer, trade.buyer_bank, -fen), (trade.seller, trade.seller_bank, fen)]
        {
            let position = CashPosition::Available;
            self.post(Posting::Cash { account, bank, position, amount: Fen(fen) });
            if trade.buyer_bank != trade.seller_bank {
                self.post(Posting::CashPot { bank, pot: CashPot::Interbank, amount: Fen(-fen) });
            }
        }
    }

    fn release(&mut self) {
        let bought: Vec<_> = self
            .goods
            .iter()
            .filter(|((_, _, position), _)| *position == Position::PendingIn)
            .map(|((account, instrument, _), tonnes)| (*account, *instrument, *tonnes))
            .collect();
        for (account, instrument, tonnes) in bought {
            self.goods.insert((account, instrument, Position::PendingIn), 0);
            *self.goods.entry((account, instrument, Position::Trading)).or_default() += tonnes;
        }
    }

    fn compare(&self, ledger: &Ledger) {
        let (mut goods, mut cash) = (Goods::default(), Cash::default());
        for account in ledger.accounts_after(0, usize::MAX) {
            for (code, holding) in &account.holdings {
                for (position, tonnes) in positions(holding) {
                    goods.insert((account.id, *code, position), tonnes.0.into());
                }
            }
            for (bank, CashBalance { available, pending_out }) in &account.cash {
                let mut put = |position, fen: Fen| {
                    cash.insert((account.id, *bank, position), fen.0.into());
                };
                put(CashPosition::Available, *available);
                put(CashPosition::PendingOut, *pending_out);
            }
        }
        goods.retain(|_, tonnes| *tonnes != 0);
        cash.retain(|_, fen| *fen != 0);
        let mut replayed = (self.goods.clone(), self.cash.clone());
        replayed.0.retain(|_, tonnes| *tonnes != 0);
        replayed.1.retain(|_, fen| *fen != 0);
        assert_eq!(replayed, (goods, cash), "what accounts have");
        for instrument in ledger.instruments() {
            let pots = self.goods_pots.iter().filter(|((code, _), _)| *code == instrument.code);
            let outside: i128 = pots.map(|(_, tonnes)| tonnes).sum();
            assert_eq!(-outside, instrument.held.0.into(), "{} outside accounts", instrument.code);
        }
        for bank in ledger.banks() {
            let pot = |pot| self.cash_pots.get(&(bank.id, pot)).copied().unwrap_or_default();
            assert_eq!(-pot(CashPot::Deposited), bank.deposited.0.into());
            assert_eq!(-pot(CashPot::Interbank), bank.interbank.0.into());
            let registry_ledger::Pots { fees, reserve, suspense, withdrawn } = bank.pots;
            let kept = [CashPot::Fees, CashPot::Reserve, CashPot::Suspense, CashPot::Withdrawn];
            let kept = kept.map(pot);
            assert_eq!(kept, [fees, reserve, suspense, withdrawn].map(|fen| fen.0.into()));
            let everything: i128 = self
                .cash_pots
                .iter()
                .filter(|((id, _), _)| *id == bank.id)
                .map(|(_, fen)| fen)
                .sum();
            let accounts: i128 =
                self.cash.iter().filter(|((_, id, _), _)| *id == bank.id).map(|(_, fen)| fen).sum();
            assert_eq!(everything + accounts, 0, "double entry at bank {}", bank.id.0);
            assert_eq!(accounts, bank.sub_ledgers().0.into());
        }
        let mut claims = self.claims.clone();
        claims.retain(|_, claim| *claim != 0);
        let found = ledger.claims().map(|(account, bank, claim)| ((account, bank), claim.0));
        assert_eq!(claims, found.collect(), "what is owed to the reserve");
    }
}

fn positions(holding: &Holding) -> [(Position, Quantity); 6] {
    [
        (Position::Registered, holding.registered),
        (Position::Trading, holding.trading),
        (Position::PendingIn, holding.pending_in),
        (Position::Pledged, holding.pledged),
        (Position::Frozen, holding.frozen),
        (Position::PendingOut, holding.pending_out),
    ]
}

/// Trades of the stream at these places, and whether each was tried.
fn trades(ledger: &Ledger, date: Date, first: u64, count: u32) -> Vec<(u64, Trade, bool)> {
    let records = ledger.trades_after(date, None, first - 1, count as usize).unwrap();
    assert_eq!(records.len(), count as usize, "the places exist");
    let tried = |status| status != TradeStatus::Voided;
    records
        .iter()
        .map(|record| (record.sequence, record.trade, tried(record.status) && !record.immediate))
        .collect()
}

/// A market's life with one of every event.
fn lived_through() -> (World, Vec<Event>) {
    let mut world = World::market();
    world.ok(Command::SetHolidays(vec![crate::world::date("2021-10-01")]));
    world.ok(load(vec![books(7), books(8)]));
    world.ok(crate::world::open_day(today()));
    world.ok(submit(1, &[trade(1), trade(2), Trade { buyer: POOR, ..trade(3) }]));
    // Two single trades in one log entry are one event.
    for number in [11, 12] {
        let entry = registry_ledger::Entry {
            log_index: 1_000,
            ..world.entry("exchange/sh", settle(trade(number)))
        };
        world.ledger.apply(&entry).outcome.unwrap();
    }
    world.ledger.seal();
    world.advance(DayState::Disputed);
    world.ok(amend(1, None));
    world.advance(DayState::Confirmed);
    for command in [Command::SuspendDay(today()), Command::ResumeDay(today())] {
        let Receipt::Proposed { proposal, .. } = world.ok(propose(&command)) else { panic!() };
        let approve = Command::Approve(approval(proposal, command));
        world.apply_as("registry/officer-2", approve).outcome.unwrap();
        world.ledger.seal();
    }
    for actor in ["registry/officer-1", "registry/officer-2"] {
        let Receipt::Proposed { proposal, .. } = world.ok(propose(&deliver(1, 1))) else {
            panic!()
        };
        let end = match actor {
            "registry/officer-1" => Command::WithdrawProposal(proposal),
            _ => Command::Decline { proposal, reason: "not needed".to_owned() },
        };
        world.apply_as(actor, end).outcome.unwrap();
    }
    world.ok(propose(&deliver(1, 1)));
    world.now.0 += crate::world::HOUR_MS;
    world.ok(Command::ExpireDue);
    world.ok(deliver(1, 2));
    world.ok(deliver(1, 8_192));
    world.ok(retry(&[3]));
    world.now.0 += WINDOW_MS + 1;
    world.ok(fail(&[3]));
    world.ok(Command::IssueStatements(today()));
    world.ok(object(BUYER));
    world.ok(resolve(BUYER));
    world.ok(Command::FinalizeDay(today()));
    let events = world.ledger.take_events();
    let events = events.iter().map(|sealed| Event::from_bytes(&sealed.bytes).unwrap()).collect();
    (world, events)
}

#[test]
fn every_change_is_one_event_and_only_changes_are() {
    let (mut world, events) = lived_through();
    let names: Vec<_> = events
        .iter()
        .map(|event| {
            let shown = format!("{:?}", event.what);
            shown.split([' ', '{']).next().unwrap().to_owned()
        })
        .collect();
    assert_eq!(names.join(" "), LIFE);
    let settled = events.iter().find_map(|event| match event.what {
        What::TradesSettled { first_sequence, count, .. } => Some((first_sequence, count)),
        _ => None,
    });
    assert_eq!(settled, Some((4, 2)));
    // The second delivery begins where the first one ended.
    let delivered: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.what {
            What::TradesDelivered { first_sequence, count, held, .. } => {
                Some((*first_sequence, *count, held.len()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(delivered, [(1, 2, 0), (3, 3, 1)]);
    // What is repeated, or refused, is no event.
    let root = world.ledger.journal().root();
    world.ok(deliver(1, 8_192));
    world.refused(Command::FinalizeDay(today()));
    assert_eq!(world.ledger.journal().root(), root);
    assert_eq!(world.ledger.take_events(), []);
    assert!(events.iter().map(|event| event.ordinal).eq(1..=events.len() as u64));
}

#[test]
fn events_are_golden() {
    let (world, events) = lived_through();
    let bytes = events.iter().find(|event| matches!(event.what, What::Issued { .. })).unwrap();
    let hex: String = bytes.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, GOLDEN_ISSUE);
    let root: String = world.ledger.journal().root().iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(root, GOLDEN_ROOT);
}

#[test]
fn damaged_events_are_refused() {
    let (_, events) = lived_through();
    for event in &events {
        let bytes = event.to_bytes();
        for end in 0..bytes.len() {
            assert!(Event::from_bytes(&bytes[..end]).is_err(), "{end} bytes of {event:?}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(Event::from_bytes(&longer).is_err());
        let newer = [&[bytes[0] + 1], &bytes[1..]].concat();
        assert!(Event::from_bytes(&newer).unwrap_err().problem.contains("format"));
    }
}

#[test]
fn histories_name_whom_an_event_is_about() {
    use registry_ledger::journal::Subject;
    let (_, events) = lived_through();
    let of = |name: &str| {
        let found = events.iter().find(|event| format!("{:?}", event.what).starts_with(name));
        found.unwrap().subjects()
    };
    assert_eq!(of("Issued"), [Subject::Account(SELLER), Subject::Instrument(crate::world::cea())]);
    assert_eq!(of("AccountsLoaded"), [Subject::Accounts(AccountId(4), 2)]);
    assert_eq!(of("ObjectionRaised"), [Subject::Account(BUYER), Subject::Day(today())]);
    assert_eq!(of("TradesSettled"), [Subject::Day(today())]);
}

const LIFE: &str = "Founded BankOpened BankOpened InstrumentRegistered AccountOpened \
    AccountOpened AccountOpened Issued HoldingMoved Deposited HolidaysSet AccountsLoaded DayOpened \
    TradesAccepted TradesSettled DayClosed DayCleared ClearingDisputed TradeAmended DayClosed \
    DayCleared ClearingConfirmed Proposed DaySuspended Approved Proposed DayResumed Approved \
    Proposed ProposalWithdrawn Proposed Declined Proposed ProposalExpired TradesDelivered TradesDelivered HeldTradesTried HeldTradesTried StatementsIssued \
    ObjectionRaised ObjectionResolved DayFinal";
const GOLDEN_ISSUE: &str = "01080880c08aa4b85f1272656769737472792f6f6666696365722d31071ae78eafe58a9ee6b094e58099e3809432303231e3809539e58fb70201014345412d323032300180ade204024345412d3230323001fface204";
const GOLDEN_ROOT: &str = "5206e8d2e0b45a3d61831f48181ee95ae888de1befcadc5219e90e0dea40339b";
