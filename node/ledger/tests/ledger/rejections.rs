//! A row for every way to be refused: stable reason, named field, nothing moved.

use registry_ledger::{
    AccountId, AccountKind, BankId, Command, DayState, Fen, FreePosition, Genesis, InstrumentCode,
    LedgerTime, Price, Quantity, Reason, Trade, TradeKind, TradeNumber,
};

use crate::world::{
    ABC, BUYER, HOUR_MS, ICBC, POOR, SELLER, WINDOW_MS, World, amend, cea, confirm, credit_code,
    date, deliver, fail, genesis, issue, object, open_account, open_day, resolve, retry, settle,
    submit, to_trading, today, trade,
};
use crate::{cash, compliance, control, inclusive, opening, pledge, repo};

pub(crate) type Row = (Reason, &'static str, fn() -> (World, Command));

/// A trade that lacks tonnes on the seller's side.
fn short_of_goods(number: u64) -> Trade {
    Trade { seller: POOR, seller_bank: ABC, ..trade(number) }
}

/// A day with held trade 1, whose top-up window runs.
fn held() -> World {
    World::with_trades(&[short_of_goods(1), trade(2)], DayState::Delivered)
}

fn after_deadline(mut world: World) -> World {
    world.now = LedgerTime(world.now.0 + WINDOW_MS + 1);
    world
}

fn in_chunk(bad: Trade) -> (World, Command) {
    (World::open(), submit(1, &[trade(1), bad]))
}

fn at(state: DayState) -> World {
    World::with_trades(&[trade(1), trade(2)], state)
}

fn suspended() -> World {
    let mut world = at(DayState::Closed);
    world.ok(Command::SuspendDay(today()));
    world
}

fn manifest_with(change: fn(&mut registry_ledger::Manifest)) -> (World, Command) {
    let world = at(DayState::Open);
    let Command::SubmitManifest { date, mut manifest } = world.manifest() else { unreachable!() };
    change(&mut manifest);
    (world, Command::SubmitManifest { date, manifest })
}

fn account(uscc: &str, name: &str) -> (World, Command) {
    let (uscc, name) = (uscc.to_owned(), name.to_owned());
    (World::market(), Command::OpenAccount { uscc, name, kind: AccountKind::Emitter })
}

fn deposit(account: AccountId, bank: BankId, amount: Fen) -> (World, Command) {
    (World::market(), Command::Deposit { account, bank, amount })
}

fn opening(text: &str) -> (World, Command) {
    (World::market(), open_day(date(text)))
}

const ROWS: &[Row] = &[
    (Reason::NotBootstrapped, "", || (World::empty(), open_account(1))),
    (Reason::AlreadyBootstrapped, "", || (World::market(), genesis())),
    (Reason::FieldMissing, "cities", || {
        let (cluster_id, layout) = ("c".to_owned(), "dual-city".to_owned());
        (World::empty(), Command::Genesis(Genesis { cluster_id, layout, cities: vec![] }))
    }),
    // Accounts.
    (Reason::FieldMissing, "uscc", || account("", "x")),
    (Reason::CheckCharacter, "uscc", || account("914403001922038217", "x")),
    (Reason::BadCharacter, "uscc", || account("９14403001922038216", "x")),
    (Reason::FieldMissing, "name", || account("914403001922038216", "")),
    (Reason::TooLong, "name", || account("914403001922038216", &"碳".repeat(67))),
    (Reason::BadCharacter, "name", || account("914403001922038216", "a\nb")),
    (Reason::AccountExists, "uscc", || account(&credit_code(1), "x")),
    (Reason::UnknownAccount, "account_id", || (World::market(), issue(AccountId(4), Quantity(1)))),
    (Reason::UnknownAccount, "account_id", || (World::market(), issue(AccountId(0), Quantity(1)))),
    (Reason::NotPositive, "quantity_tco2e", || (World::market(), issue(SELLER, Quantity(0)))),
    (Reason::NotPositive, "quantity_tco2e", || (World::market(), issue(SELLER, Quantity(-1)))),
    (Reason::OutOfRange, "quantity_tco2e", || (World::market(), issue(POOR, Quantity(i64::MAX)))),
    (Reason::FieldMissing, "document", || {
        let (account, instrument, quantity) = (SELLER, cea(), Quantity(1));
        let document = String::new();
        (World::market(), Command::Issue { account, instrument, quantity, document })
    }),
    (Reason::WrongInstrument, "instrument", || {
        let instrument = InstrumentCode::parse("CEA-2021").unwrap();
        let (from, quantity) = (FreePosition::Trading, Quantity(1));
        (World::market(), Command::MoveHolding { account: SELLER, instrument, from, quantity })
    }),
    (Reason::InsufficientHolding, "quantity_tco2e", || {
        (World::market(), to_trading(SELLER, Quantity(1)))
    }),
    (Reason::NotPositive, "quantity_tco2e", || (World::market(), to_trading(SELLER, Quantity(0)))),
    (Reason::NotPositive, "quantity_tco2e", || {
        (World::market(), to_trading(SELLER, Quantity(i64::MIN)))
    }),
    (Reason::InstrumentExists, "instrument", || {
        let (instrument, reference_price) = (cea(), Price(1));
        (World::market(), Command::RegisterInstrument { instrument, reference_price })
    }),
    (Reason::NotPositive, "reference_price_yuan", || {
        let (instrument, reference_price) = (InstrumentCode::parse("CCER").unwrap(), Price(0));
        (World::market(), Command::RegisterInstrument { instrument, reference_price })
    }),
    // Money.
    (Reason::OutOfRange, "bank_id", || {
        (World::market(), Command::OpenBank { bank: BankId(99), name: "x".to_owned() })
    }),
    (Reason::BankExists, "bank_id", || {
        (World::market(), Command::OpenBank { bank: ICBC, name: "x".to_owned() })
    }),
    (Reason::UnknownAccount, "account_id", || deposit(AccountId(9), ICBC, Fen(1))),
    (Reason::UnknownBank, "bank_id", || deposit(BUYER, BankId(104), Fen(1))),
    (Reason::NotPositive, "amount_yuan", || deposit(BUYER, ICBC, Fen(0))),
    (Reason::NotPositive, "amount_yuan", || deposit(BUYER, ICBC, Fen(i64::MIN))),
    (Reason::OutOfRange, "amount_yuan", || deposit(POOR, ABC, Fen(i64::MAX))),
    // Days.
    (Reason::NotTradingDay, "date", || opening("2021-12-11")),
    (Reason::NotTradingDay, "date", || opening("2021-12-12")),
    (Reason::NotTradingDay, "date", || {
        let (mut world, command) = opening("2021-12-15");
        world.ok(Command::SetHolidays(vec![date("2021-12-15")]));
        (world, command)
    }),
    (Reason::FutureDay, "date", || opening("2021-12-17")),
    (Reason::DayOrder, "date", || (World::open(), open_day(today()))),
    (Reason::DayOrder, "date", || (World::open(), open_day(date("2021-12-15")))),
    (Reason::PreviousDayUnresolved, "date", || {
        let mut world = World::open();
        world.now = LedgerTime(world.now.0 + 24 * HOUR_MS);
        (world, open_day(date("2021-12-17")))
    }),
    (Reason::NotPositive, "topup_window_ms", || {
        (World::market(), Command::OpenDay { date: today(), topup_window_ms: 0 })
    }),
    (Reason::OutOfRange, "topup_window_ms", || {
        (World::market(), Command::OpenDay { date: today(), topup_window_ms: i64::MAX })
    }),
    (Reason::TooLong, "dates", || (World::market(), Command::SetHolidays(vec![today(); 401]))),
    (Reason::UnknownDay, "date", || (World::market(), Command::ClearDay(today()))),
    // Chunks.
    (Reason::UnknownDay, "chunk.date", || (World::market(), submit(1, &[trade(1)]))),
    (Reason::DayClosed, "chunk.date", || (at(DayState::Closed), submit(2, &[trade(3)]))),
    (Reason::DayState, "chunk.date", || (suspended(), submit(2, &[trade(3)]))),
    (Reason::FieldMissing, "chunk.trades", || (World::open(), submit(1, &[]))),
    (Reason::TooLong, "chunk.trades", || (World::open(), submit(1, &[trade(1); 8_193]))),
    (Reason::NotPositive, "chunk.chunk_number", || (World::open(), submit(0, &[trade(1)]))),
    (Reason::ChunkGap, "chunk.chunk_number", || (World::open(), submit(2, &[trade(1)]))),
    (Reason::ChunkConflict, "chunk.chunk_number", || (at(DayState::Open), submit(1, &[trade(3)]))),
    // Trades.
    (Reason::NotPositive, "chunk.trades[1].trade_number", || in_chunk(trade(0))),
    (Reason::TradeDuplicate, "chunk.trades[1].trade_number", || in_chunk(trade(1))),
    (Reason::TradeConflict, "chunk.trades[1].trade_number", || {
        in_chunk(Trade { price: Price(4_307), ..trade(1) })
    }),
    (Reason::TradeDuplicate, "chunk.trades[0].trade_number", || {
        (at(DayState::Open), submit(2, &[trade(2)]))
    }),
    (Reason::TradeConflict, "chunk.trades[1].trade_number", || {
        (at(DayState::Open), submit(2, &[trade(3), Trade { quantity: Quantity(1), ..trade(1) }]))
    }),
    (Reason::TradeDuplicate, "chunk.trades[0].trade_number", || {
        let mut world = World::open();
        world.ok(settle(trade(5)));
        (world, submit(1, &[trade(5)]))
    }),
    (Reason::WrongInstrument, "chunk.trades[1].instrument", || {
        in_chunk(Trade { instrument: InstrumentCode::parse("CEA-2019").unwrap(), ..trade(2) })
    }),
    (Reason::UnknownAccount, "chunk.trades[1].buyer_account", || {
        in_chunk(Trade { buyer: AccountId(u32::MAX), ..trade(2) })
    }),
    (Reason::UnknownAccount, "chunk.trades[1].seller_account", || {
        in_chunk(Trade { seller: AccountId(0), ..trade(2) })
    }),
    (Reason::UnknownBank, "chunk.trades[1].buyer_bank", || {
        in_chunk(Trade { buyer_bank: BankId(0), ..trade(2) })
    }),
    (Reason::UnknownBank, "chunk.trades[1].seller_bank", || {
        in_chunk(Trade { seller_bank: BankId(999), ..trade(2) })
    }),
    (Reason::SelfTrade, "chunk.trades[1].seller_account", || {
        in_chunk(Trade { seller: BUYER, ..trade(2) })
    }),
    (Reason::NotPositive, "chunk.trades[1].quantity_tco2e", || {
        in_chunk(Trade { quantity: Quantity(0), ..trade(2) })
    }),
    (Reason::NotPositive, "chunk.trades[1].quantity_tco2e", || {
        in_chunk(Trade { quantity: Quantity(-100), ..trade(2) })
    }),
    (Reason::NotPositive, "chunk.trades[1].price_yuan", || {
        in_chunk(Trade { price: Price(0), ..trade(2) })
    }),
    (Reason::NotPositive, "chunk.trades[1].price_yuan", || {
        in_chunk(Trade { price: Price(i64::MIN), ..trade(2) })
    }),
    (Reason::TradeSize, "chunk.trades[1].quantity_tco2e", || {
        in_chunk(Trade { quantity: Quantity(100_000), ..trade(2) })
    }),
    (Reason::TradeSize, "chunk.trades[1].quantity_tco2e", || {
        in_chunk(Trade { kind: TradeKind::Block, quantity: Quantity(99_999), ..trade(2) })
    }),
    (Reason::PriceLimit, "chunk.trades[1].price_yuan", || {
        in_chunk(Trade { price: Price(3_874), ..trade(2) }) // low is 38.75
    }),
    (Reason::PriceLimit, "chunk.trades[1].price_yuan", || {
        in_chunk(Trade { price: Price(4_738), ..trade(2) }) // high is 47.37
    }),
    (Reason::TradeTime, "chunk.trades[1].traded_at_ms", || {
        in_chunk(Trade { traded_at: LedgerTime(trade(2).traded_at.0 + 24 * HOUR_MS), ..trade(2) })
    }),
    (Reason::TradeTime, "chunk.trades[1].traded_at_ms", || {
        in_chunk(Trade { traded_at: LedgerTime(i64::MIN), ..trade(2) })
    }),
    // Price times quantity.
    (Reason::OutOfRange, "chunk.trades[1].quantity_tco2e", || {
        in_chunk(Trade { kind: TradeKind::Block, quantity: Quantity(i64::MAX), ..trade(2) })
    }),
    // Each fits, the sum does not.
    (Reason::OutOfRange, "chunk.trades[1].quantity_tco2e", || {
        let quantity = Quantity(i64::MAX / 4_306);
        let large = |number| Trade { kind: TradeKind::Block, quantity, ..trade(number) };
        (World::open(), submit(1, &[large(1), large(2)]))
    }),
    // Immediate trades.
    (Reason::DayClosed, "date", || (at(DayState::Closed), settle(trade(3)))),
    (Reason::NotPositive, "trade.trade_number", || (World::open(), settle(trade(0)))),
    (Reason::TradeDuplicate, "trade.trade_number", || (at(DayState::Open), settle(trade(1)))),
    (Reason::SelfTrade, "trade.seller_account", || {
        (World::open(), settle(Trade { seller: BUYER, ..trade(1) }))
    }),
    (Reason::GoodsShort, "trade.seller_account", || (World::open(), settle(short_of_goods(1)))),
    (Reason::CashShort, "trade.buyer_account", || {
        (World::open(), settle(Trade { buyer: POOR, ..trade(1) }))
    }),
    (Reason::CashShort, "trade.buyer_account", || {
        (World::open(), settle(Trade { buyer_bank: ABC, ..trade(1) }))
    }),
    // Manifest, clearing, confirmation.
    (Reason::ManifestMismatch, "trade_count", || manifest_with(|m| m.trade_count += 1)),
    (Reason::ManifestMismatch, "quantity_tco2e", || manifest_with(|m| m.quantity.0 -= 1)),
    (Reason::ManifestMismatch, "amount_yuan", || manifest_with(|m| m.amount.0 += 1)),
    (Reason::ManifestMismatch, "trades_sha256", || manifest_with(|m| m.trades_sha256[0] ^= 1)),
    (Reason::DayState, "date", || {
        let world = at(DayState::Closed);
        let manifest = world.manifest();
        (world, manifest)
    }),
    (Reason::DayState, "date", || (at(DayState::Open), Command::ClearDay(today()))),
    (Reason::DayState, "date", || (at(DayState::Closed), confirm([0; 32]))),
    (Reason::DayState, "date", || (suspended(), Command::ClearDay(today()))),
    // Amendments.
    (Reason::DayState, "date", || (at(DayState::Cleared), amend(1, None))),
    (Reason::UnknownTrade, "trade_number", || (at(DayState::Disputed), amend(3, None))),
    (Reason::UnknownTrade, "trade_number", || {
        let mut world = at(DayState::Open);
        world.ok(settle(trade(5)));
        world.advance(DayState::Disputed);
        (world, amend(5, None))
    }),
    (Reason::UnknownTrade, "trade_number", || {
        let mut world = at(DayState::Disputed);
        world.ok(amend(1, None));
        (world, amend(1, None))
    }),
    (Reason::TradeConflict, "replacement.trade_number", || {
        (at(DayState::Disputed), amend(1, Some(trade(9))))
    }),
    (Reason::TradeDuplicate, "replacement.trade_number", || {
        (at(DayState::Disputed), amend(1, Some(trade(1))))
    }),
    (Reason::PriceLimit, "replacement.price_yuan", || {
        (at(DayState::Disputed), amend(1, Some(Trade { price: Price(1), ..trade(1) })))
    }),
    (Reason::FieldMissing, "reason", || {
        let (number, replacement, reason) = (TradeNumber(1), None, String::new());
        let date = today();
        (at(DayState::Disputed), Command::AmendTrade { date, number, replacement, reason })
    }),
    // Delivery and held trades.
    (Reason::DayState, "date", || (at(DayState::Cleared), deliver(1, 10))),
    (Reason::DeliveryGap, "from_sequence", || (at(DayState::Confirmed), deliver(2, 10))),
    (Reason::OutOfRange, "from_sequence", || (at(DayState::Confirmed), deliver(0, 10))),
    (Reason::OutOfRange, "max_trades", || (at(DayState::Confirmed), deliver(1, 0))),
    (Reason::OutOfRange, "max_trades", || (at(DayState::Confirmed), deliver(1, 8_193))),
    (Reason::DayState, "date", || (at(DayState::Confirmed), retry(&[1]))),
    (Reason::FieldMissing, "trade_numbers", || (held(), retry(&[]))),
    (Reason::TooLong, "trade_numbers", || (held(), retry(&[1; 1_001]))),
    (Reason::TradeDuplicate, "trade_numbers[1]", || (held(), retry(&[1, 1]))),
    (Reason::UnknownTrade, "trade_numbers[1]", || (held(), retry(&[1, 7]))),
    (Reason::TradeNotHeld, "trade_numbers[0]", || (held(), retry(&[2]))),
    (Reason::TopupDeadline, "date", || (after_deadline(held()), retry(&[1]))),
    (Reason::TopupOpen, "date", || (held(), fail(&[1]))),
    (Reason::TradeNotHeld, "trade_numbers[1]", || (after_deadline(held()), fail(&[1, 2]))),
    // The end of the day.
    (Reason::TradesHeld, "date", || (held(), Command::IssueStatements(today()))),
    (Reason::TradesHeld, "date", || (held(), Command::FinalizeDay(today()))),
    (Reason::DayState, "date", || (at(DayState::Confirmed), Command::IssueStatements(today()))),
    (Reason::StatementsMissing, "date", || {
        (at(DayState::Delivered), Command::FinalizeDay(today()))
    }),
    (Reason::StatementsMissing, "date", || (at(DayState::Delivered), object(BUYER))),
    (Reason::ObjectionLate, "date", || (at(DayState::Final), object(BUYER))),
    (Reason::UnknownAccount, "account_id", || (with_statements(), object(POOR))),
    (Reason::FieldMissing, "text", || {
        let (date, account, text) = (today(), BUYER, String::new());
        (with_statements(), Command::RaiseObjection { date, account, text })
    }),
    (Reason::ObjectionOpen, "account_id", || (with_objection(), object(BUYER))),
    (Reason::ObjectionOpen, "date", || (with_objection(), Command::FinalizeDay(today()))),
    (Reason::UnknownObjection, "account_id", || (with_objection(), resolve(SELLER))),
    (Reason::DayState, "date", || (at(DayState::Final), Command::FinalizeDay(today()))),
    // Suspension.
    (Reason::DayState, "date", || (at(DayState::Final), Command::SuspendDay(today()))),
    (Reason::DayState, "date", || (at(DayState::Open), Command::ResumeDay(today()))),
    (Reason::DayState, "date", || (suspended(), Command::SuspendDay(today()))),
];

fn with_statements() -> World {
    let mut world = at(DayState::Delivered);
    world.ok(Command::IssueStatements(today()));
    world
}

fn with_objection() -> World {
    let mut world = with_statements();
    world.ok(object(BUYER));
    world
}

fn all_rows() -> impl Iterator<Item = &'static Row> {
    ROWS.iter()
        .chain(opening::ROWS)
        .chain(control::ROWS)
        .chain(cash::ROWS)
        .chain(inclusive::ROWS)
        .chain(repo::ROWS)
        .chain(compliance::ROWS)
}

