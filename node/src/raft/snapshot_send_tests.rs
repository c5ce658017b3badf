//! A snapshot from one shelf to another over the real messages: what arrives,
//! and what the receiver answers to what it cannot take.

use std::convert::Infallible;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use prost::Message as _;
use registry_proto::storage::SnapshotManifest;
use tempfile::TempDir;
use tonic::body::Body;
use tonic::codegen::http;
use tonic::{Request, Streaming};
use tonic_prost::ProstCodec;
use tower::{Service, service_fn};

use super::*;
use crate::raft::snapshot_receive;
use crate::raft::state_machine::as_snapshot;
use crate::storage::tests::made;
use crate::storage::{LogCounters, SnapshotShelf};

const SENDER: u64 = 12;

/// The receiving node's peer port, as far as snapshots go.
#[derive(Clone)]
struct Receiver {
    shelf: SnapshotShelf,
    /// A node of a version before offers answers them with UNIMPLEMENTED.
    knows_offers: bool,
    breaks_off: Arc<AtomicBool>,
    installs_asked: Arc<AtomicU64>,
}

impl Service<http::Request<Body>> for Receiver {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let node = self.clone();
        Box::pin(async move {
            let held = |request: Request<SnapshotOffer>| async {
                let manifest = request.into_inner().manifest;
                let held = snapshot_receive::held(&node.shelf, SENDER, manifest);
                held.await.map(Response::new)
            };
            let install = |request: Request<Streaming<SnapshotPart>>| async {
                node.installs_asked.fetch_add(1, Ordering::Relaxed);
                if node.breaks_off.load(Ordering::Relaxed) {
                    return Err(Status::unavailable("the connection was lost"));
                }
                snapshot_receive::receive(&node.shelf, SENDER, request.into_inner()).await?;
                Ok(Response::new(SnapshotReply::default()))
            };
            match request.uri().path() {
                "/peer.v1.RaftService/OfferSnapshot" if node.knows_offers => {
                    let mut grpc = tonic::server::Grpc::new(ProstCodec::default());
                    Ok(grpc.unary(service_fn(held), request).await)
                }
                "/peer.v1.RaftService/InstallSnapshot" => {
                    let mut grpc = tonic::server::Grpc::new(ProstCodec::default());
                    Ok(grpc.client_streaming(service_fn(install), request).await)
                }
                _ => Ok(Status::unimplemented("a method of a later version").into_http()),
            }
        })
    }
}

struct Bed {
    _origin: TempDir,
    home: TempDir,
    sent: SnapshotFolder,
    receiver: Receiver,
}

impl Bed {
    /// The receiver has a snapshot of its own already, at log index 3.
    async fn new(knows_offers: bool) -> Self {
        let (_origin, sent) = made(5).await;
        let home = tempfile::tempdir().expect("temporary folder");
        let shelf = SnapshotShelf::open(home.path()).expect("shelf").of_cluster("ours");
        let (_earlier, earlier) = made(3).await;
        let own = home.path().join("staging-own");
        fs::rename(&earlier.path, &own).expect("moved");
        shelf.shelve(&own).expect("shelved");
        let receiver = Receiver {
            shelf,
            knows_offers,
            breaks_off: Arc::default(),
            installs_asked: Arc::default(),
        };
        Self { _origin, home, sent, receiver }
    }

    async fn send(&self) -> Result<Response<SnapshotReply>, Status> {
        let client = RaftServiceClient::new(self.receiver.clone());
        let snapshot = as_snapshot(self.sent.clone()).expect("a snapshot");
        let pace = SnapshotPace::new(Arc::new(LogCounters::default()), 0);
        send(client, Vote::new_committed(1, SENDER), snapshot, pace).await
    }

    fn change_manifest(&self, change: impl FnOnce(&mut SnapshotManifest)) {
        let path = self.sent.path.join(MANIFEST);
        let bytes = fs::read(&path).expect("read");
        let mut manifest = SnapshotManifest::decode(&bytes[..]).expect("a manifest");
        change(&mut manifest);
        fs::write(&path, manifest.encode_to_vec()).expect("written");
    }

