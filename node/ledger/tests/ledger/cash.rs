//! Money outside trades: withdrawals, fees, suspense, the reserve, reports and
//! payment instructions.

use registry_ledger::journal::{Event, Subject, What};
use registry_ledger::{
    AccountId, BankId, CashBalance, Command, DayState, Fen, Ledger, OPEN_WITHDRAWALS_LIMIT,
    OpenWithdrawal, PaymentLine, Pots, Reason, Receipt, ReportedBalance, StatusFilter, Trade,
    TradeNumber, TradeStatus, WithdrawalFilter,
};

use crate::journal::Replay;
use crate::rejections::Row;
use crate::world::{
    ABC, BUYER, HOUR_MS, ICBC, MONEY, POOR, SELLER, WINDOW_MS, World, date, deliver, fail, retry,
    today, trade,
};

/// What the test trade costs.
const PRICE: Fen = Fen(430_600);

pub(crate) fn withdraw(account: AccountId, bank: BankId, amount: Fen) -> Command {
    Command::RequestWithdrawal { account, bank, amount }
}

pub(crate) fn confirm(bank: BankId, withdrawal: u64) -> Command {
    Command::ConfirmWithdrawal { bank, withdrawal }
}

pub(crate) fn reject(bank: BankId, withdrawal: u64) -> Command {
    let reason = "账号有误".to_owned();
    Command::RejectWithdrawal { bank, withdrawal, reason }
}

pub(crate) fn fee(account: AccountId, bank: BankId, amount: Fen) -> Command {
    Command::ChargeFee { account, bank, amount, document: "tariff 3".to_owned() }
}

pub(crate) fn suspense(bank: BankId, amount: Fen) -> Command {
    Command::DepositToSuspense { bank, amount, reference: "no account named".to_owned() }
}

pub(crate) fn allocate(bank: BankId, account: AccountId, amount: Fen) -> Command {
    Command::AllocateSuspense { bank, account, amount, document: "letter 7".to_owned() }
}

pub(crate) fn give_back(bank: BankId, amount: Fen) -> Command {
    Command::ReturnSuspense { bank, amount, document: "letter 8".to_owned() }
}

pub(crate) fn fund(bank: BankId, amount: Fen) -> Command {
    Command::FundReserve { bank, amount, document: "budget".to_owned() }
}

pub(crate) fn cover(number: u64) -> Command {
    let number = TradeNumber(number);
    Command::UseReserve { date: today(), number, document: "decision 1".to_owned() }
}

pub(crate) fn repay(account: AccountId, bank: BankId, amount: Fen) -> Command {
    Command::RepayReserve { account, bank, amount }
}

pub(crate) fn report(bank: BankId, balance: Fen) -> Command {
    Command::ReportBalance { bank, as_of: today(), balance }
}

fn pots(world: &World, bank: BankId) -> Pots {
    world.ledger.banks().iter().find(|view| view.id == bank).unwrap().pots
}

fn balance(world: &World, account: AccountId, bank: BankId) -> CashBalance {
    let cash = world.ledger.account(account).unwrap().cash;
    cash.iter().find(|(of, _)| *of == bank).map(|(_, balance)| *balance).unwrap_or_default()
}

/// Trade 1 is held for cash, trade 2 for goods, trade 3 delivered.
fn held() -> World {
    World::with_trades(
        &[
            Trade { buyer: POOR, ..trade(1) },
            Trade { seller: POOR, seller_bank: ABC, ..trade(2) },
            trade(3),
        ],
        DayState::Delivered,
    )
}

/// The same with so much in the reserve that trade 1 can be covered.
fn funded() -> World {
    let mut world = held();
    world.ok(fund(ICBC, PRICE));
    world
}

fn with_withdrawal() -> World {
    let mut world = World::market();
    world.ok(withdraw(BUYER, ICBC, Fen(500)));
    world
}

fn with_claim() -> World {
    let mut world = funded();
    world.ok(cover(1));
    world.ok(Command::Deposit { account: POOR, bank: ICBC, amount: MONEY });
    world
}

