//! Commands about the cluster: check everything, then change the one record.

use std::sync::Arc;

use crate::cluster::command::{ClusterCommand, NodeDescription};
use crate::cluster::topology::{
    ClusterChange, ClusterMember, Layout, OneCity, SealedOverride, Standing, Topology,
};
use crate::cluster::voters::{VoterSets, sorted};
use crate::journal::What;
use crate::ledger::Ledger;
use crate::receipt::Receipt;
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::text;

/// Longest name of a node, in bytes.
const NAME_LIMIT: usize = 64;
/// Longest `host:port`, in bytes.
const ADDRESS_LIMIT: usize = 200;

/// What a change is told by: which node, which city, and what else there is to say.
pub(super) struct Told {
    pub(super) change: ClusterChange,
    pub(super) node_id: u64,
    pub(super) city: String,
    pub(super) note: String,
}

impl Told {
    fn of_node(change: ClusterChange, member: &ClusterMember) -> Self {
        let (node_id, city) = (member.node_id, member.city.clone());
        Self { change, node_id, city, note: String::new() }
    }

    fn of_city(change: ClusterChange, city: &str, note: impl Into<String>) -> Self {
        Self { change, node_id: 0, city: city.to_owned(), note: note.into() }
    }
}

/// The cluster after a command, and what there is to tell of it.
pub(super) type Changed = Result<(Topology, Told), Rejection>;

impl Ledger {
    /// The cluster's record; none before the genesis.
    #[must_use]
    pub fn topology(&self) -> Option<&Arc<Topology>> {
        self.topology.as_ref()
    }

    pub(crate) fn carry_out_cluster(
        &mut self,
        command: &ClusterCommand,
    ) -> Result<Receipt, Rejection> {
        let Some(now) = &self.topology else {
            let message = "the cluster has no genesis yet; bootstrap it first";
            return Err(Rejection::new(Reason::NotBootstrapped, "", message));
        };
        let (after, told) = match command {
            ClusterCommand::AdmitNode(node) => admit(now, node)?,
            ClusterCommand::SeatNode { node_id, replaces } => seat(now, *node_id, *replaces)?,
            ClusterCommand::RetireNode { node_id } => retire(now, *node_id)?,
            ClusterCommand::MoveNode { node_id, peer_address, client_address } => {
                relocate(now, *node_id, peer_address, client_address)?
            }
            ClusterCommand::LeaveCity { city, document } => self.leave(now, city, document)?,
            ClusterCommand::ReturnCity { city, document } => return_city(now, city, document)?,
            ClusterCommand::ConfirmVoters { voters } => confirm(now, voters)?,
            ClusterCommand::PreferCity { city } => prefer(now, city.as_deref())?,
            ClusterCommand::MoveRecoveryRight { city, document } => {
                move_right(now, city, document)?
            }
            ClusterCommand::IssueOverride { city, secret_sha256, document } => {
                self.issue_override(now, city, *secret_sha256, document)?
            }
            ClusterCommand::RecordRecovery(recovery) => self.recovered(now, recovery)?,
            ClusterCommand::ActivateRules { rules_version, document } => {
                activate(now, *rules_version, document)?
            }
        };
        if after == **now {
            return Ok(Receipt::Done);
        }
        self.touch(RecordKey::Topology);
        let recovery_epoch = after.recovery_epoch;
        self.topology = Some(Arc::new(after));
        let Told { change, node_id, city, note } = told;
        let what = What::ClusterChanged { change, node_id, city, recovery_epoch, note };
        self.record(what, Vec::new());
        Ok(Receipt::Done)
    }

    fn leave(&self, now: &Topology, city: &str, document: &str) -> Changed {
        leading_city(now, city)?;
        text::check_line(document, "document")?;
        settled(now)?;
        if let Some(one) = &now.one_city {
            let message = format!("{} is out already; bring it back first", one.city_out);
            return Err(Rejection::new(Reason::CityOut, "city", message));
        }
        let mut after = now.clone();
        after.one_city = Some(OneCity {
            city_out: city.to_owned(),
            since: self.now,
            document: document.to_owned(),
            returning: false,
        });
        if after.preferred_city.as_deref() == Some(city) {
            after.preferred_city = None;
        }
        Ok((after, Told::of_city(ClusterChange::CityLeft, city, document)))
    }

