//! Pledges recognised in both cities: a life from offer to release, thousands of
//! races for the same tonnes, streams that miss nothing, and a city cut off that
//! says so.

#[path = "../bad_input/refusal.rs"]
mod refusal;

mod executed;
mod refused;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _};
use registry_chaos_tests::cluster::{Cluster, Layout};
use registry_chaos_tests::market::{Market, bank_of};
use registry_chaos_tests::pledging::{Close, offer, pledge, recent_trading_days, settle_close};
use registry_chaos_tests::scratch;
use registry_client::journal::audit_node;
use registry_client::pki::{self, Role};
use registry_client::proto::controlled_command::Command;
use registry_client::proto::freeze_target::Target;
use registry_client::proto::{
    AddToPledgeRequest, Consistency, EventFilter, FreezeLifting, FreezeOrder, FreezeTarget,
    GetAccountRequest, ListEventsRequest, ListFreezesRequest, ListPledgesRequest, PledgeRequest,
    PledgeStatus, Position, ReleasePledgeRequest, VerifyPledgeReply, VerifyPledgeRequest,
    event::What, event_filter::About,
};
use registry_client::{BankClient, ClientError, FirmClient, ReadClient, TwoOfficers};

const RTT: Duration = Duration::from_millis(2);
const CASH_FEN: i64 = 100_000_000_000;

fn reason<T: std::fmt::Debug>(outcome: Result<T, ClientError>) -> String {
    match outcome {
        Ok(answer) => format!("{answer:?}"),
        Err(error) => error.reason().unwrap_or("no reason").to_owned(),
    }
}

/// Six nodes, firms with tonnes to pledge, and a close of the last week.
struct Bed {
    cluster: Cluster,
    officers: TwoOfficers,
    close: Close,
    /// Three trading days; the close is of the first one.
    days: Vec<String>,
}

impl Bed {
    async fn start(name: &str, firms: u64, tonnes: i64) -> anyhow::Result<Self> {
        let plan = scratch::plan(name, Layout::DualCity, |_| {})?;
        let cluster = Cluster::start_bootstrapped(plan, RTT).await?;
        let officers = cluster.officers()?;
        let market = Market::set_up(&officers, firms, tonnes, CASH_FEN).await?;
        for firm in 1..=firms {
            pki::issue_user(&cluster.plan().pki_dir(), Role::Firm, &firm.to_string())?;
        }
        let days = recent_trading_days(3)?;
        let close = Close { date: days[0].clone(), price_fen: 4_306 };
        let trade = market.trades(&close.date, 1, 1)?.remove(0);
        settle_close(officers.maker(), &cluster.exchange()?, trade, &close).await?;
        Ok(Self { cluster, officers, close, days })
    }

    fn firm(&self, account: u64, city: &str) -> anyhow::Result<FirmClient> {
        let nodes = self.cluster.nodes_in(city);
        Ok(FirmClient::new(self.cluster.connect_to(&format!("firm-{account}"), &nodes)?))
    }

    fn bank(&self, bank: u32, city: &str) -> anyhow::Result<BankClient> {
        let nodes = self.cluster.nodes_in(city);
        Ok(BankClient::new(self.cluster.connect_to(&format!("bank-{bank}"), &nodes)?))
    }

    /// Reads of a bank at one node.
    fn at(&self, bank: u32, node: u64) -> anyhow::Result<ReadClient> {
        Ok(ReadClient::new(self.cluster.connect_to(&format!("bank-{bank}"), &[node])?))
    }
}

fn verification(pledge_id: u64) -> VerifyPledgeRequest {
    VerifyPledgeRequest { pledge_id, ..Default::default() }
}

fn seen(found: &VerifyPledgeReply) -> PledgeRequest {
    let pledge = found.pledge.clone().unwrap_or_default();
    PledgeRequest { pledge_id: pledge.pledge_id, version: pledge.version, ..Default::default() }
}

fn status(found: &VerifyPledgeReply) -> PledgeStatus {
    found.pledge.clone().unwrap_or_default().status()
}

