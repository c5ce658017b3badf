//! Listens at every route's near end and carries each connection to its far end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use super::clock::Clock;
use super::command::{Command, Nodes, Shape, Way};
use super::connection::{RouteLine, reset};
use super::counts::{RouteCounter, RouteReport};
use super::lane::Lane;
use super::route::Route;
use super::state::{Conditions, Direction, Flap, LinkQuality, LinkState};

/// Pause after the system could not accept a connection.
const ACCEPT_AGAIN_INTERVAL: Duration = Duration::from_millis(10);

/// All routes of a cluster; they end when this is dropped.
#[derive(Debug)]
pub struct LinkEmulator {
    routes: Vec<RunningRoute>,
}

#[derive(Debug)]
struct RunningRoute {
    line: Arc<RouteLine>,
    /// What it began with.
    whole: LinkState,
    tasks: [JoinHandle<()>; 2],
}

impl LinkEmulator {
    /// Listens at every near end; answers when all do. Routes within a city
    /// have no distance.
    ///
    /// # Errors
    /// When a near end's address is taken.
    pub async fn start(routes: Vec<Route>, rtt: Duration) -> anyhow::Result<Self> {
        Self::start_with(routes, LinkQuality::with_rtt(rtt)).await
    }

    /// The same with all that a route between cities can be like.
    ///
    /// # Errors
    /// When a near end's address is taken.
    pub async fn start_with(routes: Vec<Route>, quality: LinkQuality) -> anyhow::Result<Self> {
        let clock = Clock::start().context("starting the link clock")?;
        let mut running = Vec::new();
        for route in routes {
            let listener = TcpListener::bind(route.near).await.with_context(|| {
                format!("listening for {}->{} on {}", route.from_node, route.to_node, route.near)
            })?;
            let whole = match route.from_city == route.to_city {
                true => LinkState::default(),
                false => quality.state(),
            };
            let conditions = Conditions { state: whole, ..Conditions::default() };
            let line = Arc::new(RouteLine {
                route,
                conditions: tokio::sync::watch::Sender::new(conditions),
                counter: RouteCounter::default(),
                there: Lane::new(Direction::There),
                back: Lane::new(Direction::Back),
                clock: clock.clone(),
                seed: quality.seed,
                accepted: AtomicU64::new(0),
            });
            let tasks = [
                tokio::spawn(serve(Arc::clone(&line), listener)),
                tokio::spawn(flap(Arc::clone(&line))),
            ];
            running.push(RunningRoute { line, whole, tasks });
        }
        Ok(Self { routes: running })
    }

