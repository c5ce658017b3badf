//! A year from allocation to surrender, carry-over, cancellation, and transfers
//! without a trade.

use registry_ledger::journal::{Event, Subject, What};
use registry_ledger::{
    AccountId, AccountKind, AllocationKind, Command, ComplianceCommand, ComplianceReceipt,
    ComplianceYear, DayState, EntryFilter, Holding, InstrumentCode, Ledger, Means, Price,
    ProvinceCode, Quantity, Reason, Receipt, Retired, SurrenderState, Trade, TransferCause,
};

use crate::control::{approval, propose};
use crate::journal::Replay;
use crate::rejections::Row;
use crate::world::{
    ABC, BUYER, HOUR_MS, ICBC, POOR, SELLER, World, cea, credit_code, date, today, trade,
};

/// Hubei's own account.
const OWN: AccountId = AccountId(4);
/// An institution's.
const FUND: AccountId = AccountId(5);
const NOBODY: AccountId = AccountId(9);
/// What Hubei may allocate.
const ISSUED: Quantity = Quantity(1_000_000);

pub(crate) fn province(code: u32) -> ProvinceCode {
    ProvinceCode::from_code(code).unwrap()
}

pub(crate) fn hubei() -> ProvinceCode {
    province(42)
}

fn shanghai() -> ProvinceCode {
    province(31)
}

fn year(year: u32) -> ComplianceYear {
    ComplianceYear::from_year(year).unwrap()
}

fn code(text: &str) -> InstrumentCode {
    InstrumentCode::parse(text).unwrap()
}

pub(crate) fn ccer() -> InstrumentCode {
    code("CCER")
}

fn document() -> String {
    "鄂环发 7".to_owned()
}

fn assign(account: AccountId, province: ProvinceCode) -> Command {
    let document = document();
    Command::Compliance(ComplianceCommand::AssignProvince { account, province, document })
}

pub(crate) fn allocate(account: AccountId, tonnes: i64) -> Command {
    Command::Compliance(ComplianceCommand::Allocate {
        province: hubei(),
        account,
        instrument: cea(),
        kind: AllocationKind::PreAllocation,
        quantity: Quantity(tonnes),
        document: document(),
    })
}

pub(crate) fn recall(account: AccountId, instrument: InstrumentCode, tonnes: i64) -> Command {
    let (quantity, document) = (Quantity(tonnes), document());
    Command::Compliance(ComplianceCommand::Recall { account, instrument, quantity, document })
}

fn record(account: AccountId, of: u32, tonnes: i64) -> Command {
    Command::Compliance(ComplianceCommand::RecordEmissions {
        by: None,
        account,
        year: year(of),
        verified: Quantity(tonnes),
        report_sha256: [5; 32],
    })
}

fn correct(corrects: u64, tonnes: i64) -> Command {
    Command::Compliance(ComplianceCommand::CorrectEmissions {
        corrects,
        verified: Quantity(tonnes),
        report_sha256: [6; 32],
        document: document(),
    })
}

pub(crate) fn apply(
    account: AccountId,
    of: u32,
    instrument: InstrumentCode,
    tonnes: i64,
) -> Command {
    let (year, quantity) = (year(of), Quantity(tonnes));
    Command::Compliance(ComplianceCommand::ApplySurrender { account, year, instrument, quantity })
}

pub(crate) fn approve(province: ProvinceCode, surrender: u64) -> Command {
    Command::Compliance(ComplianceCommand::ApproveSurrender { province, surrender })
}

fn decline(province: ProvinceCode, surrender: u64) -> Command {
    let reason = "wrong year".to_owned();
    Command::Compliance(ComplianceCommand::DeclineSurrender { province, surrender, reason })
}

pub(crate) fn carry(account: AccountId, from: &str, to: &str, tonnes: i64) -> Command {
    Command::Compliance(ComplianceCommand::CarryOver {
        account,
        from: code(from),
        to: code(to),
        quantity: Quantity(tonnes),
        sold_from: date("2021-12-01"),
        sold_to: today(),
        document: document(),
    })
}

fn carry_window(from: &str, to: &str) -> Command {
    let Command::Compliance(ComplianceCommand::CarryOver {
        account,
        from: old,
        to: new,
        quantity,
        document,
        ..
    }) = carry(SELLER, "CEA-2020", "CEA-2025", 1)
    else {
        unreachable!()
    };
    let (sold_from, sold_to) = (date(from), date(to));
    Command::Compliance(ComplianceCommand::CarryOver {
        account,
        from: old,
        to: new,
        quantity,
        sold_from,
        sold_to,
        document,
    })
}

pub(crate) fn cancel(account: AccountId, instrument: InstrumentCode, tonnes: i64) -> Command {
    Command::Compliance(ComplianceCommand::Cancel {
        account,
        instrument,
        quantity: Quantity(tonnes),
        beneficiary: "第九届军运会".to_owned(),
        reason: "carbon neutral event".to_owned(),
    })
}

pub(crate) fn transfer(
    from: AccountId,
    to: AccountId,
    part: Option<(InstrumentCode, i64)>,
) -> Command {
    Command::Compliance(ComplianceCommand::Transfer {
        cause: TransferCause::Merger,
        from,
        to,
        part: part.map(|(instrument, tonnes)| (instrument, Quantity(tonnes))),
        document: document(),
        document_sha256: [8; 32],
    })
}

