//! Yearly compliance: every refusal at the client port.

use registry_chaos_tests::market::{INSTRUMENT, credit_code};
use registry_client::pki::{self, Role};
use registry_client::proto::controlled_command::Command;
use registry_client::proto::{
    AccountKind, AllocationKind, AllocationOrder, ApplySurrenderRequest, ApproveSurrenderRequest,
    AssignProvinceRequest, CancelUnitsRequest, CarryOverOrder, DeclineSurrenderRequest,
    EmissionsCorrection, GetObligationRequest, GetProvinceRequest, Issuance,
    ListCancellationsRequest, ListComplianceRequest, ListObligationsRequest, NonTradeTransfer,
    OpenAccountRequest, RecallOrder, RecordEmissionsRequest, RegisterInstrumentRequest,
    TransferCause,
};
use registry_client::{ProvinceClient, RegistryClient};
use tonic::Code::{AlreadyExists, FailedPrecondition, InvalidArgument, NotFound};

use super::{Bench, Refused};

const HUBEI: u32 = 42;
const YEAR: u32 = 2020;

/// Hubei, and accounts by their numbers.
struct Parties {
    province: ProvinceClient,
    fund: u64,
    /// Of the kind that a province's own account is, and nobody's.
    second: u64,
}

pub(super) async fn tables(bench: &mut Bench) -> anyhow::Result<()> {
    let of = set_up(bench).await?;
    bench.refusals.accept_changes().await?;
    provinces(bench, &of).await;
    allocations(bench, &of).await;
    emissions(bench, &of).await;
    applications(bench, &of).await;
    decisions(bench, &of.province).await;
    smaller_obligation(bench, &of.province).await?;
    carry_overs(bench).await;
    exits(bench, &of).await;
    reads(bench).await;
    denied(bench).await
}

/// Firm 1 is Hubei's, firm 2 Shanghai's, firms 3 and 4 nobody's; firm 1 emitted
/// 1,000 t, asked to surrender 600 t, and got 100 t of them declined.
async fn set_up(bench: &Bench) -> anyhow::Result<Parties> {
    let registry = &bench.registry;
    for instrument in ["CCER", "CEA-2025"] {
        let request = RegisterInstrumentRequest {
            instrument: instrument.to_owned(),
            reference_price_yuan: "43.06".to_owned(),
            ..Default::default()
        };
        registry.register_instrument(request).await?;
    }
    let mut opened = Vec::new();
    for kind in [AccountKind::Province, AccountKind::Institution, AccountKind::Province] {
        let number = 900 + opened.len() as u64;
        let request = OpenAccountRequest {
            uscc: credit_code(number),
            name: format!("Holder {number}"),
            kind: kind.into(),
            ..Default::default()
        };
        opened.push(registry.open_account(request).await?.account_id);
    }
    let [own, fund, second] = opened[..] else { anyhow::bail!("three accounts") };
    for (account_id, province) in [(own, HUBEI), (1, HUBEI), (2, 31)] {
        registry.assign_province(assignment(account_id, province)).await?;
    }
    for (account_id, instrument, quantity_tco2e) in
        [(own, INSTRUMENT, 10_000), (1, INSTRUMENT, 30_000), (1, "CCER", 100), (1, "CEA-2025", 100)]
    {
        let document = "plan".to_owned();
        let instrument = instrument.to_owned();
        let units = Issuance { account_id, instrument, quantity_tco2e, document };
        bench.officers.issue("", units).await?;
    }
    registry.record_emissions(record(1, YEAR, 1_000)).await?;
    registry.record_emissions(record(1, 2025, 1_000)).await?;
    bench.officers.carry_out("", correction(2, 900)).await?;
    registry.apply_surrender(application(1, YEAR, INSTRUMENT, 500)).await?;
    registry.apply_surrender(application(1, YEAR, INSTRUMENT, 100)).await?;
    pki::issue_user(&bench.cluster.plan().pki_dir(), Role::Province, "42")?;
    let province = ProvinceClient::new(bench.cluster.connect_as("province-42")?);
    province.decline_surrender(decline(2, "no")).await?;
    Ok(Parties { province, fund, second })
}

