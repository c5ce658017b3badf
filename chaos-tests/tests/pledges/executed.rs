//! A court takes what it froze: in one entry, no more than its freeze holds, and
//! every node, statement and earlier position says the same of it.

use anyhow::Context as _;
use prost::Message as _;
use registry_chaos_tests::market::INSTRUMENT;
use registry_chaos_tests::pledging::{offer, pledge};
use registry_client::ReadClient;
use registry_client::journal::audit_node;
use registry_client::proto::controlled_command::Command;
use registry_client::proto::freeze_target::Target;
use registry_client::proto::posting::Line;
use registry_client::proto::{
    ApproveRequest, Balances, Consistency, ControlledCommand, EventFilter, Freeze, FreezeExecution,
    FreezeLifting, FreezeOrder, FreezeStep, FreezeTarget, FrozenTonnes, GetAccountRequest,
    GetBalancesAtRequest, GetOverviewRequest, GetPeriodStatementRequest, Holding,
    ListEventsRequest, ListFreezesRequest, Moment, MoveHoldingRequest, Position, PositionPart,
    ProposeReply, ProposeRequest, event::What, event_filter::About, moment::At,
};
use tonic::Code::{FailedPrecondition, InvalidArgument, NotFound};

use super::refusal::Refusals;
use super::{Bed, reason};

/// Whose tonnes are frozen, and who gets them.
const HOLDER: u64 = 1;
const CREDITOR: u64 = 2;
/// Of which 1,000 are pledged.
const TONNES: i64 = 10_000;
const PLEDGED: i64 = 1_000;

fn order(target: Target) -> Command {
    Command::FreezeOrder(FreezeOrder {
        target: Some(FreezeTarget { target: Some(target) }),
        court: "武汉市中级人民法院".to_owned(),
        document: "(2021) 12".to_owned(),
    })
}

fn tonnes(quantity_tco2e: i64) -> Target {
    let instrument = INSTRUMENT.to_owned();
    Target::Tonnes(FrozenTonnes { account_id: HOLDER, instrument, quantity_tco2e })
}

fn execution(freeze_id: u64, to_account_id: u64, quantity_tco2e: i64) -> FreezeExecution {
    FreezeExecution {
        freeze_id,
        to_account_id,
        quantity_tco2e,
        document: "(2022) 4".to_owned(),
        document_sha256: vec![4; 32].into(),
    }
}

fn execute(freeze_id: u64, to_account_id: u64, quantity_tco2e: i64) -> Command {
    Command::FreezeExecution(execution(freeze_id, to_account_id, quantity_tco2e))
}

async fn holding(reads: &ReadClient, account_id: u64) -> anyhow::Result<Holding> {
    let asked = GetAccountRequest { account_id, ..Default::default() };
    let held = reads.get_account(asked).await?.account.context("an account")?.holdings;
    held.into_iter().find(|held| held.instrument == INSTRUMENT).context("a holding")
}

async fn freezes(reads: &ReadClient) -> anyhow::Result<Vec<Freeze>> {
    let asked = ListFreezesRequest { account_id: HOLDER, ..Default::default() };
    Ok(reads.list_freezes(asked).await?.freezes)
}

/// Asks every node of both cities: what the two have, and what the first freeze holds.
async fn everywhere(bed: &Bed) -> anyhow::Result<(Holding, Holding, Freeze)> {
    let mut first = None;
    for node in bed.cluster.node_ids() {
        let reads = ReadClient::new(bed.cluster.connect_to("registry-officer-1", &[node])?);
        let freeze = freezes(&reads).await?.into_iter().find(|freeze| freeze.freeze_id == 1);
        let found = (holding(&reads, HOLDER).await?, holding(&reads, CREDITOR).await?, freeze);
        let first = first.get_or_insert_with(|| found.clone());
        assert_eq!(*first, found, "every node of both cities says the same");
    }
    let (holder, creditor, freeze) = first.context("nodes")?;
    Ok((holder, creditor, freeze.context("the freeze stands")?))
}

/// The maker's part; the checker's comes with the reply.
async fn propose(bed: &Bed, command: Command) -> anyhow::Result<ProposeReply> {
    let content = ControlledCommand { command: Some(command) }.encode_to_vec().into();
    let request = ProposeRequest { content, ..Default::default() };
    Ok(bed.officers.maker().propose(request).await?)
}

fn approval(proposed: &ProposeReply) -> ApproveRequest {
    ApproveRequest {
        proposal_id: proposed.proposal_id,
        content_sha256: proposed.content_sha256.clone(),
        ..Default::default()
    }
}