fn without_text(command: Command) -> Command {
    let empty = String::new();
    match command {
        Command::RejectWithdrawal { bank, withdrawal, .. } => {
            Command::RejectWithdrawal { bank, withdrawal, reason: empty }
        }
        Command::ChargeFee { account, bank, amount, .. } => {
            Command::ChargeFee { account, bank, amount, document: empty }
        }
        Command::DepositToSuspense { bank, amount, .. } => {
            Command::DepositToSuspense { bank, amount, reference: empty }
        }
        Command::AllocateSuspense { bank, account, amount, .. } => {
            Command::AllocateSuspense { bank, account, amount, document: empty }
        }
        Command::ReturnSuspense { bank, amount, .. } => {
            Command::ReturnSuspense { bank, amount, document: empty }
        }
        Command::FundReserve { bank, amount, .. } => {
            Command::FundReserve { bank, amount, document: empty }
        }
        Command::UseReserve { date, number, .. } => {
            Command::UseReserve { date, number, document: empty }
        }
        other => panic!("{other:?} has no text"),
    }
}

const NOBODY: AccountId = AccountId(9);
const NO_BANK: BankId = BankId(104);

fn market(command: Command) -> (World, Command) {
    (World::market(), command)
}

fn with_suspense(command: Command) -> (World, Command) {
    let mut world = World::market();
    world.ok(suspense(ABC, Fen(70)));
    (world, command)
}

