//! Linearizable reads: one quorum round answers every reader that was waiting
//! when it began. Rounds overlap, so that a reader waits for little more than
//! its own. No clock-based leases: a paused leader must not serve yesterday's
//! pledges.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use openraft::async_runtime::WatchReceiver as _;
use registry_proto::peer;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tonic::Request;

use super::consensus::Unavailable;
use super::leadership::Leadership;
use super::network::Peers;
use super::types::Raft;

/// A round without a majority in each city within this time is no answer.
const ROUND_TIMEOUT: Duration = Duration::from_secs(3);
/// While rounds are under way the next one begins so long after the one before:
/// a quarter of a round trip between the cities, and little work for the voters.
const PACE: Duration = Duration::from_millis(3);
const QUEUE: usize = 16_384;

type Reader = oneshot::Sender<Result<u64, Unavailable>>;

/// Handle of the reading task.
pub(super) struct ReadGate {
    readers: mpsc::Sender<Reader>,
    leader_readers: mpsc::Sender<Reader>,
    rounds: Arc<Rounds>,
}

/// Quorum rounds since the start.
#[derive(Default)]
pub(super) struct Rounds {
    pub(super) count: AtomicU64,
    /// Time that they took together.
    pub(super) total_us: AtomicU64,
}

impl ReadGate {
    /// Starts the tasks: one for this node's readers, one for rounds as leader.
    pub(super) fn start(raft: &Raft, peers: &Peers, node_id: u64) -> Self {
        let rounds = Arc::new(Rounds::default());
        let (leader_readers, waiting) = mpsc::channel(QUEUE);
        let (counted, leadership) = (rounds.clone(), Leadership::new(raft, peers, node_id));
        tokio::spawn(serve(waiting, move || {
            let (rounds, leadership) = (counted.clone(), leadership.clone());
            async move {
                let began = Instant::now();
                let outcome = leadership.confirm(ROUND_TIMEOUT).await;
                let us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
                rounds.count.fetch_add(1, Ordering::Relaxed);
                rounds.total_us.fetch_add(us, Ordering::Relaxed);
                outcome
            }
        }));
        let (readers, waiting) = mpsc::channel(QUEUE);
        let (raft, peers, as_leader) = (raft.clone(), peers.clone(), leader_readers.clone());
        tokio::spawn(serve(waiting, move || {
            anywhere(raft.clone(), peers.clone(), as_leader.clone(), node_id)
        }));
        Self { readers, leader_readers, rounds }
    }

    /// The index that a reader on this node must have applied.
    pub(super) async fn round(&self) -> Result<u64, Unavailable> {
        ask(&self.readers).await
    }

    /// The same, answered only when this node leads.
    pub(super) async fn leader_round(&self) -> Result<u64, Unavailable> {
        ask(&self.leader_readers).await
    }

    pub(super) fn rounds(&self) -> &Rounds {
        &self.rounds
    }
}

async fn ask(readers: &mpsc::Sender<Reader>) -> Result<u64, Unavailable> {
    let (sender, answer) = oneshot::channel();
    readers.try_send(sender).map_err(|error| match error {
        mpsc::error::TrySendError::Full(_) => Unavailable::Overloaded,
        mpsc::error::TrySendError::Closed(_) => Unavailable::Stopped,
    })?;
    answer.await.map_err(|_| Unavailable::Stopped)?
}

