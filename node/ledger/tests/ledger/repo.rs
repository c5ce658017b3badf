//! Repos: title now, title back on a day, both legs delivered versus payment.

use registry_ledger::journal::{Event, Subject, What};
use registry_ledger::{
    AccountId, BankId, CashBalance, Command, Date, Fen, HeldReason, InstrumentCode, Ledger,
    LedgerTime, Price, Quantity, Reason, Receipt, Repo, RepoCommand, RepoId, RepoState, RepoTerms,
    calendar,
};

use crate::journal::Replay;
use crate::rejections::Row;
use crate::world::{ABC, BUYER, HOUR_MS, ICBC, MONEY, POOR, SELLER, World, cea, date};

const DAY_MS: i64 = 24 * HOUR_MS;
const NOBODY: AccountId = AccountId(9);
const NO_BANK: BankId = BankId(104);
/// 100 t at 40.00, back at 41.00, due in two days with six hours of grace.
const OPENING: Fen = Fen(400_000);
const RETURN: Fen = Fen(410_000);

fn terms() -> RepoTerms {
    RepoTerms {
        seller: SELLER,
        buyer: BUYER,
        seller_bank: ABC,
        buyer_bank: ICBC,
        instrument: cea(),
        quantity: Quantity(100),
        opening_price: Price(4_000),
        return_price: Price(4_100),
        return_date: date("2021-12-18"),
        grace_ms: 6 * HOUR_MS,
    }
}

fn propose(terms: RepoTerms) -> Command {
    let (terms, time_to_live_ms) = (Box::new(terms), HOUR_MS);
    Command::Repo(RepoCommand::Propose { terms, time_to_live_ms })
}

fn accept(repo: u64, account: AccountId) -> Command {
    Command::Repo(RepoCommand::Accept { repo: RepoId(repo), account })
}

fn decline(repo: u64, account: AccountId, reason: &str) -> Command {
    let reason = reason.to_owned();
    Command::Repo(RepoCommand::Decline { repo: RepoId(repo), account, reason })
}

fn give_back(repo: u64, account: Option<AccountId>) -> Command {
    Command::Repo(RepoCommand::Return { repo: RepoId(repo), account })
}

fn proposed() -> World {
    let mut world = World::market();
    world.ok(propose(terms()));
    world
}

fn opened() -> World {
    let mut world = proposed();
    world.ok(accept(1, BUYER));
    world
}

/// The seller can pay for the return, and it is due.
fn due() -> World {
    let mut world = opened();
    world.ok(Command::Deposit { account: SELLER, bank: ABC, amount: Fen(10_000) });
    world.now = terms().due_at();
    world
}

/// The seller got the price of the opening, which is too little for the return.
fn unpaid() -> World {
    let mut world = opened();
    world.now = terms().due_at();
    world
}

fn later(mut world: World, ms: i64) -> World {
    world.now = LedgerTime(world.now.0 + ms);
    world
}

fn with(change: fn(&mut RepoTerms)) -> (World, Command) {
    let mut terms = terms();
    change(&mut terms);
    (World::market(), propose(terms))
}

fn living(time_to_live_ms: i64) -> (World, Command) {
    let terms = Box::new(terms());
    (World::market(), Command::Repo(RepoCommand::Propose { terms, time_to_live_ms }))
}