/// Rows for [`crate::rejections`].
pub(crate) const ROWS: &[Row] = &[
    // Withdrawals.
    (Reason::UnknownAccount, "account_id", || market(withdraw(NOBODY, ICBC, Fen(1)))),
    (Reason::UnknownBank, "bank_id", || market(withdraw(BUYER, NO_BANK, Fen(1)))),
    (Reason::NotPositive, "amount_yuan", || market(withdraw(BUYER, ICBC, Fen(0)))),
    (Reason::NotPositive, "amount_yuan", || market(withdraw(BUYER, ICBC, Fen(i64::MIN)))),
    (Reason::InsufficientCash, "amount_yuan", || market(withdraw(BUYER, ICBC, Fen(MONEY.0 + 1)))),
    (Reason::InsufficientCash, "amount_yuan", || market(withdraw(BUYER, ABC, Fen(1)))),
    // What is set aside is not available twice.
    (Reason::InsufficientCash, "amount_yuan", || (with_withdrawal(), withdraw(BUYER, ICBC, MONEY))),
    (Reason::WithdrawalsOpen, "account_id", || {
        let mut world = World::market();
        for _ in 0..OPEN_WITHDRAWALS_LIMIT {
            world.ok(withdraw(BUYER, ICBC, Fen(1)));
        }
        (world, withdraw(BUYER, ICBC, Fen(1)))
    }),
    (Reason::UnknownBank, "bank_id", || (with_withdrawal(), confirm(NO_BANK, 1))),
    (Reason::UnknownWithdrawal, "withdrawal_id", || (with_withdrawal(), confirm(ICBC, 0))),
    (Reason::UnknownWithdrawal, "withdrawal_id", || (with_withdrawal(), confirm(ICBC, 2))),
    // Another bank's.
    (Reason::UnknownWithdrawal, "withdrawal_id", || (with_withdrawal(), confirm(ABC, 1))),
    (Reason::UnknownWithdrawal, "withdrawal_id", || (with_withdrawal(), reject(ABC, 1))),
    (Reason::WithdrawalClosed, "withdrawal_id", || {
        let mut world = with_withdrawal();
        world.ok(confirm(ICBC, 1));
        (world, confirm(ICBC, 1))
    }),
    (Reason::WithdrawalClosed, "withdrawal_id", || {
        let mut world = with_withdrawal();
        world.ok(reject(ICBC, 1));
        (world, confirm(ICBC, 1))
    }),
    (Reason::WithdrawalClosed, "withdrawal_id", || {
        let mut world = with_withdrawal();
        world.ok(confirm(ICBC, 1));
        (world, reject(ICBC, 1))
    }),
    (Reason::FieldMissing, "reason", || (with_withdrawal(), without_text(reject(ICBC, 1)))),
    // Fees.
    (Reason::UnknownAccount, "account_id", || market(fee(NOBODY, ICBC, Fen(1)))),
    (Reason::UnknownBank, "bank_id", || market(fee(BUYER, NO_BANK, Fen(1)))),
    (Reason::NotPositive, "amount_yuan", || market(fee(BUYER, ICBC, Fen(-1)))),
    (Reason::InsufficientCash, "amount_yuan", || market(fee(POOR, ICBC, Fen(1)))),
    (Reason::FieldMissing, "document", || market(without_text(fee(BUYER, ICBC, Fen(1))))),
    // Suspense.
    (Reason::UnknownBank, "bank_id", || market(suspense(NO_BANK, Fen(1)))),
    (Reason::NotPositive, "amount_yuan", || market(suspense(ABC, Fen(0)))),
    (Reason::OutOfRange, "amount_yuan", || market(suspense(ABC, Fen(i64::MAX)))),
    (Reason::FieldMissing, "reference", || market(without_text(suspense(ABC, Fen(1))))),
    (Reason::UnknownAccount, "account_id", || with_suspense(allocate(ABC, NOBODY, Fen(1)))),
    (Reason::UnknownBank, "bank_id", || with_suspense(allocate(NO_BANK, POOR, Fen(1)))),
    (Reason::NotPositive, "amount_yuan", || with_suspense(allocate(ABC, POOR, Fen(0)))),
    (Reason::SuspenseShort, "amount_yuan", || with_suspense(allocate(ABC, POOR, Fen(71)))),
    (Reason::SuspenseShort, "amount_yuan", || with_suspense(allocate(ICBC, POOR, Fen(1)))),
    (Reason::FieldMissing, "document", || with_suspense(without_text(allocate(ABC, POOR, Fen(1))))),
    (Reason::UnknownBank, "bank_id", || with_suspense(give_back(NO_BANK, Fen(1)))),
    (Reason::NotPositive, "amount_yuan", || with_suspense(give_back(ABC, Fen(-5)))),
    (Reason::SuspenseShort, "amount_yuan", || with_suspense(give_back(ABC, Fen(71)))),
    (Reason::FieldMissing, "document", || with_suspense(without_text(give_back(ABC, Fen(1))))),
    // The reserve.
    (Reason::UnknownBank, "bank_id", || market(fund(NO_BANK, Fen(1)))),
    (Reason::NotPositive, "amount_yuan", || market(fund(ABC, Fen(0)))),
    (Reason::OutOfRange, "amount_yuan", || market(fund(ABC, Fen(i64::MAX)))),
    (Reason::FieldMissing, "document", || market(without_text(fund(ABC, Fen(1))))),
    (Reason::UnknownDay, "date", || market(cover(1))),
    (Reason::DayState, "date", || (World::with_trades(&[trade(1)], DayState::Confirmed), cover(1))),
    (Reason::UnknownTrade, "trade_number", || (funded(), cover(9))),
    (Reason::GoodsShort, "trade_number", || (funded(), cover(2))),
    (Reason::TradeNotHeld, "trade_number", || (funded(), cover(3))),
    (Reason::TradeNotHeld, "trade_number", || {
        let mut world = funded();
        world.ok(cover(1));
        (world, cover(1))
    }),
    (Reason::TradeNotHeld, "trade_number", || {
        let mut world = funded();
        world.now.0 += WINDOW_MS + 1;
        world.ok(fail(&[1]));
        (world, cover(1))
    }),
    (Reason::FieldMissing, "document", || (funded(), without_text(cover(1)))),
    (Reason::ReserveNotNeeded, "trade_number", || {
        let mut world = funded();
        world.ok(Command::Deposit { account: POOR, bank: ICBC, amount: PRICE });
        (world, cover(1))
    }),
    (Reason::ReserveExhausted, "trade_number", || {
        let mut world = held();
        world.ok(fund(ICBC, Fen(PRICE.0 - 1)));
        (world, cover(1))
    }),
    // Another bank's reserve does not help.
    (Reason::ReserveExhausted, "trade_number", || {
        let mut world = held();
        world.ok(fund(ABC, PRICE));
        (world, cover(1))
    }),
    // The seller's tonnes went elsewhere while the trade was held.
    (Reason::GoodsShort, "trade_number", || {
        let mut world = funded();
        let trading = world.ledger.account(SELLER).unwrap().holdings[0].1.trading;
        let from = registry_ledger::FreePosition::Trading;
        let instrument = crate::world::cea();
        world.ok(Command::MoveHolding { account: SELLER, instrument, from, quantity: trading });
        (world, cover(1))
    }),
    (Reason::TradeNotHeld, "trade_numbers[0]", || {
        let mut world = funded();
        world.ok(cover(1));
        (world, retry(&[1]))
    }),
    (Reason::UnknownAccount, "account_id", || (with_claim(), repay(NOBODY, ICBC, Fen(1)))),
    (Reason::UnknownBank, "bank_id", || (with_claim(), repay(POOR, NO_BANK, Fen(1)))),
    (Reason::NotPositive, "amount_yuan", || (with_claim(), repay(POOR, ICBC, Fen(0)))),
    (Reason::InsufficientCash, "amount_yuan", || {
        (with_claim(), repay(POOR, ICBC, Fen(MONEY.0 + 1)))
    }),
    (Reason::UnknownClaim, "account_id", || (with_claim(), repay(BUYER, ICBC, Fen(1)))),
    (Reason::ClaimExceeded, "amount_yuan", || (with_claim(), repay(POOR, ICBC, Fen(PRICE.0 + 1)))),
    // Reports.
    (Reason::UnknownBank, "bank_id", || market(report(NO_BANK, Fen(1)))),
    (Reason::OutOfRange, "balance_yuan", || market(report(ICBC, Fen(-1)))),
    (Reason::FutureDay, "as_of_date", || {
        let (bank, as_of, balance) = (ICBC, date("2021-12-17"), Fen(1));
        market(Command::ReportBalance { bank, as_of, balance })
    }),
    (Reason::ReportOlder, "as_of_date", || {
        let mut world = World::market();
        world.ok(report(ICBC, Fen(1)));
        let (bank, as_of, balance) = (ICBC, date("2021-12-15"), Fen(1));
        (world, Command::ReportBalance { bank, as_of, balance })
    }),
];

