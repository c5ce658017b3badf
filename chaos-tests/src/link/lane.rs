//! One direction of one connection: bytes come out in order, each at least the
//! delay after it went in, however many are under way.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{Notify, mpsc, watch};

use super::clock::Clock;
use super::counts::{LaneCounter, Stopwatch, add};
use super::state::{Conditions, Direction, LaneState};
use crate::model::Rng;

/// Bytes under way before the reader stops: far beyond what the delay holds
/// back at loopback speed, so that a line without limit never throttles.
const MAX_BYTES_UNDER_WAY: usize = 32 << 20;
/// What a limited line buffers beyond what is on its way.
const LIMITED_QUEUE_BYTES: u64 = 256 << 10;
const READ_BYTES: usize = 64 << 10;
/// A limited line hands out at most what it carries in this time, so that a
/// slow one trickles.
const PIECE: Duration = Duration::from_millis(5);
/// What a limited line may catch up after it was idle, or woken late.
const BURST: Duration = Duration::from_millis(10);

/// What all connections of a route share in one direction.
#[derive(Debug)]
pub(crate) struct Lane {
    direction: Direction,
    /// When the line will have carried what it was given.
    free_at: Mutex<Instant>,
    pub(crate) counter: LaneCounter,
}

impl Lane {
    pub(crate) fn new(direction: Direction) -> Self {
        let (free_at, counter) = (Mutex::new(Instant::now()), LaneCounter::default());
        Self { direction, free_at, counter }
    }

    /// When the line has carried so many more bytes: a token bucket, told as
    /// the time at which its tokens suffice.
    fn carried_at(&self, bytes: usize, bytes_per_s: u64, now: Instant) -> Instant {
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        *free_at = (*free_at).max(earliest) + time_for(bytes as u64, bytes_per_s);
        *free_at
    }
}

