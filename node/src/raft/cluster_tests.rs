//! Two cities in one process: real storage, real TLS between the nodes, and a
//! view of their insides that processes do not give.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use openraft::impls::EmptyNode;
use registry_ledger::{Reason, Receipt};
use registry_proto::registry::{OpenBankRequest, SettleTradeRequest};
use registry_proto::storage::LogCommand;
use registry_proto::storage::log_command::Command;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::bootstrap::BootstrapError;
use super::consensus::{Consensus, Unavailable};
use super::leadership::stands_by;
use super::start::start;
use crate::config::Config;
use crate::storage::StorageThreads;

const IDS: [u64; 6] = [11, 12, 13, 21, 22, 23];
const DEADLINE: Duration = Duration::from_secs(60);

struct Cities {
    nodes: BTreeMap<u64, Consensus>,
    ports: JoinSet<()>,
    _folder: TempDir,
}

/// A port that nobody listens on, below the kernel's range for outgoing
/// connections, and not given to another test of this process.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 9_000;
    // Processes start their search apart. A port is tried by connecting: a
    // socket bound to try it would live on in a child that is just starting.
    let offset = std::process::id() as u16;
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + offset.wrapping_add(step) % COUNT;
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            return port;
        }
    }
}

/// The shipped configurations, moved to free ports and a folder of their own.
pub(crate) fn configs(folder: &Path) -> Vec<Config> {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    let layout = registry_client::pki::Layout::dual_city();
    registry_client::pki::init(&folder.join("pki"), &layout).expect("pki");
    let peer_ports: BTreeMap<u64, u16> = IDS.iter().map(|id| (*id, free_port())).collect();
    let files = [
        "shanghai/sh-1",
        "shanghai/sh-2",
        "shanghai/sh-3",
        "wuhan/wh-1",
        "wuhan/wh-2",
        "wuhan/wh-3",
    ];
    files
        .iter()
        .map(|file| {
            let mut config = Config::load(&deploy.join(format!("{file}.toml"))).expect(file);
            config.node.data_dir = folder.join(&config.node.data_dir);
            config.node.peer_listen.set_port(peer_ports[&config.node.id]);
            for member in &mut config.members {
                member.peer_address = format!("127.0.0.1:{}", peer_ports[&member.id]);
            }
            for path in [
                &mut config.tls.client_ca,
                &mut config.tls.client_cert,
                &mut config.tls.client_key,
                &mut config.tls.peer_ca,
                &mut config.tls.peer_cert,
                &mut config.tls.peer_key,
            ] {
                *path = folder.join(&path);
            }
            config
        })
        .collect()
}

async fn start_cities() -> Cities {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut nodes = BTreeMap::new();
    let mut ports = JoinSet::new();
    for config in configs(folder.path()) {
        let config = Arc::new(config);
        let running =
            start(config.clone(), &StorageThreads::default()).await.expect("a node starts");
        nodes.insert(config.node.id, running.consensus.clone());
        ports.spawn(async move {
            let served = running.serve_peer_port(config).await;
            served.expect("the peer port is served");
        });
    }
    Cities { nodes, ports, _folder: folder }
}

impl Cities {
    async fn formed() -> Self {
        let cities = start_cities().await;
        cities.bootstrap(11).await.expect("bootstrap");
        cities
    }

    /// Asks again while members are still opening their ports.
    async fn bootstrap(&self, id: u64) -> Result<u64, BootstrapError> {
        within(async {
            loop {
                match self.nodes[&id].bootstrap("operator/1".into(), "").await {
                    Err(BootstrapError::Unreachable { .. }) => tokio::task::yield_now().await,
                    ended => return ended,
                }
            }
        })
        .await
    }

    async fn leader(&self) -> &Consensus {
        within(async {
            loop {
                let leader = self.nodes.values().find(|node| node.status().state == "leader");
                match leader {
                    Some(leader) => return leader,
                    None => tokio::task::yield_now().await,
                }
            }
        })
        .await
    }
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, work).await.expect("this takes less than the deadline")
}

