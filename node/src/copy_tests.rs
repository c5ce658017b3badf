//! A data folder that was copied: audited over the wire as it stands, and every
//! change of its stored bytes noticed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use openraft::vote::RaftLeaderId as _;
use registry_client::journal::{AuditError, NodeReport, audit_node};
use registry_client::proto::{Consistency, GetJournalRequest, OpenBankRequest};
use registry_client::{ClientError, Identity, OperatorClient, ReadClient, RegistryClient};
use registry_ledger::{
    AccountId, AccountKind, Approval, BankId, Command, Entry, Fen, FreezeCommand, FreezeTarget,
    Genesis, InstrumentCode, Ledger, LedgerTime, Member, Price, Quantity, Receipt, uscc,
};
use registry_proto::storage::AppliedMark;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::config::Config;
use crate::raft::cluster_tests::{configs, free_port};
use crate::raft::types::{LeaderId, LogId, StoredMembership};
use crate::raft::{Replica, StoredCopy, wire};
use crate::services::serve_client_port;
use crate::storage::damage::{alter_balances, alter_event, alter_format};
use crate::storage::storage_id::FoundLog;
use crate::storage::{LedgerStore, LedgerWrite, LogStore, MARK_FORMAT, StorageThreads, storage_id};

const MAKER: &str = "registry/officer-1";
const CHECKER: &str = "registry/officer-2";
const BANK: BankId = BankId(102);
/// Tonnes issued to account 1, of which a court then froze some.
const ISSUED: i64 = 70_700;
const FROZEN: i64 = 300;

/// A small registry on disk, as a node that was stopped leaves it.
struct Stored {
    folder: TempDir,
    config: Config,
    root: [u8; 32],
    events: u64,
}

/// What is asked of a ledger, one entry each.
struct Writing {
    ledger: Ledger,
    log_index: u64,
}

impl Writing {
    fn apply(&mut self, actor: &str, command: Command) -> Receipt {
        self.log_index += 1;
        let entry = Entry {
            term: 1,
            log_index: self.log_index,
            proposed_at: LedgerTime(1_639_620_000_000),
            actor: actor.to_owned(),
            request: None,
            command,
        };
        let receipt = self.ledger.apply(&entry).outcome.expect("a valid command");
        self.ledger.seal();
        receipt
    }

    /// By two people.
    fn controlled(&mut self, command: Command) {
        let content = format!("{command:?}").into_bytes();
        let content_sha256 = Sha256::digest(&content).into();
        let propose = Command::Propose { content: content.clone(), time_to_live_ms: 1_000 };
        let Receipt::Proposed { proposal, .. } = self.apply(MAKER, propose) else {
            panic!("a proposal")
        };
        let content = Some((content, Box::new(command)));
        self.apply(CHECKER, Command::Approve(Approval { proposal, content_sha256, content }));
    }
}

