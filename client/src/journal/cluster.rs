//! The cluster that keeps the ledger, as far as the events tell of it: which city
//! is out, which recovery epoch and which rules are in force.

use super::code::ClusterChange;
use super::event::{Event, What};
use super::finding::{Checked, Wrong, same};

/// Whether the change takes effect by a second person's approval.
pub(crate) fn needed_for(change: ClusterChange) -> bool {
    match change {
        ClusterChange::CityLeft
        | ClusterChange::CityReturning
        | ClusterChange::RecoveryRightMoved
        | ClusterChange::OverrideIssued
        | ClusterChange::RulesActivated => true,
        ClusterChange::NodeAdmitted
        | ClusterChange::NodeSeated
        | ClusterChange::NodeRetired
        | ClusterChange::NodeMoved
        | ClusterChange::VotersConfirmed
        | ClusterChange::CityPreferred
        | ClusterChange::Recovered => false,
    }
}

/// Newest version of the ledger's rules that this audit knows.
pub(crate) const RULES_KNOWN: u32 = 2;

/// What the events say so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cluster {
    /// Activations of rules; each puts the next version in force.
    activations: u32,
    recovery_epoch: u64,
    /// The city that is out of the quorum, and whether it is on its way back.
    out: Option<(String, bool)>,
    /// Every node admitted so far.
    admitted: Vec<u64>,
    /// As it was founded.
    cluster_id: String,
    /// The cluster that must be founded next, on a restored registry.
    to_be_founded: Option<String>,
}

impl Cluster {
    /// That a cluster is founded where one must be, and nowhere else.
    pub(crate) fn check_founding(&self, event: &Event) -> Checked {
        let must = event.number == 1 || self.to_be_founded.is_some();
        let founded = matches!(event.what, What::Founded { .. });
        same("whether the event founds the registry", must, founded)
    }

    pub(crate) fn found(&mut self, cluster_id: &str) -> Checked {
        if let Some(awaited) = self.to_be_founded.take() {
            same("cluster that is founded", awaited.as_str(), cluster_id)?;
        }
        cluster_id.clone_into(&mut self.cluster_id);
        Ok(())
    }

    /// A restored registry begins anew with what is said of its cluster.
    pub(crate) fn restore(&mut self, source: (&str, u64), cluster_id: &str) -> Checked {
        same("cluster that was copied", self.cluster_id.as_str(), source.0)?;
        same("recovery epoch", self.recovery_epoch, source.1)?;
        if cluster_id == source.0 {
            return Err(Wrong::new("cluster to be founded", "another one", cluster_id));
        }
        *self = Self { to_be_founded: Some(cluster_id.to_owned()), ..Self::default() };
        Ok(())
    }

    /// Version of the rules in force; every registry begins with the first.
    pub(crate) fn rules_version(&self) -> u32 {
        1 + self.activations
    }

    pub(crate) fn take(&mut self, event: &Event) -> Checked {
        let What::ClusterChanged { change, node_id, city, recovery_epoch, note } = &event.what
        else {
            return Ok(());
        };
        let raised = u64::from(*change == ClusterChange::Recovered);
        same("recovery epoch", self.recovery_epoch + raised, *recovery_epoch)?;
        let out = self.out.as_ref().map_or("none", |(city, _)| city);
        match change {
            ClusterChange::CityLeft => {
                same("city that is out", "none", out)?;
                self.out = Some((city.clone(), false));
            }
            ClusterChange::CityReturning => {
                same("city that is out", city.as_str(), out)?;
                self.out = Some((city.clone(), true));
            }
            ClusterChange::VotersConfirmed if !city.is_empty() => {
                same("city that is on its way back", city.as_str(), out)?;
                self.out = None;
            }
            ClusterChange::Recovered => self.out = Some((city.clone(), false)),
            ClusterChange::NodeAdmitted => {
                if self.admitted.contains(node_id) {
                    return Err(Wrong::new("node", "one never admitted before", node_id));
                }
                self.admitted.push(*node_id);
            }
            ClusterChange::RulesActivated => {
                let next = self.rules_version() + 1;
                let told = note.split_once(':').map_or("none", |(version, _)| version);
                same("rules put in force", format!("version {next}").as_str(), told)?;
                if next > RULES_KNOWN {
                    let known = format!("at most {RULES_KNOWN}: audit with a later version");
                    return Err(Wrong::new("rules that this audit knows", known, next));
                }
                self.activations += 1;
            }
            ClusterChange::NodeSeated
            | ClusterChange::NodeRetired
            | ClusterChange::NodeMoved
            | ClusterChange::VotersConfirmed
            | ClusterChange::CityPreferred
            | ClusterChange::RecoveryRightMoved
            | ClusterChange::OverrideIssued => {}
        }
        self.recovery_epoch = *recovery_epoch;
        Ok(())
    }
}
