//! The record of the cluster. Absent while it is as the genesis made it.

use std::sync::Arc;

use crate::cluster::topology::{ClusterMember, Topology};
use crate::cluster::voters::VoterSets;
use crate::codec::{Problem, Reader, Writer};
use crate::ledger::Ledger;
use crate::records::FORMAT;
use crate::stored::Stored;

fn write_voters(voters: &VoterSets, writer: &mut Writer) {
    let sets: Vec<Vec<u64>> = voters.iter().map(|set| set.iter().copied().collect()).collect();
    sets.write(writer);
}

fn read_voters(reader: &mut Reader<'_>) -> Result<VoterSets, Problem> {
    let sets: Vec<Vec<u64>> = Stored::read(reader)?;
    Ok(sets.into_iter().map(|set| set.into_iter().collect()).collect())
}

impl Ledger {
    pub(crate) fn write_topology(&self, writer: &mut Writer) -> Option<()> {
        let topology = self.topology.as_ref()?;
        if **topology == Topology::founded(self.genesis.as_ref()?) {
            return None;
        }
        writer.u8(FORMAT);
        topology.members.values().cloned().collect::<Vec<_>>().write(writer);
        write_voters(&topology.in_force, writer);
        topology.one_city.write(writer);
        topology.recovery_epoch.write(writer);
        topology.recovery_city.write(writer);
        topology.overrides.write(writer);
        topology.preferred_city.write(writer);
        topology.rules_version.write(writer);
        Some(())
    }

    /// Replaces what follows from the genesis, which comes first.
    pub(crate) fn load_topology(&mut self, value: &[u8]) -> Result<(), Problem> {
        let founded = self.topology.take().ok_or("comes without a genesis")?;
        let (layout, seats) = (founded.layout, founded.seats.clone());
        let mut reader = Reader::record(value, FORMAT)?;
        let members: Vec<ClusterMember> = Stored::read(&mut reader)?;
        let topology = Topology {
            layout,
            seats,
            members: members.into_iter().map(|member| (member.node_id, member)).collect(),
            in_force: read_voters(&mut reader)?,
            one_city: Stored::read(&mut reader)?,
            recovery_epoch: Stored::read(&mut reader)?,
            recovery_city: Stored::read(&mut reader)?,
            overrides: Stored::read(&mut reader)?,
            preferred_city: Stored::read(&mut reader)?,
            rules_version: Stored::read(&mut reader)?,
        };
        reader.finish()?;
        self.topology = Some(Arc::new(topology));
        Ok(())
    }
}