#[test]
fn every_refusal_names_reason_and_field_and_moves_nothing() {
    for (row, (reason, field, set_up)) in all_rows().enumerate() {
        let (mut world, command) = set_up();
        let rejection = world.refused(command);
        let got = (rejection.reason, rejection.field.as_str());
        assert_eq!(got, (*reason, *field), "row {row}: {}", rejection.message);
        assert!(!rejection.message.is_empty(), "row {row}");
    }
}

#[test]
fn every_reason_of_the_rules_has_a_row() {
    // Told at the border by amount, date and decoding, or tested beside the code.
    let elsewhere = [
        Reason::NotADecimal,
        Reason::TooManyDecimals,
        Reason::BadDate,
        Reason::Tick,
        Reason::ClearingImbalance, // cannot be reached from outside: clearing.rs
        Reason::RequestIdReused,   // requests.rs
        Reason::ContentMismatch,   // control.rs
        Reason::UnknownProvince,   // only codes of provinces decode
        // Of questions, which no command asks: chaos-tests/tests/queries.rs.
        Reason::PeriodReversed,
        Reason::PositionAhead,
        Reason::PositionBeforeRecords,
        Reason::CursorMismatch,
        // Of the cluster: cluster.rs.
        Reason::UnknownCity,
        Reason::UnknownNode,
        Reason::NodeIdUsed,
        Reason::VotersChanging,
        Reason::CityOut,
        Reason::CityNotOut,
        Reason::LayoutForbids,
        Reason::RecoveryEpoch,
        Reason::RulesVersion,
    ];
    for reason in Reason::ALL {
        let tested = all_rows().any(|(tested, ..)| tested == reason)
            || pledge::ROWS.iter().any(|(_, tested, ..)| tested == reason)
            || pledge::OTHERS.contains(reason);
        assert!(tested || elsewhere.contains(reason), "{} has no row", reason.code());
    }
}

#[test]
fn price_limit_message_shows_the_limits() {
    let (mut world, command) = in_chunk(Trade { price: Price(4_738), ..trade(2) });
    assert_eq!(
        world.refused(command).message,
        "trade 2: price 47.38 is outside 38.75 to 47.37, the listed limits of CEA-2020 on 2021-12-16 \
         (previous close 43.06)"
    );
}