async fn awaited(bed: &Bed, account_id: u64) -> anyhow::Result<Vec<u64>> {
    let asked = GetOverviewRequest { account_id, ..Default::default() };
    let overview = bed.officers.maker().reads().get_overview(asked).await?;
    Ok(overview.proposals.iter().map(|open| open.proposal_id).collect())
}

async fn balances(bed: &Bed, account_id: u64, event: u64) -> anyhow::Result<Balances> {
    let at = Some(Moment { at: Some(At::Event(event)) });
    let asked = GetBalancesAtRequest { account_id, at, ..Default::default() };
    let found = bed.officers.maker().reads().get_balances_at(asked).await?;
    found.balances.context("balances")
}

fn in_balances(balances: &Balances) -> (i64, i64) {
    let of = balances.holdings.iter().find(|held| held.instrument == INSTRUMENT);
    of.map(|held| (held.registered_tco2e, held.frozen_tco2e)).unwrap_or_default()
}

/// The event as the account itself sees it, its statement, and what it had before and after.
async fn written_down(bed: &Bed, account: u64, moved: i64) -> anyhow::Result<()> {
    let (part, sign) = match account {
        HOLDER => (PositionPart::Frozen, -1),
        _ => (PositionPart::Registered, 1),
    };
    let firm = bed.firm(account, "wuhan")?;
    let filter = Some(EventFilter { about: Some(About::AccountId(account)) });
    let asked = ListEventsRequest { filter, page_size: 1_000, ..Default::default() };
    let events = firm.reads().list_events(asked).await?.events;
    let executed = |what: &Option<What>| matches!(what, Some(What::FreezeExecuted(_)));
    let event = events.iter().find(|event| executed(&event.what)).context("the event")?;
    let Some(What::FreezeExecuted(content)) = &event.what else { anyhow::bail!("another event") };
    assert_eq!((content.freeze_id, content.account_id), (1, HOLDER));
    assert_eq!((&*content.document, content.document_sha256.len()), ("(2022) 4", 32));
    let [line] = &event.postings[..] else {
        anyhow::bail!("{:?} is not one's own", event.postings)
    };
    let Some(Line::Goods(line)) = &line.line else { anyhow::bail!("{line:?}") };
    assert_eq!(
        (line.account_id, line.position(), line.quantity_tco2e),
        (account, part, sign * moved)
    );

    let before = in_balances(&balances(bed, account, event.event - 1).await?);
    let after = in_balances(&balances(bed, account, event.event).await?);
    let change = (after.0 - before.0, after.1 - before.1);
    assert_eq!(change, if account == HOLDER { (0, -moved) } else { (moved, 0) });
    // Read back, the statement adds up from opening to closing balances.
    let asked = GetPeriodStatementRequest { account_id: account, ..Default::default() };
    let statement = firm.reads().period_statement(asked).await?;
    let shown = statement.entries.iter().any(|entry| {
        use registry_client::proto::statement_entry::About;
        matches!(&entry.about, Some(About::Details(event)) if executed(&event.what))
    });
    assert!(shown, "the statement of {account} shows it");
    Ok(())
}