#[test]
fn a_withdrawal_leaves_the_market_only_when_its_bank_has_paid() {
    let mut world = World::market();
    let Receipt::Withdrawal(first, after) = world.ok(withdraw(BUYER, ICBC, Fen(500))) else {
        panic!("no withdrawal")
    };
    let expected = OpenWithdrawal {
        number: 1,
        account: BUYER,
        bank: ICBC,
        amount: Fen(500),
        requested_at: world.now,
    };
    assert_eq!(first, expected);
    assert_eq!(after, CashBalance { available: Fen(MONEY.0 - 500), pending_out: Fen(500) });
    // The bank still has the money.
    assert_eq!(world.ledger.banks()[0].balance, MONEY);
    world.ok(confirm(ICBC, 1));
    let paid = CashBalance { available: Fen(MONEY.0 - 500), pending_out: Fen(0) };
    assert_eq!(balance(&world, BUYER, ICBC), paid);
    let bank = &world.ledger.banks()[0];
    assert_eq!((bank.balance.0, bank.deposited), (MONEY.0 - 500, MONEY));
    assert_eq!(bank.pots.withdrawn, Fen(500));

    // The numbers go on over all banks, and a refused one is available again.
    world.ok(suspense(ABC, Fen(70)));
    world.ok(allocate(ABC, POOR, Fen(70)));
    for (number, command) in [(2, withdraw(POOR, ABC, Fen(70))), (3, withdraw(BUYER, ICBC, Fen(9)))]
    {
        let Receipt::Withdrawal(next, _) = world.ok(command) else { panic!("no withdrawal") };
        assert_eq!(next.number, number);
    }
    world.ok(reject(ABC, 2));
    assert_eq!(balance(&world, POOR, ABC).available, Fen(70));
    assert_eq!(pots(&world, ABC).withdrawn, Fen(0));
}

#[test]
fn open_withdrawals_are_listed_by_bank_and_account_in_pages() {
    let mut world = World::market();
    world.ok(Command::Deposit { account: POOR, bank: ABC, amount: Fen(100) });
    for _ in 0..3 {
        world.ok(withdraw(BUYER, ICBC, Fen(1)));
        world.ok(withdraw(POOR, ABC, Fen(1)));
    }
    world.ok(confirm(ICBC, 3));
    let listed = |ledger: &Ledger, bank, account, after, limit| -> Vec<u64> {
        let page = ledger.withdrawals_after(WithdrawalFilter { bank, account }, after, limit);
        page.iter().map(|withdrawal| withdrawal.number).collect()
    };
    for ledger in [&world.ledger, &Ledger::load(world.ledger.records()).unwrap()] {
        assert_eq!(listed(ledger, None, None, 0, 9), [1, 2, 4, 5, 6]);
        assert_eq!(listed(ledger, None, None, 0, 2), [1, 2]);
        assert_eq!(listed(ledger, None, None, 2, 2), [4, 5]);
        assert_eq!(listed(ledger, Some(ICBC), None, 0, 9), [1, 5]);
        assert_eq!(listed(ledger, None, Some(POOR), 2, 9), [4, 6]);
        assert_eq!(listed(ledger, Some(ICBC), Some(POOR), 0, 9), []);
        assert_eq!(listed(ledger, None, None, u64::MAX, 9), []);
    }
}