    fn issue_override(
        &self,
        now: &Topology,
        city: &str,
        secret_sha256: [u8; 32],
        document: &str,
    ) -> Changed {
        leading_city(now, city)?;
        text::check_line(document, "document")?;
        let mut after = now.clone();
        after.overrides.retain(|earlier| earlier.city != city);
        after.overrides.push(SealedOverride {
            city: city.to_owned(),
            secret_sha256,
            issued_at: self.now,
        });
        Ok((after, Told::of_city(ClusterChange::OverrideIssued, city, document)))
    }
}

/// Another change of voters must be confirmed first.
fn settled(now: &Topology) -> Result<(), Rejection> {
    if !now.is_changing() {
        return Ok(());
    }
    let message = format!(
        "the voters are changing from {:?} to {:?}; wait until the change is confirmed",
        now.in_force,
        now.voters()
    );
    Err(Rejection::new(Reason::VotersChanging, "", message))
}

fn known_city<'a>(now: &'a Topology, city: &str) -> Result<&'a usize, Rejection> {
    now.seats.get(city).ok_or_else(|| {
        let cities: Vec<&str> = now.seats.keys().map(String::as_str).collect();
        let message = format!("{city:?} is no city of this cluster; it has {}", cities.join(", "));
        Rejection::new(Reason::UnknownCity, "city", message)
    })
}

/// A city that may be taken out, recover or lead: one of two.
pub(super) fn leading_city(now: &Topology, city: &str) -> Result<(), Rejection> {
    known_city(now, city)?;
    let refuse = |message| Err(Rejection::new(Reason::LayoutForbids, "city", message));
    match now.layout {
        Layout::SingleCity => refuse("the layout single-city has one city only".to_owned()),
        Layout::Witnessed if now.is_witness(city) => {
            refuse(format!("{city} is the third place, which neither leads nor leaves"))
        }
        Layout::DualCity | Layout::Witnessed => Ok(()),
    }
}

fn present<'a>(
    now: &'a Topology,
    node_id: u64,
    field: &str,
) -> Result<&'a ClusterMember, Rejection> {
    let unknown = |message| Err(Rejection::new(Reason::UnknownNode, field, message));
    match now.members.get(&node_id) {
        Some(member) if member.standing == Standing::Retired => {
            unknown(format!("node {node_id} was retired; its id is never used again"))
        }
        Some(member) => Ok(member),
        None => unknown(format!("the cluster has no node {node_id}")),
    }
}

fn check_length(text: &str, field: &str, limit: usize) -> Result<(), Rejection> {
    let refuse = |reason, message| Err(Rejection::new(reason, field, message));
    match text.len() {
        0 => refuse(Reason::FieldMissing, format!("{field} is empty")),
        bytes if bytes > limit => {
            let message = format!("{field} has {bytes} bytes, at most {limit} are allowed");
            refuse(Reason::TooLong, message)
        }
        _ => Ok(()),
    }
}

fn check_name(name: &str, field: &str) -> Result<(), Rejection> {
    check_length(name, field, NAME_LIMIT)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if name.bytes().all(plain) {
        return Ok(());
    }
    let message = format!("{field} {name:?} must be 1 to {NAME_LIMIT} of A-Z a-z 0-9 - _");
    Err(Rejection::new(Reason::BadCharacter, field, message))
}

fn check_address(address: &str, field: &str) -> Result<(), Rejection> {
    check_length(address, field, ADDRESS_LIMIT)?;
    let host_characters = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    let whole = address.rsplit_once(':').is_some_and(|(host, port)| {
        let port = port.parse::<u16>().is_ok_and(|port| port > 0);
        port && !host.is_empty() && host.bytes().all(host_characters)
    });
    if whole {
        return Ok(());
    }
    let message = format!("{field} {address:?} must be host:port, port 1 to 65535");
    Err(Rejection::new(Reason::BadCharacter, field, message))
}

fn used(other: &ClusterMember, field: &str) -> Rejection {
    let state = if other.standing == Standing::Retired { ", which was retired," } else { "" };
    let message = format!("node {}{state} has this {field} already", other.node_id);
    Rejection::new(Reason::NodeIdUsed, field, message)
}

/// Nobody else that takes part is found there. The addresses of a node that was let
/// go are free: another may stand on its machine.
fn check_free(now: &Topology, node_id: u64, peer: &str, client: &str) -> Result<(), Rejection> {
    for other in now.present().filter(|other| other.node_id != node_id) {
        if other.peer_address == peer {
            return Err(used(other, "peer_address"));
        }
        if other.client_address == client {
            return Err(used(other, "client_address"));
        }
    }
    Ok(())
}

