//! Documents that this node answers for: bytes signed with the key of its
//! certificate on the peer port. `registry-client` verifies them.

use std::time::{SystemTime, UNIX_EPOCH};

use registry_proto::registry::SignedDocument;
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::tls::{TlsError, certificate_pem, not_pem, read};
use crate::config::TlsConfig;

/// Those that a key may choose from; each names the hash that goes with it.
const SCHEMES: &[SignatureScheme] = &[
    SignatureScheme::ED25519,
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::RSA_PSS_SHA256,
];

/// Why a document was not signed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignError {
    /// Certificate or key cannot be read.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The key is of a kind that signs nothing here, or signing failed.
    #[error("the key {path} cannot sign: {why}")]
    Key {
        /// Which file.
        path: String,
        /// Why not.
        why: String,
    },
}

/// Signs `content` for one purpose; a signature for one is worth nothing for
/// another. Reads the files anew, so that renewed ones count at once.
pub(crate) fn sign(
    tls: &TlsConfig,
    purpose: &str,
    content: Vec<u8>,
) -> Result<SignedDocument, SignError> {
    let cannot = |why: String| SignError::Key { path: tls.peer_key.display().to_string(), why };
    let key = PrivateKeyDer::from_pem_slice(&read(&tls.peer_key)?)
        .map_err(|_| not_pem(&tls.peer_key, "private key"))?;
    let key = any_supported_type(&key).map_err(|e| cannot(e.to_string()))?;
    let signer = key
        .choose_scheme(SCHEMES)
        .ok_or_else(|| cannot("it is none of Ed25519, ECDSA on P-256 or P-384, RSA".to_owned()))?;
    let pem = certificate_pem(&tls.peer_cert)?;
    let certificates = CertificateDer::pem_slice_iter(&pem)
        .map(|certificate| certificate.map(|der| der.to_vec().into()))
        .collect::<Result<_, _>>()
        .map_err(|_| not_pem(&tls.peer_cert, "certificate"))?;
    let signed_at_ms = now_ms();
    let signature = signer
        .sign(&signed_bytes(purpose, signed_at_ms, &content))
        .map_err(|e| cannot(e.to_string()))?;
    Ok(SignedDocument {
        purpose: purpose.to_owned(),
        content: content.into(),
        signed_at_ms,
        scheme: u16::from(signer.scheme()).into(),
        signature: signature.into(),
        certificates,
    })
}

/// Domain, time, content: docs/formats.md.
fn signed_bytes(purpose: &str, signed_at_ms: i64, content: &[u8]) -> Vec<u8> {
    let mut bytes = format!("twin-city-registry/{purpose}/v1\n").into_bytes();
    bytes.extend(signed_at_ms.to_be_bytes());
    bytes.extend(content);
    bytes
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "signed_tests.rs"]
mod tests;