fn time_for(bytes: u64, bytes_per_s: u64) -> Duration {
    let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(bytes_per_s.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

fn bytes_in(time: Duration, bytes_per_s: u64) -> u64 {
    let bytes = u128::from(bytes_per_s) * time.as_micros() / 1_000_000;
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// A part of the stream and when it arrives; an empty one is the end of it.
struct Chunk {
    arrives_at: Instant,
    bytes: Vec<u8>,
}

/// Counts one connection's bytes under way, and lets its reader wait.
#[derive(Default)]
struct UnderWay {
    bytes: AtomicUsize,
    fewer: Notify,
}

/// One connection in one direction.
pub(crate) struct Carrier<'a> {
    pub(crate) lane: &'a Lane,
    pub(crate) conditions: watch::Receiver<Conditions>,
    pub(crate) clock: &'a Clock,
    pub(crate) rng: Rng,
}

impl Carrier<'_> {
    /// Carries `source` to `sink` until either ends.
    pub(crate) async fn carry(
        self,
        source: impl AsyncRead + Unpin,
        sink: impl AsyncWrite + Unpin,
    ) -> std::io::Result<()> {
        let under_way = Arc::new(UnderWay::default());
        // Bounded by `under_way`, which counts bytes.
        let (send, receive) = mpsc::unbounded_channel();
        let (lane, clock, conditions) = (self.lane, self.clock, self.conditions.clone());
        let reading = self.take_in(source, send, Arc::clone(&under_way));
        let writing = give_out(lane, clock, conditions, sink, receive, under_way);
        let (read, written) = tokio::join!(reading, writing);
        read.and(written)
    }

    fn state(&self) -> LaneState {
        *self.conditions.borrow().state.lane(self.lane.direction)
    }

    async fn take_in(
        mut self,
        mut source: impl AsyncRead + Unpin,
        send: mpsc::UnboundedSender<Chunk>,
        under_way: Arc<UnderWay>,
    ) -> std::io::Result<()> {
        let mut buffer = vec![0; READ_BYTES];
        let mut last_arrives_at = Instant::now();
        loop {
            let outcome = tokio::select! {
                outcome = async {
                    while under_way.bytes.load(Ordering::Acquire) >= room(&self.state()) {
                        under_way.fewer.notified().await;
                    }
                    source.read(&mut buffer).await
                } => outcome,
                () = send.closed() => return Ok(()),
            };
            // A broken stream ends there as it ended here: after its last byte.
            let count = *outcome.as_ref().unwrap_or(&0);
            let state = self.state();
            let jitter_us = u64::try_from(state.jitter.as_micros()).unwrap_or(u64::MAX);
            let jitter = Duration::from_micros(self.rng.below(jitter_us.saturating_add(1)));
            if !jitter.is_zero() {
                add(&self.lane.counter.jittered, count);
            }
            // Never before what went before it.
            last_arrives_at = last_arrives_at.max(Instant::now() + state.delay + jitter);
            under_way.bytes.fetch_add(count, Ordering::Release);
            let chunk = Chunk { arrives_at: last_arrives_at, bytes: buffer[..count].to_vec() };
            if send.send(chunk).is_err() || count == 0 {
                return outcome.map(|_| ());
            }
        }
    }
}

fn room(state: &LaneState) -> usize {
    let limited = state.bytes_per_s.map(|bytes_per_s| {
        let on_the_way = bytes_in(state.delay + state.jitter, bytes_per_s);
        usize::try_from(on_the_way.saturating_add(LIMITED_QUEUE_BYTES)).unwrap_or(usize::MAX)
    });
    limited.map_or(MAX_BYTES_UNDER_WAY, |limited| limited.min(MAX_BYTES_UNDER_WAY))
}

async fn give_out(
    lane: &Lane,
    clock: &Clock,
    mut conditions: watch::Receiver<Conditions>,
    mut sink: impl AsyncWrite + Unpin,
    mut receive: mpsc::UnboundedReceiver<Chunk>,
    under_way: Arc<UnderWay>,
) -> std::io::Result<()> {
    while let Some(chunk) = receive.recv().await {
        clock.sleep_until(chunk.arrives_at).await;
        let mut rest = &chunk.bytes[..];
        loop {
            if !unblocked(lane, &mut conditions, rest.len()).await {
                return Ok(());
            }
            if rest.is_empty() {
                break;
            }
            let bytes_per_s = conditions.borrow().state.lane(lane.direction).bytes_per_s;
            let piece = match bytes_per_s {
                Some(bytes_per_s) => limited(lane, clock, bytes_per_s, rest.len()).await,
                None => rest.len(),
            };
            sink.write_all(&rest[..piece]).await?;
            add(&lane.counter.delivered, piece);
            under_way.bytes.fetch_sub(piece, Ordering::Release);
            under_way.fewer.notify_one();
            rest = &rest[piece..];
            if rest.is_empty() {
                break;
            }
        }
        if chunk.bytes.is_empty() {
            return sink.shutdown().await;
        }
    }
    Ok(())
}

/// Waits while the lane is blocked; false when the emulator is gone.
async fn unblocked(
    lane: &Lane,
    conditions: &mut watch::Receiver<Conditions>,
    bytes: usize,
) -> bool {
    let blocked = |conditions: &Conditions| conditions.state.lane(lane.direction).blocked;
    if !blocked(&conditions.borrow()) {
        return true;
    }
    add(&lane.counter.held, bytes);
    let _waiting = Stopwatch::start(&lane.counter.blocked_us);
    conditions.wait_for(|conditions| !blocked(conditions)).await.is_ok()
}

/// Waits until the line has carried the next piece, and says how long that is.
async fn limited(lane: &Lane, clock: &Clock, bytes_per_s: u64, bytes: usize) -> usize {
    let fits = usize::try_from(bytes_in(PIECE, bytes_per_s)).unwrap_or(usize::MAX);
    let piece = bytes.min(fits.max(1));
    let now = Instant::now();
    let carried_at = lane.carried_at(piece, bytes_per_s, now);
    if carried_at > now {
        add(&lane.counter.limited, piece);
        let _waiting = Stopwatch::start(&lane.counter.limited_us);
        clock.sleep_until(carried_at).await;
    }
    piece
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_carries_its_rate_and_catches_up_a_burst_at_most() {
        let lane = Lane::new(Direction::There);
        let start = Instant::now() + Duration::from_secs(60);
        // 1 MB/s: after an idle minute the first 10 ms are free, the rest is not.
        assert!(lane.carried_at(10_000, 1_000_000, start) <= start);
        let after = lane.carried_at(50_000, 1_000_000, start);
        assert_eq!(after - start, Duration::from_millis(50));
        assert_eq!(lane.carried_at(1_000, 1_000_000, start) - after, Duration::from_millis(1));
    }

    #[test]
    fn a_slow_line_buffers_little_and_one_without_limit_much() {
        let slow = LaneState {
            delay: Duration::from_millis(6),
            bytes_per_s: Some(10_000),
            ..LaneState::default()
        };
        assert_eq!(room(&slow), 60 + (256 << 10));
        assert_eq!(room(&LaneState::default()), MAX_BYTES_UNDER_WAY);
    }
}
