//! The clock that stamps entries. The ledger takes the greatest stamp that it has
//! seen, so a leader whose clock runs ahead would move ledger time for good: offers
//! would expire, times to cure end.
//!
//! Every node compares its clock with the other voters'. One that runs ahead of most
//! of them stamps nothing and hands over. Between two comparisons the wall clock may
//! not run ahead of the monotonic one: a jump stamps nothing either.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::future::join_all;
use openraft::async_runtime::WatchReceiver as _;
use parking_lot::Mutex;
use registry_proto::peer::HelloRequest;
use tonic::Request;

use super::consensus::Consensus;

/// How often it is looked at whether this node leads.
const TICK: Duration = Duration::from_millis(100);
/// Between two comparisons of a leader, and before the first one.
const INTERVAL: Duration = Duration::from_millis(500);
/// The same of a node that does not lead: it may have to at any time.
const INTERVAL_OF_FOLLOWERS: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// How far this process puts its clock forward, to rehearse a wrong one.
static REHEARSED_OFFSET_MS: AtomicI64 = AtomicI64::new(0);

/// Puts this process's clock forward.
pub(super) fn rehearse_offset(offset_ms: i64) {
    REHEARSED_OFFSET_MS.store(offset_ms, Ordering::Relaxed);
}

/// This node's clock, ms since 1970-01-01 UTC.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let wall_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    wall_ms.saturating_add(REHEARSED_OFFSET_MS.load(Ordering::Relaxed))
}

/// What is known of this node's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// It was not compared yet.
    Nothing,
    /// Most others agreed when it showed this.
    Agreed { wall_ms: i64, at: Instant },
    /// It runs ahead of most others.
    Ahead { by_ms: i64 },
}

/// A clock that is compared with others.
pub(super) struct ComparedClock {
    limit_ms: i64,
    known: Mutex<Known>,
}

impl ComparedClock {
    pub(super) fn new(limit_ms: u64) -> Self {
        let limit_ms = i64::try_from(limit_ms).unwrap_or(i64::MAX);
        Self { limit_ms, known: Mutex::new(Known::Nothing) }
    }

    /// The stamp of an entry; none while this clock runs ahead.
    pub(super) fn stamp(&self) -> Option<i64> {
        self.stamp_at(now_ms(), Instant::now())
    }

    fn stamp_at(&self, wall_ms: i64, now: Instant) -> Option<i64> {
        let latest_ms = match *self.known.lock() {
            Known::Nothing => i64::MAX,
            Known::Ahead { .. } => return None,
            Known::Agreed { wall_ms, at } => {
                let elapsed = now.saturating_duration_since(at).as_millis();
                let elapsed_ms = i64::try_from(elapsed).unwrap_or(i64::MAX);
                wall_ms.saturating_add(elapsed_ms).saturating_add(self.limit_ms)
            }
        };
        (wall_ms <= latest_ms).then_some(wall_ms)
    }

    /// How far this clock runs ahead of most others, if it does.
    pub(super) fn ahead_ms(&self) -> Option<i64> {
        match *self.known.lock() {
            Known::Ahead { by_ms } => Some(by_ms),
            Known::Nothing | Known::Agreed { .. } => None,
        }
    }

    fn was_compared(&self) -> bool {
        *self.known.lock() != Known::Nothing
    }

    /// Judges from how far it runs ahead of each of the others that answered, of so
    /// many voters; too few answers change nothing.
    fn compared(&self, wall_ms: i64, at: Instant, mut ahead_ms: Vec<i64>, voters: usize) {
        // This node agrees with itself.
        ahead_ms.push(0);
        if ahead_ms.len() * 2 <= voters {
            return;
        }
        ahead_ms.sort_unstable();
        let far = ahead_ms.iter().filter(|ahead| **ahead > self.limit_ms).count();
        let next = match far * 2 > voters {
            // Behind these, of whom most are: so far ahead of each of them at least.
            true => Known::Ahead { by_ms: ahead_ms[ahead_ms.len() - far] },
            false => Known::Agreed { wall_ms, at },
        };
        let before = std::mem::replace(&mut *self.known.lock(), next);
        match (before, next) {
            (Known::Ahead { .. }, Known::Agreed { .. }) => {
                tracing::info!("this node's clock agrees with most others again");
            }
            (Known::Nothing | Known::Agreed { .. }, Known::Ahead { by_ms }) => tracing::error!(
                by_ms,
                limit_ms = self.limit_ms,
                "this node's clock runs ahead of most others: it stamps nothing and does not \
                 lead until that is put right"
            ),
            _ => {}
        }
    }
}

