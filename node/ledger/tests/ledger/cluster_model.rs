//! Long random walks through the cluster's commands, in every layout: the ledger answers
//! and records what a naive model does, and some things always hold.
//!
//! The model says what `docs/operation.md`, `docs/errors.md` and the comments of the
//! commands say; it has nothing of the ledger's code but its types.
//! `CLUSTER_SEED=n` replays the walks of one seed and shows their commands.

mod always;
mod refusals;
mod state;
mod workload;

use std::collections::{BTreeMap, BTreeSet};

use registry_ledger::{
    ClusterCommand, Command, Genesis, Layout, Ledger, LedgerTime, Member, ProposalId, Reason,
    Receipt, Rejection, Topology, VoterSets,
};

use crate::control::{approval, propose};
use crate::world::World;

use always::always_holds;
use refusals::Refusal;
use state::{Fault, FoundedCity, Model, storage_id};
use workload::Workload;

const SEEDS: u64 = 30;
const STEPS: usize = 300;

const LAYOUTS: [(Layout, &[FoundedCity]); 3] = [
    (Layout::DualCity, &[("shanghai", &[11, 12, 13]), ("wuhan", &[21, 22, 23])]),
    // The third place comes first: it has not the right to recover for that.
    (Layout::Witnessed, &[("hefei", &[31]), ("wuhan", &[21, 22]), ("shanghai", &[11, 12])]),
    (Layout::SingleCity, &[("shanghai", &[11, 12, 13])]),
];

const OPERATORS: [&str; 2] = ["operator/op-1", "operator/op-2"];

/// What came of the commands of a kind, and how often: done, or refused for this reason
/// and field and nothing else.
type Seen = BTreeMap<(&'static str, Option<(&'static str, String)>), usize>;

/// Every way to be refused: the command, the reason, the fields.
const REFUSED: &[(&str, &str, &[&str])] = &[
    ("admit", "FIELD_MISSING", &["node_id", "node_name", "peer_address", "client_address"]),
    ("admit", "TOO_LONG", &["node_name", "peer_address", "client_address"]),
    ("admit", "BAD_CHARACTER", &["node_name", "peer_address", "client_address"]),
    ("admit", "UNKNOWN_CITY", &["city"]),
    ("admit", "NODE_ID_USED", &["node_id", "node_name", "storage_id"]),
    ("admit", "NODE_ID_USED", &["peer_address", "client_address"]),
    ("admit", "MALFORMED", &["content"]),
    ("seat", "UNKNOWN_NODE", &["node_id", "replaces_node_id"]),
    ("seat", "NODE_ID_USED", &["node_id"]),
    ("seat", "CITY_OUT", &["node_id"]),
    ("seat", "LAYOUT_FORBIDS", &["replaces_node_id"]),
    ("seat", "VOTERS_CHANGING", &[""]),
    ("retire", "UNKNOWN_NODE", &["node_id"]),
    ("retire", "LAYOUT_FORBIDS", &["node_id"]),
    ("move", "UNKNOWN_NODE", &["node_id"]),
    ("move", "FIELD_MISSING", &["peer_address", "client_address"]),
    ("move", "BAD_CHARACTER", &["peer_address", "client_address"]),
    ("move", "NODE_ID_USED", &["peer_address", "client_address"]),
    ("leave", "UNKNOWN_CITY", &["city"]),
    ("leave", "CITY_OUT", &["city"]),
    ("leave", "LAYOUT_FORBIDS", &["city"]),
    ("leave", "VOTERS_CHANGING", &[""]),
    ("leave", "SELF_APPROVAL", &["proposal_id"]),
    ("return", "FIELD_MISSING", &["document"]),
    ("return", "UNKNOWN_CITY", &["city"]),
    ("return", "CITY_NOT_OUT", &["city"]),
    ("return", "LAYOUT_FORBIDS", &["city"]),
    ("return", "VOTERS_CHANGING", &[""]),
    ("return", "SELF_APPROVAL", &["proposal_id"]),
    ("confirm", "VOTERS_CHANGING", &["voters"]),
    ("prefer", "UNKNOWN_CITY", &["city"]),
    ("prefer", "CITY_OUT", &["city"]),
    ("prefer", "LAYOUT_FORBIDS", &["city"]),
    ("right", "UNKNOWN_CITY", &["city"]),
    ("right", "CITY_OUT", &["city"]),
    ("right", "LAYOUT_FORBIDS", &["city"]),
    ("right", "SELF_APPROVAL", &["proposal_id"]),
    ("override", "FIELD_MISSING", &["document"]),
    ("override", "BAD_CHARACTER", &["document"]),
    ("override", "UNKNOWN_CITY", &["city"]),
    ("override", "LAYOUT_FORBIDS", &["city"]),
    ("override", "SELF_APPROVAL", &["proposal_id"]),
    ("recovery", "UNKNOWN_CITY", &["lost_city"]),
    ("recovery", "LAYOUT_FORBIDS", &["lost_city"]),
    ("recovery", "RECOVERY_EPOCH", &["recovery_epoch"]),
    ("recovery", "UNKNOWN_NODE", &["survivors"]),
    ("rules", "TOO_LONG", &["document"]),
    ("rules", "RULES_VERSION", &["rules_version"]),
    ("rules", "SELF_APPROVAL", &["proposal_id"]),
];

