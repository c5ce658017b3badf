//! Books taken over from elsewhere: many accounts at once, all or none.

use registry_ledger::{
    AccountId, AccountKind, BankId, Command, DayState, Entry, Fen, InstrumentCode, Ledger,
    OPENING_ACCOUNTS_LIMIT, OpeningBooks, OpeningHolding, Price, Quantity, Reason, Receipt,
    Request, Trade, TradeNumber, TradeResult, TradeStatus,
};

use crate::rejections::Row;
use crate::world::{
    ABC, GOODS, ICBC, MONEY, World, cea, credit_code, issue, open_account, settle, to_trading,
    trade,
};

/// The first account that a market's World does not have.
const FIRST: u32 = 4;
const BOOKS: &str = "books of 2021-12-15";
const CREDITS: &str = "CCER";
/// What fits beside a market and one account's books.
const TONNES_LEFT: i64 = i64::MAX - GOODS.0 - 1_000;
const FEN_LEFT: Fen = Fen(i64::MAX - MONEY.0 - 1_000_005);

pub(crate) fn load(books: Vec<OpeningBooks>) -> Command {
    Command::LoadAccounts { books, document: BOOKS.to_owned() }
}

pub(crate) fn holding(registered: i64, trading: i64) -> OpeningHolding {
    let (registered, trading) = (Quantity(registered), Quantity(trading));
    OpeningHolding { instrument: cea(), registered, trading }
}

/// An account with 300 t registered, 700 t trading and money at two banks.
pub(crate) fn books(number: u32) -> OpeningBooks {
    OpeningBooks {
        uscc: credit_code(number),
        name: format!("第{number}电厂"),
        kind: AccountKind::Emitter,
        holdings: vec![holding(300, 700)],
        cash: vec![(ABC, Fen(5)), (ICBC, Fen(1_000_000))],
    }
}

fn credits() -> InstrumentCode {
    InstrumentCode::parse(CREDITS).unwrap()
}

#[test]
fn accounts_are_numbered_in_the_order_given_without_gaps() {
    let mut world = World::market();
    // Not in the order of their codes.
    let receipt = world.ok(load(vec![books(9), books(7), books(8)]));
    assert_eq!(receipt, Receipt::AccountsOpened { first: AccountId(FIRST), count: 3 });
    for (id, number) in [(4, 9), (5, 7), (6, 8)] {
        let account = world.ledger.account(AccountId(id)).unwrap();
        assert_eq!((account.uscc, account.name), (credit_code(number), books(number).name));
    }
    let next = world.ok(load(vec![books(10)]));
    assert_eq!(next, Receipt::AccountsOpened { first: AccountId(7), count: 1 });
    assert_eq!(world.ok(open_account(11)), Receipt::AccountOpened(AccountId(8)));
}

#[test]
fn state_is_what_opening_issuing_moving_and_depositing_make() {
    let mut taken_over = World::market();
    let nothing = OpeningBooks { holdings: vec![], cash: vec![], ..books(6) };
    taken_over.ok(load(vec![books(FIRST), books(5), nothing]));

    let mut step_by_step = World::market();
    for number in FIRST..=6 {
        step_by_step.ok(open_account(number));
    }
    for account in [FIRST, 5].map(AccountId) {
        step_by_step.ok(issue(account, Quantity(1_000)));
        step_by_step.ok(to_trading(account, Quantity(700)));
        for (bank, amount) in books(FIRST).cash {
            step_by_step.ok(Command::Deposit { account, bank, amount });
        }
    }
    assert_eq!(taken_over.market_records(), step_by_step.market_records());
}

#[test]
fn holdings_count_as_issued_and_money_as_deposited() {
    let mut world = World::market();
    let registered =
        Command::RegisterInstrument { instrument: credits(), reference_price: Price(4_306) };
    world.ok(registered);
    let both = OpeningBooks {
        holdings: vec![holding(0, 20), OpeningHolding { instrument: credits(), ..holding(3, 0) }],
        ..books(5)
    };
    world.ok(load(vec![books(FIRST), both]));
    let known = world.ledger.instruments();
    let sums = |code| {
        let known = known.iter().find(|known| known.code == code).unwrap();
        (known.issued, known.held)
    };
    assert_eq!(sums(cea()), (Quantity(GOODS.0 + 1_020), Quantity(GOODS.0 + 1_020)));
    assert_eq!(sums(credits()), (Quantity(3), Quantity(3)));
    let banks: Vec<_> =
        world.ledger.banks().iter().map(|bank| (bank.id, bank.deposited, bank.balance)).collect();
    let at_icbc = Fen(MONEY.0 + 2_000_000);
    assert_eq!(banks, [(ICBC, at_icbc, at_icbc), (ABC, Fen(10), Fen(10))]);
    world.ledger.check_invariants().unwrap();
}