fn document() -> String {
    "letter 7".to_owned()
}

fn assignment(account_id: u64, province: u32) -> AssignProvinceRequest {
    AssignProvinceRequest { account_id, province, document: document(), ..Default::default() }
}

fn record(account_id: u64, year: u32, verified_tco2e: i64) -> RecordEmissionsRequest {
    let report_sha256 = vec![7; 32].into();
    RecordEmissionsRequest { account_id, year, verified_tco2e, report_sha256, ..Default::default() }
}

fn correction(corrects_emissions_id: u64, verified_tco2e: i64) -> Command {
    Command::EmissionsCorrection(EmissionsCorrection {
        corrects_emissions_id,
        verified_tco2e,
        report_sha256: vec![8; 32].into(),
        document: document(),
    })
}

fn application(
    account_id: u64,
    year: u32,
    instrument: &str,
    quantity_tco2e: i64,
) -> ApplySurrenderRequest {
    let instrument = instrument.to_owned();
    ApplySurrenderRequest { account_id, year, instrument, quantity_tco2e, ..Default::default() }
}

fn approve(province: u32, surrender_id: u64) -> ApproveSurrenderRequest {
    ApproveSurrenderRequest { province, surrender_id, ..Default::default() }
}

fn decline(surrender_id: u64, reason: &str) -> DeclineSurrenderRequest {
    let (province, reason) = (HUBEI, reason.to_owned());
    DeclineSurrenderRequest { province, surrender_id, reason, ..Default::default() }
}

fn order() -> AllocationOrder {
    AllocationOrder {
        province: HUBEI,
        account_id: 1,
        instrument: INSTRUMENT.to_owned(),
        kind: AllocationKind::TrueUp.into(),
        quantity_tco2e: 10,
        document: document(),
    }
}

fn recall() -> RecallOrder {
    RecallOrder {
        account_id: 1,
        instrument: INSTRUMENT.to_owned(),
        quantity_tco2e: 10,
        document: document(),
    }
}

fn carry_over() -> CarryOverOrder {
    CarryOverOrder {
        account_id: 1,
        from_instrument: INSTRUMENT.to_owned(),
        to_instrument: "CEA-2025".to_owned(),
        quantity_tco2e: 10,
        sold_from_date: "2020-01-01".to_owned(),
        sold_to_date: "2021-12-15".to_owned(),
        document: document(),
    }
}

fn transfer() -> NonTradeTransfer {
    NonTradeTransfer {
        cause: TransferCause::Merger.into(),
        from_account_id: 1,
        to_account_id: 2,
        instrument: INSTRUMENT.to_owned(),
        quantity_tco2e: 10,
        document: document(),
        document_sha256: vec![9; 32].into(),
    }
}

fn cancellation() -> CancelUnitsRequest {
    CancelUnitsRequest {
        account_id: 1,
        instrument: INSTRUMENT.to_owned(),
        quantity_tco2e: 10,
        beneficiary: "the games".to_owned(),
        reason: "neutral".to_owned(),
        ..Default::default()
    }
}

async fn provinces(bench: &mut Bench, of: &Parties) {
    let mut blank = assignment(3, HUBEI);
    blank.document.clear();
    let rows: [(&str, AssignProvinceRequest, Refused); 7] = [
        ("no account", assignment(0, HUBEI), (InvalidArgument, "FIELD_MISSING", "account_id")),
        ("account 99", assignment(99, HUBEI), (NotFound, "UNKNOWN_ACCOUNT", "account_id")),
        ("no province", assignment(3, 0), (InvalidArgument, "FIELD_MISSING", "province")),
        ("province 99", assignment(3, 99), (NotFound, "UNKNOWN_PROVINCE", "province")),
        ("no document", blank, (InvalidArgument, "FIELD_MISSING", "document")),
        (
            "an institution",
            assignment(of.fund, HUBEI),
            (FailedPrecondition, "ACCOUNT_KIND", "account_id"),
        ),
        (
            "a second account",
            assignment(of.second, HUBEI),
            (AlreadyExists, "PROVINCE_TAKEN", "province"),
        ),
    ];
    for (what, request, expected) in rows {
        let outcome = bench.registry.assign_province(request).await;
        bench.refusals.row(&format!("assignment of {what}"), outcome, expected).await;
    }
}