fn without_text(command: Command) -> Command {
    use ComplianceCommand as C;
    let Command::Compliance(mut command) = command else { unreachable!() };
    match &mut command {
        C::AssignProvince { document, .. }
        | C::Allocate { document, .. }
        | C::Recall { document, .. }
        | C::CorrectEmissions { document, .. }
        | C::CarryOver { document, .. }
        | C::Transfer { document, .. } => document.clear(),
        C::DeclineSurrender { reason, .. } => reason.clear(),
        C::Cancel { beneficiary, .. } => beneficiary.clear(),
        other => panic!("{other:?} has no text"),
    }
    Command::Compliance(command)
}

/// Hubei with an account and two firms, Shanghai with one; 2020's allowances,
/// 2025's and reductions are known, Hubei has its tonnes.
fn world() -> World {
    let mut world = World::market();
    for (number, kind) in [(4, AccountKind::Province), (5, AccountKind::Institution)] {
        let (uscc, name) = (credit_code(number), "湖北省生态环境厅".to_owned());
        world.ok(Command::OpenAccount { uscc, name, kind });
    }
    for text in ["CEA-2021", "CEA-2025", "CCER"] {
        let (instrument, reference_price) = (code(text), Price(4_306));
        world.ok(Command::RegisterInstrument { instrument, reference_price });
    }
    for (account, province) in
        [(OWN, hubei()), (SELLER, hubei()), (BUYER, hubei()), (POOR, shanghai())]
    {
        world.ok(assign(account, province));
    }
    world.ok(issue(OWN, cea(), ISSUED.0));
    world
}

fn issue(account: AccountId, instrument: InstrumentCode, tonnes: i64) -> Command {
    let (quantity, document) = (Quantity(tonnes), document());
    Command::Issue { account, instrument, quantity, document }
}

/// Firm 1 has 2,000 t of the year, 100 t of reductions and 50 t of 2025; it
/// emitted 1,000 t in 2020.
fn due() -> World {
    let mut world = world();
    world.ok(allocate(SELLER, 2_000));
    world.ok(issue(SELLER, ccer(), 100));
    world.ok(issue(SELLER, code("CEA-2025"), 50));
    world.ok(record(SELLER, 2020, 1_000));
    world
}

/// The same with an application of 600 t.
fn applied() -> World {
    let mut world = due();
    world.ok(apply(SELLER, 2020, cea(), 600));
    world
}

/// After a final day on which firm 1 sold 100 t net, and firm 2 bought them.
pub(crate) fn sold() -> World {
    let mut world = due();
    world.ok(crate::world::open_day(today()));
    let back =
        Trade { buyer: SELLER, seller: BUYER, buyer_bank: ABC, seller_bank: ICBC, ..trade(3) };
    // The buyer has nothing to sell on the same day: held, and no sale.
    world.stream(&[trade(1), back]);
    world.advance(DayState::Delivered);
    world.now.0 += crate::world::WINDOW_MS + 1;
    world.ok(crate::world::fail(&[3]));
    world.ok(Command::IssueStatements(today()));
    world.ok(Command::FinalizeDay(today()));
    world.now.0 += 24 * HOUR_MS;
    world
}

fn holding(world: &World, account: AccountId, instrument: InstrumentCode) -> Holding {
    let holdings = world.ledger.account(account).unwrap().holdings;
    holdings.iter().find(|(of, _)| *of == instrument).map(|(_, h)| *h).unwrap_or_default()
}

fn retired(world: &World, instrument: InstrumentCode) -> Retired {
    let views = world.ledger.instruments();
    views.iter().find(|view| view.code == instrument).unwrap().retired
}

fn with(mut world: World, before: &[Command], command: Command) -> (World, Command) {
    before.iter().for_each(|command| {
        world.ok(command.clone());
    });
    (world, command)
}

/// The same as [`applied`], and a court froze firm 1's account.
fn frozen() -> World {
    let mut world = applied();
    crate::freeze::freeze_account(&mut world, SELLER);
    world
}