#[test]
fn one_refused_account_among_many_opens_none() {
    let mut world = World::market();
    let mut many: Vec<_> = (FIRST..104).map(books).collect();
    many.last_mut().unwrap().cash.push((BankId(104), Fen(1)));
    let refused = world.refused(load(many.clone()));
    assert_eq!(
        (refused.reason, refused.field.as_str()),
        (Reason::UnknownBank, "accounts[99].cash[2].bank_id")
    );
    assert_eq!(world.ledger.account_count(), 3);

    // Nothing is left behind that would stand in the way of the corrected books.
    many.last_mut().unwrap().cash.pop();
    let receipt = world.ok(load(many));
    assert_eq!(receipt, Receipt::AccountsOpened { first: AccountId(FIRST), count: 100 });
}

#[test]
fn the_same_request_opens_nothing_twice() {
    let mut world = World::market();
    let request = Some(Request { id: "books".to_owned(), fingerprint: [1; 32] });
    let entry = Entry { request, ..world.entry("registry/officer-1", load(vec![books(FIRST)])) };
    let first = world.ledger.apply(&entry);
    let digest = world.state_digest();
    assert_eq!(world.ledger.apply(&entry), first);
    assert_eq!(world.state_digest(), digest);
    // A node that starts from its records remembers the answer too.
    let mut restarted = Ledger::load(world.ledger.records()).unwrap();
    assert_eq!(restarted.apply(&entry), first);
    assert_eq!(restarted.seal().state_digest, digest);
}

/// A loaded seller and a loaded buyer.
fn between_loaded(number: u64, tonnes: i64) -> Trade {
    Trade {
        number: TradeNumber(number),
        seller: AccountId(FIRST),
        buyer: AccountId(5),
        quantity: Quantity(tonnes),
        ..trade(number)
    }
}

#[test]
fn loaded_accounts_trade_on_the_day_that_is_open() {
    let mut world = World::open();
    world.ok(load(vec![books(FIRST), books(5)]));
    let settled = TradeResult { number: TradeNumber(1), status: TradeStatus::Delivered };
    assert_eq!(world.ok(settle(between_loaded(1, 100))), Receipt::Trade(settled));
    world.stream(&[between_loaded(2, 100)]);
    world.advance(DayState::Final);

    let seller = world.ledger.account(AccountId(FIRST)).unwrap();
    let (_, sold_from) = seller.holdings[0];
    // What is registered is not for sale.
    assert_eq!((sold_from.registered, sold_from.trading), (Quantity(300), Quantity(500)));
    assert_eq!(seller.cash[1].1.available, Fen(5 + 2 * 430_600));
    let buyer = world.ledger.account(AccountId(5)).unwrap();
    assert_eq!(buyer.cash[0].1.available, Fen(1_000_000 - 2 * 430_600));
    world.ledger.check_invariants().unwrap();
}

#[test]
fn registered_tonnes_are_not_for_sale_and_money_elsewhere_does_not_pay() {
    let mut world = World::open();
    world.ok(load(vec![books(FIRST), books(5)]));
    let too_much = world.refused(settle(between_loaded(1, 701)));
    assert_eq!(too_much.reason, Reason::GoodsShort);
    let elsewhere = Trade { buyer_bank: ABC, ..between_loaded(1, 100) };
    assert_eq!(world.refused(settle(elsewhere)).reason, Reason::CashShort);
}

#[test]
fn one_request_takes_as_many_accounts_as_its_limit() {
    let mut world = World::market();
    let limit = u32::try_from(OPENING_ACCOUNTS_LIMIT).unwrap();
    let receipt = world.ok(load((FIRST..FIRST + limit).map(books).collect()));
    assert_eq!(receipt, Receipt::AccountsOpened { first: AccountId(FIRST), count: limit });
    assert_eq!(world.ledger.account_count(), limit + 3);
    let digest = world.state_digest();
    let restarted = Ledger::load(world.ledger.records()).unwrap();
    assert_eq!(restarted.state_digest(), digest);
    let last = AccountId(limit + 3);
    assert_eq!(restarted.account(last), world.ledger.account(last));
    world.ledger.check_invariants().unwrap();
}

fn refused(accounts: Vec<OpeningBooks>) -> (World, Command) {
    (World::market(), load(accounts))
}

/// A good account, then one with a fault.
fn second(bad: OpeningBooks) -> (World, Command) {
    refused(vec![books(FIRST), bad])
}

fn holds(holdings: &[OpeningHolding]) -> (World, Command) {
    second(OpeningBooks { holdings: holdings.to_vec(), ..books(5) })
}

fn has_money(cash: &[(BankId, Fen)]) -> (World, Command) {
    second(OpeningBooks { cash: cash.to_vec(), ..books(5) })
}