impl Stored {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut config = configs(folder.path()).remove(0);
        config.node.client_listen.set_port(free_port());
        let data = config.node.data_dir.clone();
        std::fs::create_dir_all(&data).expect("created");
        let threads = StorageThreads::default();
        let log = LogStore::open(&data.join("log"), &threads).expect("a log");
        let id = storage_id::open(&data, FoundLog::New).expect("an id");
        let (store, opened) = LedgerStore::open(&data.join("ledger"), &threads).expect("opens");
        let mut writing = Writing { ledger: opened.ledger, log_index: 0 };
        market(&mut writing, &config.cluster_id, id);
        let Writing { mut ledger, log_index } = writing;
        let changes = ledger.take_changes();
        let events = ledger.take_events().into_iter().map(Arc::new).collect();
        let leader_id = LeaderId::new(1, 11);
        let mark = AppliedMark {
            format: MARK_FORMAT,
            last_applied: Some(wire::log_id_out(&LogId { leader_id, index: log_index })),
            membership: Some(wire::stored_membership_out(&StoredMembership::default())),
            state_digest: ledger.state_digest().0.to_vec().into(),
            answers_digest: ledger.answers_digest().0.to_vec().into(),
        };
        let written = store.flush(LedgerWrite { changes, events, mark }).await.expect("queued");
        written.finished().await.expect("written");
        drop((store, log));
        tokio::task::spawn_blocking(move || threads.join()).await.expect("closed");
        let (root, events) = (ledger.journal().root(), ledger.journal().leaves());
        Self { folder, config, root, events }
    }

    fn data(&self) -> &Path {
        &self.config.node.data_dir
    }

    fn ledger(&self) -> PathBuf {
        self.data().join("ledger")
    }

    fn open(&self, despite_damage: bool) -> anyhow::Result<StoredCopy> {
        StoredCopy::open(Arc::new(self.config.clone()), self.data(), despite_damage)
    }

    fn refused(&self) -> String {
        let Err(error) = self.open(false) else { panic!("a damaged copy was opened") };
        format!("{error:#}")
    }

    fn connector(&self, user: &str) -> registry_client::Connector {
        let identity = Identity::from_pki(&self.folder.path().join("pki"), user).expect("issued");
        let endpoints = [self.config.node.client_listen.to_string()];
        let mut cluster = registry_client::Cluster::new(endpoints, identity);
        cluster.call_timeout = Duration::from_secs(20);
        cluster.connector().expect("a connector")
    }

    /// Asks a copy that is being served.
    async fn served<T>(&self, despite_damage: bool, ask: impl AsyncFnOnce(&Self) -> T) -> T {
        let copy = Replica::Copy(self.open(despite_damage).expect("a copy"));
        let serving =
            serve_client_port(Arc::new(self.config.clone()), copy, std::future::pending::<()>());
        tokio::select! {
            ended = Box::pin(serving) => panic!("the client port closed: {ended:?}"),
            answer = Box::pin(ask(self)) => answer,
        }
    }

    async fn audited(&self, despite_damage: bool) -> Result<NodeReport, AuditError> {
        self.served(despite_damage, async |stored| {
            let reads = ReadClient::new(stored.connector("auditor-1"));
            Box::pin(audit_node(&reads, Consistency::StaleOk, |_, _| {})).await
        })
        .await
    }

    async fn finding(&self, despite_damage: bool) -> String {
        let error = self.audited(despite_damage).await.expect_err("what is stored was changed");
        assert!(matches!(error, AuditError::Broken(_)), "{error}");
        error.to_string()
    }
}

fn market(writing: &mut Writing, cluster_id: &str, storage_id: [u8; 16]) {
    let instrument = InstrumentCode::parse("CEA-2020").expect("an instrument");
    writing.apply(
        "operator/1",
        Command::Genesis(Genesis {
            cluster_id: cluster_id.to_owned(),
            layout: "dual-city".to_owned(),
            cities: vec![("shanghai".to_owned(), vec![Member { node_id: 11, storage_id }])],
        }),
    );
    writing.apply(MAKER, Command::OpenBank { bank: BANK, name: "Bank".to_owned() });
    let reference_price = Price(4_306);
    writing.apply(MAKER, Command::RegisterInstrument { instrument, reference_price });
    for number in [1, 2] {
        let first_17 = format!("91440300{number:09}");
        let check = uscc::check_character(&first_17).expect("digits");
        let (uscc, name) = (format!("{first_17}{check}"), format!("Firm {number}"));
        writing.apply(MAKER, Command::OpenAccount { uscc, name, kind: AccountKind::Emitter });
    }
    let (account, amount) = (AccountId(1), Fen(1_000));
    writing.apply(MAKER, Command::Deposit { account, bank: BANK, amount });
    let (quantity, document) = (Quantity(ISSUED), "letter 9".to_owned());
    writing.controlled(Command::Issue { account, instrument, quantity, document });
    let target = FreezeTarget::Tonnes { account, instrument, quantity: Quantity(FROZEN) };
    let (court, document) = ("court".to_owned(), "order".to_owned());
    writing.controlled(Command::Freeze(FreezeCommand::Impose { target, court, document }));
}

