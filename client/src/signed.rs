//! Documents that a node answers for: who signed them, checked against the
//! authority of the peer port.

use std::path::Path;
use std::time::Duration;

use registry_proto::registry::SignedDocument;
use rustls::SignatureScheme;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::holder;

/// Why a document is not what a node signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignedError {
    /// The authority's file cannot be used.
    #[error("authority {path}: {why}")]
    Authority {
        /// Which file.
        path: String,
        /// Why not.
        why: String,
    },
    /// It was signed as something else.
    #[error("it is signed as {found:?}, not as {expected:?}")]
    Purpose {
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// The certificate is not of a node of this authority.
    #[error("its signer's certificate: {0}")]
    Certificate(String),
    /// The bytes are not those that were signed.
    #[error("the signature does not fit what is signed: it was changed after it was signed")]
    Signature,
}

/// Who nodes are certified by on the peer port.
#[derive(Clone, Debug)]
pub struct PeerAuthority {
    certificates: Vec<CertificateDer<'static>>,
    name: String,
}

impl PeerAuthority {
    /// Reads a PEM file of one certificate or several.
    ///
    /// # Errors
    /// `Authority` when it cannot be read or holds none.
    pub fn from_file(path: &Path) -> Result<Self, SignedError> {
        let name = path.display().to_string();
        let unusable = |why: String| SignedError::Authority { path: name.clone(), why };
        let pem = std::fs::read(path).map_err(|e| unusable(e.to_string()))?;
        let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
        let certificates = certificates.map_err(|e| unusable(e.to_string()))?;
        if certificates.is_empty() {
            return Err(unusable("it holds no PEM certificate".to_owned()));
        }
        Ok(Self { certificates, name })
    }

    fn anchors(&self) -> Result<Vec<TrustAnchor<'_>>, SignedError> {
        let anchors = self.certificates.iter().map(anchor_from_trusted_cert);
        anchors
            .collect::<Result<_, _>>()
            .map_err(|e| SignedError::Authority { path: self.name.clone(), why: e.to_string() })
    }
}

/// The node that signed a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signer {
    /// As in its certificate.
    pub node_id: u64,
    /// By its own clock.
    pub signed_at_ms: i64,
}

/// Finds out who signed `document` as `purpose`. The certificate must have been
/// valid when it was signed; it may have expired since, as backups are kept long.
///
/// # Errors
/// What is wrong with purpose, certificate or signature.
pub fn verify(
    document: &SignedDocument,
    purpose: &str,
    authority: &PeerAuthority,
) -> Result<Signer, SignedError> {
    if document.purpose != purpose {
        let (expected, found) = (purpose.to_owned(), document.purpose.clone());
        return Err(SignedError::Purpose { expected, found });
    }
    let refused = |why: String| SignedError::Certificate(why);
    let mut certificates =
        document.certificates.iter().map(|der| CertificateDer::from(der.to_vec()));
    let leaf = certificates.next().ok_or_else(|| refused("there is none".to_owned()))?;
    let intermediates: Vec<CertificateDer<'_>> = certificates.collect();
    let certificate = EndEntityCert::try_from(&leaf).map_err(|e| refused(e.to_string()))?;
    let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
    let signed_at = u64::try_from(document.signed_at_ms).unwrap_or(0);
    let anchors = authority.anchors()?;
    let path = certificate.verify_for_usage(
        algorithms.all,
        &anchors,
        &intermediates,
        UnixTime::since_unix_epoch(Duration::from_millis(signed_at)),
        KeyUsage::server_auth(),
        None,
        None,
    );
    path.map_err(|e| refused(format!("it is none of the authority {}: {e}", authority.name)))?;
    let bytes = signed_bytes(purpose, document.signed_at_ms, &document.content);
    if !fits(&certificate, algorithms, document, &bytes) {
        return Err(SignedError::Signature);
    }
    let holder = holder::from_der(&leaf).map_err(refused)?;
    match (holder.role.as_str(), holder.name.parse()) {
        ("node", Ok(node_id)) => Ok(Signer { node_id, signed_at_ms: document.signed_at_ms }),
        _ => Err(refused(format!("it is {}/{}'s, not a node's", holder.role, holder.name))),
    }
}

fn fits(
    certificate: &EndEntityCert<'_>,
    algorithms: WebPkiSupportedAlgorithms,
    document: &SignedDocument,
    bytes: &[u8],
) -> bool {
    let Ok(scheme) = u16::try_from(document.scheme).map(SignatureScheme::from) else {
        return false;
    };
    let of_scheme = algorithms.mapping.iter().filter(|(known, _)| *known == scheme);
    of_scheme.flat_map(|(_, fitting)| *fitting).any(|algorithm| {
        certificate.verify_signature(*algorithm, bytes, &document.signature).is_ok()
    })
}

/// Domain, time, content: docs/formats.md.
fn signed_bytes(purpose: &str, signed_at_ms: i64, content: &[u8]) -> Vec<u8> {
    let mut bytes = format!("twin-city-registry/{purpose}/v1\n").into_bytes();
    bytes.extend(signed_at_ms.to_be_bytes());
    bytes.extend(content);
    bytes
}