pub(crate) const ROWS: &[Row] = &[
    (Reason::UnknownAccount, "seller_account", || with(|t| t.seller = NOBODY)),
    (Reason::UnknownAccount, "buyer_account", || with(|t| t.buyer = AccountId(0))),
    (Reason::UnknownBank, "seller_bank", || with(|t| t.seller_bank = NO_BANK)),
    (Reason::UnknownBank, "buyer_bank", || with(|t| t.buyer_bank = NO_BANK)),
    (Reason::WrongInstrument, "instrument", || {
        with(|t| t.instrument = InstrumentCode::parse("CEA-2030").unwrap())
    }),
    (Reason::SelfTrade, "buyer_account", || with(|t| t.buyer = SELLER)),
    (Reason::NotPositive, "quantity_tco2e", || with(|t| t.quantity = Quantity(0))),
    (Reason::NotPositive, "opening_price_yuan", || with(|t| t.opening_price = Price(0))),
    (Reason::NotPositive, "return_price_yuan", || with(|t| t.return_price = Price(-1))),
    (Reason::OutOfRange, "opening_price_yuan", || with(|t| t.opening_price = Price(i64::MAX / 50))),
    (Reason::OutOfRange, "return_price_yuan", || with(|t| t.return_price = Price(i64::MAX))),
    (Reason::NotPositive, "grace_ms", || with(|t| t.grace_ms = 0)),
    (Reason::OutOfRange, "grace_ms", || with(|t| t.grace_ms = 30 * DAY_MS + 1)),
    (Reason::ReturnDatePassed, "return_date", || with(|t| t.return_date = date("2021-12-15"))),
    // At 16:00 six hours behind the midnight are over.
    (Reason::ReturnDatePassed, "return_date", || with(|t| t.return_date = date("2021-12-16"))),
    (Reason::OutOfRange, "return_date", || with(|t| t.return_date = date("2022-12-18"))),
    (Reason::NotPositive, "time_to_live_ms", || living(0)),
    (Reason::OutOfRange, "time_to_live_ms", || living(30 * DAY_MS + 1)),
    (Reason::TooManyRepos, "seller_account", || {
        let mut world = World::market();
        (0..100).for_each(|_| drop(world.ok(propose(terms()))));
        (world, propose(terms()))
    }),
    (Reason::UnknownRepo, "repo_id", || (proposed(), accept(2, BUYER))),
    (Reason::UnknownRepo, "repo_id", || (proposed(), give_back(0, None))),
    (Reason::NotRepoParty, "account_id", || (proposed(), accept(1, POOR))),
    (Reason::NotRepoParty, "account_id", || (proposed(), accept(1, SELLER))),
    (Reason::NotRepoParty, "account_id", || (proposed(), decline(1, POOR, "no"))),
    (Reason::NotRepoParty, "account_id", || (due(), give_back(1, Some(POOR)))),
    (Reason::RepoState, "repo_id", || (opened(), accept(1, BUYER))),
    (Reason::RepoState, "repo_id", || (opened(), decline(1, SELLER, "no"))),
    (Reason::RepoState, "repo_id", || (proposed(), give_back(1, Some(SELLER)))),
    (Reason::RepoState, "repo_id", || {
        let mut world = due();
        world.ok(give_back(1, None));
        (world, give_back(1, None))
    }),
    (Reason::FieldMissing, "reason", || (proposed(), decline(1, BUYER, ""))),
    (Reason::RepoExpired, "repo_id", || (later(proposed(), HOUR_MS), accept(1, BUYER))),
    (Reason::RepoExpired, "repo_id", || (later(proposed(), HOUR_MS), decline(1, BUYER, "no"))),
    (Reason::ReturnDatePassed, "return_date", || {
        let mut world = World::market();
        let (terms, time_to_live_ms) = (Box::new(terms()), 30 * DAY_MS);
        world.ok(Command::Repo(RepoCommand::Propose { terms, time_to_live_ms }));
        (later(world, 3 * DAY_MS), accept(1, BUYER))
    }),
    (Reason::GoodsShort, "repo_id", || {
        let mut world = World::market();
        world.ok(propose(RepoTerms { seller: POOR, ..terms() }));
        (world, accept(1, BUYER))
    }),
    (Reason::CashShort, "repo_id", || {
        let mut world = World::market();
        world.ok(propose(RepoTerms { buyer: POOR, ..terms() }));
        (world, accept(1, POOR))
    }),
    (Reason::ReturnNotDue, "repo_id", || (opened(), give_back(1, Some(SELLER)))),
    (Reason::CashShort, "repo_id", || (unpaid(), give_back(1, Some(BUYER)))),
    (Reason::GoodsShort, "repo_id", || {
        let mut world = due();
        let (from, quantity) = (registry_ledger::FreePosition::Trading, Quantity(1));
        let (account, instrument) = (BUYER, cea());
        world.ok(Command::MoveHolding { account, instrument, from, quantity });
        (world, give_back(1, None))
    }),
];

fn repo(world: &World) -> Repo {
    *world.ledger.known_repo(RepoId(1)).unwrap()
}