/// Rows for [`crate::rejections`].
pub(crate) const ROWS: &[Row] = &[
    // A frozen account gives nothing away by its holder's will.
    (Reason::AccountFrozen, "account_id", || (frozen(), apply(SELLER, 2020, cea(), 1))),
    (Reason::AccountFrozen, "account_id", || (frozen(), cancel(SELLER, cea(), 1))),
    (Reason::AccountFrozen, "account_id", || (frozen(), carry(SELLER, "CEA-2020", "CEA-2025", 1))),
    (Reason::AccountFrozen, "from_account_id", || (frozen(), transfer(SELLER, BUYER, None))),
    // Provinces.
    (Reason::UnknownAccount, "account_id", || (world(), assign(NOBODY, hubei()))),
    (Reason::AccountKind, "account_id", || (world(), assign(FUND, hubei()))),
    (Reason::FieldMissing, "document", || (world(), without_text(assign(SELLER, hubei())))),
    (Reason::ProvinceTaken, "province", || {
        let (uscc, name) = (credit_code(6), "second".to_owned());
        let kind = AccountKind::Province;
        let open = Command::OpenAccount { uscc, name, kind };
        with(world(), &[open], assign(AccountId(6), hubei()))
    }),
    // Allocation.
    (Reason::UnknownAccount, "account_id", || (world(), allocate(NOBODY, 1))),
    (Reason::AccountKind, "account_id", || (world(), allocate(FUND, 1))),
    (Reason::AccountKind, "account_id", || (world(), allocate(OWN, 1))),
    (Reason::OtherProvince, "province", || (world(), allocate(POOR, 1))),
    (Reason::ProvinceMissing, "account_id", || {
        with(world(), &[crate::world::open_account(6)], allocate(AccountId(6), 1))
    }),
    (Reason::ProvinceMissing, "province", || {
        let mut world = World::market();
        world.ok(assign(SELLER, hubei()));
        (world, allocate(SELLER, 1))
    }),
    (Reason::NotPositive, "quantity_tco2e", || (world(), allocate(SELLER, 0))),
    (Reason::InsufficientHolding, "quantity_tco2e", || (world(), allocate(SELLER, ISSUED.0 + 1))),
    (Reason::FieldMissing, "document", || (world(), without_text(allocate(SELLER, 1)))),
    (Reason::Malformed, "kind", || {
        let Command::Compliance(ComplianceCommand::Allocate {
            province,
            account,
            instrument,
            quantity,
            document,
            ..
        }) = allocate(SELLER, 1)
        else {
            unreachable!()
        };
        let kind = AllocationKind::Recall;
        let command =
            ComplianceCommand::Allocate { province, account, instrument, kind, quantity, document };
        (world(), Command::Compliance(command))
    }),
    (Reason::WrongInstrument, "instrument", || (world(), recall(OWN, code("CEA-2030"), 1))),
    (Reason::UnknownAccount, "account_id", || (world(), recall(NOBODY, cea(), 1))),
    (Reason::ProvinceMissing, "account_id", || (world(), recall(FUND, cea(), 1))),
    (Reason::NotPositive, "quantity_tco2e", || (world(), recall(OWN, cea(), -1))),
    // What is in trading is not taken back.
    (Reason::InsufficientHolding, "quantity_tco2e", || (world(), recall(SELLER, cea(), 1))),
    (Reason::FieldMissing, "document", || (world(), without_text(recall(OWN, cea(), 1)))),
    // Emissions.
    (Reason::UnknownAccount, "account_id", || (world(), record(NOBODY, 2020, 1))),
    (Reason::AccountKind, "account_id", || (world(), record(FUND, 2020, 1))),
    (Reason::OutOfRange, "verified_tco2e", || (world(), record(SELLER, 2020, -1))),
    (Reason::EmissionsRecorded, "year", || (due(), record(SELLER, 2020, 1_000))),
    (Reason::OtherProvince, "province", || {
        let command = ComplianceCommand::RecordEmissions {
            by: Some(shanghai()),
            account: SELLER,
            year: year(2021),
            verified: Quantity(1),
            report_sha256: [5; 32],
        };
        (due(), Command::Compliance(command))
    }),
    (Reason::UnknownEmissions, "corrects_emissions_id", || (due(), correct(2, 1))),
    (Reason::UnknownEmissions, "corrects_emissions_id", || (due(), correct(0, 1))),
    (Reason::EmissionsSuperseded, "corrects_emissions_id", || {
        with(due(), &[correct(1, 900)], correct(1, 800))
    }),
    (Reason::OutOfRange, "verified_tco2e", || (due(), correct(1, i64::MIN))),
    (Reason::FieldMissing, "document", || (due(), without_text(correct(1, 900)))),
    // Surrender.
    (Reason::UnknownAccount, "account_id", || (due(), apply(NOBODY, 2020, cea(), 1))),
    (Reason::AccountKind, "account_id", || (due(), apply(FUND, 2020, cea(), 1))),
    (Reason::ProvinceMissing, "account_id", || {
        with(due(), &[crate::world::open_account(6)], apply(AccountId(6), 2020, cea(), 1))
    }),
    (Reason::NoObligation, "year", || (due(), apply(SELLER, 2021, cea(), 1))),
    (Reason::WrongInstrument, "instrument", || (due(), apply(SELLER, 2020, code("CEA-2030"), 1))),
    (Reason::NotPositive, "quantity_tco2e", || (due(), apply(SELLER, 2020, cea(), 0))),
    (Reason::InsufficientHolding, "quantity_tco2e", || (due(), apply(SELLER, 2020, cea(), 2_001))),
    (Reason::VintageNotAllowed, "instrument", || (due(), apply(SELLER, 2020, code("CEA-2025"), 1))),
    (Reason::VintageNotAllowed, "instrument", || {
        with(due(), &[record(SELLER, 2025, 1_000)], apply(SELLER, 2025, cea(), 1))
    }),
    (Reason::OverSurrender, "quantity_tco2e", || (due(), apply(SELLER, 2020, cea(), 1_001))),
    (Reason::OverSurrender, "quantity_tco2e", || (applied(), apply(SELLER, 2020, cea(), 401))),
    (Reason::CcerShare, "quantity_tco2e", || (due(), apply(SELLER, 2020, ccer(), 51))),
    // Of all applications together.
    (Reason::CcerShare, "quantity_tco2e", || {
        with(due(), &[apply(SELLER, 2020, ccer(), 50)], apply(SELLER, 2020, ccer(), 1))
    }),
    (Reason::UnknownSurrender, "surrender_id", || (applied(), approve(hubei(), 0))),
    (Reason::UnknownSurrender, "surrender_id", || (applied(), approve(hubei(), 2))),
    // Another province's firm.
    (Reason::UnknownSurrender, "surrender_id", || (applied(), approve(shanghai(), 1))),
    (Reason::UnknownSurrender, "surrender_id", || (applied(), decline(shanghai(), 1))),
    (Reason::SurrenderClosed, "surrender_id", || {
        with(applied(), &[approve(hubei(), 1)], approve(hubei(), 1))
    }),
    (Reason::SurrenderClosed, "surrender_id", || {
        with(applied(), &[approve(hubei(), 1)], decline(hubei(), 1))
    }),
    (Reason::SurrenderClosed, "surrender_id", || {
        with(applied(), &[decline(hubei(), 1)], approve(hubei(), 1))
    }),
    (Reason::FieldMissing, "reason", || (applied(), without_text(decline(hubei(), 1)))),
    // The obligation became smaller than what was asked.
    (Reason::OverSurrender, "surrender_id", || {
        with(applied(), &[correct(1, 599)], approve(hubei(), 1))
    }),
    (Reason::CcerShare, "surrender_id", || {
        with(due(), &[apply(SELLER, 2020, ccer(), 50), correct(1, 999)], approve(hubei(), 1))
    }),
    // Carry-over.
    (Reason::UnknownAccount, "account_id", || (sold(), carry(NOBODY, "CEA-2020", "CEA-2025", 1))),
    (Reason::WrongInstrument, "from_instrument", || {
        (sold(), carry(SELLER, "CEA-2019", "CEA-2025", 1))
    }),
    (Reason::WrongInstrument, "to_instrument", || {
        (sold(), carry(SELLER, "CEA-2020", "CEA-2030", 1))
    }),
    (Reason::NotPositive, "quantity_tco2e", || (sold(), carry(SELLER, "CEA-2020", "CEA-2025", 0))),
    (Reason::VintageNotAllowed, "from_instrument", || {
        (sold(), carry(SELLER, "CCER", "CEA-2025", 1))
    }),
    (Reason::VintageNotAllowed, "to_instrument", || {
        (sold(), carry(SELLER, "CEA-2025", "CEA-2020", 1))
    }),
    (Reason::VintageNotAllowed, "to_instrument", || {
        (sold(), carry(SELLER, "CEA-2020", "CEA-2020", 1))
    }),
    (Reason::VintageNotAllowed, "to_instrument", || (sold(), carry(SELLER, "CEA-2020", "CCER", 1))),
    (Reason::OutOfRange, "sold_to_date", || (sold(), carry_window("2021-12-17", "2021-12-16"))),
    (Reason::FutureDay, "sold_to_date", || (sold(), carry_window("2021-12-16", "2021-12-17"))),
    (Reason::PreviousDayUnresolved, "sold_to_date", || {
        let mut world = due();
        world.ok(crate::world::open_day(today()));
        world.now.0 += 24 * HOUR_MS;
        (world, carry_window("2021-12-16", "2021-12-16"))
    }),
    (Reason::InsufficientHolding, "quantity_tco2e", || {
        (sold(), carry(SELLER, "CEA-2020", "CEA-2025", 2_001))
    }),
    (Reason::CarryOverLimit, "quantity_tco2e", || {
        (sold_much(), carry(SELLER, "CEA-2020", "CEA-2025", 10_151))
    }),
    (Reason::CarryOverLimit, "quantity_tco2e", || {
        let first = carry(SELLER, "CEA-2020", "CEA-2025", 10_000);
        with(sold_much(), &[first], carry(SELLER, "CEA-2021", "CEA-2025", 151))
    }),
    (Reason::FieldMissing, "document", || {
        (sold(), without_text(carry(SELLER, "CEA-2020", "CEA-2025", 1)))
    }),
    // Cancellation.
    (Reason::UnknownAccount, "account_id", || (due(), cancel(NOBODY, cea(), 1))),
    (Reason::WrongInstrument, "instrument", || (due(), cancel(SELLER, code("CEA-2030"), 1))),
    (Reason::NotPositive, "quantity_tco2e", || (due(), cancel(SELLER, cea(), 0))),
    (Reason::InsufficientHolding, "quantity_tco2e", || (due(), cancel(SELLER, cea(), 2_001))),
    // What waits to be surrendered is not given up as well.
    (Reason::InsufficientHolding, "quantity_tco2e", || (applied(), cancel(SELLER, cea(), 1_401))),
    (Reason::FieldMissing, "beneficiary", || (due(), without_text(cancel(SELLER, cea(), 1)))),
    // Transfers without a trade.
    (Reason::UnknownAccount, "from_account_id", || (due(), transfer(NOBODY, BUYER, None))),
    (Reason::UnknownAccount, "to_account_id", || (due(), transfer(SELLER, NOBODY, None))),
    (Reason::SelfTransfer, "to_account_id", || (due(), transfer(SELLER, SELLER, None))),
    (Reason::InsufficientHolding, "from_account_id", || (due(), transfer(FUND, SELLER, None))),
    (Reason::InsufficientHolding, "quantity_tco2e", || {
        (due(), transfer(SELLER, BUYER, Some((cea(), 2_001))))
    }),
    (Reason::NotPositive, "quantity_tco2e", || (due(), transfer(SELLER, BUYER, Some((cea(), 0))))),
    (Reason::WrongInstrument, "instrument", || {
        (due(), transfer(SELLER, BUYER, Some((code("CEA-2030"), 1))))
    }),
    (Reason::FieldMissing, "document", || (due(), without_text(transfer(SELLER, BUYER, None)))),
];

