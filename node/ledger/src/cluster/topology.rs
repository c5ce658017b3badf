//! The record of the cluster.

use std::collections::{BTreeMap, BTreeSet};

use crate::cluster::voters::{VoterSets, sorted, together};
use crate::command::Genesis;
use crate::rules::FIRST_RULES;
use crate::stored::{stored_numbers, stored_struct};
use crate::types::LedgerTime;

/// How the members form quorums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Every commit needs a majority in each of two cities.
    DualCity,
    /// Two cities and a third place with one node, one majority of all.
    Witnessed,
    /// One set of voters in one city; for comparison runs.
    SingleCity,
}

impl Layout {
    /// The layout of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::DualCity, Self::Witnessed, Self::SingleCity].into_iter().find(|of| of.name() == name)
    }

    /// Its name in configuration, genesis and status.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DualCity => "dual-city",
            Self::Witnessed => "witnessed",
            Self::SingleCity => "single-city",
        }
    }
}

/// What a node may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Votes, unless its city is out.
    Voter,
    /// Receives the log and answers reads.
    Learner,
    /// Takes no part any more, and never again.
    Retired,
}

stored_numbers!(Standing, "standing": Voter = 1, Learner = 2, Retired = 3);

/// A node as the cluster knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterMember {
    /// Raft id, never used again.
    pub node_id: u64,
    /// Name for people; empty for a node of the genesis.
    pub name: String,
    /// Where it stands.
    pub city: String,
    /// `host:port` of its peer port; empty for a node of the genesis.
    pub peer_address: String,
    /// `host:port` of its client port; empty for a node of the genesis.
    pub client_address: String,
    /// Random id of its data folder: an id that comes back with another one has
    /// forgotten what it acknowledged, and is refused by its peers.
    pub storage_id: [u8; 16],
    /// What it may do.
    pub standing: Standing,
}

stored_struct!(ClusterMember: node_id, name, city, peer_address, client_address, storage_id,
    standing);

/// While one city is out, a commit is durable in what is left only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneCity {
    /// The city that is out.
    pub city_out: String,
    /// Ledger time since when.
    pub since: LedgerTime,
    /// Reference of the decision.
    pub document: String,
    /// Whether it is on its way back: it counts again once the leader confirms.
    pub returning: bool,
}

stored_struct!(OneCity: city_out, since, document, returning);

/// A permission to recover without the right, good for one recovery epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedOverride {
    /// Which city may use it.
    pub city: String,
    /// SHA-256 of the secret that is kept offline.
    pub secret_sha256: [u8; 32],
    /// Ledger time when it was issued.
    pub issued_at: LedgerTime,
}

stored_struct!(SealedOverride: city, secret_sha256, issued_at);

/// What happened to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterChange {
    /// A node was admitted.
    NodeAdmitted,
    /// A node got a vote.
    NodeSeated,
    /// A node was let go.
    NodeRetired,
    /// A node is found elsewhere.
    NodeMoved,
    /// A city is out of the quorum: commits are durable in one city only.
    CityLeft,
    /// A city is to come back.
    CityReturning,
    /// The voters are those commanded.
    VotersConfirmed,
    /// The leader should stand in this city; in none when it is empty.
    CityPreferred,
    /// The right to recover alone went to this city.
    RecoveryRightMoved,
    /// A city may recover once without the right.
    OverrideIssued,
    /// The survivors of a lost city went on.
    Recovered,
    /// Other rules are in force.
    RulesActivated,
}

stored_numbers!(ClusterChange, "cluster change": NodeAdmitted = 1, NodeSeated = 2,
    NodeRetired = 3, NodeMoved = 4, CityLeft = 5, CityReturning = 6, VotersConfirmed = 7,
    CityPreferred = 8, RecoveryRightMoved = 9, OverrideIssued = 10, Recovered = 11,
    RulesActivated = 12);

impl ClusterChange {
    /// The code that clients see.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NodeAdmitted => "NODE_ADMITTED",
            Self::NodeSeated => "NODE_SEATED",
            Self::NodeRetired => "NODE_RETIRED",
            Self::NodeMoved => "NODE_MOVED",
            Self::CityLeft => "CITY_LEFT",
            Self::CityReturning => "CITY_RETURNING",
            Self::VotersConfirmed => "VOTERS_CONFIRMED",
            Self::CityPreferred => "CITY_PREFERRED",
            Self::RecoveryRightMoved => "RECOVERY_RIGHT_MOVED",
            Self::OverrideIssued => "OVERRIDE_ISSUED",
            Self::Recovered => "RECOVERED",
            Self::RulesActivated => "RULES_ACTIVATED",
        }
    }
}