async fn allocations(bench: &mut Bench, of: &Parties) {
    let none = String::new;
    let rows: [(&str, AllocationOrder, Refused); 12] = [
        (
            "province 99",
            AllocationOrder { province: 99, ..order() },
            (NotFound, "UNKNOWN_PROVINCE", "province"),
        ),
        (
            "account 99",
            AllocationOrder { account_id: 99, ..order() },
            (NotFound, "UNKNOWN_ACCOUNT", "account_id"),
        ),
        (
            "no instrument",
            AllocationOrder { instrument: none(), ..order() },
            (InvalidArgument, "FIELD_MISSING", "instrument"),
        ),
        (
            "another vintage",
            AllocationOrder { instrument: "CEA-2030".to_owned(), ..order() },
            (NotFound, "WRONG_INSTRUMENT", "instrument"),
        ),
        (
            "no kind",
            AllocationOrder { kind: 0, ..order() },
            (InvalidArgument, "FIELD_MISSING", "kind"),
        ),
        (
            "a recall",
            AllocationOrder { kind: 3, ..order() },
            (InvalidArgument, "MALFORMED", "kind"),
        ),
        ("kind 9", AllocationOrder { kind: 9, ..order() }, (InvalidArgument, "MALFORMED", "kind")),
        (
            "nothing",
            AllocationOrder { quantity_tco2e: 0, ..order() },
            (InvalidArgument, "NOT_POSITIVE", "quantity_tco2e"),
        ),
        (
            "more than the province has",
            AllocationOrder { quantity_tco2e: 10_001, ..order() },
            (FailedPrecondition, "INSUFFICIENT_HOLDING", "quantity_tco2e"),
        ),
        (
            "another's firm",
            AllocationOrder { account_id: 2, ..order() },
            (FailedPrecondition, "OTHER_PROVINCE", "province"),
        ),
        (
            "nobody's firm",
            AllocationOrder { account_id: 3, ..order() },
            (FailedPrecondition, "PROVINCE_MISSING", "account_id"),
        ),
        (
            "an institution",
            AllocationOrder { account_id: of.fund, ..order() },
            (FailedPrecondition, "ACCOUNT_KIND", "account_id"),
        ),
    ];
    for (what, order, expected) in rows {
        bench
            .controlled_row(&format!("allocation: {what}"), Command::Allocation(order), expected)
            .await;
    }
    let without = AllocationOrder { province: 31, account_id: 2, ..order() };
    let expected = (FailedPrecondition, "PROVINCE_MISSING", "province");
    bench
        .controlled_row("allocation: no account of its own", Command::Allocation(without), expected)
        .await;
    let rows: [(&str, RecallOrder, Refused); 4] = [
        (
            "of nobody's",
            RecallOrder { account_id: 3, ..recall() },
            (FailedPrecondition, "PROVINCE_MISSING", "account_id"),
        ),
        (
            "of too much",
            RecallOrder { quantity_tco2e: i64::MAX, ..recall() },
            (FailedPrecondition, "INSUFFICIENT_HOLDING", "quantity_tco2e"),
        ),
        (
            "of less than nothing",
            RecallOrder { quantity_tco2e: -1, ..recall() },
            (InvalidArgument, "NOT_POSITIVE", "quantity_tco2e"),
        ),
        (
            "without a document",
            RecallOrder { document: none(), ..recall() },
            (InvalidArgument, "FIELD_MISSING", "document"),
        ),
    ];
    for (what, order, expected) in rows {
        bench.controlled_row(&format!("recall {what}"), Command::Recall(order), expected).await;
    }
}