/// Firm 1 sold 100 t and has more registered than it may carry over.
fn sold_much() -> World {
    let mut world = sold();
    world.ok(allocate(SELLER, 20_000));
    world.ok(issue(SELLER, code("CEA-2021"), 20_000));
    world
}

#[test]
fn only_provinces_that_exist_have_a_code() {
    let known: Vec<u32> = (0..1_000).filter(|n| ProvinceCode::from_code(*n).is_some()).collect();
    assert_eq!(known.len(), 32);
    assert!([11, 31, 42, 65].iter().all(|code| known.contains(code)));
    assert!(ComplianceYear::from_year(2018).is_none() && ComplianceYear::from_year(2100).is_none());
    assert_eq!(province(42).to_string(), "42");
}

#[test]
fn a_province_allocates_and_takes_back_what_was_too_much() {
    let mut world = world();
    let Receipt::Compliance(receipt) = world.ok(allocate(SELLER, 2_000)) else { panic!() };
    let ComplianceReceipt::Allocated { allocation, holding: after } = *receipt else { panic!() };
    assert_eq!((allocation.number, allocation.province), (1, hubei()));
    assert_eq!(after.registered, Quantity(2_000));
    assert_eq!(holding(&world, OWN, cea()).registered, Quantity(ISSUED.0 - 2_000));
    world.ok(recall(SELLER, cea(), 300));
    world.ok(recall(OWN, cea(), 1_000));
    assert_eq!(retired(&world, cea()).recalled, Quantity(1_300));
    let numbers = |filter| -> Vec<u64> {
        world.ledger.allocations_after(filter, 0, 10).iter().map(|entry| entry.number).collect()
    };
    let of = |account| EntryFilter { account: Some(account), province: None };
    assert_eq!(numbers(EntryFilter::default()), [1, 2, 3]);
    assert_eq!(numbers(of(SELLER)), [1, 2]);
    assert_eq!(numbers(EntryFilter { account: None, province: Some(hubei()) }), [1, 2, 3]);
    assert_eq!(numbers(EntryFilter { province: Some(shanghai()), ..of(SELLER) }), []);
    let view = world.ledger.province(hubei());
    assert_eq!((view.account, view.firms), (Some(OWN), 2));
    // A firm that moves is the other province's.
    world.ok(assign(BUYER, shanghai()));
    let firms = [hubei(), shanghai()].map(|province| world.ledger.province(province).firms);
    assert_eq!(firms, [1, 2]);
    world.ledger.check_invariants().unwrap();
}

