//! What each drill does. A run leaves the target as whole as it found it.

use std::time::Instant;

use anyhow::Result;
use registry_client::proto::Consistency;
use registry_client::proto::GetAccountRequest;

use super::city_loss;
use super::rehearsal::Rehearsal;
use super::restore;

/// A drill by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drill {
    Switchover,
    LeaderKill,
    NodeLoss,
    RollingRestart,
    CityIsolation,
    CityLoss,
    Restore,
}

/// What an interruption may last, from docs/drills.md; none is named where nobody
/// promised anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) p50_ms: Option<u64>,
    pub(super) p99_ms: Option<u64>,
}

impl Drill {
    pub(super) const ALL: [Self; 7] = [
        Self::Switchover,
        Self::LeaderKill,
        Self::NodeLoss,
        Self::RollingRestart,
        Self::CityIsolation,
        Self::CityLoss,
        Self::Restore,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Switchover => "switchover",
            Self::LeaderKill => "leader-kill",
            Self::NodeLoss => "node-loss",
            Self::RollingRestart => "rolling-restart",
            Self::CityIsolation => "city-isolation",
            Self::CityLoss => "city-loss",
            Self::Restore => "restore",
        }
    }

    /// Whether a run leaves other nodes behind than it found.
    pub(super) fn uses_up_nodes(self, layout: &str) -> bool {
        self == Self::Restore || (self == Self::CityLoss && layout == "dual-city")
    }

    pub(super) async fn run(self, rehearsal: &mut Rehearsal) -> Result<()> {
        match self {
            Self::Switchover => switchover(rehearsal).await,
            Self::LeaderKill => leader_kill(rehearsal).await,
            Self::NodeLoss => node_loss(rehearsal).await,
            Self::RollingRestart => rolling_restart(rehearsal).await,
            Self::CityIsolation => city_isolation(rehearsal).await,
            Self::CityLoss => match rehearsal.target.layout.as_str() {
                "dual-city" => city_loss::recovered(rehearsal).await,
                _ => city_loss::survived(rehearsal).await,
            },
            Self::Restore => restore::from_backup(rehearsal).await,
        }
    }
}

/// Of a measured event in a layout.
pub(super) fn limits(event: &str, layout: &str) -> Limits {
    let by_p99 = |ms| Limits { p50_ms: None, p99_ms: Some(ms) };
    match (event, layout) {
        ("switchover" | "failback" | "rolling-restart" | "node-loss" | "backup", _) => {
            by_p99(1_000)
        }
        ("leader-kill", _) => Limits { p50_ms: Some(2_000), ..by_p99(4_000) },
        ("city-loss" | "city-isolation", "witnessed") => by_p99(5_000),
        // From the operator's command.
        ("city-loss", _) => by_p99(30_000),
        // From the moment at which the cities see each other again.
        ("city-isolation", _) => by_p99(5_000),
        _ => Limits::default(),
    }
}

async fn switchover(rehearsal: &mut Rehearsal) -> Result<()> {
    rehearsal.whole().await?;
    let from_city = rehearsal.leader().await?.city;
    let to = rehearsal.other_city(&from_city).await?;
    let from = Instant::now();
    rehearsal.typed(&["failover", "switchover", "--to", &to]).await?;
    let leader = rehearsal.next_leader(|leader| leader.city == to).await?;
    rehearsal.note(format!("{} leads in {to}", leader.node_name));
    rehearsal.measured("switchover", from).await
}

async fn leader_kill(rehearsal: &mut Rehearsal) -> Result<()> {
    rehearsal.whole().await?;
    let leader = rehearsal.leader().await?;
    let node = rehearsal.target.node(leader.node_id)?;
    let from = Instant::now();
    rehearsal.kill(std::slice::from_ref(&node)).await?;
    let next = rehearsal.next_leader(|next| next.term > leader.term).await?;
    rehearsal.note(format!("{} leads in {}", next.node_name, next.city));
    rehearsal.measured("leader-kill", from).await?;
    rehearsal.start(&[node]).await?;
    rehearsal.whole().await
}

async fn node_loss(rehearsal: &mut Rehearsal) -> Result<()> {
    rehearsal.whole().await?;
    let leader = rehearsal.leader().await?;
    let follows = |node: &super::target::Node| node.id != leader.node_id;
    let near = rehearsal.target.members_in(&leader.city).into_iter().find(follows);
    let far = rehearsal.target.members().find(|node| follows(node)).cloned();
    let Some(node) = near.or(far) else { return Ok(()) };
    let from = Instant::now();
    rehearsal.kill(std::slice::from_ref(&node)).await?;
    rehearsal.measured("node-loss", from).await?;
    rehearsal.start(&[node]).await?;
    rehearsal.whole().await
}

/// Followers first, the leader last.
async fn rolling_restart(rehearsal: &mut Rehearsal) -> Result<()> {
    rehearsal.whole().await?;
    let leader = rehearsal.leader().await?.node_id;
    let mut nodes: Vec<_> = rehearsal.target.members().cloned().collect();
    nodes.sort_by_key(|node| node.id == leader);
    let from = Instant::now();
    for node in nodes {
        rehearsal.note(format!("stopped {}", node.name));
        rehearsal.target.stop(&node).await?;
        rehearsal.start(&[node]).await?;
        rehearsal.whole().await?;
    }
    rehearsal.measured("rolling-restart", from).await
}

/// The leader's city is cut from the others and joined again.
async fn city_isolation(rehearsal: &mut Rehearsal) -> Result<()> {
    rehearsal.whole().await?;
    let leader = rehearsal.leader().await?;
    let (city, witnessed) = (leader.city.clone(), rehearsal.target.layout == "witnessed");
    let other = rehearsal.other_city(&city).await?;
    let cut_at = Instant::now();
    rehearsal.note(format!("{city} is cut from the other places"));
    rehearsal.target.isolate(&city).await?;
    if witnessed {
        let next = rehearsal.next_leader(|next| next.term > leader.term).await?;
        rehearsal.note(format!("{} leads in {}", next.node_name, next.city));
        rehearsal.measured("city-isolation", cut_at).await?;
    }
    refused(rehearsal, &city).await?;
    if !witnessed {
        refused(rehearsal, &other).await?;
    }
    let healed_at = Instant::now();
    rehearsal.note(format!("{city} is joined to the other places"));
    rehearsal.target.heal().await?;
    rehearsal.whole().await?;
    if !witnessed {
        rehearsal.measured("city-isolation", healed_at).await?;
    }
    Ok(())
}

/// Asks a side that has no quorum until it refuses, and notes how soon it does and
/// what it still tells.
async fn refused(rehearsal: &mut Rehearsal, city: &str) -> Result<()> {
    let registry = rehearsal.bound_to(city)?;
    let account_id = rehearsal.target.account(0).account_id;
    let read = async |consistency: Consistency| {
        let request = GetAccountRequest { account_id, consistency: consistency.into() };
        registry.reads().get_account(request).await
    };
    let deadline = Instant::now() + super::rehearsal::PATIENCE;
    let error = loop {
        match read(Consistency::Linearizable).await {
            Err(error) => break error,
            Ok(_) if Instant::now() > deadline => {
                anyhow::bail!("{city} still answers linearizable reads without a quorum")
            }
            Ok(_) => {}
        }
    };
    let stale = read(Consistency::StaleOk).await?;
    let stale_ms = stale.stamp.unwrap_or_default().stale_ms;
    rehearsal.note(format!("{city} refuses: {error}"));
    rehearsal.note(format!("{city} answers stale reads, and says they are {stale_ms} ms old"));
    Ok(())
}