async fn emissions(bench: &mut Bench, of: &Parties) {
    let hash = |bytes: usize| RecordEmissionsRequest {
        report_sha256: vec![7; bytes].into(),
        ..record(1, 2021, 5)
    };
    let rows: [(&str, RecordEmissionsRequest, Refused); 9] = [
        ("of account 99", record(99, YEAR, 5), (NotFound, "UNKNOWN_ACCOUNT", "account_id")),
        ("of nobody's", record(3, YEAR, 5), (FailedPrecondition, "PROVINCE_MISSING", "account_id")),
        ("of a fund", record(of.fund, YEAR, 5), (FailedPrecondition, "ACCOUNT_KIND", "account_id")),
        ("of no year", record(1, 0, 5), (InvalidArgument, "FIELD_MISSING", "year")),
        ("of 2018", record(1, 2018, 5), (InvalidArgument, "OUT_OF_RANGE", "year")),
        ("below nothing", record(1, 2021, -1), (InvalidArgument, "OUT_OF_RANGE", "verified_tco2e")),
        ("without a report", hash(0), (InvalidArgument, "FIELD_MISSING", "report_sha256")),
        ("with half a hash", hash(16), (InvalidArgument, "MALFORMED", "report_sha256")),
        ("again", record(1, YEAR, 5), (AlreadyExists, "EMISSIONS_RECORDED", "year")),
    ];
    for (what, request, expected) in rows {
        let outcome = bench.registry.record_emissions(request).await;
        bench.refusals.row(&format!("emissions {what}"), outcome, expected).await;
    }
    let foreign = RecordEmissionsRequest { province: HUBEI, ..record(2, YEAR, 5) };
    let outcome = of.province.record_emissions(foreign).await;
    let expected = (FailedPrecondition, "OTHER_PROVINCE", "province");
    bench.refusals.row("emissions of another's firm", outcome, expected).await;
    let rows: [(&str, Command, Refused); 4] = [
        (
            "of no entry",
            correction(0, 5),
            (InvalidArgument, "FIELD_MISSING", "corrects_emissions_id"),
        ),
        (
            "of entry 99",
            correction(99, 5),
            (NotFound, "UNKNOWN_EMISSIONS", "corrects_emissions_id"),
        ),
        (
            "of a corrected entry",
            correction(2, 5),
            (FailedPrecondition, "EMISSIONS_SUPERSEDED", "corrects_emissions_id"),
        ),
        ("below nothing", correction(1, -1), (InvalidArgument, "OUT_OF_RANGE", "verified_tco2e")),
    ];
    for (what, command, expected) in rows {
        bench.controlled_row(&format!("correction {what}"), command, expected).await;
    }
}

async fn applications(bench: &mut Bench, parties: &Parties) {
    let of = application;
    let rows: [(&str, ApplySurrenderRequest, Refused); 13] = [
        (
            "no account",
            of(0, YEAR, INSTRUMENT, 1),
            (InvalidArgument, "FIELD_MISSING", "account_id"),
        ),
        ("account 99", of(99, YEAR, INSTRUMENT, 1), (NotFound, "UNKNOWN_ACCOUNT", "account_id")),
        (
            "a fund",
            of(parties.fund, YEAR, INSTRUMENT, 1),
            (FailedPrecondition, "ACCOUNT_KIND", "account_id"),
        ),
        (
            "nobody's firm",
            of(3, YEAR, INSTRUMENT, 1),
            (FailedPrecondition, "PROVINCE_MISSING", "account_id"),
        ),
        ("2100", of(1, 2100, INSTRUMENT, 1), (InvalidArgument, "OUT_OF_RANGE", "year")),
        ("nothing owed", of(1, 2021, INSTRUMENT, 1), (FailedPrecondition, "NO_OBLIGATION", "year")),
        ("a typo", of(1, YEAR, "CEA2020", 1), (NotFound, "WRONG_INSTRUMENT", "instrument")),
        (
            "nothing",
            of(1, YEAR, INSTRUMENT, 0),
            (InvalidArgument, "NOT_POSITIVE", "quantity_tco2e"),
        ),
        (
            "more than is registered",
            of(1, YEAR, INSTRUMENT, 29_501),
            (FailedPrecondition, "INSUFFICIENT_HOLDING", "quantity_tco2e"),
        ),
        (
            "more than is left to ask",
            of(1, YEAR, INSTRUMENT, 501),
            (FailedPrecondition, "OVER_SURRENDER", "quantity_tco2e"),
        ),
        (
            "too many reductions",
            of(1, YEAR, "CCER", 51),
            (FailedPrecondition, "CCER_SHARE", "quantity_tco2e"),
        ),
        (
            "a later era",
            of(1, YEAR, "CEA-2025", 1),
            (FailedPrecondition, "VINTAGE_NOT_ALLOWED", "instrument"),
        ),
        (
            "an earlier era",
            of(1, 2025, INSTRUMENT, 1),
            (FailedPrecondition, "VINTAGE_NOT_ALLOWED", "instrument"),
        ),
    ];
    for (what, request, expected) in rows {
        let outcome = bench.registry.apply_surrender(request).await;
        bench.refusals.row(&format!("application: {what}"), outcome, expected).await;
    }
}