const KINDS: [&str; 12] = [
    "admit", "seat", "retire", "move", "leave", "return", "confirm", "prefer", "right", "override",
    "recovery", "rules",
];

struct Walk {
    world: World,
    model: Model,
    /// Ledger time, as the model has it.
    now: LedgerTime,
    workload: Workload,
    /// Proposals that were refused so far: number, who made it, what.
    open: Vec<(ProposalId, usize, ClusterCommand)>,
    retired: BTreeSet<u64>,
    seen: Seen,
}

fn kind(command: &ClusterCommand) -> &'static str {
    match command {
        ClusterCommand::AdmitNode(_) => "admit",
        ClusterCommand::SeatNode { .. } => "seat",
        ClusterCommand::RetireNode { .. } => "retire",
        ClusterCommand::MoveNode { .. } => "move",
        ClusterCommand::LeaveCity { .. } => "leave",
        ClusterCommand::ReturnCity { .. } => "return",
        ClusterCommand::ConfirmVoters { .. } => "confirm",
        ClusterCommand::PreferCity { .. } => "prefer",
        ClusterCommand::MoveRecoveryRight { .. } => "right",
        ClusterCommand::IssueOverride { .. } => "override",
        ClusterCommand::RecordRecovery(_) => "recovery",
        ClusterCommand::ActivateRules { .. } => "rules",
    }
}

/// As `docs/access.md` says.
fn two_people_decide(command: &ClusterCommand) -> bool {
    ["leave", "return", "right", "override", "rules"].contains(&kind(command))
}

impl Walk {
    fn begin(seed: u64, layout: Layout, cities: &[FoundedCity], fault: Option<Fault>) -> Self {
        let mut world = World::empty();
        let member = |id: &u64| Member { node_id: *id, storage_id: storage_id(*id) };
        world.ok(Command::Genesis(Genesis {
            cluster_id: "test".to_owned(),
            layout: layout.name().to_owned(),
            cities: cities
                .iter()
                .map(|(city, ids)| ((*city).to_owned(), ids.iter().map(member).collect()))
                .collect(),
        }));
        Self {
            now: world.now,
            world,
            model: Model::founded(layout, cities, fault),
            workload: Workload::of_seed(seed),
            open: Vec::new(),
            retired: BTreeSet::new(),
            seen: Seen::new(),
        }
    }

    fn topology(&self) -> Topology {
        self.world.ledger.topology().map(|topology| (**topology).clone()).unwrap()
    }

    fn step(&mut self, show: bool) -> Result<(), String> {
        if self.workload.random.percent(10) {
            self.pass_time();
        }
        let (asked, command) = self.next_command();
        if show {
            eprintln!("{asked:?} {command:?}");
        }
        let before = self.topology();
        self.ask(asked, &command).map_err(|difference| format!("{difference}\n{command:?}"))?;
        let after = self.topology();
        let against = |broken| format!("{broken}\n{command:?}\nbefore {before:?}\nafter {after:?}");
        self.compare(&after).map_err(against)?;
        always_holds(&before, &after, &mut self.retired).map_err(against)?;
        if self.workload.random.percent(2) {
            self.restart()?;
        }
        Ok(())
    }