    /// The routes, in the order given.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter().map(|running| &running.line.route)
    }

    /// Each route's state, and what it carried and did since the start.
    #[must_use]
    pub fn report(&self) -> Vec<RouteReport> {
        let reports = self.routes.iter().map(|RunningRoute { line, .. }| RouteReport {
            route: line.route.clone(),
            state: line.conditions.borrow().state,
            counts: line.counter.counts(&line.there.counter, &line.back.counter),
        });
        reports.collect()
    }

    /// Does what a command says; answers how many routes it chose.
    pub fn apply(&self, command: &Command) -> usize {
        match command {
            Command::Shape { from, to, shape } => self.shape(from, to, shape),
            Command::Cut { one, other } => {
                self.between(one, other, |_, conditions| conditions.state.cut = true)
            }
            Command::Reset { one, other, refuse_ms } => {
                let until = Instant::now() + Duration::from_millis(*refuse_ms);
                self.between(one, other, |_, conditions| {
                    conditions.refuse_until = Some(until);
                    conditions.events.resets += 1;
                })
            }
            Command::HalfOpen { closed, unaware } => {
                let near = self.dialled(closed, unaware, |_, it| it.events.near_closed += 1);
                near + self.dialled(unaware, closed, |_, it| it.events.far_closed += 1)
            }
            Command::Flap { one, other, down_ms, up_ms } => {
                let flap = Flap {
                    down: Duration::from_millis(*down_ms),
                    up: Duration::from_millis(*up_ms),
                };
                self.between(one, other, |_, conditions| conditions.state.flap = Some(flap))
            }
            Command::Heal { one, other } => self.between(one, other, |whole, conditions| {
                conditions.state = *whole;
                conditions.flapped_down = false;
                conditions.refuse_until = None;
                conditions.events.heals += 1;
            }),
        }
    }

    /// Several commands, in order; answers how many routes they chose.
    pub fn apply_all(&self, commands: &[Command]) -> usize {
        commands.iter().map(|command| self.apply(command)).sum()
    }

    /// Drops and refuses every connection between two cities.
    pub fn cut(&self, one: &str, other: &str) {
        self.apply(&Command::cut(one, other));
    }

    /// Swallows everything that goes from one city to another, whoever
    /// dialled, and lets the other direction pass.
    pub fn black_hole(&self, from_city: &str, to_city: &str) {
        self.apply(&Command::block(from_city, to_city));
    }

    /// Makes every route whole again, as it was at the start.
    pub fn heal(&self) {
        self.apply(&Command::heal_all());
    }

    fn shape(&self, from: &Nodes, to: &Nodes, shape: &Shape) -> usize {
        let chosen = self.routes.iter().filter(|RunningRoute { line, .. }| {
            let way = Way::of(&line.route, from, to);
            line.conditions.send_if_modified(|conditions| {
                for (direction, chosen) in
                    [(Direction::There, way.there), (Direction::Back, way.back)]
                {
                    if chosen {
                        shape.change(conditions.state.lane_mut(direction));
                    }
                }
                way.any()
            });
            way.any()
        });
        chosen.count()
    }

    fn between(
        &self,
        one: &Nodes,
        other: &Nodes,
        change: impl Fn(&LinkState, &mut Conditions),
    ) -> usize {
        self.change(|route| Way::of(route, one, other).any(), change)
    }

    /// Routes that nodes of `from` dial to nodes of `to`.
    fn dialled(
        &self,
        from: &Nodes,
        to: &Nodes,
        change: impl Fn(&LinkState, &mut Conditions),
    ) -> usize {
        self.change(|route| Way::of(route, from, to).there, change)
    }

    fn change(
        &self,
        choose: impl Fn(&Route) -> bool,
        change: impl Fn(&LinkState, &mut Conditions),
    ) -> usize {
        let chosen = self.routes.iter().filter(|running| choose(&running.line.route));
        let changed = chosen.map(|RunningRoute { line, whole, .. }| {
            line.conditions.send_modify(|conditions| change(whole, conditions));
        });
        changed.count()
    }
}

impl Drop for LinkEmulator {
    fn drop(&mut self) {
        for task in self.routes.iter().flat_map(|running| &running.tasks) {
            task.abort();
        }
    }
}

/// Accepts for one route until aborted. A route that is down accepts as well,
/// to count, and resets what it accepted.
async fn serve(line: Arc<RouteLine>, listener: TcpListener) {
    // Aborting this task ends its connections.
    let mut connections = JoinSet::new();
    loop {
        let near = match listener.accept().await {
            Ok((near, _)) => near,
            Err(error) => {
                tracing::warn!(near = %line.route.near, %error, "cannot accept");
                tokio::time::sleep(ACCEPT_AGAIN_INTERVAL).await;
                continue;
            }
        };
        let born = *line.conditions.borrow();
        if born.refuses(Instant::now()) {
            line.counter.refused.fetch_add(1, Ordering::Relaxed);
            reset(near);
            continue;
        }
        let carrying = Arc::clone(&line);
        connections.spawn(async move {
            let (from, to) = (carrying.route.from_node, carrying.route.to_node);
            if let Err(error) = carrying.connection(near, born).await {
                tracing::debug!(from, to, %error, "connection ended");
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Takes one route down and up while its state says so, until aborted.
async fn flap(line: Arc<RouteLine>) {
    let mut seen = line.conditions.subscribe();
    loop {
        let Ok(Some(flap)) =
            seen.wait_for(|now| now.state.flap.is_some()).await.map(|c| c.state.flap)
        else {
            return;
        };
        let other = |now: &Conditions| now.state.flap != Some(flap);
        for (down, time) in [(true, flap.down), (false, flap.up)] {
            line.conditions.send_if_modified(|conditions| {
                let still = !other(conditions);
                if still {
                    conditions.flapped_down = down;
                }
                still
            });
            if down {
                line.counter.flaps.fetch_add(1, Ordering::Relaxed);
            }
            // Over early when the state says otherwise.
            if tokio::time::timeout(time, seen.wait_for(other)).await.is_ok() {
                break;
            }
        }
    }
}
