//! What the first leader after a recovery writes down.

use std::collections::BTreeSet;

use crate::cluster::command::Recovery;
use crate::cluster::rules::{Changed, Told, leading_city};
use crate::cluster::topology::{ClusterChange, OneCity, Standing, Topology};
use crate::ledger::Ledger;
use crate::rejection::{Reason, Rejection};

impl Ledger {
    /// The survivors go on alone; whoever is not among them is retired. Said again
    /// of the same epoch, it changes nothing.
    pub(super) fn recovered(&self, now: &Topology, recovery: &Recovery) -> Changed {
        let lost = &recovery.lost_city;
        leading_city(now, lost)
            .map_err(|refused| Rejection { field: "lost_city".to_owned(), ..refused })?;
        let told = Told {
            change: ClusterChange::Recovered,
            node_id: 0,
            city: lost.clone(),
            note: format!(
                "survivors {:?} at log index {}, by {}{}{}",
                recovery.survivors,
                recovery.last_log_index,
                recovery.approved_by.join(" and "),
                if recovery.with_override { ", with a sealed override" } else { "" },
                if recovery.with_possible_loss { ", with possible loss" } else { "" },
            ),
        };
        if recovery.recovery_epoch == now.recovery_epoch && now.recovery_epoch > 0 {
            return Ok((now.clone(), told));
        }
        if now.recovery_epoch.checked_add(1) != Some(recovery.recovery_epoch) {
            let message = format!(
                "the recovery epoch is {}; {} does not follow it",
                now.recovery_epoch, recovery.recovery_epoch
            );
            return Err(Rejection::new(Reason::RecoveryEpoch, "recovery_epoch", message));
        }
        let mut after = now.clone();
        for member in after.members.values_mut() {
            if member.city == *lost || !recovery.survivors.contains(&member.node_id) {
                member.standing = Standing::Retired;
            }
        }
        after.recovery_epoch = recovery.recovery_epoch;
        let survived = now.seats.keys().find(|city| *city != lost && !now.is_witness(city));
        after.recovery_city = survived.cloned().unwrap_or_default();
        after.overrides.clear();
        after.preferred_city = after.preferred_city.filter(|city| city != lost);
        after.one_city = Some(OneCity {
            city_out: lost.clone(),
            since: self.now,
            document: format!("recovery epoch {}", recovery.recovery_epoch),
            returning: false,
        });
        if after.voters().iter().all(BTreeSet::is_empty) {
            let message = format!(
                "none of the survivors {:?} is a voter outside {lost}; nobody would go on",
                recovery.survivors
            );
            return Err(Rejection::new(Reason::UnknownNode, "survivors", message));
        }
        after.in_force = after.voters();
        Ok((after, told))
    }
}