async fn decisions(bench: &mut Bench, province: &ProvinceClient) {
    let rows: [(&str, ApproveSurrenderRequest, Refused); 3] = [
        ("of none", approve(HUBEI, 0), (InvalidArgument, "FIELD_MISSING", "surrender_id")),
        ("of 99", approve(HUBEI, 99), (NotFound, "UNKNOWN_SURRENDER", "surrender_id")),
        (
            "of a declined one",
            approve(HUBEI, 2),
            (FailedPrecondition, "SURRENDER_CLOSED", "surrender_id"),
        ),
    ];
    for (what, request, expected) in rows {
        let outcome = province.approve_surrender(request).await;
        bench.refusals.row(&format!("approval {what}"), outcome, expected).await;
    }
    let outcome = province.decline_surrender(decline(1, " ")).await;
    let expected = (InvalidArgument, "FIELD_MISSING", "reason");
    bench.refusals.row("decline without a reason", outcome, expected).await;
    let outcome = province.decline_surrender(decline(2, "again")).await;
    let expected = (FailedPrecondition, "SURRENDER_CLOSED", "surrender_id");
    bench.refusals.row("decline a second time", outcome, expected).await;
}

/// What was asked before emissions were corrected is too much now.
async fn smaller_obligation(bench: &mut Bench, province: &ProvinceClient) -> anyhow::Result<()> {
    bench.registry.apply_surrender(application(1, YEAR, "CCER", 50)).await?;
    bench.officers.carry_out("", correction(1, 400)).await?;
    bench.refusals.accept_changes().await?;
    for (surrender, reason) in [(1, "OVER_SURRENDER"), (3, "CCER_SHARE")] {
        let outcome = province.approve_surrender(approve(HUBEI, surrender)).await;
        let expected = (FailedPrecondition, reason, "surrender_id");
        bench.refusals.row(&format!("approval of too much: {reason}"), outcome, expected).await;
    }
    Ok(())
}