fn open_bank(bank_id: u32) -> LogCommand {
    let request =
        OpenBankRequest { request_id: format!("bank-{bank_id}"), bank_id, name: "A bank".into() };
    LogCommand { actor: "registry/officer-1".into(), command: Some(Command::OpenBank(request)) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_formed_once_with_a_quorum_in_each_city() {
    let cities = start_cities().await;
    let before = cities.nodes[&11].propose(open_bank(102)).await;
    assert_eq!(before, Err(Unavailable::NotLeader { leader_id: None }));
    cities.bootstrap(11).await.expect("bootstrap");
    let status = cities.leader().await.status();
    assert_eq!(status.voter_sets, [[11, 12, 13], [21, 22, 23]]);
    assert!(status.membership_as_layout);
    for id in [11, 12, 21] {
        let again = cities.bootstrap(id).await;
        assert!(
            matches!(again, Err(BootstrapError::AlreadyBootstrapped { .. })),
            "{id}: {again:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_bootstraps_at_once_form_at_most_one_cluster() {
    let cities = start_cities().await;
    let (shanghai, wuhan) = tokio::join!(cities.bootstrap(11), cities.bootstrap(21));
    let formed = [&shanghai, &wuhan].iter().filter(|outcome| outcome.is_ok()).count();
    assert!(formed <= 1, "{shanghai:?} and {wuhan:?}");
    let origins = cities.nodes.values().filter(|node| node.status().state == "leader").count();
    assert!(origins <= 1, "{origins} nodes lead");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_promised_to_one_bootstrap_at_a_time_its_own_included() {
    let cities = start_cities().await;
    assert_eq!(cities.nodes[&11].inner.promise.keep(21), 21);
    let own = cities.bootstrap(11).await;
    assert!(matches!(&own, Err(BootstrapError::Foreign { node, .. }) if node == "sh-1"), "{own:?}");
    assert_eq!(cities.nodes[&13].inner.promise.keep(13), 13);
    let other = cities.bootstrap(22).await;
    assert!(matches!(other, Err(BootstrapError::Foreign { .. })), "{other:?}");
    assert!(cities.nodes.values().all(|node| !node.has_log()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_leaves_only_after_a_majority_of_each_city_has_it_on_disk() {
    let cities = Cities::formed().await;
    let leader = cities.leader().await;
    for bank_id in 100..200 {
        let answer = within(leader.propose(open_bank(bank_id))).await.expect("an answer");
        assert_eq!(answer.outcome, Ok(Receipt::Done));
        for city in [&IDS[..3], &IDS[3..]] {
            let durable = city
                .iter()
                .filter(|id| cities.nodes[id].inner.log.durable_through(answer.log_index))
                .count();
            assert!(durable >= 2, "answered with {durable} durable copies in {city:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_barrier_on_any_node_sees_what_was_answered_before() {
    let cities = Cities::formed().await;
    let leader = cities.leader().await;
    for (bank_id, reader) in (100..160).zip(cities.nodes.values().cycle()) {
        within(leader.propose(open_bank(bank_id))).await.expect("an answer");
        within(reader.read_barrier()).await.expect("a quorum");
        let known = reader.ledger().read().await.ledger.banks().len();
        assert_eq!(known, bank_id as usize - 99);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_is_busy_for_longer_than_an_election_timeout_costs_no_election() {
    let cities = Cities::formed().await;
    let leader = cities.leader().await;
    within(leader.propose(open_bank(100))).await.expect("an answer");
    for node in cities.nodes.values() {
        within(node.read_barrier()).await.expect("a quorum");
    }
    let (leader_id, term) = (leader.status().leader_id, leader.status().term);
    // As while an entry of some seconds is applied, on every node at once.
    let mut busy = Vec::new();
    for node in cities.nodes.values() {
        busy.push(within(node.ledger().write()).await);
    }
    let timeout = Duration::from_millis(leader.inner.config.raft.election_timeout_max_ms);
    let began = Instant::now();
    while began.elapsed() < 2 * timeout {
        within(leader.read_barrier()).await.expect("a quorum although the ledgers are busy");
    }
    assert_eq!((leader.status().leader_id, leader.status().term), (leader_id, term));
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_wait_together_share_quorum_rounds() {
    let cities = Cities::formed().await;
    let leader = cities.leader().await.clone();
    let before = leader.status().counters.read_rounds;
    let mut readers = JoinSet::new();
    for _ in 0..1_000 {
        let reader = leader.clone();
        readers.spawn(async move { reader.read_barrier().await });
    }
    while let Some(read) = readers.join_next().await {
        read.expect("no panic").expect("a quorum");
    }
    let rounds = leader.status().counters.read_rounds - before;
    assert!((1..500).contains(&rounds), "{rounds} rounds for 1,000 reads");
}

#[tokio::test(flavor = "multi_thread")]
async fn voters_that_elected_another_stand_by_the_old_leader_no_more() {
    let cities = Cities::formed().await;
    let old = cities.leader().await;
    let old_id = old.inner.config.node.id;
    let vote = old.raft().with_raft_state(|state| *state.vote_ref()).await.expect("it runs");
    within(old.read_barrier()).await.expect("a quorum");
    let to = if old_id == 12 { 13 } else { 12 };
    within(old.raft().trigger().transfer_leader(to)).await.expect("it runs");
    within(async {
        while cities.nodes[&to].status().state != "leader" {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let mut standing_by = BTreeSet::new();
    for (id, node) in &cities.nodes {
        if stands_by(node.raft(), &vote).await.expect("it runs") {
            standing_by.insert(*id);
        }
    }
    for city in [[11, 12, 13], [21, 22, 23]] {
        let left = city.iter().filter(|id| standing_by.contains(id)).count();
        assert!(left <= 1, "{standing_by:?} would let the old leader read");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_another_node_must_take_is_known_not_to_apply() {
    let cities = Cities::formed().await;
    let leader_id = cities.leader().await.inner.config.node.id;
    let follower = cities.nodes.values().find(|node| node.inner.config.node.id != leader_id);
    // As when the leadership moves between the question who leads and the proposal.
    let queued = follower.expect("six nodes").inner.batcher.submit(open_bank(102));
    let answer = within(queued.expect("there is room")).await.expect("an answer");
    assert!(matches!(answer, Err(Unavailable::NotLeader { leader_id: Some(_) })), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::disallowed_methods, reason = "shows what the alarm is for")]
async fn a_flattened_membership_raises_the_alarm_on_every_node() {
    let cities = Cities::formed().await;
    let leader = cities.leader().await;
    within(leader.raft().add_learner(11, EmptyNode {}, false)).await.expect("it is let through");
    within(async {
        while cities.nodes.values().any(|node| node.status().membership_as_layout) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(leader.status().voter_sets.len(), 1, "one city decides alone now");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_city_nothing_commits_and_the_outcome_is_unknown() {
    let mut cities = Cities::formed().await;
    let leader = cities.leader().await.clone();
    let other_city = if leader.inner.config.node.id < 20 { &IDS[4..] } else { &IDS[1..3] };
    for id in other_city {
        cities.nodes.remove(id).expect("it runs").raft().shutdown().await.expect("it stops");
    }
    let outcome = within(leader.propose(open_bank(102))).await;
    assert!(
        matches!(outcome, Err(Unavailable::OutcomeUnknown | Unavailable::NotLeader { .. })),
        "{outcome:?}"
    );
    assert_eq!(leader.ledger().read().await.ledger.banks().len(), 0);
    let read = within(leader.read_barrier()).await;
    assert_eq!(read, Err(Unavailable::NoQuorum));
    cities.ports.abort_all();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_does_not_decode_is_refused_alike_on_every_node() {
    let cities = Cities::formed().await;
    let leader = cities.leader().await;
    let before = leader.ledger().read().await.digest;
    let request =
        SettleTradeRequest { request_id: "r".into(), date: "yesterday".into(), trade: None };
    let command =
        LogCommand { actor: "exchange/sh".into(), command: Some(Command::SettleTrade(request)) };
    let answer = within(leader.propose(command)).await.expect("an answer");
    assert_eq!(answer.outcome.expect_err("refused").reason, Reason::FieldMissing);
    for node in cities.nodes.values() {
        within(node.read_barrier()).await.expect("a quorum");
        assert_eq!(node.ledger().read().await.digest, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_lost_its_disk_is_refused_under_its_old_id() {
    let mut cities = Cities::formed().await;
    let leader_id = cities.leader().await.inner.config.node.id;
    let lost = if leader_id == 13 { 12 } else { 13 };
    let old = cities.nodes.remove(&lost).expect("it runs");
    let mut config = (*old.inner.config).clone();
    // Its peers still dial the old port, where nobody serves; the new one calls them.
    old.raft().shutdown().await.expect("it stops");
    config.node.data_dir = config.node.data_dir.with_extension("empty");
    config.node.peer_listen.set_port(free_port());
    let config = Arc::new(config);
    let back = start(config, &StorageThreads::default()).await.expect("it starts empty");
    let leader = cities.leader().await;
    let mut peer = back.consensus.inner.peers.client(leader_id).expect("configured");
    let refused = within(peer.read_index(registry_proto::peer::ReadIndexRequest {})).await;
    let status = refused.expect_err("it has forgotten what it acknowledged");
    assert_eq!(status.code(), tonic::Code::PermissionDenied);
    assert!(status.message().contains("another data folder"), "{status}");
    let answer = within(leader.propose(open_bank(102))).await.expect("five nodes go on");
    assert_eq!(answer.outcome, Ok(Receipt::Done));
}