    /// The leader's clock goes on, and once in a while another leader's is behind.
    fn pass_time(&mut self) {
        let ms = self.workload.random.below(2_000) as i64;
        self.world.now.0 = if ms < 200 { self.now.0 - ms } else { self.now.0 + ms };
        self.now = self.now.max(self.world.now);
        self.world.ok(Command::ExpireDue);
    }

    fn next_command(&mut self) -> (Asked, ClusterCommand) {
        let random = &mut self.workload.random;
        if !self.open.is_empty() && random.percent(5) {
            let (proposal, maker, command) = self.open.remove(random.below(self.open.len()));
            return (Asked::Again(proposal, maker), command);
        }
        let command = self.workload.command(&self.model);
        let random = &mut self.workload.random;
        let asked = match random.below(20) {
            0 if two_people_decide(&command) => Asked::ByOneAlone,
            0 => Asked::ByTwo,
            _ if two_people_decide(&command) => Asked::ByTwo,
            _ => Asked::Directly,
        };
        (asked, command)
    }

    fn ask(&mut self, asked: Asked, command: &ClusterCommand) -> Result<(), String> {
        let mut expected = self.model.refusals(command);
        let asks = || Command::Cluster(command.clone());
        let (actor, asks, open) = match asked {
            Asked::Directly => (OPERATORS[0], asks(), None),
            Asked::Again(id, maker) => {
                let approves = Command::Approve(approval(id, asks()));
                (OPERATORS[1 - maker], approves, Some((id, maker)))
            }
            Asked::ByTwo | Asked::ByOneAlone => {
                let maker = self.workload.random.below(2);
                let proposed = self.world.apply_as(OPERATORS[maker], propose(&asks())).outcome;
                let Ok(Receipt::Proposed { proposal, .. }) = proposed else {
                    return Err(format!("not proposed: {proposed:?}"));
                };
                let checker = if asked == Asked::ByTwo { 1 - maker } else { maker };
                let approves = Command::Approve(approval(proposal, asks()));
                (OPERATORS[checker], approves, Some((proposal, maker)))
            }
        };
        if asked == Asked::ByOneAlone {
            expected = vec![(Reason::SelfApproval, "proposal_id")];
        } else if open.is_some() && !two_people_decide(command) {
            expected = vec![(Reason::Malformed, "content")];
        }
        let digest = self.world.ledger.seal().state_digest;
        let outcome = self.world.apply_as(actor, asks).outcome;
        let is_untouched = self.world.ledger.seal().state_digest == digest;
        agrees(&outcome, &expected)?;
        if outcome.is_ok() {
            let before = self.model.topology();
            self.model.carry_out(command, self.now);
            if open.is_none() && (before == self.model.topology()) != is_untouched {
                return Err(format!("nothing new, but untouched is {is_untouched}"));
            }
        } else if !is_untouched {
            return Err(format!("refused ({outcome:?}), but it left a trace"));
        } else if let Some((proposal, maker)) = open {
            self.open.push((proposal, maker, command.clone()));
        }
        if expected.windows(2).all(|pair| pair[0] == pair[1]) {
            let reason = outcome.err().map(|refused| (refused.reason.code(), refused.field));
            *self.seen.entry((kind(command), reason)).or_default() += 1;
        }
        Ok(())
    }

    /// The whole record, and what it says of itself.
    fn compare(&self, ledger: &Topology) -> Result<(), String> {
        let model = &self.model;
        let mut expected = model.topology();
        let mut found = ledger.clone();
        // Their order is written nowhere.
        for topology in [&mut expected, &mut found] {
            topology.overrides.sort_by(|one, other| one.city.cmp(&other.city));
        }
        if found != expected {
            return Err(format!("the records differ: model {expected:?}"));
        }
        let commanded = as_sets(&model.commanded());
        if ledger.voters() != commanded {
            return Err(format!("commanded are {commanded:?}"));
        }
        if ledger.is_changing() != model.is_changing() {
            return Err(format!("changing is {}", model.is_changing()));
        }
        let lacking: Vec<(&str, usize)> = ledger.incomplete().collect();
        for (city, _) in &model.seats {
            let free = model.free_seats(city);
            if lacking.contains(&(city, free)) != (free > 0) {
                return Err(format!("{city} lacks {free}, the record says {lacking:?}"));
            }
        }
        let mut both = model.in_force.clone();
        both.extend(model.commanded());
        both.reverse();
        for allowed in [&model.commanded(), &model.in_force, &both] {
            if !ledger.allows(&as_sets(allowed)) {
                return Err(format!("{allowed:?} is not allowed"));
            }
        }
        for short in [&[][..], &model.commanded()[1..]] {
            if !model.is_changing() && ledger.allows(&as_sets(short)) {
                return Err(format!("{short:?} is allowed"));
            }
        }
        Ok(())
    }