#[test]
fn the_reserve_pays_only_what_the_buyer_lacks_and_the_buyer_owes_it() {
    let mut world = held();
    world.ok(Command::Deposit { account: POOR, bank: ICBC, amount: Fen(600) });
    world.ok(fund(ICBC, PRICE));
    let before = world.ledger.day(today()).unwrap();
    let shortfall = Fen(PRICE.0 - 600);
    let number = TradeNumber(1);
    let covered = Receipt::Covered { number, shortfall, claim: shortfall };
    assert_eq!(world.ok(cover(1)), covered);
    assert_eq!(pots(&world, ICBC).reserve, Fen(600));
    assert_eq!(balance(&world, POOR, ICBC).available, Fen(0));
    let poor = world.ledger.account(POOR).unwrap();
    assert_eq!(poor.holdings[0].1.pending_in.0, 100);
    let day = world.ledger.day(today()).unwrap();
    assert_eq!(day.delivered_count, before.delivered_count + 1);
    assert_eq!(day.held_count, before.held_count - 1);
    let status = world.ledger.trade(today(), number).unwrap().status;
    assert_eq!(status, TradeStatus::Covered);
    let listed = world.ledger.trades_after(today(), Some(StatusFilter::Covered), 0, 9).unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(world.ledger.statement(today(), POOR).unwrap().bought, PRICE);
    // Delivery that is asked again delivers nothing again.
    let root = world.ledger.journal().root();
    world.ok(deliver(1, 8_192));
    assert_eq!(world.ledger.journal().root(), root);

    world.ok(Command::Deposit { account: POOR, bank: ICBC, amount: PRICE });
    world.ok(repay(POOR, ICBC, Fen(1)));
    let claims: Vec<_> = world.ledger.claims().collect();
    assert_eq!(claims, [(POOR, ICBC, Fen(shortfall.0 - 1))]);
    let Receipt::Repaid { claim, .. } = world.ok(repay(POOR, ICBC, Fen(shortfall.0 - 1))) else {
        panic!("not repaid")
    };
    assert_eq!((claim, world.ledger.claims().count()), (Fen(0), 0));
    assert_eq!(pots(&world, ICBC).reserve, PRICE);
}

#[test]
fn a_report_stands_next_to_what_the_bank_must_hold() {
    let mut world = World::market();
    assert_eq!(world.ledger.banks()[0].difference(), None);
    world.ok(report(ICBC, Fen(MONEY.0 - 3)));
    let bank = &world.ledger.banks()[0];
    assert_eq!(bank.difference(), Some(Fen(-3)));
    let (as_of, reported_at) = (today(), world.now);
    let reported = ReportedBalance { as_of, balance: Fen(MONEY.0 - 3), reported_at };
    assert_eq!(bank.reported, Some(reported));
    // The same day again corrects.
    world.now.0 += HOUR_MS;
    world.ok(fee(BUYER, ICBC, Fen(5)));
    world.ok(report(ICBC, MONEY));
    let bank = &world.ledger.banks()[0];
    assert_eq!((bank.difference(), bank.balance), (Some(Fen(0)), MONEY));
    assert_eq!(bank.sub_ledgers(), Fen(MONEY.0 - 5));
}

