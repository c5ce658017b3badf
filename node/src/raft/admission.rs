//! Looks at a node before the cluster admits it.

use std::time::Duration;

use bytes::Bytes;
use registry_proto::peer::{HelloReply, HelloRequest};
use tonic::Request;

use super::consensus::{Consensus, Unavailable};

const HELLO_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a node is not admitted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotMet {
    /// It does not answer.
    #[error(
        "node {node_id} at {address} does not answer ({why}): start it with its own configuration, check the address, then ask again"
    )]
    Unreachable {
        /// Which.
        node_id: u64,
        /// Where it was looked for.
        address: String,
        /// What happened.
        why: String,
    },
    /// It cannot take part as it is.
    #[error("node {node_id} cannot join: {why}")]
    Foreign {
        /// Which.
        node_id: u64,
        /// Why not.
        why: String,
    },
}

impl Consensus {
    /// Whether this node leads, as far as it knows.
    pub(crate) fn must_lead(&self) -> Result<(), Unavailable> {
        if let Some(by_epoch) = self.directory().superseded_by() {
            return Err(Unavailable::Superseded { by_epoch });
        }
        match self.current_leader() {
            Some(leader) if leader == self.inner.config.node.id => Ok(()),
            leader_id => Err(Unavailable::NotLeader { leader_id }),
        }
    }

    /// Asks a node who it is; the id of its data folder, if it may join.
    pub(crate) async fn meet(
        &self,
        node_id: u64,
        city: &str,
        address: &str,
    ) -> Result<Bytes, NotMet> {
        let dial = self.inner.config.dial.iter().find(|dial| dial.id == node_id);
        let address = dial.map_or(address, |dial| &dial.peer_address).to_owned();
        let unreachable =
            |why: String| NotMet::Unreachable { node_id, address: address.clone(), why };
        let client = self.inner.peers.client_at(node_id, &address);
        let mut client = client.ok_or_else(|| unreachable("it is no address".to_owned()))?;
        let mut request = Request::new(HelloRequest { promise_bootstrap: false });
        request.set_timeout(HELLO_TIMEOUT);
        let hello = client.hello(request).await.map_err(|e| unreachable(e.message().to_owned()))?;
        let hello = hello.into_inner();
        self.check_newcomer(&hello, city).map_err(|why| NotMet::Foreign { node_id, why })?;
        Ok(hello.storage_id)
    }

    fn check_newcomer(&self, hello: &HelloReply, city: &str) -> Result<(), String> {
        let config = &self.inner.config;
        if hello.cluster_id != config.cluster_id {
            return Err(format!(
                "it is configured for cluster {}, this is {}",
                hello.cluster_id, config.cluster_id
            ));
        }
        if hello.layout != config.layout.as_str() {
            let own = config.layout.as_str();
            return Err(format!("its layout is {}, here it is {own}", hello.layout));
        }
        if hello.city != city {
            return Err(format!("it is configured for {}, not for {city}", hello.city));
        }
        let known = self.directory().topology();
        let known = known.and_then(|topology| topology.members.get(&hello.node_id).cloned());
        // One that was admitted already has some of the log.
        let is_known = known.is_some_and(|member| member.storage_id[..] == hello.storage_id[..]);
        if hello.has_log && !is_known {
            return Err("it holds a log already: a node joins with an empty data folder".to_owned());
        }
        Ok(())
    }
}