    /// What was written is what is read.
    fn restart(&mut self) -> Result<(), String> {
        let digest = self.world.state_digest();
        let loaded = Ledger::load(self.world.ledger.records()).unwrap();
        let same =
            loaded.topology() == self.world.ledger.topology() && loaded.state_digest() == digest;
        if !same {
            return Err(format!("loaded as {:?}", loaded.topology()));
        }
        self.world.ledger = loaded;
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Directly,
    /// One proposes, the other approves.
    ByTwo,
    /// One proposes and approves.
    ByOneAlone,
    /// What was proposed before by this one, and refused then.
    Again(ProposalId, usize),
}

fn as_sets(sets: &[Vec<u64>]) -> VoterSets {
    sets.iter().map(|set| set.iter().copied().collect()).collect()
}

fn agrees(outcome: &Result<Receipt, Rejection>, expected: &[Refusal]) -> Result<(), String> {
    let agree = match outcome {
        Ok(receipt) => expected.is_empty() && *receipt == Receipt::Done,
        Err(refused) => expected
            .iter()
            .any(|(reason, field)| refused.reason == *reason && refused.field == *field),
    };
    if agree { Ok(()) } else { Err(format!("the ledger: {outcome:?}, the model: {expected:?}")) }
}

/// Walks in every layout; how the ledger and the model differ, and where.
fn walk(seed: u64, fault: Option<Fault>, show: bool, seen: &mut Seen) -> Result<(), String> {
    for (layout, cities) in LAYOUTS {
        let mut walk = Walk::begin(seed, layout, cities, fault);
        for step in 1..=STEPS {
            walk.step(show).map_err(|difference| {
                let replay = format!(
                    "CLUSTER_SEED={seed} cargo test --release -p registry-ledger --test ledger \
                     cluster_model -- --nocapture"
                );
                format!("{layout:?}, step {step}: {difference}\nreplay: {replay}")
            })?;
        }
        for (row, count) in walk.seen {
            *seen.entry(row).or_default() += count;
        }
    }
    Ok(())
}

#[test]
fn the_ledger_does_with_the_cluster_what_a_naive_model_does() {
    let mut seen = Seen::new();
    let given = std::env::var("CLUSTER_SEED").ok().map(|seed| seed.parse::<u64>().unwrap());
    for seed in given.map_or(0..SEEDS, |seed| seed..seed + 1) {
        if let Err(difference) = walk(seed, None, given.is_some(), &mut seen) {
            panic!("{difference}");
        }
    }
    if given.is_some() {
        return;
    }
    let mut unseen: Vec<_> = KINDS
        .into_iter()
        .filter(|kind| !seen.contains_key(&(*kind, None)))
        .map(|kind| (kind, "done", ""))
        .collect();
    for (kind, reason, fields) in REFUSED {
        for field in *fields {
            if !seen.contains_key(&(*kind, Some((*reason, (*field).to_owned())))) {
                unseen.push((*kind, *reason, *field));
            }
        }
    }
    assert!(unseen.is_empty(), "never seen: {unseen:?}");
}

#[test]
fn a_model_that_forgets_a_rule_is_found_out() {
    for fault in Fault::ALL {
        let found =
            (0..SEEDS).find_map(|seed| walk(seed, Some(fault), false, &mut Seen::new()).err());
        let difference = found.unwrap_or_else(|| panic!("{fault:?} makes no difference"));
        assert!(difference.contains("replay: CLUSTER_SEED="), "{difference}");
    }
}
