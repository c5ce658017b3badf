//! One direction of one connection: bytes come out in order, each the delay
//! after it went in, however many are under way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{Semaphore, mpsc, watch};

use super::clock::Clock;
use super::route::LinkState;

/// Bytes under way before the reader stops: far beyond what the delay holds
/// back at loopback speed, so that the line delays and never throttles.
const MAX_BYTES_UNDER_WAY: usize = 32 << 20;
const READ_BYTES: usize = 64 << 10;

/// Which way a line runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    There,
    Back,
}

impl Direction {
    fn delay(self, state: &LinkState) -> Duration {
        match self {
            Self::There => state.delay_there,
            Self::Back => state.delay_back,
        }
    }

    fn hole(self, state: &LinkState) -> bool {
        match self {
            Self::There => state.hole_there,
            Self::Back => state.hole_back,
        }
    }
}

/// A part of the stream and when it arrives; an empty one is the end of it.
struct Chunk {
    arrives_at: Instant,
    bytes: Vec<u8>,
}

/// Carries `source` to `sink` until either ends.
pub(crate) async fn carry(
    source: impl AsyncRead + Unpin,
    sink: impl AsyncWrite + Unpin,
    direction: Direction,
    state: watch::Receiver<LinkState>,
    clock: Clock,
) -> std::io::Result<()> {
    let room = Arc::new(Semaphore::new(MAX_BYTES_UNDER_WAY));
    // Bounded by `room`, which counts bytes.
    let (send, receive) = mpsc::unbounded_channel();
    let reading = take_in(source, send, direction, state.clone(), Arc::clone(&room));
    let writing = give_out(sink, receive, direction, state, room, clock);
    let (read, written) = tokio::join!(reading, writing);
    read.and(written)
}

async fn take_in(
    mut source: impl AsyncRead + Unpin,
    send: mpsc::UnboundedSender<Chunk>,
    direction: Direction,
    state: watch::Receiver<LinkState>,
    room: Arc<Semaphore>,
) -> std::io::Result<()> {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let outcome = tokio::select! {
            outcome = source.read(&mut buffer) => outcome,
            () = send.closed() => return Ok(()),
        };
        // A broken stream ends there as it ended here: after its last byte.
        let count = *outcome.as_ref().unwrap_or(&0);
        let arrives_at = Instant::now() + direction.delay(&state.borrow());
        // The semaphore is never closed, and a read is far below its size.
        let Ok(permits) = room.acquire_many(u32::try_from(count).unwrap_or(u32::MAX)).await else {
            return Ok(());
        };
        permits.forget();
        let chunk = Chunk { arrives_at, bytes: buffer[..count].to_vec() };
        if send.send(chunk).is_err() || count == 0 {
            return outcome.map(|_| ());
        }
    }
}

async fn give_out(
    mut sink: impl AsyncWrite + Unpin,
    mut receive: mpsc::UnboundedReceiver<Chunk>,
    direction: Direction,
    mut state: watch::Receiver<LinkState>,
    room: Arc<Semaphore>,
    clock: Clock,
) -> std::io::Result<()> {
    while let Some(chunk) = receive.recv().await {
        clock.sleep_until(chunk.arrives_at).await;
        if state.wait_for(|state| !direction.hole(state)).await.is_err() {
            return Ok(());
        }
        if chunk.bytes.is_empty() {
            return sink.shutdown().await;
        }
        sink.write_all(&chunk.bytes).await?;
        room.add_permits(chunk.bytes.len());
    }
    Ok(())
}
