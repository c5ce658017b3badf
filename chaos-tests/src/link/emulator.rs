//! Listens at every route's near end and carries each connection to its far end.

use std::time::Duration;

use anyhow::Context as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::clock::Clock;
use super::delay_line::{Direction, carry};
use super::route::{LinkState, Route};

/// Time between two attempts to listen again after a cut.
const LISTEN_AGAIN_INTERVAL: Duration = Duration::from_millis(10);

/// All routes of a cluster; they end when this is dropped.
#[derive(Debug)]
pub struct LinkEmulator {
    routes: Vec<RunningRoute>,
    rtt: Duration,
}

#[derive(Debug)]
struct RunningRoute {
    route: Route,
    state: watch::Sender<LinkState>,
    task: JoinHandle<()>,
}

impl LinkEmulator {
    /// Listens at every near end; answers when all do.
    ///
    /// # Errors
    /// When a near end's address is taken.
    pub async fn start(routes: Vec<Route>, rtt: Duration) -> anyhow::Result<Self> {
        let clock = Clock::start().context("starting the link clock")?;
        let mut running = Vec::new();
        for route in routes {
            let listener = TcpListener::bind(route.near).await.with_context(|| {
                format!("listening for {}->{} on {}", route.from_node, route.to_node, route.near)
            })?;
            let (state, seen) = watch::channel(LinkState::with_rtt(rtt));
            let task = tokio::spawn(serve(route.clone(), listener, seen, clock.clone()));
            running.push(RunningRoute { route, state, task });
        }
        Ok(Self { routes: running, rtt })
    }

    /// The routes, in the order given.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter().map(|running| &running.route)
    }

    /// Changes the state of the routes that `choose` picks; answers how many.
    pub fn change(
        &self,
        choose: impl Fn(&Route) -> bool,
        change: impl Fn(&mut LinkState),
    ) -> usize {
        let chosen = self.routes.iter().filter(|running| choose(&running.route));
        chosen.map(|running| running.state.send_modify(&change)).count()
    }

    /// Sets the round-trip time between two cities, half of it each way.
    pub fn set_rtt(&self, one: &str, other: &str, rtt: Duration) {
        self.change(
            |route| route.joins(one, other),
            |state| {
                state.delay_there = rtt / 2;
                state.delay_back = rtt / 2;
            },
        );
    }

    /// Drops and refuses every connection between two cities.
    pub fn cut(&self, one: &str, other: &str) {
        self.change(|route| route.joins(one, other), |state| state.cut = true);
    }

    /// Swallows everything that goes from one city to another, whoever
    /// dialled, and lets the other direction pass.
    pub fn black_hole(&self, from_city: &str, to_city: &str) {
        let dialled_there =
            |route: &Route| route.from_city == from_city && route.to_city == to_city;
        let dialled_here = |route: &Route| route.from_city == to_city && route.to_city == from_city;
        self.change(dialled_there, |state| state.hole_there = true);
        self.change(dialled_here, |state| state.hole_back = true);
    }

    /// Makes every route whole again, with the first round-trip time.
    pub fn heal(&self) {
        let whole = LinkState::with_rtt(self.rtt);
        self.change(|_| true, |state| *state = whole);
    }
}

impl Drop for LinkEmulator {
    fn drop(&mut self) {
        for running in &self.routes {
            running.task.abort();
        }
    }
}

/// Serves one route, through cuts, until aborted.
async fn serve(
    route: Route,
    listener: TcpListener,
    mut state: watch::Receiver<LinkState>,
    clock: Clock,
) {
    let mut listener = Some(listener);
    loop {
        if let Some(open) = listener.take() {
            // Dropping the listener and the connections is the cut.
            let mut connections = JoinSet::new();
            tokio::select! {
                () = accept(&route, &open, &state, &clock, &mut connections) => {}
                cut = wait_for_cut(state.clone()) => if !cut { return },
            }
        }
        if state.wait_for(|state| !state.cut).await.is_err() {
            return;
        }
        match TcpListener::bind(route.near).await {
            Ok(open) => listener = Some(open),
            Err(error) => {
                tracing::warn!(near = %route.near, %error, "cannot listen again yet");
                tokio::time::sleep(LISTEN_AGAIN_INTERVAL).await;
            }
        }
    }
}

/// True once the route is cut, false when the emulator is gone.
async fn wait_for_cut(mut state: watch::Receiver<LinkState>) -> bool {
    state.wait_for(|state| state.cut).await.is_ok()
}

async fn accept(
    route: &Route,
    listener: &TcpListener,
    state: &watch::Receiver<LinkState>,
    clock: &Clock,
    connections: &mut JoinSet<()>,
) {
    loop {
        match listener.accept().await {
            Ok((near, _)) => {
                let (route, state, clock) = (route.clone(), state.clone(), clock.clone());
                connections.spawn(async move {
                    if let Err(error) = connect(&route, near, state, clock).await {
                        tracing::debug!(from = route.from_node, to = route.to_node, %error, "connection ended");
                    }
                });
                while connections.try_join_next().is_some() {}
            }
            Err(error) => {
                tracing::warn!(near = %route.near, %error, "cannot accept");
                tokio::time::sleep(LISTEN_AGAIN_INTERVAL).await;
            }
        }
    }
}

async fn connect(
    route: &Route,
    near: TcpStream,
    state: watch::Receiver<LinkState>,
    clock: Clock,
) -> std::io::Result<()> {
    let far = TcpStream::connect(route.far).await?;
    // Nagle's algorithm would add its own delay to the emulated one.
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    let there = carry(near_read, far_write, Direction::There, state.clone(), clock.clone());
    let back = carry(far_read, near_write, Direction::Back, state, clock);
    let (there, back) = tokio::join!(there, back);
    there.and(back)
}