#[test]
fn a_freeze_stops_what_the_holder_wants_and_nothing_else() {
    let mut world = frozen();
    world.ok(approve(hubei(), 1));
    world.ok(recall(SELLER, cea(), 1));
    world.ok(allocate(SELLER, 1));
    // It may receive.
    world.ok(issue(POOR, cea(), 2));
    world.ok(transfer(POOR, SELLER, Some((cea(), 1))));
    let Command::Compliance(ComplianceCommand::Transfer {
        from,
        to,
        part,
        document,
        document_sha256,
        ..
    }) = transfer(SELLER, BUYER, Some((cea(), 1)))
    else {
        unreachable!()
    };
    let cause = TransferCause::Court;
    world.ok(Command::Compliance(ComplianceCommand::Transfer {
        cause,
        from,
        to,
        part,
        document,
        document_sha256,
    }));
    assert_eq!(holding(&world, BUYER, cea()).registered, Quantity(1));
    world.ledger.check_invariants().unwrap();
}

#[test]
fn a_surrender_is_set_aside_then_final() {
    let mut world = applied();
    let set_aside = holding(&world, SELLER, cea());
    assert_eq!((set_aside.registered, set_aside.pending_out), (Quantity(1_400), Quantity(600)));
    assert_eq!(retired(&world, cea()).surrendered, Quantity(0));
    let owed = |world: &World| world.ledger.obligation(SELLER, year(2020), None).unwrap();
    assert_eq!(owed(&world).pending, Means { allowances: Quantity(600), reductions: Quantity(0) });
    assert_eq!(owed(&world).shortfall(), Quantity(1_000), "nothing is approved yet");
    world.ok(approve(hubei(), 1));
    assert_eq!(owed(&world).shortfall(), Quantity(400));
    assert_eq!(retired(&world, cea()).surrendered, Quantity(600));
    let after = holding(&world, SELLER, cea());
    assert_eq!((after.registered, after.pending_out), (Quantity(1_400), Quantity(0)));

    // Five in a hundred may be reductions: 50 t of 1,000 t.
    world.ok(apply(SELLER, 2020, ccer(), 50));
    world.ok(apply(SELLER, 2020, cea(), 350));
    world.ok(approve(hubei(), 2));
    world.ok(decline(hubei(), 3));
    assert_eq!(owed(&world).shortfall(), Quantity(350));
    assert_eq!(holding(&world, SELLER, cea()).registered, Quantity(1_400));
    let states: Vec<_> = world
        .ledger
        .surrenders_after(EntryFilter::default(), 0, 10)
        .iter()
        .map(|entry| (entry.number, entry.state))
        .collect();
    let expected = [SurrenderState::Approved, SurrenderState::Approved, SurrenderState::Declined];
    assert_eq!(states, (1..).zip(expected).collect::<Vec<_>>());
    // Exactly what is owed, and nothing more.
    world.ok(apply(SELLER, 2020, cea(), 350));
    world.ok(approve(hubei(), 4));
    assert_eq!(owed(&world).shortfall(), Quantity(0));
    let more = world.refused(apply(SELLER, 2020, cea(), 1));
    assert_eq!(more.reason, Reason::OverSurrender);
    // A smaller obligation does not undo what is final.
    world.ok(correct(1, 10));
    assert_eq!(owed(&world).surrendered.total(), 1_000);
    assert_eq!(owed(&world).shortfall(), Quantity(0));
    world.ledger.check_invariants().unwrap();
}