fn trading(world: &World, account: AccountId) -> i64 {
    let holdings = world.ledger.account(account).unwrap().holdings;
    holdings.first().map_or(0, |(_, holding)| holding.trading.0)
}

fn cash(world: &World, account: AccountId, bank: BankId) -> i64 {
    let cash = world.ledger.account(account).unwrap().cash;
    let found = cash.iter().find(|(of, _)| *of == bank);
    found.map_or(CashBalance::default(), |(_, balance)| *balance).available.0
}

#[test]
fn title_and_money_go_there_and_back() {
    let mut world = proposed();
    let goods = trading(&world, SELLER);
    let receipt = world.ok(accept(1, BUYER));
    let Receipt::Repo(opened) = receipt else { panic!("{receipt:?}") };
    assert_eq!((opened.state, opened.opened_at), (RepoState::Open, Some(world.now)));
    assert_eq!((trading(&world, SELLER), trading(&world, BUYER)), (goods - 100, 100));
    assert_eq!(cash(&world, BUYER, ICBC), MONEY.0 - OPENING.0);
    assert_eq!(cash(&world, SELLER, ABC), OPENING.0);
    let interbank = |world: &World| -> Vec<i64> {
        world.ledger.banks().iter().map(|bank| bank.interbank.0).collect()
    };
    assert_eq!(interbank(&world), [-OPENING.0, OPENING.0], "ICBC owes, ABC receives");

    // The buyer owns them and may dispose of them, but must own them again.
    let mut world = later(world, 0);
    world.ok(Command::Deposit { account: SELLER, bank: ABC, amount: Fen(10_000) });
    world.now = terms().due_at();
    let receipt = world.ok(give_back(1, Some(BUYER)));
    let Receipt::Repo(returned) = receipt else { panic!("{receipt:?}") };
    assert_eq!((returned.state, returned.closed_at), (RepoState::Returned, Some(world.now)));
    assert_eq!((trading(&world, SELLER), trading(&world, BUYER)), (goods, 0));
    assert_eq!(cash(&world, BUYER, ICBC), MONEY.0 - OPENING.0 + RETURN.0);
    assert_eq!(cash(&world, SELLER, ABC), OPENING.0 + 10_000 - RETURN.0);
    assert_eq!(interbank(&world), [RETURN.0 - OPENING.0, OPENING.0 - RETURN.0]);
    world.ledger.check_invariants().unwrap();
}

#[test]
fn what_is_due_returns_by_itself() {
    let mut world = due();
    assert_eq!(world.ledger.next_due(), Some(terms().due_at()));
    world.ok(Command::ExpireDue);
    assert_eq!(repo(&world).state, RepoState::Returned);
    assert_eq!(world.ledger.next_due(), None);
}

#[test]
fn a_return_that_is_short_has_its_grace_and_then_fails() {
    let mut world = unpaid();
    world.ok(Command::ExpireDue);
    let missed = repo(&world);
    assert_eq!((missed.state, missed.shortage), (RepoState::Open, Some(HeldReason::CashShort)));
    // Nothing is tried again before the end of the grace, unless somebody asks.
    assert_eq!(world.ledger.next_due(), Some(terms().deadline()));
    let digest = world.state_digest();
    let mut world = later(world, HOUR_MS);
    world.ok(Command::ExpireDue);
    assert_eq!(world.state_digest(), digest);
    let mut topped_up = world.clone();
    topped_up.ok(Command::Deposit { account: SELLER, bank: ABC, amount: Fen(10_000) });
    topped_up.ok(give_back(1, None));
    assert_eq!(repo(&topped_up).state, RepoState::Returned);

    world.now = terms().deadline();
    let mut in_time = world.clone();
    in_time.ok(Command::Deposit { account: SELLER, bank: ABC, amount: Fen(10_000) });
    in_time.ok(Command::ExpireDue);
    assert_eq!(repo(&in_time).state, RepoState::Returned, "one last time");
    world.ok(Command::ExpireDue);
    let failed = repo(&world);
    assert_eq!((failed.state, failed.closed_at), (RepoState::Failed, Some(world.now)));
    assert_eq!((trading(&world, BUYER), cash(&world, SELLER, ABC)), (100, OPENING.0));
    assert_eq!(world.refused(give_back(1, None)).reason, Reason::RepoState);
}