    /// The snapshot that arrived and waits to be installed, whole.
    fn arrived(&self) {
        let listing = fs::read_dir(self.home.path()).expect("listed");
        let mut paths = listing.map(|item| item.expect("an item").path());
        let arrived = paths.find(|path| path.display().to_string().contains("arrived"));
        let found = SnapshotFolder::look(&arrived.expect("a snapshot arrived")).expect("whole");
        assert_eq!((found.mark, found.files), (self.sent.mark.clone(), self.sent.files.clone()));
    }

    fn installs_asked(&self) -> u64 {
        self.receiver.installs_asked.load(Ordering::Relaxed)
    }

    /// The refusal, by a receiver that has what it had.
    async fn refused(&self) -> Status {
        let status = self.send().await.expect_err("refused");
        let latest = self.receiver.shelf.latest().expect("readable").expect("its own");
        assert_eq!(latest.mark.last_applied.unwrap_or_default().index, 3);
        assert_eq!(latest.first_damaged().expect("readable"), None);
        status
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_knows_no_offers_gets_the_whole_snapshot() {
    let bed = Bed::new(false).await;
    bed.send().await.expect("taken");
    bed.arrived();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_holds_the_files_already_gets_the_manifest_alone() {
    let mut bed = Bed::new(true).await;
    bed.send().await.expect("taken");
    bed.arrived();
    // Started again before it was installed; then nothing can be read at the sender.
    bed.receiver.shelf = SnapshotShelf::open(bed.home.path()).expect("shelf");
    for file in bed.sent.files.iter().filter(|file| file.length_bytes > 0) {
        fs::remove_file(bed.sent.path.join(&file.name)).expect("removed");
    }
    bed.send().await.expect("taken");
    bed.arrived();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_no_reason_to_refuse_the_next_attempt() {
    let bed = Bed::new(true).await;
    bed.receiver.breaks_off.store(true, Ordering::Relaxed);
    assert_eq!(bed.refused().await.code(), Code::Unavailable);
    bed.receiver.breaks_off.store(false, Ordering::Relaxed);
    bed.send().await.expect("taken");
    bed.arrived();
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_changed_on_the_way_are_refused_and_then_sent_again() {
    for knows_offers in [true, false] {
        let bed = Bed::new(knows_offers).await;
        let table = bed.sent.files.iter().max_by_key(|file| file.length_bytes).expect("files");
        let path = bed.sent.path.join(&table.name);
        let right = fs::read(&path).expect("read");
        let mut wrong = right.clone();
        wrong[right.len() / 2] ^= 1;
        fs::write(&path, wrong).expect("written");
        let status = bed.refused().await;
        assert_eq!(status.code(), Code::DataLoss, "{status}");
        assert!(status.message().contains(&table.name), "{status}");
        assert!(status.message().contains("sends it again by itself"), "{status}");

        fs::write(&path, right).expect("written");
        bed.send().await.expect("taken");
        bed.arrived();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_cannot_take_is_refused_with_the_reason_before_it_is_sent() {
    type Change = fn(&mut SnapshotManifest);
    let cases: [(Change, Code, &str); 4] = [
        (
            |manifest| manifest.files[0].length_bytes = 1 << 60,
            Code::ResourceExhausted,
            "free space or enlarge its disk",
        ),
        (
            |manifest| manifest.cluster_id = "theirs".to_owned(),
            Code::FailedPrecondition,
            "of cluster theirs, this node belongs to ours",
        ),
        (
            |manifest| manifest.format += 1,
            Code::FailedPrecondition,
            "run the version that wrote it",
        ),
        (
            |manifest| manifest.files[0].name = "../escape".to_owned(),
            Code::InvalidArgument,
            "no plain file name",
        ),
    ];
    for (change, code, why) in cases {
        let bed = Bed::new(true).await;
        let right = fs::read(bed.sent.path.join(MANIFEST)).expect("read");
        bed.change_manifest(change);
        let status = bed.refused().await;
        assert_eq!(status.code(), code, "{status}");
        assert!(status.message().contains(why), "{status}");
        assert_eq!(bed.installs_asked(), 0, "{why}");

        fs::write(bed.sent.path.join(MANIFEST), right).expect("written");
        bed.send().await.expect("the right one is taken as ever");
        bed.arrived();
    }
}
