//! Turns commands into log entries: whatever waits while earlier entries are
//! on their way goes into the next entry together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use openraft::errors::ClientWriteError;
use openraft::impls::ProgressResponder;
use prost::Message as _;
use registry_ledger::Answer;
use registry_proto::storage::{LogBatch, LogCommand};
use tokio::sync::{OwnedRwLockWriteGuard, RwLock, Semaphore, mpsc, oneshot};

use super::clock::ComparedClock;
use super::consensus::Unavailable;
use super::state_machine::BATCH_FORMAT;
use super::types::{Payload, Raft};

/// Commands that may wait for a place in an entry.
const QUEUE: usize = 16_384;
/// Their bytes: what is refused here costs the caller a retry, not the node its memory.
const QUEUE_BYTES: usize = 128 << 20;
/// Bounds of one entry; a single larger command still gets an entry of its own.
const BATCH_COMMANDS: usize = 2_048;
const BATCH_BYTES: usize = 256 << 10;
/// An entry smaller than this takes as many places as keep few small ones in
/// flight: an entry costs every node the same work however little it holds.
const SMALL_BYTES: usize = 32 << 10;
const SMALL_PLACES: usize = 4;

type Outcome = Result<Answer, Unavailable>;

struct Waiting {
    command: LogCommand,
    bytes: usize,
    answer: oneshot::Sender<Outcome>,
    _room: Room,
}

/// Bytes of the queue that a command takes while it waits.
struct Room {
    bytes: usize,
    taken: Arc<AtomicUsize>,
}

impl Room {
    fn take(taken: &Arc<AtomicUsize>, bytes: usize) -> Option<Self> {
        let before = taken.fetch_add(bytes, Ordering::Relaxed);
        // A single larger command passes when nothing else waits.
        let fits = before == 0 || before.saturating_add(bytes) <= QUEUE_BYTES;
        let room = Self { bytes, taken: taken.clone() };
        fits.then_some(room)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Handle of the batching task.
pub(super) struct Batcher {
    queue: mpsc::Sender<Waiting>,
    taken: Arc<AtomicUsize>,
    proposals: Arc<AtomicU64>,
    /// Shared by entries that are under way, held alone while none may be.
    under_way: Arc<RwLock<()>>,
}

impl Batcher {
    /// Starts the task; at most `max_in_flight` entries are proposed and not yet applied.
    pub(super) fn start(raft: Raft, max_in_flight: usize, clock: Arc<ComparedClock>) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let proposals = Arc::new(AtomicU64::new(0));
        let under_way = Arc::default();
        let shared = (proposals.clone(), Arc::clone(&under_way));
        tokio::spawn(run(raft, waiting, max_in_flight, shared, clock));
        Self { queue, taken: Arc::default(), proposals, under_way }
    }

    /// Puts a command in line; the order of calls is the order in the log.
    pub(super) fn submit(
        &self,
        command: LogCommand,
    ) -> Result<oneshot::Receiver<Outcome>, Unavailable> {
        let (answer, receiver) = oneshot::channel();
        let bytes = command.encoded_len();
        let room = Room::take(&self.taken, bytes).ok_or(Unavailable::Overloaded)?;
        match self.queue.try_send(Waiting { command, bytes, answer, _room: room }) {
            Ok(()) => Ok(receiver),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Unavailable::Overloaded),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(Unavailable::Stopped),
        }
    }

    /// Resolves when no entry is under way, and keeps others from being proposed for
    /// as long as what it gives is held.
    pub(super) async fn drained(&self) -> OwnedRwLockWriteGuard<()> {
        Arc::clone(&self.under_way).write_owned().await
    }

    /// Entries proposed since the start.
    pub(super) fn proposals(&self) -> u64 {
        self.proposals.load(Ordering::Relaxed)
    }
}

fn refuse(answers: Vec<oneshot::Sender<Outcome>>, why: &Unavailable) {
    for answer in answers {
        drop(answer.send(Err(why.clone())));
    }
}