#[test]
fn payment_instructions_net_every_account_at_the_bank() {
    let mut world = World::with_trades(
        &[
            trade(1),
            Trade { buyer: POOR, ..trade(2) },
            // Within one bank: it nets to nothing between banks.
            Trade { seller_bank: ICBC, ..trade(3) },
        ],
        DayState::Delivered,
    );
    let asked = |world: &World, bank| world.ledger.payment_instructions(today(), bank);
    let lines = |lines: &[(AccountId, i64)]| -> Vec<PaymentLine> {
        lines
            .iter()
            .map(|(account, net)| PaymentLine { account: *account, net: Fen(*net) })
            .collect()
    };
    let found = asked(&world, ICBC).unwrap();
    assert_eq!(found.lines, lines(&[(SELLER, 430_600), (BUYER, -861_200)]));
    assert_eq!((found.received, found.paid), (PRICE, Fen(861_200)));
    assert_eq!(
        (found.net(), found.interbank, found.held_trades),
        (Fen(-430_600), Fen(-430_600), 1)
    );
    // A covered trade is paid like any other.
    world.ok(fund(ICBC, PRICE));
    world.ok(cover(1 + 1));
    let found = asked(&world, ICBC).unwrap();
    assert_eq!(found.lines, lines(&[(SELLER, 430_600), (BUYER, -861_200), (POOR, -430_600)]));
    assert_eq!((found.interbank, found.held_trades), (found.net(), 0));
    let other = asked(&world, ABC).unwrap();
    assert_eq!(other.lines, lines(&[(SELLER, 861_200)]));
    assert_eq!(other.net().0 + found.net().0, 0, "banks pay each other");
    assert_eq!(hex(&found.sha256), GOLDEN_PAYMENTS);

    let refused = |world: &World, bank| asked(world, bank).unwrap_err().reason;
    assert_eq!(refused(&world, NO_BANK), Reason::UnknownBank);
    assert_eq!(refused(&World::market(), ICBC), Reason::UnknownDay);
    let confirmed = World::with_trades(&[trade(1)], DayState::Confirmed);
    assert_eq!(refused(&confirmed, ICBC), Reason::DayState);
}

/// One of every event.
fn lived_through() -> World {
    let mut world = held();
    world.ok(withdraw(BUYER, ICBC, Fen(500)));
    world.ok(withdraw(BUYER, ICBC, Fen(300)));
    world.ok(withdraw(BUYER, ICBC, Fen(200)));
    world.ok(confirm(ICBC, 1));
    world.ok(reject(ICBC, 2));
    world.ok(fee(BUYER, ICBC, Fen(7)));
    world.ok(suspense(ICBC, Fen(70)));
    world.ok(allocate(ICBC, POOR, Fen(50)));
    world.ok(give_back(ICBC, Fen(15)));
    world.ok(fund(ICBC, MONEY));
    world.ok(cover(1));
    world.ok(Command::Deposit { account: POOR, bank: ICBC, amount: Fen(60) });
    world.ok(repay(POOR, ICBC, Fen(60)));
    world.ok(report(ICBC, MONEY));
    world
}

fn events(world: &mut World) -> Vec<Event> {
    let events = world.ledger.take_events();
    events.iter().map(|sealed| Event::from_bytes(&sealed.bytes).unwrap()).collect()
}

#[test]
fn postings_give_every_balance_and_pot() {
    let mut replay = Replay::default();
    let mut world = lived_through();
    replay.follow(&mut world.ledger);
    let mut loaded = Ledger::load(world.ledger.records()).unwrap();
    assert_eq!(loaded.seal().state_digest, world.state_digest());
    loaded.check_invariants().unwrap();
}

#[test]
fn events_are_golden_and_name_whom_they_are_about() {
    let mut world = lived_through();
    let events = events(&mut world);
    // What follows the log's place, time and actor: from the kind on.
    let found: Vec<String> = events
        .iter()
        .filter(|event| (60..75).contains(&kind(event)))
        .map(|event| hex(&event.to_bytes()[START..]))
        .collect();
    assert_eq!(found, GOLDEN_EVENTS);
    let about = |wanted: fn(&What) -> bool| {
        events.iter().find(|event| wanted(&event.what)).unwrap().subjects()
    };
    let used = about(|what| matches!(what, What::ReserveUsed { .. }));
    assert_eq!(used, [Subject::Account(POOR), Subject::Bank(ICBC), Subject::Day(today())]);
    let reported = about(|what| matches!(what, What::BalanceReported { .. }));
    assert_eq!(reported, [Subject::Bank(ICBC)]);
    let refused = about(|what| matches!(what, What::WithdrawalRejected { .. }));
    assert_eq!(refused, [Subject::Account(BUYER), Subject::Bank(ICBC)]);
    for event in &events {
        let bytes = event.to_bytes();
        for end in 0..bytes.len() {
            assert!(Event::from_bytes(&bytes[..end]).is_err(), "{end} bytes of {event:?}");
        }
    }
}