#[test]
fn offers_end_unanswered_or_by_a_no_and_make_room() {
    let mut world = World::market();
    for _ in 0..100 {
        world.ok(propose(terms()));
    }
    world.ok(decline(7, SELLER, "a slip"));
    world.ok(decline(8, BUYER, "too dear"));
    world.ok(propose(terms()));
    world.ok(propose(terms()));
    assert_eq!(world.refused(propose(terms())).reason, Reason::TooManyRepos);
    let mut world = later(world, HOUR_MS);
    world.ok(Command::ExpireDue);
    let states = |state| world.ledger.repos_after(None, Some(state), 0, 1_000).len();
    assert_eq!((states(RepoState::Expired), states(RepoState::Declined)), (100, 2));
    world.ok(propose(terms()));
}

#[test]
fn repos_are_listed_by_party_and_state() {
    let mut world = World::market();
    for buyer in [BUYER, POOR, BUYER, POOR] {
        world.ok(propose(RepoTerms { buyer, ..terms() }));
    }
    world.ok(accept(3, BUYER));
    let listed = |account, state, after, limit| -> Vec<u64> {
        let found = world.ledger.repos_after(account, state, after, limit);
        found.iter().map(|repo| repo.id.0).collect()
    };
    assert_eq!(listed(Some(POOR), None, 0, 9), [2, 4]);
    assert_eq!(listed(Some(SELLER), None, 1, 2), [2, 3]);
    assert_eq!(listed(None, Some(RepoState::Open), 0, 9), [3]);
    assert_eq!(listed(Some(BUYER), Some(RepoState::Proposed), 0, 9), [1]);
    let mut loaded = Ledger::load(world.ledger.records()).unwrap();
    assert_eq!(loaded.seal().state_digest, world.state_digest());
    assert_eq!(loaded.next_due(), world.ledger.next_due());
    loaded.check_invariants().unwrap();
}

/// One of every event.
fn lived_through() -> World {
    let mut world = World::market();
    for _ in 0..5 {
        world.ok(propose(terms()));
    }
    world.ok(accept(1, BUYER));
    world.ok(accept(2, BUYER));
    world.ok(decline(3, BUYER, "no"));
    world.now = LedgerTime(world.now.0 + HOUR_MS);
    world.ok(Command::ExpireDue);
    world.now = terms().due_at();
    // Enough for the return of the first only.
    world.ok(Command::ExpireDue);
    world.now = terms().deadline();
    world.ok(Command::ExpireDue);
    world
}