/// Whoever waits when a round begins shares it; who comes later waits for the
/// next, because this one may have confirmed an index too old for them. The
/// next begins when none is under way, or some time after the one before, so that
/// many readers share few rounds.
async fn serve<F>(mut waiting: mpsc::Receiver<Reader>, round: impl Fn() -> F)
where
    F: Future<Output = Result<u64, Unavailable>>,
{
    let mut under_way = FuturesUnordered::new();
    let mut next_at = Instant::now();
    loop {
        let is_open = under_way.is_empty() || next_at <= Instant::now();
        tokio::select! {
            first = waiting.recv(), if is_open => {
                let Some(first) = first else { return };
                let began = Instant::now();
                next_at = began + PACE;
                let mut sharing = vec![first];
                while let Ok(next) = waiting.try_recv() {
                    sharing.push(next);
                }
                let outcome = tokio::time::timeout_at(began + ROUND_TIMEOUT, round());
                under_way.push(async move {
                    let outcome = outcome.await.unwrap_or(Err(Unavailable::NoQuorum));
                    for reader in sharing {
                        // Who has gone away meanwhile needs no answer.
                        let _ = reader.send(outcome.clone());
                    }
                });
            }
            Some(()) = under_way.next() => {}
            () = tokio::time::sleep_until(next_at), if !is_open => {}
        }
    }
}

async fn anywhere(
    raft: Raft,
    peers: Peers,
    as_leader: mpsc::Sender<Reader>,
    node_id: u64,
) -> Result<u64, Unavailable> {
    let leader_id = raft.metrics().borrow_watched().current_leader;
    if leader_id == Some(node_id) {
        return ask(&as_leader).await;
    }
    let leader = leader_id.and_then(|id| peers.client(id));
    let Some(mut leader) = leader else { return Err(Unavailable::NoQuorum) };
    let mut request = Request::new(peer::ReadIndexRequest {});
    request.set_timeout(ROUND_TIMEOUT);
    let reply = leader.read_index(request).await.map_err(|_| Unavailable::NoQuorum)?;
    Ok(reply.into_inner().log_index)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;
    use tokio::sync::{mpsc, oneshot};

    use super::{Unavailable, ask, serve};

    type Finish = oneshot::Sender<Result<u64, Unavailable>>;

    /// Rounds that end when the test says so.
    struct Rounds {
        begun: mpsc::UnboundedReceiver<Finish>,
    }

    impl Rounds {
        /// A gate's queue and its rounds, once `serve` is given the third.
        fn new() -> (Self, impl Fn() -> oneshot::Receiver<Result<u64, Unavailable>>) {
            let (begin, begun) = mpsc::unbounded_channel();
            let begin = Arc::new(Mutex::new(begin));
            let round = move || {
                let (finish, finished) = oneshot::channel();
                begin.lock().send(finish).expect("the test waits for rounds");
                finished
            };
            (Self { begun }, round)
        }

        async fn next(&mut self) -> Finish {
            self.begun.recv().await.expect("a round begins")
        }
    }

    #[tokio::test]
    async fn a_reader_is_answered_by_a_round_that_began_after_it_asked() {
        let (mut rounds, round) = Rounds::new();
        let (readers, waiting) = mpsc::channel(8);
        tokio::spawn(serve(waiting, move || {
            let round = round();
            async move { round.await.expect("the test ends every round") }
        }));
        let early = tokio::spawn({
            let readers = readers.clone();
            async move { ask(&readers).await }
        });
        let first = rounds.next().await;
        let late = tokio::spawn(async move { ask(&readers).await });
        let second = rounds.next().await;
        second.send(Ok(9)).expect("the gate waits");
        assert!(matches!(late.await, Ok(Ok(9))), "rounds overlap: the second needs no first");
        first.send(Ok(5)).expect("the gate waits");
        assert!(matches!(early.await, Ok(Ok(5))));
    }

    #[tokio::test]
    async fn readers_that_wait_together_share_one_round() {
        let (mut rounds, round) = Rounds::new();
        let (readers, waiting) = mpsc::channel(8);
        let asking: Vec<_> = (0..5)
            .map(|_| {
                let (reader, answer) = oneshot::channel();
                readers.try_send(reader).expect("room");
                answer
            })
            .collect();
        tokio::spawn(serve(waiting, move || {
            let round = round();
            async move { round.await.expect("the test ends every round") }
        }));
        rounds.next().await.send(Err(Unavailable::NoQuorum)).expect("the gate waits");
        for answer in asking {
            assert!(matches!(answer.await, Ok(Err(Unavailable::NoQuorum))));
        }
        assert!(rounds.begun.try_recv().is_err(), "no other round began");
    }
}