/// The cluster as commanded, and how far that is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// How the members form quorums; as in the genesis.
    pub layout: Layout,
    /// Each city and how many voters it has when it is complete; as in the genesis.
    pub seats: BTreeMap<String, usize>,
    /// Every node that ever was, by id.
    pub members: BTreeMap<u64, ClusterMember>,
    /// Voters that the leader confirmed last.
    pub in_force: VoterSets,
    /// Set while a city is out.
    pub one_city: Option<OneCity>,
    /// Raised by every recovery; nodes of another epoch are refused.
    pub recovery_epoch: u64,
    /// The city that may recover alone.
    pub recovery_city: String,
    /// At most one per city.
    pub overrides: Vec<SealedOverride>,
    /// Where the leader should stand.
    pub preferred_city: Option<String>,
    /// Version of the rules in force.
    pub rules_version: u32,
}

impl Topology {
    /// The cluster as it was formed. The first city that may lead has the right to
    /// recover.
    #[must_use]
    pub fn founded(genesis: &Genesis) -> Self {
        let layout = Layout::of_name(&genesis.layout).unwrap_or(Layout::SingleCity);
        let members = genesis.cities.iter().flat_map(|(city, members)| {
            members.iter().map(|member| {
                let (name, peer_address, client_address) = Default::default();
                let member = ClusterMember {
                    node_id: member.node_id,
                    name,
                    city: city.clone(),
                    peer_address,
                    client_address,
                    storage_id: member.storage_id,
                    standing: Standing::Voter,
                };
                (member.node_id, member)
            })
        });
        let seats = genesis.cities.iter().map(|(city, members)| (city.clone(), members.len()));
        let mut founded = Self {
            layout,
            seats: seats.collect(),
            members: members.collect(),
            in_force: Vec::new(),
            one_city: None,
            recovery_epoch: 0,
            recovery_city: String::new(),
            overrides: Vec::new(),
            preferred_city: None,
            rules_version: FIRST_RULES,
        };
        let mut cities = genesis.cities.iter().map(|(city, _)| city);
        let first = cities.find(|city| !founded.is_witness(city));
        founded.recovery_city = first.cloned().unwrap_or_default();
        founded.in_force = founded.voters();
        founded
    }

    /// Whether the city is the third place of the witnessed layout: the one with a
    /// single node.
    #[must_use]
    pub fn is_witness(&self, city: &str) -> bool {
        self.layout == Layout::Witnessed && self.seats.get(city) == Some(&1)
    }

    /// Nodes that take part, voting or not.
    pub fn present(&self) -> impl Iterator<Item = &ClusterMember> {
        self.members.values().filter(|member| member.standing != Standing::Retired)
    }

    /// The voter sets that are commanded.
    #[must_use]
    pub fn voters(&self) -> VoterSets {
        let out = self.one_city.as_ref().filter(|one| !one.returning).map(|one| &one.city_out);
        let mut by_city: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
        for member in self.members.values() {
            if member.standing == Standing::Voter && out != Some(&member.city) {
                by_city.entry(&member.city).or_default().insert(member.node_id);
            }
        }
        match self.layout {
            Layout::DualCity => sorted(&by_city.into_values().collect::<Vec<_>>()),
            Layout::Witnessed | Layout::SingleCity => {
                vec![by_city.into_values().flatten().collect()]
            }
        }
    }

    /// Whether voters were commanded that the leader has not confirmed yet.
    #[must_use]
    pub fn is_changing(&self) -> bool {
        self.voters() != self.in_force
    }

    /// Whether these voters are those commanded, or on the way from those in force
    /// to them. Anything else is an alarm: a city may have dropped out.
    #[must_use]
    pub fn allows(&self, voters: &[BTreeSet<u64>]) -> bool {
        let (voters, commanded) = (sorted(voters), self.voters());
        voters == commanded
            || voters == self.in_force
            || voters == together(&self.in_force, &commanded)
    }

    /// Voters of a city, whether it is out or not.
    pub fn voters_of<'a>(&'a self, city: &'a str) -> impl Iterator<Item = &'a ClusterMember> {
        let seated = self.members.values().filter(|member| member.standing == Standing::Voter);
        seated.filter(move |member| member.city == city)
    }

    /// Cities that lack voters, with how many.
    pub fn incomplete(&self) -> impl Iterator<Item = (&str, usize)> {
        self.seats.iter().filter_map(|(city, seats)| {
            let missing = seats.checked_sub(self.voters_of(city).count())?;
            (missing > 0).then_some((city.as_str(), missing))
        })
    }

    /// The one city in which commits are durable while the other is out.
    #[must_use]
    pub fn durable_city(&self) -> Option<&str> {
        let out = &self.one_city.as_ref()?.city_out;
        self.seats.keys().map(String::as_str).find(|city| *city != out && !self.is_witness(city))
    }
}