fn admit(now: &Topology, node: &NodeDescription) -> Changed {
    if node.node_id == 0 {
        return Err(Rejection::new(Reason::FieldMissing, "node_id", "node_id is 0"));
    }
    check_name(&node.name, "node_name")?;
    known_city(now, &node.city)?;
    check_address(&node.peer_address, "peer_address")?;
    check_address(&node.client_address, "client_address")?;
    let member = ClusterMember {
        node_id: node.node_id,
        name: node.name.clone(),
        city: node.city.clone(),
        peer_address: node.peer_address.clone(),
        client_address: node.client_address.clone(),
        storage_id: node.storage_id,
        standing: Standing::Learner,
    };
    match now.members.get(&node.node_id) {
        // Asked again after an answer was lost.
        Some(earlier) if *earlier == member => {}
        Some(earlier) => {
            let state = match earlier.standing {
                Standing::Voter => "a voter",
                Standing::Learner => "admitted",
                Standing::Retired => "retired",
            };
            let message = format!(
                "node id {} is {state} in {}; ids are never used twice, give the node a new one",
                node.node_id, earlier.city
            );
            return Err(Rejection::new(Reason::NodeIdUsed, "node_id", message));
        }
        None => {
            for other in now.members.values() {
                if other.name == node.name {
                    return Err(used(other, "node_name"));
                }
                if other.storage_id == node.storage_id {
                    return Err(used(other, "storage_id"));
                }
            }
            check_free(now, node.node_id, &node.peer_address, &node.client_address)?;
        }
    }
    let told = Told::of_node(ClusterChange::NodeAdmitted, &member);
    let mut after = now.clone();
    after.members.insert(node.node_id, member);
    Ok((after, told))
}

fn seat(now: &Topology, node_id: u64, replaces: Option<u64>) -> Changed {
    const FIELD: &str = "replaces_node_id";
    let node = present(now, node_id, "node_id")?;
    settled(now)?;
    if node.standing == Standing::Voter {
        let message = format!("node {node_id} votes already");
        return Err(Rejection::new(Reason::NodeIdUsed, "node_id", message));
    }
    let is_out = now.one_city.as_ref().is_some_and(|one| one.city_out == node.city);
    if is_out {
        let message = format!("{} is out; its nodes get their votes when it returns", node.city);
        return Err(Rejection::new(Reason::CityOut, "node_id", message));
    }
    let mut after = now.clone();
    match replaces {
        Some(other) => {
            let leaves = present(now, other, FIELD)?;
            if leaves.standing != Standing::Voter || leaves.city != node.city {
                let message = format!(
                    "node {other} is no voter of {}: a place is taken within a city",
                    node.city
                );
                return Err(Rejection::new(Reason::UnknownNode, FIELD, message));
            }
            if let Some(leaves) = after.members.get_mut(&other) {
                leaves.standing = Standing::Retired;
            }
        }
        None => {
            let seats = *known_city(now, &node.city)?;
            if now.voters_of(&node.city).count() >= seats {
                let message = format!(
                    "{} has its {seats} voters; say which one node {node_id} replaces",
                    node.city
                );
                return Err(Rejection::new(Reason::LayoutForbids, FIELD, message));
            }
        }
    }
    if let Some(node) = after.members.get_mut(&node_id) {
        node.standing = Standing::Voter;
    }
    let mut told = Told::of_node(ClusterChange::NodeSeated, node);
    told.note = replaces.map_or_else(String::new, |other| format!("replaces node {other}"));
    Ok((after, told))
}

fn retire(now: &Topology, node_id: u64) -> Changed {
    let node = match now.members.get(&node_id) {
        // Asked again after an answer was lost.
        Some(node) if node.standing == Standing::Retired => node,
        _ => present(now, node_id, "node_id")?,
    };
    if node.standing == Standing::Voter {
        let message = format!("node {node_id} votes; let another node of its city replace it");
        return Err(Rejection::new(Reason::LayoutForbids, "node_id", message));
    }
    let told = Told::of_node(ClusterChange::NodeRetired, node);
    let mut after = now.clone();
    if let Some(node) = after.members.get_mut(&node_id) {
        node.standing = Standing::Retired;
    }
    Ok((after, told))
}