/// Every file with its content.
fn bytes_of(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for item in std::fs::read_dir(folder).expect("listed") {
        let path = item.expect("listed").path();
        if path.is_dir() {
            files.extend(bytes_of(&path));
        } else {
            files.insert(path.clone(), std::fs::read(&path).expect("readable"));
        }
    }
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_audited_as_it_stands_and_stays_as_it_is() {
    let stored = Stored::new().await;
    let before = bytes_of(stored.data());
    let report = stored.audited(false).await.expect("nothing is wrong");
    assert_eq!((report.root_sha256, report.counts.events), (stored.root, stored.events));
    assert_eq!((report.accounts, report.banks, report.freezes), (2, 1, 1));
    assert!(report.stamp.stale, "it does not know what came later");
    let after = bytes_of(stored.data());
    assert!(before == after, "the copy was changed: {:?}", after.keys());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_takes_no_writes_and_does_not_claim_to_be_the_newest() {
    let stored = Stored::new().await;
    stored
        .served(false, async |stored| {
            let refused = |outcome: Result<(), ClientError>| {
                let error = outcome.expect_err("more than a copy can do");
                assert_eq!(error.reason(), Some("READ_ONLY_COPY"), "{error}");
            };
            let reads = ReadClient::new(stored.connector("auditor-1"));
            let consistency = Consistency::Linearizable.into();
            refused(reads.get_journal(GetJournalRequest { consistency }).await.map(drop));
            let registry = RegistryClient::new(stored.connector("registry-officer-1"));
            let bank =
                OpenBankRequest { bank_id: 103, name: "Bank".to_owned(), ..Default::default() };
            refused(registry.open_bank(bank).await.map(drop));
            let operator = OperatorClient::new(stored.connector("operator-1"));
            refused(operator.bootstrap("").await.map(drop));
            let endpoint = stored.config.node.client_listen.to_string();
            let status = operator.status(&endpoint, 0).await.expect("its status");
            assert_eq!((&*status.raft_state, status.leader_id), ("copy", 0));
            assert_eq!(status.last_log_index, status.applied_log_index);
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_altered_account_is_refused_and_named_by_the_audit() {
    let stored = Stored::new().await;
    assert_eq!(ISSUED - FROZEN, 70_400);
    // As a short number: 70,400 t, and one more.
    alter_balances(&stored.ledger(), &[0x80, 0xa6, 0x04], &[0x81, 0xa6, 0x04]);
    let refused = stored.refused();
    assert!(refused.contains("do not have the digest"), "{refused}");
    assert!(refused.contains("--despite-damage"), "{refused}");
    let finding = stored.finding(true).await;
    assert!(finding.contains("CEA-2020 of account 1"), "{finding}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_altered_event_is_named_by_the_audit() {
    let stored = Stored::new().await;
    let issued = stored.events - 4;
    // The account's line of the two: 70,700 t as a zigzag varint.
    let (before, after) = ([0xd8, 0xd0, 0x08], [0xda, 0xd0, 0x08]);
    alter_event(&stored.ledger(), issued, &before, &after);
    let finding = stored.finding(false).await;
    assert!(finding.contains(&format!("event {issued} (issued)")), "{finding}");

    // Only the root knows of a letter of another number.
    let stored = Stored::new().await;
    alter_event(&stored.ledger(), issued, b"letter 9", b"letter 8");
    let finding = stored.finding(false).await;
    assert!(finding.contains("root of the node"), "{finding}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_no_whole_copy_is_refused_with_its_reason() {
    let stored = Stored::new().await;
    let empty = tempfile::tempdir().expect("temporary folder");
    let opened = StoredCopy::open(Arc::new(stored.config.clone()), empty.path(), false);
    let Err(error) = opened else { panic!("an empty folder was opened") };
    assert!(format!("{error:#}").contains("neither a node's data folder nor a snapshot"));

    let mut other = stored.config.clone();
    other.cluster_id = "another".to_owned();
    let opened = StoredCopy::open(Arc::new(other), stored.data(), false);
    let Err(error) = opened else { panic!("another cluster's copy was opened") };
    assert!(format!("{error:#}").contains("is of cluster"), "{error:#}");

    let table = std::fs::read_dir(stored.ledger()).expect("listed").find_map(|item| {
        let path = item.expect("listed").path();
        path.extension().is_some_and(|extension| extension == "sst").then_some(path)
    });
    let table = table.expect("a table");
    let whole = std::fs::read(&table).expect("readable");
    std::fs::remove_file(&table).expect("removed");
    assert!(stored.refused().contains("the copy is damaged"), "{}", stored.refused());
    std::fs::write(&table, &whole).expect("written");
    drop(stored.open(false).expect("whole again"));

    let mark = stored.data().join("storage.id");
    std::fs::remove_file(&mark).expect("removed");
    assert!(stored.refused().contains("storage.id"), "{}", stored.refused());
    std::fs::write(&mark, [7; 16]).expect("written");

    alter_format(&stored.ledger());
    assert!(stored.refused().contains("has format"), "{}", stored.refused());
}