#[test]
fn the_shortfall_report_pages_over_provinces() {
    let mut world = due();
    world.ok(record(BUYER, 2020, 70));
    world.ok(record(POOR, 2020, 0));
    world.ok(record(POOR, 2021, 5));
    let report = |province, short, after, limit| -> Vec<(u32, i64)> {
        let after = AccountId(after);
        let found = world.ledger.obligations_after(year(2020), province, short, after, limit);
        found.iter().map(|line| (line.account.0, line.shortfall().0)).collect()
    };
    assert_eq!(report(None, false, 0, 9), [(1, 1_000), (2, 70), (3, 0)]);
    assert_eq!(report(None, true, 0, 9), [(1, 1_000), (2, 70)]);
    assert_eq!(report(None, false, 1, 1), [(2, 70)]);
    assert_eq!(report(Some(hubei()), false, 1, 9), [(2, 70)]);
    assert_eq!(report(Some(shanghai()), false, 0, 9), [(3, 0)]);
    let refused = world.ledger.obligation(SELLER, year(2020), Some(shanghai())).unwrap_err();
    assert_eq!(refused.reason, Reason::OtherProvince);
    let refused = world.ledger.obligation(SELLER, year(2021), None).unwrap_err();
    assert_eq!((refused.reason, refused.field.as_str()), (Reason::NoObligation, "year"));
}

#[test]
fn a_carry_over_burns_as_much_as_it_mints() {
    let mut world = sold_much();
    let issued = |world: &World, of: &str| {
        let views = world.ledger.instruments();
        views.iter().find(|view| view.code == code(of)).unwrap().issued.0
    };
    let before = issued(&world, "CEA-2025");
    // 10,000 + 1.5 x 100.
    let Receipt::Compliance(receipt) = world.ok(carry(SELLER, "CEA-2020", "CEA-2025", 10_150))
    else {
        panic!()
    };
    let ComplianceReceipt::CarriedOver { carry_over, from, to } = *receipt else { panic!() };
    assert_eq!(carry_over.net_sold, Quantity(100));
    assert_eq!((from.registered, to.registered), (Quantity(11_850), Quantity(10_200)));
    assert_eq!(retired(&world, cea()).carried_out, Quantity(10_150));
    assert_eq!(issued(&world, "CEA-2025"), before + 10_150);
    // What was bought counts against: nothing beyond the base.
    world.ok(allocate(BUYER, 20_000));
    let refused = world.refused(carry(BUYER, "CEA-2020", "CEA-2025", 10_001));
    assert!(refused.message.contains("sold -100 t net"), "{}", refused.message);
    world.ok(carry(BUYER, "CEA-2020", "CEA-2025", 10_000));
    // Trades of other days, and of the vintage itself, do not count.
    let refused = world.refused(carry(SELLER, "CEA-2020", "CEA-2021", 10_151));
    assert_eq!(refused.reason, Reason::CarryOverLimit);
    assert_eq!(world.ledger.carry_overs_after(EntryFilter::default(), 0, 9).len(), 2);
    world.ledger.check_invariants().unwrap();
}

#[test]
fn a_cancellation_is_for_good_and_listed() {
    let mut world = due();
    world.ok(cancel(SELLER, cea(), 7));
    world.ok(issue(FUND, ccer(), 20));
    world.ok(cancel(FUND, ccer(), 20));
    assert_eq!(retired(&world, cea()).cancelled, Quantity(7));
    assert_eq!(holding(&world, FUND, ccer()), Holding::default());
    let listed = world.ledger.cancellations_after(EntryFilter::default(), 1, 5);
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].account, listed[0].quantity), (FUND, Quantity(20)));
    world.ledger.check_invariants().unwrap();
}