/// Compares until the node stops; a leader whose clock runs ahead hands over.
pub(super) async fn run(consensus: Consensus) {
    let clock = &consensus.inner.clock;
    let mut compared_at: Option<Instant> = None;
    loop {
        let leads = consensus.leads();
        let soon = leads || !clock.was_compared();
        let interval = if soon { INTERVAL } else { INTERVAL_OF_FOLLOWERS };
        if compared_at.is_none_or(|at| at.elapsed() >= interval) {
            compare(&consensus).await;
            compared_at = Some(Instant::now());
        }
        if leads && clock.ahead_ms().is_some() {
            consensus.step_aside().await;
        }
        tokio::time::sleep(TICK).await;
    }
}

async fn compare(consensus: &Consensus) {
    let own = consensus.inner.config.node.id;
    let metrics = consensus.raft().metrics().borrow_watched().clone();
    let voters: BTreeSet<u64> = metrics.membership_config.membership().voter_ids().collect();
    let others = voters.iter().copied().filter(|id| *id != own);
    let ahead_ms = join_all(others.map(|id| ahead_of(consensus, id))).await;
    let ahead_ms: Vec<i64> = ahead_ms.into_iter().flatten().collect();
    if !voters.is_empty() {
        consensus.inner.clock.compared(now_ms(), Instant::now(), ahead_ms, voters.len());
    }
}

/// How far this clock runs ahead of another node's, at least; none without an answer.
async fn ahead_of(consensus: &Consensus, node_id: u64) -> Option<i64> {
    let mut client = consensus.inner.peers.client(node_id)?;
    let asked_ms = now_ms();
    let mut request = Request::new(HelloRequest { promise_bootstrap: false });
    request.set_timeout(ANSWER_TIMEOUT);
    let hello = tokio::time::timeout(ANSWER_TIMEOUT, client.hello(request)).await.ok()?.ok()?;
    Some(asked_ms.saturating_sub(hello.into_inner().clock_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT_MS: i64 = 10_000;
    const VOTERS: usize = 6;

    fn clock() -> ComparedClock {
        ComparedClock::new(10_000)
    }

    #[test]
    fn a_clock_ahead_of_most_others_stamps_nothing_until_it_is_put_right() {
        let (clock, now) = (clock(), Instant::now());
        assert_eq!(clock.stamp_at(5, now), Some(5), "nobody was asked yet");
        clock.compared(100_000, now, vec![60_000; 5], VOTERS);
        assert_eq!((clock.stamp_at(100_000, now), clock.ahead_ms()), (None, Some(60_000)));
        clock.compared(40_000, now, vec![0; 5], VOTERS);
        assert_eq!((clock.stamp_at(40_000, now), clock.ahead_ms()), (Some(40_000), None));
    }

    #[test]
    fn a_minority_with_wrong_clocks_decides_nothing() {
        let now = Instant::now();
        let rows: [(&[i64], bool); 6] = [
            (&[LIMIT_MS + 1; 5], false),
            (&[LIMIT_MS; 5], true),
            (&[60_000, 60_000, 60_000, 0, 0], true),
            (&[60_000, 60_000, 60_000, 60_000, 0], false),
            (&[-60_000; 5], true),
            // Two of six answer: that says nothing.
            (&[60_000, 60_000], true),
        ];
        for (ahead_ms, stamps) in rows {
            let clock = clock();
            clock.compared(100_000, now, ahead_ms.to_vec(), VOTERS);
            assert_eq!(clock.stamp_at(100_000, now).is_some(), stamps, "{ahead_ms:?}");
        }
    }

    #[test]
    fn between_two_comparisons_a_jump_stamps_nothing() {
        let (clock, now) = (clock(), Instant::now());
        clock.compared(100_000, now, vec![0; 5], VOTERS);
        let later = now + Duration::from_secs(3);
        assert_eq!(clock.stamp_at(103_000, later), Some(103_000));
        assert_eq!(clock.stamp_at(90_000, later), Some(90_000), "backwards moves nothing");
        assert_eq!(clock.stamp_at(113_000, later), Some(113_000));
        assert_eq!(clock.stamp_at(113_001, later), None);
        // All clocks were put forward together, as after a pause of all machines.
        clock.compared(200_000, later, vec![0; 5], VOTERS);
        assert_eq!(clock.stamp_at(200_000, later), Some(200_000));
    }
}