async fn carry_overs(bench: &mut Bench) {
    let of = |from: &str, to: &str| CarryOverOrder {
        from_instrument: from.to_owned(),
        to_instrument: to.to_owned(),
        ..carry_over()
    };
    let days = |from: &str, to: &str| CarryOverOrder {
        sold_from_date: from.to_owned(),
        sold_to_date: to.to_owned(),
        ..carry_over()
    };
    let rows: [(&str, CarryOverOrder, Refused); 9] = [
        (
            "reductions",
            of("CCER", "CEA-2025"),
            (FailedPrecondition, "VINTAGE_NOT_ALLOWED", "from_instrument"),
        ),
        (
            "backwards",
            of("CEA-2025", INSTRUMENT),
            (FailedPrecondition, "VINTAGE_NOT_ALLOWED", "to_instrument"),
        ),
        ("unknown", of("CEA-2019", "CEA-2025"), (NotFound, "WRONG_INSTRUMENT", "from_instrument")),
        ("no day", days("", "2021-12-15"), (InvalidArgument, "FIELD_MISSING", "sold_from_date")),
        ("bad day", days("2020-01-01", "15.12."), (InvalidArgument, "BAD_DATE", "sold_to_date")),
        (
            "no days",
            days("2021-12-15", "2021-12-14"),
            (InvalidArgument, "OUT_OF_RANGE", "sold_to_date"),
        ),
        (
            "days to come",
            days("2021-12-17", "2199-12-31"),
            (FailedPrecondition, "FUTURE_DAY", "sold_to_date"),
        ),
        (
            "an open day",
            days("2021-12-16", "2021-12-16"),
            (FailedPrecondition, "PREVIOUS_DAY_UNRESOLVED", "sold_to_date"),
        ),
        (
            "beyond the limit",
            CarryOverOrder { quantity_tco2e: 10_001, ..carry_over() },
            (FailedPrecondition, "CARRY_OVER_LIMIT", "quantity_tco2e"),
        ),
    ];
    for (what, order, expected) in rows {
        bench
            .controlled_row(&format!("carry-over: {what}"), Command::CarryOver(order), expected)
            .await;
    }
}

/// Cancellations and transfers.
async fn exits(bench: &mut Bench, of: &Parties) {
    let none = String::new;
    let rows: [(&str, CancelUnitsRequest, Refused); 4] = [
        (
            "of nothing",
            CancelUnitsRequest { quantity_tco2e: 0, ..cancellation() },
            (InvalidArgument, "NOT_POSITIVE", "quantity_tco2e"),
        ),
        (
            "of too much",
            CancelUnitsRequest { quantity_tco2e: 29_501, ..cancellation() },
            (FailedPrecondition, "INSUFFICIENT_HOLDING", "quantity_tco2e"),
        ),
        (
            "for nobody",
            CancelUnitsRequest { beneficiary: none(), ..cancellation() },
            (InvalidArgument, "FIELD_MISSING", "beneficiary"),
        ),
        (
            "for a novel",
            CancelUnitsRequest { reason: "x".repeat(201), ..cancellation() },
            (InvalidArgument, "TOO_LONG", "reason"),
        ),
    ];
    for (what, request, expected) in rows {
        let outcome = bench.registry.cancel_units(request).await;
        bench.refusals.row(&format!("cancellation {what}"), outcome, expected).await;
    }
    let part = |instrument: &str, quantity_tco2e| NonTradeTransfer {
        instrument: instrument.to_owned(),
        quantity_tco2e,
        ..transfer()
    };
    let rows: [(&str, NonTradeTransfer, Refused); 10] = [
        (
            "without a cause",
            NonTradeTransfer { cause: 0, ..transfer() },
            (InvalidArgument, "FIELD_MISSING", "cause"),
        ),
        (
            "for cause 9",
            NonTradeTransfer { cause: 9, ..transfer() },
            (InvalidArgument, "MALFORMED", "cause"),
        ),
        (
            "to itself",
            NonTradeTransfer { to_account_id: 1, ..transfer() },
            (InvalidArgument, "SELF_TRANSFER", "to_account_id"),
        ),
        (
            "from 99",
            NonTradeTransfer { from_account_id: 99, ..transfer() },
            (NotFound, "UNKNOWN_ACCOUNT", "from_account_id"),
        ),
        (
            "to 99",
            NonTradeTransfer { to_account_id: 99, ..transfer() },
            (NotFound, "UNKNOWN_ACCOUNT", "to_account_id"),
        ),
        ("of tonnes of nothing", part("", 5), (InvalidArgument, "FIELD_MISSING", "instrument")),
        ("of no tonnes", part(INSTRUMENT, 0), (InvalidArgument, "NOT_POSITIVE", "quantity_tco2e")),
        (
            "of too much",
            part(INSTRUMENT, 29_501),
            (FailedPrecondition, "INSUFFICIENT_HOLDING", "quantity_tco2e"),
        ),
        (
            "of all of nothing",
            NonTradeTransfer { from_account_id: of.fund, ..part("", 0) },
            (FailedPrecondition, "INSUFFICIENT_HOLDING", "from_account_id"),
        ),
        (
            "without a hash",
            NonTradeTransfer { document_sha256: vec![].into(), ..transfer() },
            (InvalidArgument, "FIELD_MISSING", "document_sha256"),
        ),
    ];
    for (what, order, expected) in rows {
        let command = Command::NonTradeTransfer(order);
        bench.controlled_row(&format!("transfer {what}"), command, expected).await;
    }
}