fn relocate(now: &Topology, node_id: u64, peer: &str, client: &str) -> Changed {
    let node = present(now, node_id, "node_id")?;
    check_address(peer, "peer_address")?;
    check_address(client, "client_address")?;
    check_free(now, node_id, peer, client)?;
    let mut told = Told::of_node(ClusterChange::NodeMoved, node);
    told.note = format!("peers at {peer}, clients at {client}");
    let mut after = now.clone();
    if let Some(node) = after.members.get_mut(&node_id) {
        peer.clone_into(&mut node.peer_address);
        client.clone_into(&mut node.client_address);
    }
    Ok((after, told))
}

fn return_city(now: &Topology, city: &str, document: &str) -> Changed {
    let seats = *known_city(now, city)?;
    text::check_line(document, "document")?;
    let out = now.one_city.as_ref().filter(|one| one.city_out == city && !one.returning);
    if out.is_none() {
        let message = format!("{city} is not out");
        return Err(Rejection::new(Reason::CityNotOut, "city", message));
    }
    settled(now)?;
    let mut after = now.clone();
    for member in after.members.values_mut() {
        if member.city == city && member.standing == Standing::Learner {
            member.standing = Standing::Voter;
        }
    }
    let voters = after.voters_of(city).count();
    if voters != seats {
        let message = format!(
            "{city} has {voters} nodes that could vote, the layout {} has {seats}: admit or retire nodes first",
            now.layout.name()
        );
        return Err(Rejection::new(Reason::LayoutForbids, "city", message));
    }
    if let Some(one) = &mut after.one_city {
        one.returning = true;
    }
    Ok((after, Told::of_city(ClusterChange::CityReturning, city, document)))
}

fn confirm(now: &Topology, voters: &VoterSets) -> Changed {
    let voters = sorted(voters);
    if voters != now.voters() {
        let message = format!("{:?} are commanded, not {voters:?}", now.voters());
        return Err(Rejection::new(Reason::VotersChanging, "voters", message));
    }
    let mut after = now.clone();
    after.in_force.clone_from(&voters);
    let returned = after.one_city.take_if(|one| one.returning);
    let city = returned.map_or_else(String::new, |one| one.city_out);
    let note = format!("{:?}", voters.iter().map(Vec::from_iter).collect::<Vec<_>>());
    Ok((after, Told::of_city(ClusterChange::VotersConfirmed, &city, note)))
}

fn prefer(now: &Topology, city: Option<&str>) -> Changed {
    if let Some(city) = city {
        leading_city(now, city)?;
        if now.one_city.as_ref().is_some_and(|one| one.city_out == city) {
            let message = format!("{city} is out; bring it back first");
            return Err(Rejection::new(Reason::CityOut, "city", message));
        }
    }
    let mut after = now.clone();
    after.preferred_city = city.map(str::to_owned);
    Ok((after, Told::of_city(ClusterChange::CityPreferred, city.unwrap_or_default(), "")))
}

fn move_right(now: &Topology, city: &str, document: &str) -> Changed {
    leading_city(now, city)?;
    text::check_line(document, "document")?;
    if now.one_city.as_ref().is_some_and(|one| one.city_out == city) {
        let message = format!("{city} is out; bring it back first");
        return Err(Rejection::new(Reason::CityOut, "city", message));
    }
    let mut after = now.clone();
    city.clone_into(&mut after.recovery_city);
    Ok((after, Told::of_city(ClusterChange::RecoveryRightMoved, city, document)))
}

fn activate(now: &Topology, rules_version: u32, document: &str) -> Changed {
    check_activation(now, rules_version, document)?;
    let mut after = now.clone();
    after.rules_version = rules_version;
    let note = format!("version {rules_version}: {document}");
    Ok((after, Told::of_city(ClusterChange::RulesActivated, "", note)))
}

/// One version after the other.
pub(crate) fn check_activation(
    now: &Topology,
    rules_version: u32,
    document: &str,
) -> Result<(), Rejection> {
    text::check_line(document, "document")?;
    if now.rules_version.checked_add(1) == Some(rules_version) {
        return Ok(());
    }
    let message = format!(
        "version {} of the rules is in force; only the next one can be activated, not {rules_version}",
        now.rules_version
    );
    Err(Rejection::new(Reason::RulesVersion, "rules_version", message))
}