async fn taken(bed: &Bed) -> anyhow::Result<()> {
    let bank = bed.bank(102, "shanghai")?;
    let firm = bed.firm(HOLDER, "wuhan")?;
    pledge(&firm, &bank, &bed.officers, offer(HOLDER, 102, PLEDGED, &bed.close)).await?;
    let back = |quantity_tco2e| MoveHoldingRequest {
        account_id: HOLDER,
        instrument: INSTRUMENT.to_owned(),
        from: Position::Trading.into(),
        quantity_tco2e,
        ..Default::default()
    };
    bed.officers.maker().move_holding(back(100)).await?;
    let reads = bed.officers.maker().reads();
    let free = holding(reads, HOLDER).await?;
    let (registered, trading) = (free.registered_tco2e, free.trading_tco2e);
    let all = registered + trading;
    let had = holding(reads, CREDITOR).await?;

    // Everything that is free, and a stay over the pledge.
    let step = bed.officers.freeze_step("", order(tonnes(all + 1))).await?;
    assert_eq!((step.frozen_tco2e, &step.stayed_pledge_ids[..]), (all, &[1][..]));
    // Both officers and both parties of it see what waits; the holder can do nothing.
    let waits = propose(bed, execute(1, CREDITOR, registered + 50)).await?;
    for account in [HOLDER, CREDITOR] {
        assert_eq!(awaited(bed, account).await?, [waits.proposal_id]);
    }
    assert!(awaited(bed, 3).await?.is_empty());
    let refused = bed.officers.maker().move_holding(back(1)).await;
    assert_eq!(reason(refused), "INSUFFICIENT_HOLDING");
    assert_eq!(everywhere(bed).await?.0.frozen_tco2e, all, "nothing moved yet");
    bed.officers.checker().approve(approval(&waits)).await?;
    let moved = registered + 50;
    let (holder, creditor, freeze) = everywhere(bed).await?;
    assert_eq!((holder.frozen_tco2e, holder.pledged_tco2e), (all - moved, PLEDGED));
    let expected = Holding {
        registered_tco2e: had.registered_tco2e + moved,
        total_tco2e: had.total_tco2e + moved,
        ..had
    };
    assert_eq!(creditor, expected);
    // What came from registered went first.
    assert_eq!((freeze.from_registered_tco2e, freeze.from_trading_tco2e), (0, trading - 50));
    assert_eq!(freeze.stayed_pledge_ids, [1], "the stay stays");
    for account in [HOLDER, CREDITOR] {
        written_down(bed, account, moved).await?;
    }

    // Two orders at once about more than half of the rest: one gets it.
    let most = (all - moved) / 2 + 1;
    let one = propose(bed, execute(1, CREDITOR, most)).await?;
    let other = propose(bed, execute(1, 3, most)).await?;
    let (first, second) = futures::join!(
        bed.officers.checker().approve(approval(&one)),
        bed.officers.checker().approve(approval(&other)),
    );
    let refused = match (first, second) {
        (Ok(_), refused) | (refused, Ok(_)) => reason(refused),
        (one, other) => anyhow::bail!("nobody got the tonnes: {one:?}, {other:?}"),
    };
    assert_eq!(refused, "INSUFFICIENT_HOLDING");

    // Sent twice it is done once.
    let once = |id| bed.officers.carry_out(id, execute(1, CREDITOR, 7));
    let step = |reply: registry_client::proto::ApproveReply| reply.result;
    assert_eq!(step(once("seven").await?), step(once("seven").await?));
    let left = all - moved - most - 7;
    assert_eq!(everywhere(bed).await?.2.from_trading_tco2e, left);

    // The rest is the holder's again when the court is done.
    let lifting = FreezeLifting { freeze_id: 1, document: "(2022) 5".to_owned() };
    let step = bed.officers.freeze_step("", Command::FreezeLifting(lifting)).await?;
    assert_eq!(step, FreezeStep { freeze_id: 1, account_id: HOLDER, ..Default::default() });
    let holder = holding(reads, HOLDER).await?;
    let now = (holder.registered_tco2e, holder.trading_tco2e, holder.frozen_tco2e);
    assert_eq!(now, (0, left, 0));
    on_the_command_line(bed).await?;
    audit_node(reads, Consistency::Linearizable, |_, _| {}).await?;
    Ok(())
}