async fn reads(bench: &mut Bench) {
    let reads = bench.registry.reads().clone();
    let of = |account_id, year, province| GetObligationRequest {
        account_id,
        year,
        province,
        ..Default::default()
    };
    let rows: [(&str, GetObligationRequest, Refused); 5] = [
        ("account 99", of(99, YEAR, 0), (NotFound, "UNKNOWN_ACCOUNT", "account_id")),
        ("no year", of(1, 0, 0), (InvalidArgument, "FIELD_MISSING", "year")),
        ("nothing owed", of(1, 2021, 0), (FailedPrecondition, "NO_OBLIGATION", "year")),
        ("another's firm", of(2, YEAR, HUBEI), (FailedPrecondition, "OTHER_PROVINCE", "province")),
        ("province 99", of(1, YEAR, 99), (NotFound, "UNKNOWN_PROVINCE", "province")),
    ];
    for (what, request, expected) in rows {
        let outcome = reads.get_obligation(request).await;
        bench.refusals.row(&format!("obligation: {what}"), outcome, expected).await;
    }
    let outcome = reads.get_province(GetProvinceRequest::default()).await;
    let expected = (InvalidArgument, "FIELD_MISSING", "province");
    bench.refusals.row("no province", outcome, expected).await;
    let outcome = reads.list_obligations(ListObligationsRequest::default()).await;
    let expected = (InvalidArgument, "FIELD_MISSING", "year");
    bench.refusals.row("a report of no year", outcome, expected).await;
    let page_size = (InvalidArgument, "OUT_OF_RANGE", "page_size");
    let large = ListComplianceRequest { page_size: 1_001, ..Default::default() };
    bench.refusals.row("surrenders", reads.list_surrenders(large).await, page_size).await;
    bench.refusals.row("emissions", reads.list_emissions(large).await, page_size).await;
    bench.refusals.row("allocations", reads.list_allocations(large).await, page_size).await;
    let large = ListCancellationsRequest { page_size: 1_001, ..Default::default() };
    bench.refusals.row("cancellations", reads.list_cancellations(large).await, page_size).await;
}

async fn denied(bench: &mut Bench) -> anyhow::Result<()> {
    for user in ["exchange-sh", "operator-1", "auditor-1", "bank-102", "province-42"] {
        let caller = RegistryClient::new(bench.cluster.connect_as(user)?);
        let outcome = caller.cancel_units(cancellation()).await;
        bench.refusals.denied(&format!("cancellation as {user}"), outcome, "NOT_AUTHORISED").await;
        let outcome = caller.assign_province(assignment(3, HUBEI)).await;
        bench.refusals.denied(&format!("assignment as {user}"), outcome, "NOT_AUTHORISED").await;
    }
    for user in ["exchange-sh", "operator-1", "auditor-1", "bank-102", "registry-officer-1"] {
        let caller = ProvinceClient::new(bench.cluster.connect_as(user)?);
        let outcome = caller.approve_surrender(approve(HUBEI, 1)).await;
        bench.refusals.denied(&format!("approval as {user}"), outcome, "NOT_AUTHORISED").await;
    }
    let province = ProvinceClient::new(bench.cluster.connect_as("province-42")?);
    let outcome = province.approve_surrender(approve(31, 1)).await;
    bench.refusals.denied("approval as another province", outcome, "NOT_AUTHORISED").await;
    Ok(())
}
