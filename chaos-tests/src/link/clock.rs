//! Wake-ups more exact than the runtime's timer, which rounds up to whole
//! milliseconds: too coarse for a delay of six.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use tokio::sync::oneshot;

/// A thread that wakes waiters at their time.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    shared: Arc<Shared>,
    /// Ends the thread with the last handle.
    _handle: Arc<Handle>,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waiters: BinaryHeap<Reverse<Waiter>>,
    ended: bool,
}

#[derive(Debug)]
struct Waiter {
    at: Instant,
    wake: oneshot::Sender<()>,
}

#[derive(Debug)]
struct Handle(Arc<Shared>);

impl Clock {
    pub(crate) fn start() -> std::io::Result<Self> {
        let shared = Arc::new(Shared { queue: Mutex::default(), changed: Condvar::new() });
        let theirs = Arc::clone(&shared);
        thread::Builder::new().name("link-clock".to_owned()).spawn(move || theirs.run())?;
        Ok(Self { _handle: Arc::new(Handle(Arc::clone(&shared))), shared })
    }

    /// Waits until `at`; at once when it has passed.
    pub(crate) async fn sleep_until(&self, at: Instant) {
        if at <= Instant::now() {
            return;
        }
        let (wake, woken) = oneshot::channel();
        let first = {
            let mut queue = self.shared.lock();
            queue.waiters.push(Reverse(Waiter { at, wake }));
            queue.waiters.peek().is_some_and(|Reverse(next)| next.at == at)
        };
        if first {
            self.shared.changed.notify_one();
        }
        // An error means that the clock has ended with its emulator.
        let _ = woken.await;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut queue = self.lock();
        while !queue.ended {
            let now = Instant::now();
            while queue.waiters.peek().is_some_and(|Reverse(next)| next.at <= now) {
                if let Some(Reverse(due)) = queue.waiters.pop() {
                    // A waiter that has gone away needs no call.
                    let _ = due.wake.send(());
                }
            }
            queue = match queue.waiters.peek().map(|Reverse(next)| next.at) {
                Some(at) => {
                    let wait = at.saturating_duration_since(Instant::now());
                    self.changed
                        .wait_timeout(queue, wait)
                        .map_or_else(|poisoned| poisoned.into_inner().0, |(queue, _)| queue)
                }
                None => self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.ended = true;
        queue.waiters.clear();
        self.0.changed.notify_one();
    }
}

impl PartialEq for Waiter {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Waiter {}

impl PartialOrd for Waiter {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiter {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}