/// Two officers with their terminals.
async fn on_the_command_line(bed: &Bed) -> anyhow::Result<()> {
    let run = async |identity: &str, line: &str| {
        bed.cluster.registryctl(identity, line.split_whitespace()).await
    };
    bed.officers.freeze_step("", order(tonnes(20))).await?;
    let freezes = freezes(bed.officers.maker().reads()).await?;
    let freeze = freezes.last().context("a freeze")?.freeze_id;
    let hash = "ab".repeat(32);
    let line = format!(
        "freeze execute --freeze {freeze} --to {CREDITOR} --quantity 12 --document order-9 \
         --sha256 {hash} --output json"
    );
    let proposed: serde_json::Value =
        serde_json::from_str(&run("registry-officer-1", &line).await?)?;
    let id = proposed["proposal_id"].as_u64().context("a number")?;
    let shown = run("registry-officer-2", &format!("control show --proposal {id}")).await?;
    for part in ["execution of a freeze", "order-9", &hash] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    let content = proposed["content_sha256"].as_str().context("a hash")?;
    let approve = format!("control approve --proposal {id} --sha256 {content} --output json");
    let done: serde_json::Value =
        serde_json::from_str(&run("registry-officer-2", &approve).await?)?;
    assert!(done.to_string().contains("frozen_tco2e"), "{done}");
    let listed = run("registry-officer-1", &format!("freeze list --account {HOLDER}")).await?;
    assert!(listed.contains('8'), "8 t are left: {listed}");
    let events = run("registry-officer-1", "events list --account 2 --limit 1000").await?;
    assert!(events.contains("freeze_executed") && events.contains("order-9"), "{events}");
    let audited = run("auditor-1", "audit").await?;
    assert!(audited.contains("the books are right"), "{audited}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_court_takes_what_it_froze_in_one_entry() -> anyhow::Result<()> {
    let bed = Bed::start("executions", 4, TONNES).await?;
    let done = taken(&bed).await;
    bed.cluster.with_logs(done)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_execution_names_code_reason_and_field_and_changes_nothing() -> anyhow::Result<()>
{
    let bed = Bed::start("execution-refusals", 4, TONNES).await?;
    let bank = bed.bank(102, "shanghai")?;
    let firm = bed.firm(HOLDER, "wuhan")?;
    pledge(&firm, &bank, &bed.officers, offer(HOLDER, 102, PLEDGED, &bed.close)).await?;
    // Freeze 1 holds 10 t, 2 is of the account, 3 of a pledge, 4 was lifted.
    let orders = [tonnes(10), Target::AccountId(HOLDER), Target::PledgeId(1)];
    for target in orders {
        bed.officers.freeze_step("", order(target)).await?;
    }
    let lifted = bed.officers.freeze_step("", order(Target::AccountId(3))).await?.freeze_id;
    let lifting = FreezeLifting { freeze_id: lifted, document: "(2022) 5".to_owned() };
    bed.officers.freeze_step("", Command::FreezeLifting(lifting)).await?;

    let with = |change: fn(&mut FreezeExecution)| {
        let mut order = execution(1, CREDITOR, 1);
        change(&mut order);
        Command::FreezeExecution(order)
    };
    let short = (FailedPrecondition, "INSUFFICIENT_HOLDING", "quantity_tco2e");
    let rows = [
        ("no freeze", execute(0, 2, 1), (InvalidArgument, "FIELD_MISSING", "freeze_id")),
        ("an unknown freeze", execute(99, 2, 1), (NotFound, "UNKNOWN_FREEZE", "freeze_id")),
        ("a lifted freeze", execute(lifted, 2, 1), (NotFound, "UNKNOWN_FREEZE", "freeze_id")),
        ("no receiver", execute(1, 0, 1), (InvalidArgument, "FIELD_MISSING", "to_account_id")),
        ("an unknown receiver", execute(1, 99, 1), (NotFound, "UNKNOWN_ACCOUNT", "to_account_id")),
        ("the holder", execute(1, HOLDER, 1), (InvalidArgument, "SELF_TRANSFER", "to_account_id")),
        ("nothing", execute(1, 2, 0), (InvalidArgument, "NOT_POSITIVE", "quantity_tco2e")),
        (
            "less than nothing",
            execute(1, 2, i64::MIN),
            (InvalidArgument, "NOT_POSITIVE", "quantity_tco2e"),
        ),
        ("more than it holds", execute(1, 2, 11), short),
        ("more than there is", execute(1, 2, i64::MAX), short),
        (
            "out of an account's freeze",
            execute(2, 2, 1),
            (FailedPrecondition, "INSUFFICIENT_HOLDING", "freeze_id"),
        ),
        (
            "out of a pledge's freeze",
            execute(3, 2, 1),
            (FailedPrecondition, "INSUFFICIENT_HOLDING", "freeze_id"),
        ),
        (
            "without a document",
            with(|order| order.document = " ".to_owned()),
            (InvalidArgument, "FIELD_MISSING", "document"),
        ),
        (
            "with a long document",
            with(|order| order.document = "x".repeat(201)),
            (InvalidArgument, "TOO_LONG", "document"),
        ),
        (
            "without a hash",
            with(|order| order.document_sha256 = vec![].into()),
            (InvalidArgument, "FIELD_MISSING", "document_sha256"),
        ),
        (
            "with half a hash",
            with(|order| order.document_sha256 = vec![4; 16].into()),
            (InvalidArgument, "MALFORMED", "document_sha256"),
        ),
    ];
    let mut refusals = Refusals::begin(&bed.cluster).await?;
    for (what, command, expected) in rows {
        match propose(&bed, command).await {
            Ok(proposed) => {
                refusals.accept_changes().await?;
                let outcome = bed.officers.checker().approve(approval(&proposed)).await;
                refusals.row(what, outcome, expected).await;
            }
            Err(refused) => {
                refusals.row::<()>(what, Err(refused.downcast()?), expected).await;
            }
        }
    }
    // One person is not enough, and a firm has no say in it.
    let mine = propose(&bed, execute(1, CREDITOR, 1)).await?;
    refusals.accept_changes().await?;
    let outcome = bed.officers.maker().approve(approval(&mine)).await;
    let expected = (FailedPrecondition, "SELF_APPROVAL", "proposal_id");
    refusals.row("by its maker", outcome, expected).await;
    refusals.end(&bed.cluster).await?;
    audit_node(bed.officers.maker().reads(), Consistency::Linearizable, |_, _| {}).await?;
    Ok(())
}
