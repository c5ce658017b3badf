//! Who calls and what they may do: mutual TLS on both ports, one role per
//! certificate, one table of RPCs and roles, denial by default.

mod gate;
mod identity;
mod policy;
pub(crate) mod signed;
#[cfg(test)]
mod test_pki;
mod tls;

pub(crate) use gate::{CLUSTER_ID, Gate, RECOVERY_EPOCH};
#[cfg(test)]
pub(crate) use identity::Principal;
pub(crate) use identity::{AccessError, Caller, Role, peer_node_id};
pub(crate) use policy::{Port, Scope};
pub(crate) use tls::{
    TlsError, check_own_certificates, client_port_tls, first_expiry_s, peer_dial_tls, peer_port_tls,
};