async fn verified_everywhere(bed: &Bed, bank: u32, id: u64) -> anyhow::Result<VerifyPledgeReply> {
    let mut first: Option<VerifyPledgeReply> = None;
    for node in bed.cluster.node_ids() {
        let found = bed.at(bank, node)?.verify_pledge(verification(id)).await?;
        let stamp = found.stamp.context("a stamp")?;
        assert_eq!((stamp.served_by_node, stamp.stale), (node, false));
        let activated = found.pledge.as_ref().context("a pledge")?.activated_log_index;
        assert!(stamp.log_index >= activated, "{stamp:?} before the activation");
        let alike = VerifyPledgeReply { stamp: None, ..found };
        let first = first.get_or_insert_with(|| alike.clone());
        assert_eq!(*first, alike, "every node of both cities says the same");
    }
    first.context("nodes")
}

async fn life(bed: &Bed) -> anyhow::Result<()> {
    let (bank_id, other_id) = (102, 103);
    let wuhan_firm = bed.firm(1, "wuhan")?;
    let shanghai_bank = bed.bank(bank_id, "shanghai")?;
    let step =
        pledge(&wuhan_firm, &shanghai_bank, &bed.officers, offer(1, bank_id, 1_000, &bed.close))
            .await?;
    assert_eq!((step.pledge_id, step.status()), (1, PledgeStatus::Active));
    // Any node of either city knows it at once, and another bank may ask.
    let found = verified_everywhere(bed, other_id, 1).await?;
    let value = found.value.clone().context("a value")?;
    assert!(found.recognised);
    assert_eq!((&*value.price_yuan, &*value.value_yuan), ("43.06", "43060.00"));
    assert_eq!(
        (value.price_date.as_str(), value.loan_to_value_bp),
        (bed.close.date.as_str(), 4_800)
    );
    assert!(found.pledgor_name.starts_with("Firm ") && found.pledgor_uscc.len() == 18);
    assert_eq!(found.pledgee_name, "Settlement bank 102");
    // The loan behind it is between its parties.
    let shown = found.pledge.context("a pledge")?;
    assert_eq!((shown.terms, shown.claim_yuan.as_str()), (None, ""));
    let own = verified_everywhere(bed, bank_id, 1).await?.pledge.context("a pledge")?;
    assert!(own.terms.is_some());

    // The same tonnes once more, from the other city, to another bank.
    let shanghai_firm = bed.firm(1, "shanghai")?;
    let again = shanghai_firm.propose_pledge(offer(1, other_id, 1_000, &bed.close)).await;
    assert_eq!(reason(again), "INSUFFICIENT_HOLDING");
    // Not its own to see, not its own to act on.
    let foreign = bed.firm(2, "wuhan")?;
    assert_eq!(reason(foreign.reads().verify_pledge(verification(1)).await), "NOT_AUTHORISED");
    assert_eq!(
        reason(foreign.propose_pledge(offer(1, 102, 1, &bed.close)).await),
        "NOT_AUTHORISED"
    );
    let other_bank = bed.bank(other_id, "shanghai")?;
    let all = ReleasePledgeRequest { pledge_id: 1, version: 3, ..Default::default() };
    assert_eq!(reason(other_bank.release_pledge(all.clone()).await), "NOT_COUNTERPARTY");
    let list = ListPledgesRequest { pledgee_bank: bank_id, ..Default::default() };
    assert_eq!(reason(other_bank.reads().list_pledges(list).await), "NOT_AUTHORISED");
    assert_eq!(shanghai_bank.reads().list_pledges(list).await?.pledges.len(), 1);

    // The price falls, and a margin call appears by itself.
    let fallen = Close { date: bed.days[1].clone(), price_fen: 3_876 };
    let trade = Market::of_firms(4).trades(&fallen.date, 1, 1)?.remove(0);
    settle_close(bed.officers.maker(), &bed.cluster.exchange()?, trade, &fallen).await?;
    // 38.76 is above 38.75, nine tenths of 43.06 rounded down.
    assert_eq!(status(&verified_everywhere(bed, bank_id, 1).await?), PledgeStatus::Active);
    let weak = offer(2, other_id, 1_000, &fallen);
    let bank = bed.bank(other_id, "wuhan")?;
    let mut terms = weak.terms.clone().unwrap_or_default();
    terms.warning_price_yuan = "38.76".to_owned();
    let weak = registry_client::proto::ProposePledgeRequest { terms: Some(terms), ..weak };
    let step = pledge(&bed.firm(2, "shanghai")?, &bank, &bed.officers, weak).await?;
    assert_eq!(step.status(), PledgeStatus::Active);

    // A court's freeze stays it; recognition goes on.
    let order = FreezeOrder {
        target: Some(FreezeTarget { target: Some(Target::PledgeId(1)) }),
        court: "武汉市中级人民法院".to_owned(),
        document: "(2021) 12".to_owned(),
    };
    bed.officers.freeze_step("", Command::FreezeOrder(order)).await?;
    let found = verified_everywhere(bed, bank_id, 1).await?;
    assert!(found.recognised && found.pledge.as_ref().is_some_and(|p| p.court_stays == 1));
    let version = found.pledge.unwrap_or_default().version;
    let all = ReleasePledgeRequest { version, ..all };
    assert_eq!(reason(shanghai_bank.release_pledge(all).await), "COURT_STAY");
    let own = ListFreezesRequest { account_id: 1, ..Default::default() };
    assert_eq!(wuhan_firm.reads().list_freezes(own).await?.freezes.len(), 1);
    let lifting = FreezeLifting { freeze_id: 1, document: "(2022) 3".to_owned() };
    bed.officers.freeze_step("", Command::FreezeLifting(lifting)).await?;

    // Back it goes.
    let found = shanghai_bank.reads().verify_pledge(verification(1)).await?;
    let PledgeRequest { version, .. } = seen(&found);
    let all = ReleasePledgeRequest { pledge_id: 1, version, ..Default::default() };
    let released = shanghai_bank.release_pledge(all).await?.pledge.context("a pledge")?;
    assert_eq!((released.status(), released.quantity_tco2e), (PledgeStatus::Released, 0));
    assert!(!verified_everywhere(bed, bank_id, 1).await?.recognised);
    // Its whole story, by the pledge.
    let filter = Some(EventFilter { about: Some(About::PledgeId(1)) });
    let asked = ListEventsRequest { filter, ..Default::default() };
    let events = bed.officers.maker().reads().list_events(asked).await?.events;
    let story: Vec<_> = events.iter().filter_map(|event| event.what.as_ref()).collect();
    assert!(
        matches!(
            story[..],
            [
                What::PledgeProposed(_),
                What::PledgeAccepted(_),
                What::PledgeActivated(_),
                What::Frozen(_),
                What::FreezeLifted(_),
                What::PledgeReleased(_)
            ]
        ),
        "{story:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pledge_is_recognised_in_both_cities_from_offer_to_release() -> anyhow::Result<()> {
    let bed = Bed::start("pledges", 4, 1_001).await?;
    let done = life(&bed).await;
    bed.cluster.with_logs(done)?;
    audit_node(bed.officers.maker().reads(), Consistency::Linearizable, |_, _| {}).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fall_of_the_close_calls_for_more_and_more_cures_it() -> anyhow::Result<()> {
    let bed = Bed::start("margin", 4, 10_000).await?;
    let (firm, bank) = (bed.firm(3, "wuhan")?, bed.bank(104, "shanghai")?);
    pledge(&firm, &bank, &bed.officers, offer(3, 104, 1_000, &bed.close)).await?;
    // Everything that happens to the bank's pledges, while the day closes.
    let watching = bank.reads().clone();
    let watch = tokio::spawn(async move {
        let mut called = None;
        watching
            .watch_pledges(104, 0, |reply| {
                for event in &reply.events {
                    if let Some(What::MarginCalled(call)) = &event.what {
                        called = Some(call.clone());
                    }
                }
                if called.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .await?;
        called.context("a margin call")
    });
    // Down by the most that a day allows is just on the line: it takes a listed
    // trade at 38.75 against a warning line of 38.76.
    let fallen = Close { date: bed.days[1].clone(), price_fen: 3_876 };
    let mut sharper = offer(4, 104, 1_000, &bed.close);
    sharper.terms.get_or_insert_default().warning_price_yuan = "40.00".to_owned();
    pledge(&bed.firm(4, "shanghai")?, &bank, &bed.officers, sharper).await?;
    let trade = Market::of_firms(4).trades(&fallen.date, 1, 1)?.remove(0);
    settle_close(bed.officers.maker(), &bed.cluster.exchange()?, trade, &fallen).await?;
    let call = watch.await??;
    assert_eq!((&*call.price_yuan, &call.date), ("38.76", &fallen.date));
    assert_eq!(call.pledge.context("parties")?.pledge_id, 2);
    let found = verified_everywhere(&bed, 102, 2).await?;
    assert_eq!(status(&found), PledgeStatus::MarginCall);
    assert!(found.recognised && found.pledge.as_ref().is_some_and(|p| p.cure_deadline_ms > 0));

    // 1,032 t at 38.76 are 40,000.32 yuan, what 1,000 t at 40.00 are.
    let PledgeRequest { pledge_id, version, .. } = seen(&found);
    let more = |version, quantity_tco2e| AddToPledgeRequest {
        pledge_id,
        version,
        from: Position::Trading.into(),
        quantity_tco2e,
        ..Default::default()
    };
    let firm = bed.firm(4, "wuhan")?;
    let step = firm.add_to_pledge(more(version, 31)).await?.pledge.context("a pledge")?;
    assert_eq!(step.status(), PledgeStatus::MarginCall);
    assert_eq!(reason(firm.add_to_pledge(more(version, 1)).await), "STALE_VERSION");
    let step = firm.add_to_pledge(more(step.version, 1)).await?.pledge.context("a pledge")?;
    assert_eq!(step.status(), PledgeStatus::Active);
    audit_node(bed.officers.maker().reads(), Consistency::Linearizable, |_, _| {}).await?;
    Ok(())
}

const RACERS: u64 = 40;
const RACES: usize = 60;
const TONNES: i64 = 100;

/// Two offers of the same tonnes at the same instant, one in each city; the one
/// that won is taken back. Says which city won.
async fn race(bed: &Bed, cities: &[FirmClient; 2], account: u64) -> anyhow::Result<usize> {
    let to = [bank_of(account), bank_of(account + 1)];
    let ask = |city: usize| {
        let mut offered = offer(account, to[city], TONNES, &bed.close);
        offered.from = Position::Trading.into();
        cities[city].propose_pledge(offered)
    };
    let (first, second) = futures::join!(ask(0), ask(1));
    let (winner, won, lost) = match (first, second) {
        (Ok(won), lost) => (0, won, lost),
        (lost, Ok(won)) => (1, won, lost),
        (Err(one), Err(other)) => anyhow::bail!("nobody got the tonnes: {one}, {other}"),
    };
    anyhow::ensure!(reason(lost) == "INSUFFICIENT_HOLDING", "the same tonnes were pledged twice");
    let step = won.pledge.context("a pledge")?;
    let back =
        PledgeRequest { pledge_id: step.pledge_id, version: step.version, ..Default::default() };
    cities[1 - winner].decline_pledge(back).await?;
    Ok(winner)
}

async fn races(bed: &Bed) -> anyhow::Result<[usize; 2]> {
    let racers = futures::stream::iter(1..=RACERS).map(|account| async move {
        let cities = [bed.firm(account, "shanghai")?, bed.firm(account, "wuhan")?];
        let mut won = [0, 0];
        for _ in 0..RACES {
            won[race(bed, &cities, account).await?] += 1;
        }
        anyhow::Ok(won)
    });
    let all: Vec<[usize; 2]> = racers.buffer_unordered(16).try_collect().await?;
    Ok(all.iter().fold([0, 0], |sum, won| [sum[0] + won[0], sum[1] + won[1]]))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_tonnes_are_pledged_once_whichever_city_is_asked() -> anyhow::Result<()> {
    // One tonne went to the trade that made the close.
    let mut bed = Bed::start("races", RACERS, TONNES).await?;
    let topped_up = bed.cluster.registry()?;
    for account in 1..=RACERS {
        let held = topped_up
            .reads()
            .get_account(GetAccountRequest { account_id: account, ..Default::default() })
            .await?;
        let trading = held.account.unwrap_or_default().holdings[0].trading_tco2e;
        anyhow::ensure!((TONNES - 1..=TONNES).contains(&trading), "{trading} t to race for");
        if trading < TONNES {
            let units = registry_client::proto::Issuance {
                account_id: account,
                instrument: "CEA-2020".to_owned(),
                quantity_tco2e: 1,
                document: "one tonne back".to_owned(),
            };
            bed.officers.issue("", units).await?;
            let back = registry_client::proto::MoveHoldingRequest {
                account_id: account,
                instrument: "CEA-2020".to_owned(),
                from: Position::Registered.into(),
                quantity_tco2e: 1,
                ..Default::default()
            };
            topped_up.move_holding(back).await?;
        }
    }
    // Meanwhile every pledgee watches what is offered to it, and a node dies.
    let watches: Vec<_> = pki::SAMPLE_BANKS
        .into_iter()
        .map(|bank| {
            let reads = bed.bank(bank, "wuhan").map(|bank| bank.reads().clone());
            let all = RACERS as usize * RACES;
            (bank, reads, all)
        })
        .collect();
    let victim = bed.cluster.nodes_in("wuhan")[0];
    let won = races(&bed).await;
    let won = bed.cluster.with_logs(won)?;
    assert_eq!(won[0] + won[1], RACERS as usize * RACES);
    eprintln!("{} races: {} won in Shanghai, {} in Wuhan", won[0] + won[1], won[0], won[1]);
    bed.cluster.kill(victim)?;
    let mut offers = BTreeMap::new();
    for (bank, reads, _) in watches {
        let (reads, mut through) = (reads?, 0);
        let mut numbers = Vec::new();
        let last = topped_up.reads().get_journal(Default::default()).await?.event_count;
        // In pieces: each goes on behind the last event that was seen.
        while through < last {
            let mut pieces = 0;
            let report = reads
                .watch_pledges(bank, through, |reply| {
                    numbers.extend(reply.events.iter().map(|event| event.event));
                    pieces += 1;
                    if pieces == 2 || reply.through_event >= last {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                })
                .await?;
            through = report.through_event;
        }
        assert!(numbers.is_sorted_by(|a, b| a < b), "an event of bank {bank} came twice");
        offers.insert(bank, numbers.len());
    }
    // Each race is two events: offered and taken back.
    let all: usize = offers.values().sum();
    assert_eq!(all, 2 * RACERS as usize * RACES, "{offers:?}");
    audit_node(topped_up.reads(), Consistency::Linearizable, |_, _| {}).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_city_cut_off_says_unavailable_and_never_that_there_is_none() -> anyhow::Result<()> {
    let bed = Bed::start("cut", 4, 1_000).await?;
    let (firm, bank) = (bed.firm(1, "wuhan")?, bed.bank(105, "wuhan")?);
    pledge(&firm, &bank, &bed.officers, offer(1, 105, 500, &bed.close)).await?;
    verified_everywhere(&bed, 105, 1).await?;
    bed.cluster.links()?.cut("wuhan", "shanghai");
    for city in ["wuhan", "shanghai"] {
        let reads = bed.bank(105, city)?.with_timeout(Duration::from_secs(3)).reads().clone();
        for id in [1, 99] {
            let refused = reads.verify_pledge(verification(id)).await;
            let unavailable = matches!(refused, Err(ClientError::Unavailable { .. }));
            assert!(unavailable, "{city} says of pledge {id}: {refused:?}");
        }
        let stale =
            VerifyPledgeRequest { consistency: Consistency::StaleOk.into(), ..verification(1) };
        let found = reads.verify_pledge(stale).await?;
        assert!(found.recognised && found.stamp.is_some_and(|stamp| stamp.stale));
    }
    bed.cluster.links()?.heal();
    verified_everywhere(&bed, 105, 1).await?;
    let refused = bank.reads().verify_pledge(verification(99)).await;
    assert_eq!(reason(refused), "UNKNOWN_PLEDGE");
    // The stream of many answers like single calls.
    let many = bank.reads().verify_pledges(&[1, 99, 1], Consistency::Linearizable).await?;
    let kinds: Vec<_> = many
        .iter()
        .map(|outcome| {
            use registry_client::proto::verify_pledges_reply::Outcome;
            matches!(outcome, Outcome::Verified(found) if found.recognised)
        })
        .collect();
    assert_eq!(kinds, [true, false, true]);
    Ok(())
}
