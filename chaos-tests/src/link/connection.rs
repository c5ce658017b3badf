//! One connection over a route, and how it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::clock::Clock;
use super::counts::{RouteCounter, add};
use super::lane::{Carrier, Lane};
use super::route::Route;
use super::state::{Conditions, Direction};
use crate::model::Rng;

const DISCARD_BYTES: usize = 64 << 10;

/// What the connections of a route share.
#[derive(Debug)]
pub(crate) struct RouteLine {
    pub(crate) route: Route,
    pub(crate) conditions: watch::Sender<Conditions>,
    pub(crate) counter: RouteCounter,
    pub(crate) there: Lane,
    pub(crate) back: Lane,
    pub(crate) clock: Clock,
    pub(crate) seed: u64,
    /// Numbers the connections, for their jitter.
    pub(crate) accepted: AtomicU64,
}

/// Why a connection ends that neither end closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Dropped,
    /// The end at `closed` goes, the other one is not told.
    HalfOpened {
        closed: End,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Near,
    Far,
}

enum Ended {
    ByItself(std::io::Result<()>),
    By(Fault),
}

impl RouteLine {
    /// Carries a connection that was accepted under the conditions `born`.
    pub(crate) async fn connection(
        self: Arc<Self>,
        mut near: TcpStream,
        born: Conditions,
    ) -> std::io::Result<()> {
        let conditions = self.conditions.subscribe();
        let mut far = match TcpStream::connect(self.route.far).await {
            Ok(far) => far,
            Err(error) => {
                reset(near);
                return Err(error);
            }
        };
        // Nagle's algorithm would add its own delay to the emulated one.
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        self.counter.opened.fetch_add(1, Ordering::Relaxed);
        let ended = {
            let (near_read, near_write) = near.split();
            let (far_read, far_write) = far.split();
            let there = self.carrier(Direction::There, &conditions).carry(near_read, far_write);
            let back = self.carrier(Direction::Back, &conditions).carry(far_read, near_write);
            let mut watched = conditions.clone();
            tokio::select! {
                outcome = async { tokio::try_join!(there, back) } => {
                    Ended::ByItself(outcome.map(|_| ()))
                }
                fault = fault(&mut watched, &born) => Ended::By(fault),
            }
        };
        match ended {
            Ended::ByItself(Ok(())) => Ok(()),
            Ended::ByItself(Err(error)) => {
                reset(near);
                reset(far);
                Err(error)
            }
            Ended::By(Fault::Dropped) => {
                self.counter.dropped.fetch_add(1, Ordering::Relaxed);
                reset(near);
                reset(far);
                Ok(())
            }
            Ended::By(Fault::HalfOpened { closed }) => {
                self.counter.half_opened.fetch_add(1, Ordering::Relaxed);
                let (closed, unaware, lane) = match closed {
                    End::Near => (near, far, &self.back),
                    End::Far => (far, near, &self.there),
                };
                reset(closed);
                swallow(unaware, lane, conditions).await;
                Ok(())
            }
        }
    }

    fn carrier<'a>(
        &'a self,
        direction: Direction,
        conditions: &watch::Receiver<Conditions>,
    ) -> Carrier<'a> {
        let lane = match direction {
            Direction::There => &self.there,
            Direction::Back => &self.back,
        };
        let number = self.accepted.fetch_add(1, Ordering::Relaxed);
        let mut seed = Rng::new(self.seed);
        let route = seed.bits() ^ (self.route.from_node << 32) ^ self.route.to_node;
        let rng = Rng::new(Rng::new(route).bits() ^ number);
        Carrier { lane, conditions: conditions.clone(), clock: &self.clock, rng }
    }
}

/// Waits for what ends a connection of these first conditions.
async fn fault(conditions: &mut watch::Receiver<Conditions>, born: &Conditions) -> Fault {
    let of = |now: &Conditions| {
        let (now_events, then) = (now.events, born.events);
        if now.is_down() || now_events.resets != then.resets {
            Some(Fault::Dropped)
        } else if now_events.near_closed != then.near_closed {
            Some(Fault::HalfOpened { closed: End::Near })
        } else if now_events.far_closed != then.far_closed {
            Some(Fault::HalfOpened { closed: End::Far })
        } else {
            None
        }
    };
    match conditions.wait_for(|now| of(now).is_some()).await.map(|now| of(&now)) {
        Ok(Some(fault)) => fault,
        // The emulator is gone, and its connections with it.
        Ok(None) | Err(_) => Fault::Dropped,
    }
}

/// Takes what the end that was not told still sends, until it closes, or the
/// route goes down or is healed: then it is told by a reset.
async fn swallow(mut unaware: TcpStream, lane: &Lane, mut conditions: watch::Receiver<Conditions>) {
    let then = conditions.borrow_and_update().events;
    let mut buffer = vec![0; DISCARD_BYTES];
    let told = conditions.wait_for(|now| {
        let now_events = now.events;
        now.is_down() || now_events.resets != then.resets || now_events.heals != then.heals
    });
    let discarding = async {
        while let Ok(count @ 1..) = unaware.read(&mut buffer).await {
            add(&lane.counter.swallowed, count);
        }
    };
    tokio::select! {
        _ = told => {}
        () = discarding => {}
    }
    reset(unaware);
}

/// Closes a connection as a broken one: its peer gets an error, not an end.
pub(crate) fn reset(stream: TcpStream) {
    if let Err(error) = stream.set_zero_linger() {
        tracing::debug!(%error, "a connection is closed in the ordinary way");
    }
}