/// Bytes before an event's kind: numbers and times are alike in this world.
const START: usize = 1 + 1 + 1 + 6 + 1 + "registry/officer-1".len();

fn kind(event: &Event) -> u8 {
    event.to_bytes()[START]
}

#[test]
fn records_are_golden_and_come_back() {
    let mut world = lived_through();
    let mut found = Vec::new();
    for (key, value) in world.ledger.records() {
        if (25..=27).contains(&key[0]) {
            found.push(format!("{} {}", hex(&key), hex(&value)));
        }
    }
    assert_eq!(found, GOLDEN_RECORDS);
    // Trade 1 covered, trade 2 held for goods, trade 3 delivered.
    let statuses = world.ledger.records().into_iter().find(|(key, _)| key[0] == 10);
    assert_eq!(statuses.map(|(_, value)| value), Some(vec![1, 8, 3, 2]));
    let digest = world.state_digest();
    let records = world.ledger.records();
    assert_eq!(Ledger::load(records.clone()).unwrap().state_digest(), digest);
    for (at, (key, value)) in records.iter().enumerate() {
        for end in (0..value.len()).filter(|_| (25..=27).contains(&key[0])) {
            let mut cut = records.clone();
            cut[at].1.truncate(end);
            assert!(Ledger::load(cut).is_err(), "{end} bytes of {}", hex(key));
        }
    }
    let mut without_bank = records;
    without_bank.retain(|(key, _)| key[0] != 5);
    assert!(Ledger::load(without_bank).unwrap_err().problem.contains("bank"));
}

#[test]
fn receipts_are_golden() {
    let mut world = held();
    let mut answered = |command: Command| {
        world.ok(command);
        let mut answers = world.ledger.records();
        answers.retain(|(key, _)| key[0] == 14);
        let (_, value) = answers.pop().unwrap();
        // Behind the fingerprint.
        let at = value.windows(32).position(|window| window == [7; 32]).unwrap() + 32;
        hex(&value[at..])
    };
    let found = [
        answered(withdraw(BUYER, ICBC, Fen(500))),
        answered(fund(ICBC, PRICE)),
        answered(cover(1)),
        answered(suspense(ICBC, Fen(900))),
        answered(allocate(ICBC, POOR, Fen(900))),
        answered(repay(POOR, ICBC, Fen(900))),
        answered(report(ICBC, Fen(5))),
    ];
    assert_eq!(found, GOLDEN_RECEIPTS);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const GOLDEN_PAYMENTS: &str = "aac56b234239feecaab460c8fbd57f0345dc35eafc550b7decdc072f3ce69a2a";
const GOLDEN_EVENTS: [&str; 13] = [
    "3c010203026601e70703026602e807",
    "3c020203026601d70403026602d804",
    "3c0302030266018f03030266029003",
    "3d010203026602e707046606e807",
    "3e020ce8b4a6e58fb7e69c89e8afaf0203026602d70403026601d804",
    "3f08746172696666203302030266010d0466030e",
    "40106e6f206163636f756e74206e616d6564020466058c010466018b01",
    "41086c6574746572203702046605630303660164",
    "42086c65747465722038020466051d0466061e",
    "43066275646765740204660480a0b787e905046601ff9fb787e905",
    "440134661001acc7340a6465636973696f6e203102046604abc73403036601acc734",
    "45b4c63402030366017704660478",
    "46660134661080a0b787e90500",
];
const GOLDEN_RECORDS: [&str; 3] = [
    "190066 010eccd98287e9050a860803010134661080a0b787e90580c08aa4b85f",
    "1a0000000000000003 010266900380c08aa4b85f",
    "1b000000030066 01b4c634",
];
const GOLDEN_RECEIPTS: [&str; 7] = [
    "19010266e80780c08aa4b85f000000174870540400000000000001f4",
    "1a660090c8340000",
    "1c0190c83490c834",
    "1a660000880e00",
    "04006600000000000003840000000000000000",
    "1b660000000000000000000000000000000088ba34",
    "1d66f8e58287e905013466100a80c08aa4b85f",
];
