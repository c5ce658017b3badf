//! What operators ask in vain: each gets its reason, and nothing changes.

use prost::Message as _;
use registry_chaos_tests::cluster::{Cluster, Layout};
use registry_client::proto::controlled_command::Command;
use registry_client::proto::{
    ApproveRequest, CityLeave, CityReturn, ControlledCommand, Issuance, PreferCityRequest,
    ProposeRequest, RetireNodeRequest, RulesActivation, SeatNodeRequest,
};
use registry_client::{ClientError, RegistryClient};
use sha2::{Digest as _, Sha256};

use super::{DEADLINE, record, start, voters};

/// The rejection's reason and field.
fn refused<T: std::fmt::Debug>(outcome: Result<T, ClientError>) -> (String, String) {
    match outcome {
        Err(ClientError::Rejected(rejected)) => (rejected.reason, rejected.field),
        other => (format!("{other:?}"), String::new()),
    }
}

fn is(found: (String, String), reason: &str, field: &str) {
    assert_eq!((found.0.as_str(), found.1.as_str()), (reason, field));
}

async fn seat(cluster: &Cluster, node_id: u64, replaces: u64) -> (String, String) {
    let request = SeatNodeRequest { node_id, replaces_node_id: replaces, ..Default::default() };
    refused(cluster.operator().expect("operator-1").seat_node(request).await)
}

async fn prefer(cluster: &Cluster, city: &str) -> (String, String) {
    let request = PreferCityRequest { city: city.to_owned(), ..Default::default() };
    refused(cluster.operator().expect("operator-1").prefer_city(request).await)
}

/// Proposed by one and refused to the other; the proposal is taken back.
async fn decided(
    maker: &RegistryClient,
    checker: &RegistryClient,
    command: Command,
) -> anyhow::Result<(String, String)> {
    let content = ControlledCommand { command: Some(command) }.encode_to_vec();
    let content_sha256 = Sha256::digest(&content).to_vec().into();
    let propose = ProposeRequest { content: content.into(), ..Default::default() };
    let proposal_id = maker.propose(propose).await?.proposal_id;
    let approve = ApproveRequest { proposal_id, content_sha256, ..Default::default() };
    let outcome = refused(checker.approve(approve).await);
    let take_back = registry_client::proto::WithdrawRequest { proposal_id, ..Default::default() };
    maker.withdraw(take_back).await?;
    Ok(outcome)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_by_reason_and_leaves_the_record_alone() -> anyhow::Result<()> {
    let mut cluster = start("refused-operations", Layout::DualCity, &[]).await?;
    let one = RegistryClient::new(cluster.connect_as("operator-1")?);
    let two = RegistryClient::new(cluster.connect_as("operator-2")?);
    let before = record(&cluster, "the record", |_| true).await?;
    is(prefer(&cluster, "beijing").await, "UNKNOWN_CITY", "city");
    is(seat(&cluster, 99, 0).await, "UNKNOWN_NODE", "node_id");
    is(seat(&cluster, 11, 12).await, "NODE_ID_USED", "node_id");
    let retire = RetireNodeRequest { node_id: 11, ..Default::default() };
    let retired = refused(cluster.operator()?.retire_node(retire).await);
    is(retired, "LAYOUT_FORBIDS", "node_id");
    let document = || "d".to_owned();
    let back = Command::CityReturn(CityReturn { city: "shanghai".into(), document: document() });
    is(decided(&one, &two, back).await?, "CITY_NOT_OUT", "city");
    let officers = cluster.officers()?;
    let rules = RulesActivation { rules_version: 5, document: document() };
    let outcome =
        decided(officers.maker(), officers.checker(), Command::RulesActivation(rules)).await?;
    is(outcome, "RULES_VERSION", "rules_version");

    // Each kind of people decides what is theirs.
    let leave = Command::CityLeave(CityLeave { city: "wuhan".into(), document: document() });
    let issue = Command::Issuance(Issuance {
        account_id: 1,
        instrument: registry_chaos_tests::market::INSTRUMENT.to_owned(),
        quantity_tco2e: 1,
        document: document(),
    });
    for (who, command) in [(officers.maker(), leave), (&one, issue)] {
        let content = ControlledCommand { command: Some(command) }.encode_to_vec();
        let propose = ProposeRequest { content: content.into(), ..Default::default() };
        let denied = who.propose(propose).await.expect_err("not theirs");
        assert!(matches!(denied, ClientError::Denied { .. }), "{denied}");
    }
    assert_eq!(record(&cluster, "the record", |_| true).await?, before);

    // A city that is out, and one that cannot come back yet because nobody is there.
    let out = ["failover", "leave", "--city", "shanghai", "--document", "change 1"];
    cluster.by_two_operators(&out).await?;
    record(&cluster, "wuhan alone", |topology| voters(topology).len() == 1).await?;
    is(prefer(&cluster, "shanghai").await, "CITY_OUT", "city");
    let nodes = cluster.nodes_in("shanghai");
    for id in &nodes {
        cluster.stop(*id).await?;
    }
    let back = ["failover", "return", "--city", "shanghai", "--document", "change 1"];
    cluster.by_two_operators(&back).await?;
    let leave = CityLeave { city: "wuhan".into(), document: document() };
    let outcome = decided(&one, &two, Command::CityLeave(leave)).await?;
    is(outcome, "VOTERS_CHANGING", "");
    for id in &nodes {
        cluster.restart(*id).await?;
    }
    record(&cluster, "both cities", |topology| topology.one_city.is_none()).await?;
    cluster.agreed_state(DEADLINE).await?;
    Ok(())
}