#[test]
fn postings_give_every_balance() {
    let mut replay = Replay::default();
    let mut world = lived_through();
    replay.follow(&mut world.ledger);
    let states: Vec<_> =
        world.ledger.repos_after(None, None, 0, 9).iter().map(|repo| repo.state).collect();
    let (returned, failed) = (RepoState::Returned, RepoState::Failed);
    let expired = RepoState::Expired;
    assert_eq!(states, [returned, failed, RepoState::Declined, expired, expired]);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes before an event's kind: numbers and times are alike in this world.
const START: usize = 1 + 1 + 1 + 6 + 1 + "registry/officer-1".len();

#[test]
fn events_are_golden_and_name_whom_they_are_about() {
    let mut world = lived_through();
    let sealed = world.ledger.take_events();
    let events: Vec<_> =
        sealed.iter().map(|sealed| Event::from_bytes(&sealed.bytes).unwrap()).collect();
    let mut found = std::collections::BTreeMap::new();
    for event in &events {
        let bytes = event.to_bytes();
        if (130..140).contains(&bytes[START]) {
            found.entry(bytes[START]).or_insert_with(|| hex(&bytes[START..]));
        }
        for end in 0..bytes.len() {
            assert!(Event::from_bytes(&bytes[..end]).is_err(), "{end} bytes of {event:?}");
        }
    }
    assert_eq!(found.into_values().collect::<Vec<_>>(), GOLDEN_EVENTS);
    let opened = events.iter().find(|event| matches!(event.what, What::RepoOpened { .. }));
    let subjects = [
        Subject::Account(SELLER),
        Subject::Account(BUYER),
        Subject::Instrument(cea()),
        Subject::Bank(ICBC),
        Subject::Bank(ABC),
        Subject::Repo(RepoId(1)),
    ];
    assert_eq!(opened.unwrap().subjects(), subjects);
    let declined = events.iter().find(|event| matches!(event.what, What::RepoDeclined { .. }));
    let parties = [Subject::Account(SELLER), Subject::Account(BUYER), Subject::Repo(RepoId(3))];
    assert_eq!(declined.unwrap().subjects(), parties);
}

#[test]
fn records_and_receipts_are_golden_and_come_back() {
    let mut world = lived_through();
    let records = world.ledger.records();
    let own = |key: &[u8]| key[0] == 40;
    let found: Vec<_> = records
        .iter()
        .filter(|(key, _)| own(key))
        .map(|(key, value)| format!("{} {}", hex(key), hex(value)))
        .collect();
    assert_eq!(found, GOLDEN_RECORDS);
    let digest = world.state_digest();
    assert_eq!(Ledger::load(records.clone()).unwrap().state_digest(), digest);
    for (at, (key, value)) in records.iter().enumerate().filter(|(_, (key, _))| own(key)) {
        for end in 0..value.len() {
            let mut cut = records.clone();
            cut[at].1.truncate(end);
            assert!(Ledger::load(cut).is_err(), "{end} bytes of {}", hex(key));
        }
    }
    let mut without_first = records.clone();
    without_first.retain(|(key, _)| key[..] != [40, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert!(Ledger::load(without_first).is_err());

    let mut world = World::market();
    world.ok(propose(terms()));
    let answers = world.ledger.records();
    let (_, value) = answers.iter().rfind(|(key, _)| key[0] == 14).unwrap();
    let at = value.windows(32).position(|window| window == [7; 32]).unwrap() + 32;
    assert_eq!(hex(&value[at..]), GOLDEN_RECEIPT);
}

#[test]
fn the_return_is_due_at_midnight_in_beijing() {
    let due = Date::parse("2021-12-18").unwrap();
    assert_eq!(terms().due_at(), calendar::beijing_midnight(due));
    let mut world = opened();
    world.ok(Command::Deposit { account: SELLER, bank: ABC, amount: Fen(10_000) });
    world.now = LedgerTime(terms().due_at().0 - 1);
    assert_eq!(world.refused(give_back(1, None)).reason, Reason::ReturnNotDue);
    world.now = terms().due_at();
    world.ok(give_back(1, None));
}

const GOLDEN_EVENTS: [&str; 7] = [
    "8201010267664345412d32303230c801c03e88400134661280dccc1480fac1a7b85f00",
    "830101020601014345412d3230323002c70101024345412d3230323002c80103026601ffe9300301670180ea3004660280ea30046702ffe930",
    "84030102026e6f00",
    "850101020601024345412d3230323002c70101014345412d3230323002c801030167019f863203026601a08632046702a086320466029f8632",
    "860201020200",
    "870201020200",
    "8804010200",
];
const GOLDEN_RECORDS: [&str; 5] = [
    "280000000000000001 0101010267664345412d32303230c801c03e88400134661280dccc140380c08aa4b85f80fac1a7b85f0180c08aa4b85f00018080f991b95f",
    "280000000000000002 0102010267664345412d32303230c801c03e88400134661280dccc140480c08aa4b85f80fac1a7b85f0180c08aa4b85f01020180dcc5a6b95f",
    "280000000000000003 0103010267664345412d32303230c801c03e88400134661280dccc140580c08aa4b85f80fac1a7b85f00000180c08aa4b85f",
    "280000000000000004 0104010267664345412d32303230c801c03e88400134661280dccc140680c08aa4b85f80fac1a7b85f00000180fac1a7b85f",
    "280000000000000005 0105010267664345412d32303230c801c03e88400134661280dccc140680c08aa4b85f80fac1a7b85f00000180fac1a7b85f",
];
const GOLDEN_RECEIPT: &str =
    "4601010267664345412d32303230c801c03e88400134661280dccc140180c08aa4b85f80fac1a7b85f000000";