/// Adds what waits as far as it fits; what does not fit is for the next entry.
fn gather(
    waiting: &mut mpsc::Receiver<Waiting>,
    batch: &mut Vec<Waiting>,
    bytes: &mut usize,
) -> Option<Waiting> {
    while batch.len() < BATCH_COMMANDS && *bytes < BATCH_BYTES {
        let next = waiting.try_recv().ok()?;
        if *bytes + next.bytes > BATCH_BYTES {
            return Some(next);
        }
        *bytes += next.bytes;
        batch.push(next);
    }
    None
}

async fn run(
    raft: Raft,
    mut waiting: mpsc::Receiver<Waiting>,
    max_in_flight: usize,
    (proposals, under_way): (Arc<AtomicU64>, Arc<RwLock<()>>),
    clock: Arc<ComparedClock>,
) {
    let in_flight = Arc::new(Semaphore::new(max_in_flight));
    let mut left_over = None;
    loop {
        // Commands gather while all places are taken: load makes batches larger, not latency.
        let Ok(mut place) = in_flight.clone().acquire_owned().await else { return };
        let first = match left_over.take() {
            Some(first) => first,
            None => match waiting.recv().await {
                Some(first) => first,
                None => return,
            },
        };
        let mut bytes = first.bytes;
        let mut batch = vec![first];
        left_over = gather(&mut waiting, &mut batch, &mut bytes);
        if bytes < SMALL_BYTES && max_in_flight >= SMALL_PLACES {
            let more = u32::try_from(SMALL_PLACES - 1).unwrap_or_default();
            let Ok(places) = in_flight.clone().acquire_many_owned(more).await else { return };
            place.merge(places);
            if left_over.is_none() {
                left_over = gather(&mut waiting, &mut batch, &mut bytes);
            }
        }
        let is_under_way = Arc::clone(&under_way).read_owned().await;
        // The leader's clock; the ledger takes the greatest stamp it has seen.
        let Some(proposed_at_ms) = clock.stamp() else {
            let answers = batch.into_iter().map(|waiting| waiting.answer).collect();
            refuse(answers, &Unavailable::NotLeader { leader_id: None });
            continue;
        };
        proposals.fetch_add(1, Ordering::Relaxed);
        let (commands, answers): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|waiting| (waiting.command, waiting.answer)).unzip();
        let entry = LogBatch { format: BATCH_FORMAT, proposed_at_ms, commands };
        let payload = Payload(Bytes::from(entry.encode_to_vec()));
        let (responder, completed) = ProgressResponder::complete_only();
        if raft.client_write_ff(payload, Some(responder)).await.is_err() {
            refuse(answers, &Unavailable::Stopped);
            return;
        }
        tokio::spawn(async move {
            match completed.await {
                Ok(Ok(reply)) => {
                    for (answer, outcome) in answers.into_iter().zip(reply.data) {
                        // A caller that gave up asks again with the same request id.
                        drop(answer.send(Ok(outcome)));
                    }
                }
                // The library says so only of what it did not append.
                Ok(Err(ClientWriteError::ForwardToLeader(to))) => {
                    refuse(answers, &Unavailable::NotLeader { leader_id: to.leader_id });
                }
                // What was appended and then lost here another node may hold
                // and commit yet.
                Ok(Err(_)) | Err(_) => refuse(answers, &Unavailable::OutcomeUnknown),
            }
            drop((place, is_under_way));
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::{QUEUE_BYTES, Room};

    #[test]
    fn commands_wait_within_a_bound_of_bytes() {
        let taken = Arc::new(AtomicUsize::new(0));
        let alone = Room::take(&taken, 2 * QUEUE_BYTES).expect("nothing else waits");
        assert!(Room::take(&taken, 1).is_none(), "the queue is full");
        drop(alone);
        let first = Room::take(&taken, QUEUE_BYTES - 1).expect("there is room");
        let second = Room::take(&taken, 1).expect("there is room");
        assert!(Room::take(&taken, 1).is_none(), "the queue is full");
        drop((first, second));
        assert_eq!(taken.load(Ordering::Relaxed), 0);
    }
}