#[test]
fn a_transfer_moves_a_part_or_everything_registered() {
    let mut world = due();
    world.ok(transfer(SELLER, BUYER, Some((cea(), 500))));
    assert_eq!(holding(&world, BUYER, cea()).registered, Quantity(500));
    let trading = holding(&world, SELLER, cea()).trading;
    let Receipt::Compliance(receipt) = world.ok(transfer(SELLER, BUYER, None)) else { panic!() };
    let ComplianceReceipt::Transferred { moved, .. } = *receipt else { panic!() };
    let expected = [(ccer(), 100), (cea(), 1_500), (code("CEA-2025"), 50)];
    assert_eq!(moved, expected.map(|(instrument, tonnes)| (instrument, Quantity(tonnes))));
    let rest = Holding { trading, ..Holding::default() };
    assert_eq!(holding(&world, SELLER, cea()), rest);
    assert_eq!(holding(&world, BUYER, cea()).registered, Quantity(2_000));
    world.ledger.check_invariants().unwrap();
}

#[test]
fn what_needs_two_people_has_them() {
    let two = [
        allocate(SELLER, 1),
        recall(OWN, cea(), 1),
        correct(1, 5),
        carry(SELLER, "CEA-2020", "CEA-2025", 1),
        transfer(SELLER, BUYER, None),
    ];
    let one = [
        assign(SELLER, hubei()),
        record(BUYER, 2020, 1),
        apply(SELLER, 2020, cea(), 1),
        approve(hubei(), 1),
        decline(hubei(), 1),
        cancel(SELLER, cea(), 1),
    ];
    for (commands, accepted) in [(&two[..], true), (&one[..], false)] {
        for command in commands {
            let mut world = sold();
            let Receipt::Proposed { proposal, .. } = world.ok(propose(command)) else { panic!() };
            let approve = Command::Approve(approval(proposal, command.clone()));
            let outcome = world.apply_as("registry/officer-2", approve).outcome;
            match outcome {
                Ok(_) => assert!(accepted, "{command:?}"),
                Err(refused) => {
                    assert!(!accepted, "{command:?}: {refused:?}");
                    assert_eq!((refused.reason, &*refused.field), (Reason::Malformed, "content"));
                }
            }
        }
    }
}

/// One of every event.
fn lived_through() -> World {
    let mut world = sold_much();
    world.ok(recall(SELLER, cea(), 5));
    world.ok(correct(1, 900));
    world.ok(apply(SELLER, 2020, cea(), 600));
    world.ok(approve(hubei(), 1));
    world.ok(apply(SELLER, 2020, ccer(), 45));
    world.ok(decline(hubei(), 2));
    world.ok(apply(SELLER, 2020, ccer(), 40));
    world.ok(carry(SELLER, "CEA-2020", "CEA-2025", 10_000));
    world.ok(cancel(SELLER, cea(), 7));
    world.ok(transfer(SELLER, BUYER, Some((cea(), 500))));
    world
}

#[test]
fn postings_give_every_holding_and_pot() {
    let mut replay = Replay::default();
    let mut world = lived_through();
    replay.follow(&mut world.ledger);
    let mut loaded = Ledger::load(world.ledger.records()).unwrap();
    assert_eq!(loaded.seal().state_digest, world.state_digest());
    loaded.check_invariants().unwrap();
    assert_eq!(loaded.instruments(), world.ledger.instruments());
    let report =
        |ledger: &Ledger| ledger.obligations_after(year(2020), None, false, AccountId(0), 9);
    assert_eq!(report(&loaded), report(&world.ledger));
    // So is what was sold and carried over: 10,000 + 150 - 10,000.
    let mut again = world.clone();
    again.ledger = loaded;
    let refused = again.refused(carry(SELLER, "CEA-2020", "CEA-2025", 151));
    assert_eq!(refused.reason, Reason::CarryOverLimit);
    again.ok(carry(SELLER, "CEA-2020", "CEA-2025", 150));
}

/// Bytes before an event's kind: numbers and times are alike in this world.
const START: usize = 1 + 1 + 1 + 6 + 1 + "registry/officer-1".len();

#[test]
fn events_are_golden_and_name_whom_they_are_about() {
    let mut world = lived_through();
    let events = world.ledger.take_events();
    let events: Vec<_> =
        events.iter().map(|sealed| Event::from_bytes(&sealed.bytes).unwrap()).collect();
    let kind = |event: &Event| event.to_bytes()[START];
    let mut found = std::collections::BTreeMap::new();
    for event in events.iter().filter(|event| (90..120).contains(&kind(event))) {
        // The last of each kind.
        found.insert(kind(event), hex(&event.to_bytes()[START..]));
    }
    assert_eq!(found.into_values().collect::<Vec<_>>(), GOLDEN_EVENTS);
    let about = |wanted: fn(&What) -> bool| {
        events.iter().find(|event| wanted(&event.what)).unwrap().subjects()
    };
    let assigned = about(|what| matches!(what, What::ProvinceAssigned { .. }));
    assert_eq!(assigned, [Subject::Account(OWN)]);
    let allocated = about(|what| matches!(what, What::Allocated { .. }));
    let goods = Subject::Instrument(cea());
    assert_eq!(allocated, [Subject::Account(SELLER), Subject::Account(OWN), goods]);
    let carried = about(|what| matches!(what, What::CarriedOver { .. }));
    let minted = Subject::Instrument(code("CEA-2025"));
    assert_eq!(carried, [Subject::Account(SELLER), goods, minted]);
    for event in &events {
        let bytes = event.to_bytes();
        for end in 0..bytes.len() {
            assert!(Event::from_bytes(&bytes[..end]).is_err(), "{end} bytes of {event:?}");
        }
    }
}

