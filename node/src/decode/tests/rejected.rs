//! Bad input by table: ids, dates, accounts, banks, instruments.

use prost::Message as _;
use registry_ledger::Reason;
use registry_proto::registry as proto;
use registry_proto::storage::log_command::Command as Wire;

use super::{CODE, day_request, decode_command, logged};

/// What is changed in a good request, the reason, the field named.
pub(super) type Row<'a, M> = (&'a dyn Fn(&mut M), Reason, &'a str);

/// Each row's change makes the good request refused as the row says.
pub(super) fn expect<M: Clone>(good: &M, wire: impl Fn(M) -> Wire, rows: &[Row<'_, M>]) {
    decode_command(&logged(wire(good.clone()))).expect("the unchanged request is well formed");
    for (i, (change, reason, field)) in rows.iter().enumerate() {
        let mut bad = good.clone();
        change(&mut bad);
        let rejection = decode_command(&logged(wire(bad))).expect_err(&format!("row {i}"));
        assert_eq!((rejection.reason, rejection.field.as_str()), (*reason, *field), "row {i}");
        assert!(!rejection.message.is_empty(), "row {i}");
    }
}

#[test]
fn request_ids() {
    let good = day_request("r-1");
    expect(
        &good,
        Wire::ClearDay,
        &[
            (&|m| m.request_id.clear(), Reason::FieldMissing, "request_id"),
            (&|m| m.request_id = "x".repeat(65), Reason::TooLong, "request_id"),
            (&|m| m.request_id = "a b".into(), Reason::BadCharacter, "request_id"),
            (&|m| m.request_id = "１".into(), Reason::BadCharacter, "request_id"),
            (&|m| m.request_id = "a\n".into(), Reason::BadCharacter, "request_id"),
        ],
    );
}

/// What an officer proposes.
pub(super) fn proposed(command: proto::controlled_command::Command) -> Wire {
    let content = proto::ControlledCommand { command: Some(command) }.encode_to_vec().into();
    Wire::Propose(proto::ProposeRequest { request_id: "r".into(), content, time_to_live_ms: 1 })
}

#[test]
fn dates() {
    for wire in
        [Wire::ClearDay as fn(proto::DayRequest) -> Wire, Wire::IssueStatements, Wire::FinalizeDay]
    {
        expect(
            &day_request("r"),
            wire,
            &[
                (&|m| m.date.clear(), Reason::FieldMissing, "date"),
                (&|m| m.date = "2021-02-29".into(), Reason::BadDate, "date"),
                (&|m| m.date = "2021-12-1".into(), Reason::BadDate, "date"),
                (&|m| m.date = "16/12/2021".into(), Reason::BadDate, "date"),
                (&|m| m.date = "２０21-12-16".into(), Reason::BadDate, "date"),
                (&|m| m.date = "2021-12-16T00:00".into(), Reason::BadDate, "date"),
            ],
        );
    }
}

#[test]
fn accounts_and_positions() {
    let open = proto::OpenAccountRequest {
        request_id: "r".into(),
        uscc: CODE.into(),
        name: "国家电投集团".into(),
        kind: proto::AccountKind::Emitter.into(),
    };
    expect(
        &open,
        Wire::OpenAccount,
        &[
            (&|m| m.uscc.clear(), Reason::FieldMissing, "uscc"),
            (&|m| m.uscc.truncate(17), Reason::OutOfRange, "uscc"),
            (&|m| m.uscc.push('0'), Reason::TooLong, "uscc"),
            (&|m| m.uscc = "91110000802100433C".into(), Reason::CheckCharacter, "uscc"),
            (&|m| m.uscc = "9111000080210043３B".into(), Reason::BadCharacter, "uscc"),
            (&|m| m.name.clear(), Reason::FieldMissing, "name"),
            (&|m| m.name = "电".repeat(67), Reason::TooLong, "name"),
            (&|m| m.name = "a\tb".into(), Reason::BadCharacter, "name"),
            (&|m| m.kind = 0, Reason::FieldMissing, "kind"),
            (&|m| m.kind = 9, Reason::Malformed, "kind"),
        ],
    );
    let moved = proto::MoveHoldingRequest {
        request_id: "r".into(),
        account_id: 1,
        instrument: "CEA-2020".into(),
        from: proto::Position::Registered.into(),
        quantity_tco2e: 1,
    };
    expect(
        &moved,
        Wire::MoveHolding,
        &[
            (&|m| m.account_id = 0, Reason::FieldMissing, "account_id"),
            (&|m| m.account_id = 1 << 32, Reason::UnknownAccount, "account_id"),
            (&|m| m.instrument.clear(), Reason::FieldMissing, "instrument"),
            (&|m| m.instrument = "CEA-20".into(), Reason::WrongInstrument, "instrument"),
            (&|m| m.instrument = "cea-2020".into(), Reason::WrongInstrument, "instrument"),
            (&|m| m.from = 0, Reason::FieldMissing, "from"),
            (&|m| m.from = -1, Reason::Malformed, "from"),
            (&|m| m.quantity_tco2e = 0, Reason::NotPositive, "quantity_tco2e"),
            (&|m| m.quantity_tco2e = i64::MIN, Reason::NotPositive, "quantity_tco2e"),
        ],
    );
}

#[test]
fn banks_and_deposits() {
    let open = proto::OpenBankRequest { request_id: "r".into(), bank_id: 102, name: "ICBC".into() };
    expect(
        &open,
        Wire::OpenBank,
        &[
            (&|m| m.bank_id = 0, Reason::FieldMissing, "bank_id"),
            (&|m| m.bank_id = 99, Reason::OutOfRange, "bank_id"),
            (&|m| m.bank_id = 1_000, Reason::OutOfRange, "bank_id"),
            // 65,638 would be 102 if its upper bits were dropped.
            (&|m| m.bank_id = 65_638, Reason::OutOfRange, "bank_id"),
            (&|m| m.name.clear(), Reason::FieldMissing, "name"),
        ],
    );
    let deposit = proto::DepositRequest {
        request_id: "r".into(),
        account_id: 1,
        bank_id: 102,
        amount_yuan: "0.01".into(),
    };
    expect(
        &deposit,
        Wire::Deposit,
        &[
            (&|m| m.amount_yuan.clear(), Reason::FieldMissing, "amount_yuan"),
            (&|m| m.amount_yuan = "0".into(), Reason::NotPositive, "amount_yuan"),
            (&|m| m.amount_yuan = "-0.01".into(), Reason::NotPositive, "amount_yuan"),
            (&|m| m.amount_yuan = "0.001".into(), Reason::TooManyDecimals, "amount_yuan"),
            (&|m| m.amount_yuan = "1e9".into(), Reason::NotADecimal, "amount_yuan"),
            (&|m| m.amount_yuan = "NaN".into(), Reason::NotADecimal, "amount_yuan"),
            (&|m| m.amount_yuan = "１２".into(), Reason::NotADecimal, "amount_yuan"),
            (&|m| m.amount_yuan = "1,000".into(), Reason::NotADecimal, "amount_yuan"),
            (&|m| m.amount_yuan = "99999999999999999999".into(), Reason::OutOfRange, "amount_yuan"),
            (&|m| m.account_id = 0, Reason::FieldMissing, "account_id"),
            (&|m| m.account_id = u64::MAX, Reason::UnknownAccount, "account_id"),
            (&|m| m.bank_id = 0, Reason::FieldMissing, "bank_id"),
            (&|m| m.bank_id = 65_638, Reason::UnknownBank, "bank_id"),
        ],
    );
}

#[test]
fn money_outside_trades() {
    let (request_id, amount_yuan) = ("r".to_owned(), "0.01".to_owned());
    let (account_id, bank_id, document) = (1, 102, "d".to_owned());
    let withdrawal = proto::RequestWithdrawalRequest {
        request_id: request_id.clone(),
        account_id,
        bank_id,
        amount_yuan: amount_yuan.clone(),
    };
    expect(
        &withdrawal,
        Wire::RequestWithdrawal,
        &[
            (&|m| m.amount_yuan.clear(), Reason::FieldMissing, "amount_yuan"),
            (&|m| m.amount_yuan = "-0.01".into(), Reason::NotPositive, "amount_yuan"),
            (&|m| m.amount_yuan = "0.001".into(), Reason::TooManyDecimals, "amount_yuan"),
            (&|m| m.account_id = 0, Reason::FieldMissing, "account_id"),
            (&|m| m.bank_id = 65_638, Reason::UnknownBank, "bank_id"),
        ],
    );
    let refusal = proto::RejectWithdrawalRequest {
        request_id: request_id.clone(),
        bank_id,
        withdrawal_id: 7,
        reason: "closed".into(),
    };
    expect(
        &refusal,
        Wire::RejectWithdrawal,
        &[
            (&|m| m.bank_id = 0, Reason::FieldMissing, "bank_id"),
            (&|m| m.withdrawal_id = 0, Reason::FieldMissing, "withdrawal_id"),
            (&|m| m.reason.clear(), Reason::FieldMissing, "reason"),
            (&|m| m.reason = "x".repeat(201), Reason::TooLong, "reason"),
        ],
    );
    let fee = proto::ChargeFeeRequest {
        request_id: request_id.clone(),
        account_id,
        bank_id,
        amount_yuan: amount_yuan.clone(),
        document: document.clone(),
    };
    expect(
        &fee,
        Wire::ChargeFee,
        &[
            (&|m| m.amount_yuan = "0".into(), Reason::NotPositive, "amount_yuan"),
            (&|m| m.document = "a\nb".into(), Reason::BadCharacter, "document"),
        ],
    );
    let suspense = proto::DepositToSuspenseRequest {
        request_id: request_id.clone(),
        bank_id,
        amount_yuan: amount_yuan.clone(),
        reference: document.clone(),
    };
    expect(
        &suspense,
        Wire::DepositToSuspense,
        &[
            (&|m| m.amount_yuan = "NaN".into(), Reason::NotADecimal, "amount_yuan"),
            (&|m| m.reference.clear(), Reason::FieldMissing, "reference"),
        ],
    );
    let cover = proto::ReserveUse { date: "2021-12-16".into(), trade_number: 7, document };
    expect(
        &cover,
        |cover| proposed(proto::controlled_command::Command::ReserveUse(cover)),
        &[
            (&|m| m.date = "2021-02-29".into(), Reason::BadDate, "date"),
            (&|m| m.trade_number = 0, Reason::FieldMissing, "trade_number"),
            (&|m| m.document.clear(), Reason::FieldMissing, "document"),
        ],
    );
    let report = proto::ReportBalanceRequest {
        request_id,
        bank_id,
        as_of_date: "2021-12-16".into(),
        balance_yuan: "0".into(),
    };
    expect(
        &report,
        Wire::ReportBalance,
        &[
            (&|m| m.balance_yuan = "-0.01".into(), Reason::OutOfRange, "balance_yuan"),
            (&|m| m.balance_yuan.clear(), Reason::FieldMissing, "balance_yuan"),
            (&|m| m.as_of_date.clear(), Reason::FieldMissing, "as_of_date"),
            (&|m| m.bank_id = 0, Reason::FieldMissing, "bank_id"),
        ],
    );
}

#[test]
fn instruments_and_issuance() {
    let register = proto::RegisterInstrumentRequest {
        request_id: "r".into(),
        instrument: "CEA-2020".into(),
        reference_price_yuan: "43.06".into(),
    };
    expect(
        &register,
        Wire::RegisterInstrument,
        &[
            (&|m| m.instrument.clear(), Reason::FieldMissing, "instrument"),
            (&|m| m.instrument = "CEA-2018".into(), Reason::Malformed, "instrument"),
            (&|m| m.instrument = "CEA-2020 ".into(), Reason::Malformed, "instrument"),
            (&|m| m.reference_price_yuan.clear(), Reason::FieldMissing, "reference_price_yuan"),
            (
                &|m| m.reference_price_yuan = "0.00".into(),
                Reason::NotPositive,
                "reference_price_yuan",
            ),
            (&|m| m.reference_price_yuan = "43.065".into(), Reason::Tick, "reference_price_yuan"),
        ],
    );
    let issue = proto::Issuance {
        account_id: 1,
        instrument: "CEA-2020".into(),
        quantity_tco2e: 1,
        document: "2021-001".into(),
    };
    expect(
        &issue,
        |issuance| proposed(proto::controlled_command::Command::Issuance(issuance)),
        &[
            (&|m| m.quantity_tco2e = -1, Reason::NotPositive, "quantity_tco2e"),
            (&|m| m.document.clear(), Reason::FieldMissing, "document"),
            (&|m| m.document = "x".repeat(201), Reason::TooLong, "document"),
        ],
    );
}

#[test]
fn what_two_people_decide_on_has_nothing_that_the_second_is_not_shown() {
    let day = proto::Suspension { date: "2021-12-16".into() };
    let command = proto::controlled_command::Command::Suspension(day);
    let Wire::Propose(known) = proposed(command) else { panic!("a proposal") };
    decode_command(&logged(Wire::Propose(known.clone()))).expect("well formed");
    // A field of number 1,000 with one byte.
    let padded = [&known.content[..], &[0xc2, 0x3e, 1, 7]].concat();
    let wire = Wire::Propose(proto::ProposeRequest { content: padded.into(), ..known });
    let refused = decode_command(&logged(wire)).expect_err("a field nobody knows");
    assert_eq!((refused.reason, &*refused.field), (Reason::Malformed, "content"));
}