/// Part of the table in `rejections.rs`.
pub(crate) const ROWS: &[Row] = &[
    (Reason::NotBootstrapped, "", || (World::empty(), load(vec![books(FIRST)]))),
    (Reason::FieldMissing, "document", || {
        let document = " ".to_owned();
        (World::market(), Command::LoadAccounts { books: vec![books(FIRST)], document })
    }),
    (Reason::TooLong, "document", || {
        let document = "x".repeat(201);
        (World::market(), Command::LoadAccounts { books: vec![books(FIRST)], document })
    }),
    (Reason::FieldMissing, "accounts", || refused(vec![])),
    (Reason::TooLong, "accounts", || refused((FIRST..FIRST + 8_193).map(books).collect())),
    // Holders.
    (Reason::FieldMissing, "accounts[1].uscc", || {
        second(OpeningBooks { uscc: String::new(), ..books(5) })
    }),
    (Reason::CheckCharacter, "accounts[1].uscc", || {
        second(OpeningBooks { uscc: "914403001922038217".to_owned(), ..books(5) })
    }),
    (Reason::FieldMissing, "accounts[1].name", || {
        second(OpeningBooks { name: String::new(), ..books(5) })
    }),
    (Reason::TooLong, "accounts[1].name", || {
        second(OpeningBooks { name: "碳".repeat(67), ..books(5) })
    }),
    (Reason::BadCharacter, "accounts[1].name", || {
        second(OpeningBooks { name: "a\nb".to_owned(), ..books(5) })
    }),
    (Reason::AccountExists, "accounts[1].uscc", || second(books(1))),
    (Reason::AccountExists, "accounts[2].uscc", || {
        refused(vec![books(FIRST), books(5), books(FIRST)])
    }),
    // Holdings.
    (Reason::WrongInstrument, "accounts[1].holdings[1].instrument", || {
        holds(&[holding(1, 0), OpeningHolding { instrument: credits(), ..holding(1, 0) }])
    }),
    (Reason::Malformed, "accounts[1].holdings[1].instrument", || {
        holds(&[holding(1, 0), holding(0, 1)])
    }),
    (Reason::NotPositive, "accounts[1].holdings[0].registered_tco2e", || holds(&[holding(-1, 2)])),
    (Reason::NotPositive, "accounts[1].holdings[0].trading_tco2e", || holds(&[holding(2, -1)])),
    (Reason::NotPositive, "accounts[1].holdings[0].registered_tco2e", || {
        holds(&[holding(i64::MIN, i64::MIN)])
    }),
    (Reason::NotPositive, "accounts[1].holdings[0].registered_tco2e", || holds(&[holding(0, 0)])),
    // One holding, the request, and with what was issued before.
    (Reason::OutOfRange, "accounts[1].holdings[0].registered_tco2e", || {
        holds(&[holding(i64::MAX, 1)])
    }),
    (Reason::OutOfRange, "accounts[1].holdings[0].registered_tco2e", || {
        holds(&[holding(i64::MAX - 999, 0)])
    }),
    (Reason::OutOfRange, "accounts", || holds(&[holding(TONNES_LEFT + 1, 0)])),
    // Money.
    (Reason::UnknownBank, "accounts[1].cash[1].bank_id", || {
        has_money(&[(ICBC, Fen(1)), (BankId(104), Fen(1))])
    }),
    (Reason::Malformed, "accounts[1].cash[1].bank_id", || {
        has_money(&[(ICBC, Fen(1)), (ICBC, Fen(2))])
    }),
    (Reason::NotPositive, "accounts[1].cash[0].amount_yuan", || has_money(&[(ABC, Fen(0))])),
    (Reason::NotPositive, "accounts[1].cash[0].amount_yuan", || has_money(&[(ABC, Fen(i64::MIN))])),
    // One bank's money, all banks', and with what was deposited before.
    (Reason::OutOfRange, "accounts[1].cash[0].amount_yuan", || {
        has_money(&[(ICBC, Fen(i64::MAX - 999_999))])
    }),
    (Reason::OutOfRange, "accounts", || {
        has_money(&[(ICBC, Fen(i64::MAX / 2)), (ABC, Fen(i64::MAX / 2))])
    }),
    (Reason::OutOfRange, "accounts", || has_money(&[(ABC, Fen(FEN_LEFT.0 + 1))])),
];

#[test]
fn what_just_fits_is_taken() {
    let (mut world, command) = holds(&[holding(TONNES_LEFT, 0)]);
    world.ok(command);
    world.ledger.check_invariants().unwrap();
    let (mut world, command) = has_money(&[(ABC, FEN_LEFT)]);
    world.ok(command);
    world.ledger.check_invariants().unwrap();
}
