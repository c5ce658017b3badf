//! Mutual TLS of both ports. Each port trusts its own authority only, and no
//! port takes a connection without a client certificate.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tonic::transport::{Certificate, ClientTlsConfig, Identity, ServerTlsConfig};
use x509_parser::pem::Pem;

use crate::config::{Config, TlsConfig};
use crate::security::identity::{AccessError, Principal, Role};

/// Time for a handshake, so that a silent connection does not stay.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Why certificates or keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file holds something else.
    #[error("{path} is not a PEM file with a {expected}")]
    NotPem {
        /// Which file.
        path: PathBuf,
        /// What should be in it.
        expected: &'static str,
    },
    /// This node's own certificate names somebody else.
    #[error("{path} must name node/{node_id}, but: {problem}")]
    WrongIdentity {
        /// Which file.
        path: PathBuf,
        /// `node.id` of the configuration.
        node_id: u64,
        /// What it names.
        problem: String,
    },
}

/// TLS of the client port: clients of the client authority only.
pub(crate) fn client_port_tls(tls: &TlsConfig) -> Result<ServerTlsConfig, TlsError> {
    server_tls(&tls.client_ca, &tls.client_cert, &tls.client_key)
}

/// TLS of the peer port: nodes of the peer authority only.
pub(crate) fn peer_port_tls(tls: &TlsConfig) -> Result<ServerTlsConfig, TlsError> {
    server_tls(&tls.peer_ca, &tls.peer_cert, &tls.peer_key)
}

/// TLS for dialling one peer, whose certificate must be that very node's.
pub(crate) fn peer_dial_tls(tls: &TlsConfig, node_id: u64) -> Result<ClientTlsConfig, TlsError> {
    install_crypto();
    Ok(ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(certificate_pem(&tls.peer_ca)?))
        .identity(identity(&tls.peer_cert, &tls.peer_key)?)
        .domain_name(format!("node-{node_id}.carbon-registry"))
        .timeout(HANDSHAKE_TIMEOUT))
}

/// Both certificates of this node must name this node: a mix-up of files shows
/// at the start, not as a member that the others refuse.
pub(crate) fn check_own_certificates(config: &Config) -> Result<(), TlsError> {
    let node_id = config.node.id;
    for path in [&config.tls.client_cert, &config.tls.peer_cert] {
        let wrong =
            |problem: String| TlsError::WrongIdentity { path: path.clone(), node_id, problem };
        let pem = certificate_pem(path)?;
        let leaf = Pem::iter_from_buffer(&pem)
            .find_map(Result::ok)
            .ok_or_else(|| not_pem(path, "certificate"))?;
        let principal = Principal::from_certificate(&leaf.contents)
            .map_err(|error: AccessError| wrong(error.to_string()))?;
        if principal.role != Role::Node || principal.id() != Some(node_id) {
            return Err(wrong(format!("it names {}", principal.actor())));
        }
    }
    Ok(())
}

/// When the first of this node's certificates expires, seconds since 1970-01-01
/// UTC; `None` when one cannot be read.
pub(crate) fn first_expiry_s(config: &Config) -> Option<i64> {
    let expiry = |path: &std::path::PathBuf| {
        let pem = certificate_pem(path).ok()?;
        let leaf = Pem::iter_from_buffer(&pem).find_map(Result::ok)?;
        Some(leaf.parse_x509().ok()?.validity().not_after.timestamp())
    };
    let client = expiry(&config.tls.client_cert)?;
    Some(client.min(expiry(&config.tls.peer_cert)?))
}

fn server_tls(ca: &Path, certificate: &Path, key: &Path) -> Result<ServerTlsConfig, TlsError> {
    install_crypto();
    Ok(ServerTlsConfig::new()
        .identity(identity(certificate, key)?)
        .client_ca_root(Certificate::from_pem(certificate_pem(ca)?))
        .client_auth_optional(false)
        .timeout(HANDSHAKE_TIMEOUT))
}

fn identity(certificate: &Path, key: &Path) -> Result<Identity, TlsError> {
    let key_pem = read(key)?;
    if !contains(&key_pem, b"PRIVATE KEY-----") {
        return Err(not_pem(key, "private key"));
    }
    Ok(Identity::from_pem(certificate_pem(certificate)?, key_pem))
}

pub(super) fn certificate_pem(path: &Path) -> Result<Vec<u8>, TlsError> {
    let pem = read(path)?;
    if !contains(&pem, b"-----BEGIN CERTIFICATE-----") {
        return Err(not_pem(path, "certificate"));
    }
    Ok(pem)
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

pub(super) fn not_pem(path: &Path, expected: &'static str) -> TlsError {
    TlsError::NotPem { path: path.to_owned(), expected }
}

/// Chooses ring for the process; a second call finds it chosen already.
fn install_crypto() {
    let _chosen_before = rustls::crypto::ring::default_provider().install_default();
}