#[test]
fn records_are_golden_and_come_back() {
    let mut world = lived_through();
    let mut last_of_kind = std::collections::BTreeMap::new();
    for (key, value) in world.ledger.records() {
        if (30..=35).contains(&key[0]) {
            last_of_kind.insert(key[0], format!("{} {}", hex(&key), hex(&value)));
        }
    }
    assert_eq!(last_of_kind.into_values().collect::<Vec<_>>(), GOLDEN_RECORDS);
    let digest = world.state_digest();
    let records = world.ledger.records();
    assert_eq!(Ledger::load(records.clone()).unwrap().state_digest(), digest);
    for (at, (key, value)) in records.iter().enumerate() {
        for end in (0..value.len()).filter(|_| (30..=35).contains(&key[0])) {
            let mut cut = records.clone();
            cut[at].1.truncate(end);
            assert!(Ledger::load(cut).is_err(), "{end} bytes of {}", hex(key));
        }
    }
    let mut without_first = records.clone();
    without_first.retain(|(key, _)| key != &[31, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert!(Ledger::load(without_first).unwrap_err().problem.contains("follows entry"));
}

#[test]
fn receipts_are_golden() {
    let mut world = sold_much();
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
        answered(allocate(SELLER, 10)),
        answered(correct(1, 900)),
        answered(apply(SELLER, 2020, cea(), 600)),
        answered(carry(SELLER, "CEA-2020", "CEA-2025", 10_000)),
        answered(cancel(SELLER, cea(), 7)),
        answered(transfer(SELLER, BUYER, Some((cea(), 500)))),
    ];
    assert_eq!(found, GOLDEN_RECEIPTS);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const GOLDEN_EVENTS: [&str; 10] = [
    "5a031f0be98482e78eafe58f91203700",
    "5b032a030be98482e78eafe58f9120370201014345412d323032300109024345412d323032300d0a",
    "5c0101e40fd00f050505050505050505050505050505050505050505050505050505050505050500",
    "5d020101880e06060606060606060606060606060606060606060606060606060606060606060be98482e78eafe58f91203700",
    "5e032ae40f0201014343455200000000014f010143434552000000000650",
    "5f010201014345412d3230323006af09024345412d323032300ab009",
    "60020a77726f6e6720796561720201014343455200000000065901014343455200000000015a",
    "61010134660101346610c8010be98482e78eafe58f9120370401014345412d32303230019f9c01024345412d323032300ca09c0101014345412d3230323501a09c01024345412d32303235019f9c01",
    "620112e7acace4b99de5b18ae5869be8bf90e4bc9a14636172626f6e206e65757472616c206576656e740201014345412d32303230010d024345412d323032300b0e",
    "63010be98482e78eafe58f91203708080808080808080808080808080808080808080808080808080808080808080201014345412d3230323001e70701024345412d3230323001e807",
];
const GOLDEN_RECORDS: [&str; 6] = [
    "1e00000004 012a",
    "1f0000000000000003 01032a014345412d32303230030a0be98482e78eafe58f91203782a4acfdb85f",
    "200000000000000002 0102012ae40f880e060606060606060606060606060606060606060606060606060606060606060601010be98482e78eafe58f91203782a4acfdb85f",
    "210000000000000003 0103012ae40f4343455200000000500182a4acfdb85f0000",
    "220000000000000001 0101014345412d323032300e12e7acace4b99de5b18ae5869be8bf90e4bc9a14636172626f6e206e65757472616c206576656e7482a4acfdb85f",
    "230000000000000001 0101014345412d323032304345412d32303235a09c010134660101346610c8010be98482e78eafe58f91203782a4acfdb85f",
];
const GOLDEN_RECEIPTS: [&str; 6] = [
    "2801032a014345412d3230323001140be98482e78eafe58f91203782a4acfdb85ff4d702b8abe20400000000",
    "280202012ae40f880e060606060606060606060606060606060606060606060606060606060606060601010be98482e78eafe58f91203782a4acfdb85f",
    "280301012ae40f4345412d32303230b0090182a4acfdb85f0000c4ce02b8abe204000000b009",
    "280501014345412d323032304345412d32303235a09c010134660101346610c8010be98482e78eafe58f91203782a4acfdb85fa4b201b8abe204000000b009849d010000000000",
    "280401014345412d323032300e12e7acace4b99de5b18ae5869be8bf90e4bc9a14636172626f6e206e65757472616c206576656e7482a4acfdb85f96b201b8abe204000000b009",
    "28060102014345412d32303230e807",
];
